"""Mean field and the 1/N expansion of jumps that touch two things at once, against the exact generator.

As in tests/theory/test_expansion.py: in a product state the exact rates of change are polynomials in 1/N.
"""

import numpy as np
import pytest

import cojump as cj
from cojump.theory.expansion import Expansion
from cojump.theory.mean_field import Flow
from tests.oracle import Oracle, product_state, with_coherent_modes
from tests.support.extrapolation import Approach
from tests.support.pauli import LOWER, RAISE, X, Z
from tests.support.random_models import random_density, random_matrix, random_unitary
from tests.theory.test_expansion import S, coefficient, exact_coefficients, off, one_block, start_of, theory

SHAPE = (0.9, 0.8, -0.5, 0.6, 0.4, -0.7)


def bowl(point, shape=SHAPE):
    """A polynomial of second degree of two averages, around a point."""
    a, b, c, d, e, f = shape

    def gamma(x, y):
        s, t = x - point[0], y - point[1]
        return a + b * s + c * t + d * s * s + e * s * t + f * t * t

    return gamma


def slopes_of_bowl(point, shape=SHAPE):
    _, b, c, d, e, f = shape

    def gradient(x, y):
        s, t = x - point[0], y - point[1]
        return np.array([b + 2 * d * s + e * t, c + e * s + 2 * f * t])

    return gradient, lambda x, _: np.array([[2 * d, e], [e, 2 * f]])[:, :, None] * np.ones_like(x)


def commuting(rng, levels):
    """Two Hermitian matrices of one eigenbasis."""
    U = random_unitary(rng, levels)
    return [(U * rng.normal(size=levels)) @ U.conj().T for _ in range(2)]


def two_averages(levels, seed, *, exclude_self=False, shape=SHAPE):
    rng = np.random.default_rng(seed)
    r, j = random_density(rng, levels), random_matrix(rng, levels)
    x, y = commuting(rng, levels)
    point = [np.trace(r @ o).real for o in (x, y)]
    # of one block of two levels both averages lie on one line, which a particle that is left out takes them off
    given = slopes_of_bowl(point, shape) if levels == 2 and exclude_self else None
    jump = cj.LocalJump(
        j, S, amplitude=bowl(point, shape), argument=({S: x}, {S: y}), exclude_self=exclude_self, derivatives=given
    )
    return one_block(levels, (), [jump]), {S: r}


def check(build, states, sizes, power, *wrong):
    """Drift and spread to 1e-9; each wrong model is off."""
    drift, spread = exact_coefficients(build, states, sizes, power)
    expected = theory(build(5), states)
    assert off(expected[0], drift) < 1e-9
    assert off(expected[1], spread) < 1e-9
    for other in wrong:
        found = theory(other(5), states)
        assert max(off(found[0], drift), off(found[1], spread)) > 1e-2


@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("levels", [2, 3])
def test_a_rate_of_two_averages(levels, exclude_self):
    build, states = two_averages(levels, 3, exclude_self=exclude_self)
    turned = two_averages(levels, 3, exclude_self=exclude_self, shape=(0.9, 0.8, -0.5, 0.6, -0.4, -0.7))[0]
    other = two_averages(levels, 3, exclude_self=not exclude_self)[0]
    check(build, states, range(1, 6), 2, turned, other)


def across(rng, levels, shares, *, exclude_self=False, sign=1.0):
    """A rate of the averages of two blocks, and of one and both, beside a collective jump."""
    x, y = commuting(rng, levels[0])
    z = np.diag(rng.normal(size=levels[1]))
    jumps = [
        cj.LocalJump(
            random_matrix(rng, levels[0]),
            "a",
            amplitude=lambda s, t: 0.8 + s - 0.6 * sign * t,
            argument=({"a": x, "b": z}, {"a": y}),
            exclude_self=exclude_self,
        ),
        cj.LocalJump(
            random_matrix(rng, levels[1]), "b", amplitude=lambda s, t: 0.5 - s + t, argument=({"a": y}, {"b": z})
        ),
    ]

    def build(n):
        blocks = [cj.Block(b, n * s, d) for b, s, d in zip("ab", shares, levels, strict=True)]
        return cj.Model(blocks, (), jumps)

    return build


@pytest.mark.parametrize(
    ("shares", "levels", "exclude_self"),
    [
        ((1, 1), (3, 2), True),
        ((1, 1), (2, 2), False),
        pytest.param((1, 2), (2, 2), False, marks=pytest.mark.validation),
    ],
)
def test_a_rate_of_averages_of_two_blocks(shares, levels, exclude_self):
    def build(**changed):
        return across(np.random.default_rng(5), levels, shares, **{"exclude_self": exclude_self, **changed})

    rng = np.random.default_rng(1)
    states = {b: random_density(rng, d) for b, d in zip("ab", levels, strict=True)}
    check(build(), states, (1, 2, 3), 1, build(sign=-1.0))


# ---- collective jumps with an operator-valued rate ------------------------------------------------


def gated(levels, seed, shape, *, sign=1.0, several=False):
    """sqrt(κ/N) Γ(Δ) Σ y, y any matrix, Γ a parabola around where the state is."""
    rng = np.random.default_rng(seed)
    r, y = random_density(rng, levels), random_matrix(rng, levels)
    x = commuting(rng, levels)
    point = [np.trace(r @ o).real for o in x]
    gamma = bowl(point, shape) if several else (lambda s: bowl(point, shape)(s, point[1]))
    argument = ({S: x[0]}, {S: sign * x[1]}) if several else {S: sign * x[0]}
    jump = cj.CollectiveJump({S: y}, 0.8, amplitude=gamma, argument=argument)
    return one_block(levels, (), [jump]), {S: r}


LINE, CURVE, PLANE = (0.9, 0.8, 0, 0, 0, 0), (0.9, 0.8, 0, 0.6, 0, 0), (0.9, 0.8, -0.5, 0, 0, 0)


@pytest.mark.parametrize(
    ("levels", "shape", "several", "power"), [(2, LINE, False, 2), (2, CURVE, False, 3), (3, PLANE, True, 2)]
)
def test_a_collective_jump_with_a_rate(levels, shape, several, power):
    build, states = gated(levels, 4, shape, several=several)
    turned = gated(levels, 4, shape, several=several, sign=-1.0)[0]
    check(build, states, range(1, 2 * power + 2), power, turned)


@pytest.mark.validation
def test_a_collective_jump_of_two_blocks_with_a_rate():
    rng = np.random.default_rng(6)
    y = {"a": random_matrix(rng, 2), "b": random_matrix(rng, 2)}
    x, z = commuting(rng, 2)[0], commuting(rng, 2)[0]
    states = {b: random_density(rng, 2) for b in "ab"}

    def build(n, slope=0.6):
        jump = cj.CollectiveJump(y, 0.8, amplitude=lambda s: 0.9 + slope * s, argument={"a": x, "b": z})
        return cj.Model([cj.Block("a", n), cj.Block("b", n)], (), [jump])

    check(build, states, range(1, 6), 2, lambda n: build(n, -0.6))


# ---- jumps with a quantum of a mode ---------------------------------------------------------------


def with_a_mode(levels, shares=(1,), *, emits=True, shift=0.0, **rate):
    """Blocks that emit into a mode or absorb from it, beside its loss, drive and coupling."""
    rng = np.random.default_rng(8)
    names = "ab"[: len(shares)]
    jumps = [
        cj.ModeJump(random_matrix(rng, levels) + shift * np.eye(levels), "a", "m", emits=emits, **rate),
        cj.ModeJump(0.5 * random_matrix(rng, levels), names[-1], "m", emits=not emits),
        cj.ModeLoss(0.7, "m", thermal=0.2),
    ]
    terms = [cj.ModeCoupling({"a": random_matrix(rng, levels)}, "m"), cj.ModeEnergy(0.4, "m"), cj.ModeDrive(0.3j, "m")]

    def build(n):
        blocks = [cj.Block(name, n * share, levels) for name, share in zip(names, shares, strict=True)]
        return cj.Model([*blocks, cj.Mode("m")], terms, jumps)

    return build


ALPHA = 0.3 - 0.25j


@pytest.mark.parametrize(("levels", "shares"), [(2, (1,)), (3, (1,)), (2, (1, 1))])
@pytest.mark.parametrize("emits", [True, False])
def test_jumps_with_a_quantum(levels, shares, emits):
    rng = np.random.default_rng(9)
    states = {name: random_density(rng, levels) for name in "ab"[: len(shares)]}
    sizes = (1, 2) if len(shares) > 1 or levels == 3 else (1, 2, 3)
    wrong = (with_a_mode(levels, shares, emits=not emits), with_a_mode(levels, shares, emits=emits, shift=0.1))
    check_quanta(with_a_mode(levels, shares, emits=emits), states, sizes, 1, len(sizes) - 1, wrong)


@pytest.mark.parametrize(
    ("exclude_self", "emits"),
    [
        (True, True),
        (False, False),
        pytest.param(False, True, marks=pytest.mark.validation),
        pytest.param(True, False, marks=pytest.mark.validation),
    ],
)
def test_jumps_with_a_quantum_and_a_rate(exclude_self, emits):
    """Γ first, as of a local jump; the mode gains with Γ²."""
    rng = np.random.default_rng(9)
    states, x = {"a": random_density(rng, 2)}, commuting(np.random.default_rng(2), 2)[0]
    point = np.trace(states["a"] @ x).real

    def built(sign=1.0, **changed):
        options = {"amplitude": lambda s: 0.9 + 0.8 * (s - sign * point), "argument": {"a": sign * x}}
        return with_a_mode(2, emits=emits, **options | {"exclude_self": exclude_self} | changed)

    check_quanta(built(), states, range(1, 5), 3, 3, [built(-1.0), built(exclude_self=not exclude_self)], 15)


def check_quanta(build, states, sizes, drift_degree, spread_degree, wrong, states_of_the_mode=16):
    """Drift and spread with a mode, polynomials in 1/N of these degrees, to 1e-9; each wrong model is off."""
    found, fock = [], {"m": states_of_the_mode}
    for n in sizes:
        model = build(n)
        full = Oracle(model, fock=fock)
        rho = with_coherent_modes(product_state(model, states), model, fock, {"m": ALPHA})
        mean, _ = full.moments(rho)
        change, second = full.moments(full.apply(rho))
        N = model.size
        found.append((N, change, N * (second - np.outer(change, mean) - np.outer(mean, change))))
    N, change, spread = (np.array(part) for part in zip(*found, strict=True))

    def expected(build):
        model = build(5)
        expansion = Expansion(model)
        m = expansion.coordinates([states[b.name] for b in model.blocks], [ALPHA])
        C, G, P = expansion.product_covariance(m), expansion.jacobian(m), expansion.averages
        drift = expansion.curvature(m, C) + expansion.ordering(m)
        return P @ expansion.flow(m), P @ drift, P @ (G @ C + C @ G.T + expansion.diffusion(m)) @ P.T

    f, drift, noise = expected(build)
    # the rates of means are f + drift/N + O(1/N²), those of the covariance noise + O(1/N)
    first = coefficient(N, change, 1, drift_degree, leading=f)
    assert off(drift, first) < 1e-9
    spread = coefficient(N, spread, 0, spread_degree)
    assert off(noise, spread) < 1e-9
    for other in wrong:
        other_f, drift, noise = expected(other)
        assert max(off(other_f, f), off(drift, first), off(noise, spread)) > 1e-2
    # and the flow is that of mean field
    model = build(4)
    expansion, flow = Expansion(model), Flow(model)
    r = [states[b.name] for b in model.blocks]
    change = expansion.flow(expansion.coordinates(r, [ALPHA]))
    alphas = np.array([ALPHA])
    for one, other in zip(expansion.densities(change), flow(r, alphas), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    np.testing.assert_allclose(expansion.amplitudes(change), flow.modes(r, alphas), rtol=0, atol=1e-12)


def laser(pump=2.25, energy=0.0, drive=0.0, unit=1.0, **rate):
    """Atoms that a pump inverts, and light that they emit and absorb; α is lost at the rate ¼."""
    terms = [cj.ModeEnergy(unit * energy, "m")] + ([cj.ModeDrive(unit * drive, "m")] if drive else [])
    root = np.sqrt(unit)
    jumps = [
        cj.LocalJump(root * np.sqrt(pump) * RAISE, "a"),
        cj.LocalJump(root * 0.5 * LOWER, "a"),
        cj.ModeJump(root * LOWER, "a", "m", emits=True, **rate),
        cj.ModeJump(root * RAISE, "a", "m", emits=False, **rate),
        cj.ModeLoss(unit * 0.5, "m"),
    ]
    return cj.Model([cj.Block("a", 50), cj.Mode("m")], terms, jumps)


def test_a_laser_above_its_threshold():
    """Loss is gain at <σ_z> = κ, and the pump gives |α|² = 3/4 (by hand); the dark state is unstable."""
    for unit in (1.0, 2.0**30):
        points = cj.attractors.fixed_points(laser(unit=unit), starts=4)
        lit, dark = sorted(points, key=lambda point: -abs(point.amplitudes[0]))
        assert (lit.stability, dark.stability) == ("neutral", "unstable")
        assert lit.mean[2] == pytest.approx(0.5, abs=1e-9)
        assert abs(lit.amplitudes[0]) ** 2 == pytest.approx(0.75, abs=1e-9)
        assert dark.mean[2] == pytest.approx(0.8, abs=1e-9)
        assert not points.certain
        assert "jumps with a quantum may drive a mode outwards" in points.doubt
    (below,) = cj.attractors.fixed_points(laser(pump=0.1), starts=10)
    assert below.stability == "stable"
    rest = cj.attractors.stability(laser(), [*lit.densities, *lit.amplitudes])
    assert rest.stability == "neutral"


def test_a_laser_turns_and_is_driven():
    """With an energy its phase turns; a drive holds it, where mean field comes to; a Γ moves its threshold."""
    found = cj.attractors.survey(laser(energy=0.7), search=10)
    (cycle,) = found.cycles
    assert cycle.period == pytest.approx(2 * np.pi / 0.7, rel=1e-5)
    np.testing.assert_allclose(np.hypot(*cycle.mean[:, -2:].T), np.sqrt(0.75), rtol=0, atol=1e-4)
    assert all(isinstance(end, type(cycle)) for end in found.reached)
    model = laser(drive=0.1)
    (point,) = [p for p in cj.attractors.fixed_points(model, starts=10) if p.stability == "stable"]
    mf = cj.mean_field(model, cj.product(model, {"a": [0, 1], "m": 0.1}), [0, 200])
    np.testing.assert_allclose(point.mean, mf.mean[-1], rtol=0, atol=1e-7)
    # Γ² = 3x/2, x = (1 + z)/2: the loss ½ is the gain z 3x/2
    rated = laser(rate=lambda x: 1.5 * x, argument={"a": np.diag([1.0, 0.0])})
    lit = next(p for p in cj.attractors.fixed_points(rated, starts=10) if abs(p.amplitudes[0]) > 0.1)
    assert lit.mean[2] == pytest.approx((np.sqrt(1 + 8 / 3) - 1) / 2, abs=1e-9)
    theory = cj.fluctuations.stationary(model, [*point.densities, *point.amplitudes])
    path = cj.mean_field(model, cj.product(model, {"a": point.densities[0], "m": point.amplitudes[0]}), [0, 200])
    np.testing.assert_allclose(theory.covariance, path.covariance[-1], rtol=0, atol=1e-6)


@pytest.mark.validation
def test_exact_moments_with_quanta_extrapolate_to_the_theory():
    """C and δ of atoms that emit and absorb: the half quantum that the order of a and a† leaves is among them."""
    covariances, corrections, times = [], [], [0.6]
    for N in (2, 4, 8):
        model = cj.Model(
            [cj.Block("a", N), cj.Mode("m")],
            [cj.OneBody(0.5 * X, "a")],
            [
                cj.ModeJump(0.9 * LOWER + 0.2 * Z, "a", "m", emits=True),
                cj.ModeJump(0.6 * RAISE, "a", "m", emits=False),
                cj.ModeLoss(1.0, "m"),
            ],
        )
        state = cj.product(model, {"a": [np.cos(0.4), 1j * np.sin(0.4)], "m": 0.5 - 0.3j})
        mf, exact = cj.mean_field(model, state, times), cj.master_equation(model, state, times, tolerance=1e-7)
        covariances.append(exact.covariance.reshape(1, -1))
        corrections.append(N * (exact.mean - mf.mean))
    for found in (
        Approach(np.array(covariances), mf.covariance.reshape(1, -1)),
        Approach(np.array(corrections), mf.correction),
    ):
        print(f"missed by {found.miss:.1e}, {found.still:.3f} left, ratio {found.ratio:.3f}")
        assert found.miss < 0.02
        assert 1.6 < found.ratio < 2.6
        assert found.still > 0.01


# ---- derivatives ---------------------------------------------------------------------------------


def derivatives_at(model, states, jump=0):
    expansion = Expansion(model)
    local = [local for local in expansion._local if local.varies][jump]
    return local.rate.jet(start_of(expansion, states)), expansion, local


def wave(s, t):
    return np.exp(0.3 * s - t) * np.cos(s + 2 * t)


def wave_gradient(s, t):
    e, angle = np.exp(0.3 * s - t), s + 2 * t
    return np.array(
        [e * (0.3 * np.cos(angle) - np.sin(angle)), e * (-np.cos(angle) - 2 * np.sin(angle))],
    )


def wave_bends(s, t):
    e, c, d = np.exp(0.3 * s - t), np.cos(s + 2 * t), np.sin(s + 2 * t)
    ss, st, tt = (0.09 - 1) * c - 0.6 * d, (-0.3 - 2) * c + (1 - 0.6) * d, (1 - 4) * c + 4 * d
    return e * np.array([[ss, st], [st, tt]])


STATES = {
    "inside": np.diag([0.2, 0.5, 0.3]),
    "on an edge": np.diag([0.0, 0.4, 0.6]),
    "in a corner": np.diag([0.0, 1.0, 0.0]),
}
N0, N1 = (np.diag(np.eye(3)[a]) for a in (0, 1))


@pytest.mark.parametrize("place", STATES)
def test_derivatives_found_are_those_of_the_function(place):
    """Inside the triangle of n_0 + n_1 ≤ 1 alone: beyond it the function is none."""

    def inside(s, t):
        assert np.all((s >= -1e-12) & (t >= -1e-12) & (s + t <= 1 + 1e-12))
        return wave(s, t)

    given = cj.LocalJump(
        np.eye(3, k=1), S, amplitude=wave, argument=({S: N0}, {S: N1}), derivatives=(wave_gradient, wave_bends)
    )
    found = cj.LocalJump(np.eye(3, k=1), S, amplitude=inside, argument=({S: N0}, {S: N1}))
    jets = [derivatives_at(one_block(3, (), [jump])(4), {S: STATES[place]})[0] for jump in (given, found)]
    s, t = STATES[place][0, 0], STATES[place][1, 1]
    for jet in jets:
        assert jet.value == pytest.approx(wave(s, t), abs=1e-14)
        np.testing.assert_allclose(jet.first, wave_gradient(s, t), rtol=0, atol=1e-9)
        np.testing.assert_allclose(jet.second, wave_bends(s, t), rtol=0, atol=1e-7)


def test_derivatives_of_another_function_and_kinks_are_refused():
    argument, state = ({S: N0}, {S: N1}), {S: STATES["inside"]}

    def refused(error, line, *, at=state, **jump):
        model = one_block(3, (), [cj.LocalJump(np.eye(3, k=1), S, argument=argument, **jump)])(4)
        with pytest.raises(error) as caught:
            derivatives_at(model, at)
        assert line in str(caught.value)
        assert "\n" not in str(caught.value)

    refused(
        cj.ArgumentError,
        "Argument `jumps[0].derivatives[1]` must be the derivatives of order 2 of the function given",
        amplitude=wave,
        derivatives=(wave_gradient, lambda s, t: -wave_bends(s, t)),
    )
    refused(
        cj.ArgumentError,
        "it raises ValueError: an array of shape (2,), not (2, 1)",
        amplitude=wave,
        derivatives=(lambda s, t: wave_gradient(s, t)[:, 0], wave_bends),
    )
    kink = {S: np.diag([0.35, 0.35, 0.3])}
    line = "the amplitude of jumps[0] is not smooth at Δ = (0.35, 0.35)"
    refused(cj.UnsupportedError, line, at=kink, amplitude=lambda s, t: 1 + np.abs(s - t))
    # of a particle that is left out: Δ leaves the line x + y = 1
    up = np.diag([1.0, 0.0])
    model = one_block(
        2, (), [cj.LocalJump(up[::-1], S, amplitude=wave, argument=({S: up}, {S: np.eye(2) - up}), exclude_self=True)]
    )(4)
    with pytest.raises(cj.UnsupportedError, match="across the joint spectrum of its averages"):
        Expansion(model)


def test_jacobian_is_the_derivative_of_the_flow():
    rng = np.random.default_rng(2)
    x, y = commuting(rng, 3)
    rate = cj.LocalJump(random_matrix(rng, 3), S, rate=lambda s, t: np.exp(s - t), argument=({S: x}, {S: y}))
    expansion = Expansion(one_block(3, (), [rate])(4))
    m = start_of(expansion, {S: random_density(rng, 3)})
    step = 1e-5
    found = [(expansion.flow(m + step * e) - expansion.flow(m - step * e)) / (2 * step) for e in np.eye(len(m))]
    tangent = expansion.traceless @ expansion.traceless.T
    np.testing.assert_allclose(np.array(found).T @ tangent, expansion.jacobian(m) @ tangent, rtol=0, atol=1e-8)
    # and the flow is that of mean field
    r = expansion.densities(m)
    np.testing.assert_allclose(expansion.densities(expansion.flow(m)), Flow(expansion.model)(r), rtol=0, atol=1e-12)
