"""Models, starts and averages of tests of two-time functions, and these functions in the full space."""

from typing import NamedTuple

import numpy as np

import cojump as cj
from tests.oracle import Oracle, product_state, with_coherent_modes
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.random_models import random_density, random_hermitian, random_matrix


class Case(NamedTuple):
    """A model, the states of its particles and modes at t = 0, A, B, and the Fock states that the full space keeps."""

    model: cj.Model
    particles: dict
    modes: dict
    a: dict
    b: dict
    fock: dict

    @property
    def state(self):
        return cj.product(self.model, {**self.particles, **self.modes})


def two_blocks():
    rng = np.random.default_rng(1)
    jumps = [
        cj.LocalJump(random_matrix(rng) / 2, "p", amplitude=lambda x: 1 + 0.4 * x, argument={"p": Z, "q": X / 2}),
        cj.LocalJump(LOWER, "q", amplitude=np.cos, argument={"q": Z}, exclude_self=True),
        cj.CollectiveJump({"p": LOWER, "q": Y / 2}, 0.8),
    ]
    terms = [
        cj.OneBody(0.7 * X, "p"),
        cj.TwoBody(X, Z, 0.6, ("p", "q")),
        cj.Potential(lambda x: 0.5 * x**3, {"p": Z, "q": X}),
    ]
    model = cj.Model([cj.Block("p", 2), cj.Block("q", 3)], terms, jumps)
    particles = {"p": np.array([0.8, 0.6j]), "q": random_density(rng)}
    return Case(model, particles, {}, {"p": random_matrix(rng), "q": Z}, {"q": random_matrix(rng), "p": LOWER}, {})


def three_levels():
    rng = np.random.default_rng(2)
    jumps = [
        cj.LocalJump(random_matrix(rng, 3) / 2, "s", amplitude=np.cos, argument={"s": random_hermitian(rng, 3) / 2}),
        cj.CollectiveJump({"s": random_matrix(rng, 3)}, 0.3),
    ]
    model = cj.Model([cj.Block("s", 3, levels=3)], [cj.OneBody(random_hermitian(rng, 3), "s")], jumps)
    return Case(
        model, {"s": random_density(rng, 3)}, {}, {"s": random_matrix(rng, 3)}, {"s": random_matrix(rng, 3)}, {}
    )


def cavity():
    terms = [
        cj.OneBody(0.4 * Z, "s"),
        cj.ModeEnergy(0.8, mode="c"),
        cj.ModeCoupling({"s": 0.6 * X + 0.2 * LOWER}, mode="c"),
        cj.ModeDrive(0.1 + 0.1j, mode="c"),
    ]
    jumps = [cj.ModeLoss(1.1, mode="c", thermal=0.1), cj.LocalJump(0.6 * LOWER, "s")]
    model = cj.Model([cj.Block("s", 2), cj.Mode("c")], terms, jumps)
    a, b = {"s": RAISE, "c": (1, -1j)}, {"c": (1, 1j), "s": 0.3 * Y}
    return Case(model, {"s": np.array([0.8, 0.6])}, {"c": 0.1 - 0.1j}, a, b, {"c": 16})


def apart():
    jumps = [cj.LocalJump(LOWER, "p"), cj.LocalJump(RAISE, "q", amplitude=lambda x: 1 + 0.5 * x, argument={"q": Z})]
    terms = [cj.OneBody(X, "p"), cj.OneBody(0.6 * Y, "q")]
    model = cj.Model([cj.Block("p", 2), cj.Block("q", 3)], terms, jumps)
    particles = {"p": np.array([0.6, 0.8]), "q": np.array([[0.7, 0.2], [0.2, 0.3]])}
    return Case(model, particles, {}, {"p": LOWER, "q": X}, {"p": X + 1j * Z, "q": Y}, {})


def one_block():
    model = cj.systems.constrained(4, 0.7, 1.3, 0.8)
    return Case(model, {"spins": np.array([0.8, 0.6])}, {}, {"spins": Z}, {"spins": Z + 0.5j * X}, {})


CASES = {f.__name__: f for f in (two_blocks, three_levels, cavity, apart, one_block)}


class FullSpace:
    """Two-time functions by the regression theorem, without any symmetry.

    ``wrong_side`` puts B behind ρ: a wrong model on purpose.
    """

    def __init__(self, case, start):
        self.oracle, self.model = Oracle(case.model, fock=case.fock), case.model
        rho = product_state(case.model, {k: _density(v) for k, v in case.particles.items()})
        if case.fock:
            rho = with_coherent_modes(rho, case.model, case.fock, case.modes)
        self.rho = self.oracle.advance(rho, start)

    def average(self, matrices):
        total, N = 0, self.model.size
        for name, x in matrices.items():
            if name in self.model.mode_names:
                a = self.oracle.lowering(name)
                both = (a + a.conj().T) / (2 * np.sqrt(N)), (a - a.conj().T) / (2j * np.sqrt(N))
                total = total + x[0] * both[0] + x[1] * both[1]
            else:
                total = total + self.oracle.collective(np.asarray(x, dtype=complex), name) / self.model.sizes[name]
        return total

    def followed(self, X, taus, A):
        """tr(A e^{Lτ} X) for any X."""
        parts, found, now = [(X + X.conj().T) / 2, (X - X.conj().T) / 2j], [], 0.0
        for tau in taus:
            parts, now = [self.oracle.advance(part, tau - now) for part in parts], tau
            found.append(np.trace(A @ (parts[0] + 1j * parts[1])))
        return np.array(found)

    def two_time(self, taus, a, b, *, wrong_side=False):
        """<A(s+τ) B(s)>, and N times its connected part."""
        A, B = self.average(a), self.average(b)
        product = self.rho @ B if wrong_side else B @ self.rho
        mean = self.followed(product, taus, A)
        apart = self.followed(self.rho, taus, A) * np.trace(B @ self.rho)
        return mean, self.model.size * (mean - apart)

    def g2(self, taus, c):
        C = self.average(c)
        n = C.conj().T @ C
        pairs = self.followed(C @ self.rho @ C.conj().T, taus, n).real
        return pairs / (np.trace(n @ self.rho).real * self.followed(self.rho, taus, n).real)


def _density(given):
    given = np.asarray(given, dtype=complex)
    return np.outer(given, given.conj()) if given.ndim == 1 else given
