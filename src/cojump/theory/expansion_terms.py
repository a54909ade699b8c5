"""What each term of a model adds to the mean-field flow, to its derivatives and to its noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..model import CollectiveJump, ModeJump, Potential
from ..model.jumps import OneParticleJump, RatedJump
from ..tools.matrices import commutator
from ..tools.types import Array, Complex
from .coordinates import Coordinates
from .joint_derivatives import JointRateJet
from .rate_derivatives import Jet, PotentialSlopes, RateJet

_DARK, _LIT = 1e-6, 0.3 + 0.1j
"""|α| of a mode with gain, in units of its reach, that is taken for nothing, and what is tried in place of it."""


class RateTerm:
    """Γ(Δ̄) of a jump, Δ̄ = x·m of each of its K averages, and what comes with them.

    Attributes
    ----------
    matrices : list of K (D, D) arrays
        x of each average.
    x : (K, n) array
        Their functionals.
    w : (K, n, n) array
        [v, x] of each.
    x_w : (K, K, n, n) array
        [x_k, [v, x_l]].
    """

    def __init__(self, coordinates: Coordinates, jump: RatedJump, name: str) -> None:
        model, v = coordinates.model, coordinates.basis
        share = {block.name: block.size / model.size for block in model.blocks}
        self.matrices: list[Complex] = []
        for argument in jump.arguments:
            x = np.zeros(v.shape[1:], dtype=complex)
            for block, matrix in argument.items():
                x += coordinates.embedded(model.block_index(block), matrix) / share[block]
            self.matrices.append(x)
        K, n = len(self.matrices), coordinates.functional(v[0]).size
        turned = [commutator(v, x) for x in self.matrices]
        self.x = np.array([coordinates.functional(x).real for x in self.matrices]).reshape(K, n)
        self.w = np.array([coordinates.matrix(w) for w in turned]).reshape(K, n, n)
        pairs = [[coordinates.matrix(commutator(x, w)) for w in turned] for x in self.matrices]
        self.x_w = np.array(pairs).reshape(K, K, n, n)
        self._jet = RateJet(jump, *jump.reach, name) if K < 2 else None
        self._joint = JointRateJet(jump, name) if K > 1 else None

    def jet(self, m: Array) -> Jet:
        """Γ, its gradient (K,) and its second derivatives (K, K) at Δ̄."""
        if self._joint is not None:
            return self._joint(self.x @ m)
        assert self._jet is not None
        K = len(self.x)
        value, first, second = self._jet(float(self.x[0] @ m) if K else 0.0)
        return Jet(value, np.full(K, first), np.full((K, K), second))

    def at(self, m: Array) -> float:
        """R = Γ² at the coordinates m; 1 of a constant."""
        return self.rate((self.x @ m).tolist()) if len(self.x) else 1.0

    def slopes_at(self, m: Array) -> Array:
        """(K,) the gradient of R at the coordinates m."""
        return np.array(self.rate_slope((self.x @ m).tolist()))

    def rate(self, deltas: list[float]) -> float:
        """R = Γ² at Δ̄."""
        if self._joint is not None:
            return self._joint.rate(np.array(deltas))
        assert self._jet is not None
        return self._jet.rate(deltas[0])

    def rate_slope(self, deltas: list[float]) -> Sequence[float]:
        """The gradient of R; it may exist where that of Γ does not."""
        if self._joint is not None:
            return self._joint.rate_slope(np.array(deltas)).tolist()
        assert self._jet is not None
        return [self._jet.rate_slope(deltas[0])]


class LocalTerm:
    """One local jump: its rate at Δ̄, and the linear functionals that come with it."""

    def __init__(self, coordinates: Coordinates, jump: OneParticleJump, name: str) -> None:
        model, v = coordinates.model, coordinates.basis
        self.block = model.block_index(jump.block)
        self.cut = coordinates.cut(self.block)
        j = coordinates.embedded(self.block, jump.matrix)
        self.varies = jump.has_rate
        self.rate = RateTerm(coordinates, jump, name)
        K, n = self.rate.x.shape
        z = j.conj().T @ j
        functional = coordinates.functional
        damped = j.conj().T @ v @ j - 0.5 * (z @ v + v @ z)
        self.dissipator = coordinates.matrix(damped).real
        # in the block of the jump alone: [v, j] vanishes elsewhere
        self.j = j[self.cut, self.cut]
        self.moved = commutator(v, j)[:, self.cut, self.cut]
        # the 1/N of operator-valued rates, by what multiplies it
        self.z = functional(z)
        matrices = self.rate.matrices
        self.z_x = np.array([functional(commutator(z, x)) for x in matrices]).reshape(K, n)
        self.z_w = np.array([coordinates.matrix(commutator(z, commutator(v, x))) for x in matrices]).reshape(K, n, n)
        self.excluded: Array | None = None
        if jump.leaves_self_out:
            shifted = [coordinates.matrix(damped @ x + x @ damped).real for x in matrices]
            self.excluded = np.array(shifted).reshape(K, n, n)
            self._own = np.array([functional(z @ x + x @ z).real for x in matrices]).reshape(K, n)

    def kicks(self, m: Array, gamma: float, slopes: Array) -> Complex:
        """(n, d, d) matrices K_β = [v_β, j] Γ + j Σ_k Γ_k <[v_β, x_k]>: what one jump does to the averages."""
        turned = (slopes @ (self.rate.w @ m))[: len(self.moved)]
        return self.moved * gamma + turned[:, None, None] * self.j

    def ordering(self, m: Array) -> Array:
        """(n,) what the order of Γ and of what it does not commute with adds to the drift at order 1/N."""
        if not self.varies:
            return np.zeros(len(m))
        gamma, slopes, bends = self.rate.jet(m)
        w, z, z_x = self.rate.w @ m, self.z @ m, self.z_x @ m
        c: Array = 0.5 * (np.einsum("k,l,klab,b->a", slopes, slopes, self.rate.x_w, m) * z).real
        if self.excluded is None:
            # <[x, z]> = -<[z, x]>
            crossed = (gamma * bends - np.outer(slopes, slopes)) @ z_x
            return c + 0.5 * (crossed @ w + gamma * (slopes @ (self.z_w @ m))).real
        # z of the jumping particle commutes with a rate that it is left out of
        return c - gamma * (slopes @ (self.excluded @ m))

    def left_out(self, m: Array) -> float:
        """What leaving the particle out of its own rate adds to (1/N) Σ_k <Γ j†j Γ> at order 1/N."""
        if self.excluded is None:
            return 0.0
        gamma, slopes, _ = self.rate.jet(m)
        return -gamma * float(slopes @ (self._own @ m))


class CollectiveTerm:
    """One collective jump, sqrt(κN) Γ(Δ) ⟦y⟧, and what multiplies R = Γ² and its derivatives."""

    def __init__(self, coordinates: Coordinates, jump: CollectiveJump, name: str) -> None:
        model, v = coordinates.model, coordinates.basis
        self.kappa, self.varies = jump.rate, jump.has_rate
        self.rate = RateTerm(coordinates, jump, name)
        y = np.zeros(v.shape[1:], dtype=complex)
        for block, matrix in jump.matrices.items():
            y += coordinates.embedded(model.block_index(block), matrix)
        y_dagger = y.conj().T
        functional, left, right = coordinates.functional, commutator(y_dagger, v), commutator(v, y)
        self.y, self._left, self._right = functional(y), coordinates.matrix(left), coordinates.matrix(right)
        double = commutator(left, y) + commutator(y_dagger, right)
        self._double = coordinates.matrix(0.25 * self.kappa * double).real
        # the order of Γ² and of both of its neighbours, for each average
        K, n = self.rate.x.shape
        x = self.rate.matrices
        self._y_x = np.array([functional(commutator(one, y)) for one in x]).reshape(K, n)
        self._right_x = np.array([coordinates.matrix(commutator(one, right)) for one in x]).reshape(K, n, n)
        self._left_x = np.array([coordinates.matrix(commutator(left, one)) for one in x]).reshape(K, n, n)

    def kick(self, m: Array) -> Complex:
        """(n,) <[v, y]>."""
        return self._right @ m

    def flow(self, m: Array) -> Array:
        """(n,) (κ/2) (<[y†, v]> <y> + <y>* <[v, y]>): the flow for Γ = 1."""
        y = self.y @ m
        return (0.5 * self.kappa * ((self._left @ m) * y + y.conj() * (self._right @ m))).real

    def jacobian(self, m: Array) -> Array:
        """(n, n) its derivatives."""
        y = self.y
        G = self._left * (y @ m) + np.outer(self._left @ m, y)
        G += self._right * (y.conj() @ m) + np.outer(self._right @ m, y.conj())
        return (0.5 * self.kappa * G).real

    def curvature(self, C: Array) -> Array:
        """(n,) ½ Σ of its second derivatives times C."""
        return (0.5 * self.kappa * (self._left @ C @ self.y + self._right @ C @ self.y.conj())).real

    def ordering(self, m: Array) -> Array:
        """(n,) c: (F7), with the terms of Γ."""
        if not self.varies:
            return self._double @ m
        gamma, slopes, _ = self.rate.jet(m)
        y = self.y @ m
        c = gamma**2 * (self._double @ m)
        # <[y†, x]> = <[x, y]>*
        y_x = self._y_x @ m
        crossed = np.outer(y_x.conj(), self._right @ m) + y.conj() * (self._right_x @ m)
        crossed += (self._left_x @ m) * y + np.outer(y_x, self._left @ m)
        c = c + 0.5 * self.kappa * gamma * (slopes @ crossed).real
        turned = np.einsum("k,l,klab,b->a", slopes, slopes, self.rate.x_w, m)
        return c + 0.5 * self.kappa * abs(y) ** 2 * turned.real


class ModeTerm:
    """One mode: dα/dt = -(iω + κ/2) α - iη - i s·m, and [H, v] of the particles that it adds, α* and α times matrices.

    α = m_x + i m_y, x and y the places of its coordinates.
    """

    def __init__(self, coordinates: Coordinates, mode: int) -> None:
        model, v = coordinates.model, coordinates.basis
        name = model.modes[mode].name
        self.x = len(v) + 2 * mode
        self.y = self.x + 1
        losses = [loss for loss in model.mode_losses.values() if loss.mode == name]
        omega = sum(term.omega for term in model.mode_energies if term.mode == name)
        self.pole = 1j * omega + sum(loss.kappa for loss in losses) / 2
        self.drive = complex(sum(term.eta for term in model.mode_drives if term.mode == name))
        self.noise = sum((sum(loss.rates) for loss in losses), 0.0) / 4
        self.gains = any(jump.mode == name for jump in model.mode_jumps.values())
        """Whether particles jump with its quanta: its amplitude may then grow out of nothing, at any phase."""
        self._supply = model.fastest
        y = np.zeros(v.shape[1:], dtype=complex)
        for term in model.mode_couplings:
            if term.mode == name:
                for block, matrix in term.matrices.items():
                    y += coordinates.embedded(model.block_index(block), matrix)
        self.source = coordinates.functional(y)
        self.turn = coordinates.matrix(1j * commutator(y, v))
        """Of α* in the flow of the averages; its conjugate is that of α."""

    def alpha(self, m: Array) -> complex:
        """α."""
        return complex(m[self.x], m[self.y])

    def settled(self, m: Array, gain: float = 0.0) -> complex:
        """α where it does not move, at given averages of the particles; 0 where there is no such place.

        With jumps of particles, which add a ``gain``, it is no larger than ``reach``; and some α of that size where it
        is 0, for there it would stay though it may be unstable.
        """
        pole = self.pole - gain
        alpha = -1j * (self.drive + complex(self.source @ m)) / pole if pole else 0j
        if not self.gains:
            return alpha
        if abs(alpha) < _DARK * self.reach:
            return _LIT * self.reach
        return alpha * min(1.0, self.reach / abs(alpha))

    @property
    def reach(self) -> float:
        """The largest |α| at which it may settle; 1 if that is nowhere else than at 0.

        With jumps of particles it is a scale: that at which its loss takes the quanta that the fastest term gives.
        """
        most = abs(self.drive) + float(np.linalg.norm(self.source))
        reach = most / abs(self.pole) if most and self.pole else 0.0
        if self.gains:
            reach = max(reach, float(np.sqrt(self._supply / self.pole.real)) if self.pole.real > 0 else 1.0)
        return reach or 1.0


class ModeJumpTerm:
    """One jump a† j Γ/√N or a j Γ/√N: |α|² times that of the particle, with the gain ±½ <j†j> Γ² of the mode."""

    def __init__(self, coordinates: Coordinates, mode: ModeTerm, jump: ModeJump, name: str) -> None:
        self.mode, self.emits = mode, jump.emits
        self.sign = 1.0 if jump.emits else -1.0
        self.local = LocalTerm(coordinates, jump, name)
        self.z = self.local.z.real
        self._places = [self.mode.x, self.mode.y]

    def gain(self, m: Array) -> float:
        """±½ <j†j> R, by which the amplitude of the mode grows."""
        return 0.5 * self.sign * self.local.rate.at(m) * float(self.z @ m)

    def flow(self, m: Array) -> Array:
        """(n,) R (|α|² D[v], and the gain of the mode)."""
        return self.local.rate.at(m) * self._flow(m)

    def _flow(self, m: Array) -> Array:
        """The same for Γ = 1."""
        f = abs(self.mode.alpha(m)) ** 2 * (self.local.dissipator @ m)
        f[self._places] += 0.5 * self.sign * (self.z @ m) * m[self._places]
        return f

    def jacobian(self, m: Array) -> Array:
        """(n, n) its derivatives."""
        rate = self.local.rate
        G = rate.at(m) * self._jacobian(m)
        if self.local.varies:
            G += np.outer(self._flow(m), rate.slopes_at(m) @ rate.x)
        return G

    def _jacobian(self, m: Array) -> Array:
        G = abs(self.mode.alpha(m)) ** 2 * self.local.dissipator
        damped, gain = self.local.dissipator @ m, 0.5 * self.sign * (self.z @ m)
        for place in self._places:
            G[:, place] += 2 * m[place] * damped
            G[place] += 0.5 * self.sign * m[place] * self.z
            G[place, place] += gain
        return G

    def curvature(self, m: Array, C: Array) -> Array:
        """(n,) ½ Σ of its second derivatives times C."""
        places, damping = self._places, self.local.dissipator
        total = (C[places[0], places[0]] + C[places[1], places[1]]) * (damping @ m)
        total += 2 * (damping @ (C[:, places] @ m[places]))
        total[places] += 0.5 * self.sign * (self.z @ C[:, places])
        if not self.local.varies:
            return total
        gamma, slopes, bends = self.local.rate.jet(m)
        x = self.local.rate.x
        total *= gamma**2
        total += 2 * gamma * (self._jacobian(m) @ (C @ (slopes @ x)))
        return total + np.sum((np.outer(slopes, slopes) + gamma * bends) * (x @ C @ x.T)) * self._flow(m)

    def ordering(self, m: Array) -> Array:
        """(n,) c: a†a/N = x² + y² - 1/(2N), a a†/N with the other sign; that of the particle; what it leaves out."""
        c = 0.5 * self.sign * self.local.rate.at(m) * (self.local.dissipator @ m)
        if self.local.varies:
            c = c + abs(self.mode.alpha(m)) ** 2 * self.local.ordering(m)
            c[self._places] += 0.5 * self.sign * self.local.left_out(m) * m[self._places]
        return c

    def diffusion(self, m: Array, whole: Complex) -> Array:
        """(n, n) Re <K_α† K_β>: K_v = that of the particle times α* where it emits and times α else, K_x = ±Γ j/2,
        K_y = -i Γ j/2.
        """
        local, alpha = self.local, self.mode.alpha(m)
        gamma, slopes, _ = local.rate.jet(m)
        K = np.zeros((len(m), *local.j.shape), dtype=complex)
        K[: len(local.moved)] = local.kicks(m, gamma, slopes) * (alpha.conjugate() if self.emits else alpha)
        K[self.mode.x], K[self.mode.y] = 0.5 * gamma * self.sign * local.j, -0.5j * gamma * local.j
        return np.einsum("aij,bij->ab", K.conj(), K @ whole[local.cut, local.cut]).real


class PotentialTerm:
    """One potential N φ(Δ): its slope at Δ̄ = x·m, and how the field of its argument turns the averages."""

    def __init__(self, coordinates: Coordinates, potential: Potential, name: str) -> None:
        model = coordinates.model
        x = np.zeros(coordinates.basis.shape[1:], dtype=complex)
        for block, matrix in potential.argument.items():
            x += coordinates.embedded(model.block_index(block), matrix) * (model.size / model.sizes[block])
        self.x = coordinates.functional(x).real
        self.turned = coordinates.matrix(1j * commutator(x, coordinates.basis)).real
        self._slopes = PotentialSlopes(potential, name)

    def slope(self, m: Array) -> float:
        """φ'(Δ̄); it may have been found across a kink."""
        return self._slopes.slope(float(self.x @ m))

    def derivative(self, order: int, m: Array) -> float:
        """A derivative of φ at Δ̄."""
        return self._slopes.derivative(order, float(self.x @ m))
