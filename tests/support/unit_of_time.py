"""The same model in another unit of time, and random models of every representation."""

from dataclasses import replace

import numpy as np

import cojump as cj
from tests.support.random_models import everything, random_hermitian, random_matrix


def scaled(model, c):
    """All energies and rates times c."""
    terms = [_scaled_term(term, c) for term in model.hamiltonian]
    return replace(model, hamiltonian=terms, jumps=[_scaled_jump(jump, c) for jump in model.jumps])


def _scaled_term(term, c):
    if isinstance(term, cj.Potential):
        return replace(term, factor=c * term.factor)
    return replace(term, eps=c * term.eps) if isinstance(term, cj.OneBody) else replace(term, g=c * term.g)


def _scaled_jump(jump, c):
    if isinstance(jump, cj.CollectiveJump):
        return replace(jump, rate=c * jump.rate)
    if jump.rate is not None:
        return replace(jump, rate=lambda x: c * jump.rate(x))
    if jump.amplitude is not None:
        return replace(jump, amplitude=lambda x: np.sqrt(c) * jump.amplitude(x))
    return replace(jump, j=np.sqrt(c) * jump.j)


def kink(x):
    return np.abs(x) + 0.2


def one_block(rng):
    """One block of spins: H along any axis, a common argument axis, with and without the jumping particle."""
    N = int(rng.integers(1, 30))
    along = random_hermitian(rng)
    terms = [cj.OneBody(random_hermitian(rng), "s")]
    if rng.random() < 0.6:
        x = random_hermitian(rng)
        terms.append(cj.TwoBody(x, x, rng.normal(), ("s", "s")))
    jumps = [
        cj.LocalJump(
            0.6 * random_matrix(rng), "s", amplitude=kink, argument={"s": along}, exclude_self=rng.random() < 0.5
        ),
        cj.LocalJump(0.5 * random_matrix(rng), "s", rate=np.exp, argument={"s": 0.5 * along}),
        cj.LocalJump(0.4 * random_matrix(rng), "s"),
    ]
    jumps = jumps[: int(rng.integers(0, 4))]
    if rng.random() < 0.5:  # along the axis of the rates, or along another one
        own = along if rng.random() < 0.5 else random_hermitian(rng)
        terms.append(cj.Potential(kink if rng.random() < 0.5 else np.sin, {"s": own}, factor=rng.normal()))
    return cj.Model([cj.Block("s", N)], terms, jumps)


def ladder(rng):
    """A named system."""
    N, (a, b, c) = int(rng.integers(1, 80)), rng.uniform(0.3, 1.5, 3)
    which = int(rng.integers(0, 6))
    if which == 0:
        return cj.systems.free_flips(N, a, b, c, chi=rng.normal())
    if which == 1:
        return cj.systems.constrained(N, a, b, c)
    if which == 2:
        return cj.systems.hopfield(np.ones((1, N)), a, b)
    if which == 3:
        return cj.systems.facilitated(N, a, 4 * b, c, power=1)
    if which == 4:
        return cj.systems.p_spin(N, 3, a, b, c)
    return cj.systems.boundary_time_crystal(N, a, b)


def axes(rng):
    """Arguments that do not commute."""
    N = int(rng.integers(1, 7))
    jumps = [
        cj.LocalJump(
            0.5 * random_matrix(rng), "s", amplitude=kink, argument={"s": random_hermitian(rng)}, exclude_self=e
        )
        for e in (True, False)
    ]
    return cj.Model([cj.Block("s", N)], [cj.OneBody(random_hermitian(rng), "s")], jumps)


def levels(rng):
    """Three levels alone."""
    N = int(rng.integers(1, 5))
    x = random_hermitian(rng, 3)
    jumps = [
        cj.LocalJump(
            0.5 * random_matrix(rng, 3), "s", amplitude=kink, argument={"s": x}, exclude_self=rng.random() < 0.5
        ),
        cj.CollectiveJump({"s": 0.5 * random_matrix(rng, 3)}, 0.7),
    ]
    return cj.Model(
        [cj.Block("s", N, levels=3)],
        [cj.OneBody(random_hermitian(rng, 3), "s"), cj.TwoBody(x, x, 0.4, ("s", "s"))],
        jumps,
    )


def blocks(rng):
    """Two blocks with every kind of term, or three of a network."""
    if rng.random() < 0.4:
        return cj.systems.hopfield(
            cj.systems.random_patterns(3, int(rng.integers(6, 12)), int(rng.integers(100))), 0.6, 1.1
        )
    pair = ((3, 2), (2, 2), (2, 3))[int(rng.integers(3))]
    return everything(rng, sizes=(int(rng.integers(1, 4)), int(rng.integers(1, 4))), levels=pair)


KINDS = (one_block, ladder, axes, levels, blocks)


def random_model(seed):
    """A model of every kind in turn, a product state of it, and its output times."""
    rng = np.random.default_rng([77, seed])
    model = KINDS[seed % len(KINDS)](rng)
    kets = {}
    for b in model.blocks:
        ket = rng.normal(size=b.levels) + 1j * rng.normal(size=b.levels)
        kets[b.name] = ket / np.linalg.norm(ket)
    return model, kets, np.array([0.0, 0.1, 0.35, 0.8])


def runs(model, kets, times, tolerance=1e-9):
    """Two trajectories."""
    state = cj.product(model, kets)
    return [cj.trajectory(model, state, times, seed=5, index=i, tolerance=tolerance) for i in range(2)]
