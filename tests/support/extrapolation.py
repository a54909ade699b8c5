"""Exact N·cov and N(<m> - mean field) of one model at three sizes, extrapolated to N → ∞."""

from dataclasses import dataclass

import numpy as np

import cojump as cj
from tests.support.pauli import LOWER, ONE, RAISE, X, Y, Z

S = "spins"
THETA, PHI = 1.1, 0.4


# ---- models --------------------------------------------------------------------------------------


def axes(N, *, exclude_self=False):
    """Two channels with arguments in different directions, jump matrices with a trace: nothing commutes."""
    traced = 0.4 * ONE + 0.3 * Z - 0.5j * LOWER
    along = 0.6 * X - 0.2 * Y + 0.7 * Z
    return cj.Model(
        [cj.Block(S, N)],
        [cj.OneBody(0.4 * X + 0.3 * Y - 0.2 * Z, S), cj.TwoBody(Z, Z, 0.3, (S, S))],
        [
            cj.LocalJump(
                traced,
                S,
                amplitude=lambda x: 0.8 + 0.8 * x - 0.3 * x**2,
                argument={S: along},
                exclude_self=exclude_self,
            ),
            cj.LocalJump(0.7 * RAISE + 0.2 * X, S, amplitude=np.cos, argument={S: Y}, exclude_self=exclude_self),
        ],
    )


def mixed_decay(N):
    """A collective decay beside a local one at an operator-valued rate."""
    local = cj.LocalJump(np.sqrt(0.3) * LOWER, S, amplitude=lambda n: 1 + 0.5 * n, argument={S: RAISE @ LOWER})
    return cj.Model([cj.Block(S, N)], [cj.OneBody(0.75 * X, S)], [cj.CollectiveJump({S: LOWER}, 1.0), local])


def hopfield(N, *, exclude_self=True, beta=0.6):
    """One uniform pattern."""
    return cj.systems.hopfield(np.ones((1, N)), 0.5, beta, exclude_self=exclude_self)


def hopfield_two(N):
    """One pattern with three quarters of its signs up: two coupled blocks of unequal sizes."""
    return cj.systems.hopfield(np.where(np.arange(N) < 3 * N // 4, 1, -1)[None, :], 0.5, 0.8)


def two_blocks(N):
    """A quarter against three quarters: exchange, rates of averages over both blocks, a collective jump of both."""
    a = N // 4
    exchange = [cj.TwoBody(RAISE, LOWER, 0.5 + 0.3j, ("a", "b")), cj.TwoBody(RAISE, LOWER, 0.5 - 0.3j, ("b", "a"))]
    return cj.Model(
        [cj.Block("a", a), cj.Block("b", N - a)],
        [cj.OneBody(0.5 * X, "a"), cj.OneBody(0.3 * Y, "b"), *exchange],
        [
            cj.LocalJump(
                0.7 * LOWER + 0.2 * ONE,
                "a",
                amplitude=lambda x: 1 + 0.3 * x,
                argument={"a": Z, "b": 0.5 * Z},
                exclude_self=True,
            ),
            cj.LocalJump(0.6 * RAISE, "b", amplitude=lambda x: np.exp(0.4 * x), argument={"a": Z, "b": Z}),
            cj.CollectiveJump({"a": LOWER, "b": 0.5 * LOWER}, 0.6),
        ],
    )


def potential(N):
    """A potential that is no polynomial, along an axis that commutes with nothing, beside a rate along another one."""
    along = 0.6 * X - 0.2 * Y + 0.7 * Z
    well = cj.Potential(lambda m: np.exp(-m) - 0.4 * np.cos(2 * m), {S: along}, factor=0.5)
    decay = cj.LocalJump(0.8 * LOWER, S, amplitude=lambda x: 1 + 0.4 * x, argument={S: Z})
    return cj.Model([cj.Block(S, N)], [cj.OneBody(0.5 * Y, S), well], [decay])


def potential_of_two(N):
    """A potential of the average over a quarter and three quarters of the particles, along other axes."""
    a = N // 4
    well = cj.Potential(lambda m: m**3 - 0.5 * m**2, {"a": 0.25 * Z, "b": 0.75 * X}, factor=0.3)
    drive = [cj.OneBody(0.5 * X, "a"), cj.OneBody(0.4 * Y, "b")]
    jumps = [cj.LocalJump(0.8 * LOWER, "a"), cj.LocalJump(0.7 * RAISE, "b")]
    return cj.Model([cj.Block("a", a), cj.Block("b", N - a)], [*drive, well], jumps)


def two_averages(N):
    """A rate of the averages of a quarter and of three quarters of the particles, which commute with nothing else."""
    a = N // 4
    traced = 0.4 * LOWER + 0.2 * X + 0.3 * ONE
    jumps = [
        cj.LocalJump(
            traced,
            "a",
            amplitude=lambda x, y: 1 + 0.3 * x - 0.2 * y + 0.2 * x * y,
            argument=({"a": Z, "b": 0.5 * X}, {"b": X}),
            exclude_self=True,
        ),
        cj.LocalJump(0.5 * RAISE, "b", rate=lambda x, y: np.exp(0.3 * x - 0.4 * y), argument=({"a": Z}, {"b": X})),
    ]
    return cj.Model(
        [cj.Block("a", a), cj.Block("b", N - a)], [cj.OneBody(0.5 * X, "a"), cj.OneBody(0.3 * Y, "b")], jumps
    )


def gated(N):
    """A collective jump with an operator-valued rate along an axis of its own, beside a local one."""
    jump = cj.CollectiveJump(
        {S: LOWER + 0.2 * Z}, 0.8, amplitude=lambda x: 1 + 0.5 * x + 0.3 * x**2, argument={S: 0.6 * X + 0.8 * Z}
    )
    return cj.Model([cj.Block(S, N)], [cj.OneBody(0.7 * Y, S)], [jump, cj.LocalJump(0.6 * RAISE, S)])


def tilted(model):
    return cj.tilted(model, THETA, PHI)


def each_its_own(model):
    """A different start for every block."""
    kets = {}
    for b, block in enumerate(model.blocks):
        theta, phi = THETA + 0.9 * b, PHI - 0.7 * b
        kets[block.name] = np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])
    return cj.product(model, kets)


ONE_BLOCK, TWO_BLOCKS = (16, 32, 64), (8, 16, 32)

MODELS = {
    "constrained": (lambda N: cj.systems.constrained(N, 0.7, 1.3, 0.8), tilted, ONE_BLOCK),
    "hopfield, excluded": (hopfield, tilted, ONE_BLOCK),
    "axes": (axes, tilted, ONE_BLOCK),
    "axes, excluded": (lambda N: axes(N, exclude_self=True), tilted, ONE_BLOCK),
    "mixed decay": (mixed_decay, tilted, ONE_BLOCK),
    "hopfield of two blocks": (hopfield_two, each_its_own, TWO_BLOCKS),
    "two blocks": (two_blocks, each_its_own, TWO_BLOCKS),
    "two averages": (two_averages, tilted, TWO_BLOCKS),
    "collective with a rate": (gated, tilted, (4, 8, 16)),
    "p-spin": (lambda N: cj.systems.p_spin(N, 3, 0.6, 0.8, 1.0, 0.2), tilted, ONE_BLOCK),
    "potential": (potential, tilted, ONE_BLOCK),
    "potential of two blocks": (potential_of_two, each_its_own, TWO_BLOCKS),
}


# ---- extrapolation -------------------------------------------------------------------------------


@dataclass
class Approach:
    """Figures (T, n) at three sizes N, 2N, 4N, and their limit in theory."""

    found: np.ndarray
    limit: np.ndarray

    @property
    def scale(self):
        return np.abs(self.limit).max()

    @property
    def extrapolated(self):
        """The parabola in 1/N through three points, at 1/N = 0."""
        a, b, c = self.found
        return (8 * c - 6 * b + a) / 3

    @property
    def miss(self):
        """Largest difference of the extrapolation from the limit, relative to the largest figure."""
        return np.abs(self.extrapolated - self.limit).max() / self.scale

    @property
    def ratio(self):
        """By what the difference from the limit shrinks when the largest N but one is doubled; 2 for 1/N."""
        away = np.linalg.norm(self.found - self.limit, axis=(1, 2))
        return away[1] / away[2]

    @property
    def still(self):
        """Difference that is left at the largest size, relative."""
        return np.abs(self.found[-1] - self.limit).max() / self.scale


def approach(name, times):
    """Approaches of N·cov and of N(<m> - mean field) to C(t) and δ(t)."""
    build, start, sizes = MODELS[name]
    covariances, corrections = [], []
    for N in sizes:
        model = build(N)
        state = start(model)
        mf, exact = cj.mean_field(model, state, times), cj.master_equation(model, state, times)
        covariances.append(exact.covariance.reshape(len(times), -1))
        corrections.append(N * (exact.mean - mf.mean))
    limit = mf.covariance.reshape(len(times), -1)
    return Approach(np.array(covariances), limit), Approach(np.array(corrections), mf.correction)
