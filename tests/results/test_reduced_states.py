"""States of one and two particles against partial traces of the brute-force density matrix; Theorem 2."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

import cojump as cj
from cojump import reduced
from cojump.measure.averages import layout_of
from cojump.measure.moments import Moments
from cojump.results.result import Result
from tests import oracle
from tests.statistical.rules import compare
from tests.support.pauli import LOWER, X, Z

TIMES = np.array([0.0, 0.4, 1.1])
KET = np.array([np.cos(0.55), np.sin(0.55) * np.exp(0.4j)])


def _one_block(size):
    return cj.Model(
        [cj.Block("s", size)],
        [cj.OneBody(0.6 * X + 0.2 * Z, "s"), cj.TwoBody(X, X, 0.7, ("s", "s"))],
        [
            cj.LocalJump(LOWER, "s", amplitude=lambda x: 1 + 0.4 * x, argument={"s": Z}),
            cj.CollectiveJump({"s": LOWER}, rate=0.9),
        ],
    )


def _two_blocks(size, other):
    return cj.Model(
        [cj.Block("a", size), cj.Block("b", other)],
        [cj.OneBody(0.6 * X, "a"), cj.TwoBody(Z, X, 0.8, ("a", "b")), cj.TwoBody(X, X, 0.5, ("b", "b"))],
        [
            cj.LocalJump(LOWER, "a", amplitude=lambda x: 1 + 0.4 * x, argument={"b": Z}),
            cj.CollectiveJump({"a": LOWER, "b": LOWER + 0.2 * Z}, rate=0.7),
        ],
    )


def _three_levels(size):
    lower, twist = np.eye(3, k=-1).astype(complex), np.array([[0.3, 1j, 0], [-1j, 0, 0.5], [0, 0.5, -0.4]])
    return cj.Model(
        [cj.Block("q", size, levels=3)],
        [cj.OneBody(twist, "q"), cj.TwoBody(twist, twist, 0.6, ("q", "q"))],
        [cj.LocalJump(lower, "q"), cj.CollectiveJump({"q": lower.T}, rate=0.5)],
    )


def _qutrit():
    ket = np.array([0.8, 0.5j, 0.3 - 0.1j])
    return ket / np.linalg.norm(ket)


CASES = {
    "one block of 2": (_one_block(2), {"s": KET}),
    "one block of 3": (_one_block(3), {"s": KET}),
    "one block of 4": (_one_block(4), {"s": KET}),
    "two blocks 2 + 3": (_two_blocks(2, 3), {"a": KET, "b": np.diag([0.8, 0.2])}),
    "two blocks 1 + 2": (_two_blocks(1, 2), {"a": KET, "b": KET[::-1]}),
    "three levels, 2": (_three_levels(2), {"q": _qutrit()}),
    "three levels, 3": (_three_levels(3), {"q": _qutrit()}),
}


def _exact(name):
    """Moments of the brute-force solution as a source, and its density matrices."""
    model, states = CASES[name]
    s = oracle.solve(model, oracle.product_state(model, states), TIMES)
    source = SimpleNamespace(labels=model.labels, mean=s.mean, second=s.second, n_particles=model.size, times=TIMES)
    return model, source, s.rho


def _traced(rho, levels, kept):
    """Partial trace of (T, D, D) over all particles but those of ``kept``."""
    n = len(levels)
    others = [k for k in range(n) if k not in kept]
    tensor = rho.reshape(len(rho), *levels, *levels)
    order = [
        0,
        *(1 + k for k in kept),
        *(1 + k for k in others),
        *(1 + n + k for k in kept),
        *(1 + n + k for k in others),
    ]
    d = int(np.prod([levels[k] for k in kept]))
    rest = int(np.prod([levels[k] for k in others]))
    return np.einsum("tiaja->tij", tensor.transpose(order).reshape(len(rho), d, rest, d, rest))


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return _exact(request.param)


def _firsts(model):
    """Number of the first particle of each block."""
    ends = np.cumsum([b.size for b in model.blocks])
    return {b.name: int(end - b.size) for b, end in zip(model.blocks, ends, strict=True)}


def test_one_particle_is_the_partial_trace(case):
    model, source, rho = case
    levels = [b.levels for b in model.blocks for _ in range(b.size)]
    for name, first in _firsts(model).items():
        assert np.abs(reduced.one(model, source, name) - _traced(rho, levels, [first])).max() < 1e-10


def test_two_particles_are_the_partial_trace(case):
    model, source, rho = case
    levels = [b.levels for b in model.blocks for _ in range(b.size)]
    firsts = _firsts(model)
    tried = 0
    for b in model.blocks:
        for c in model.blocks:
            if b is c and b.size == 1:
                continue
            pair = [firsts[b.name], firsts[c.name] + int(b is c)]
            found = reduced.two(model, source, b.name, c.name)
            assert np.abs(found - _traced(rho, levels, pair)).max() < 1e-10
            # control: the particles are entangled or correlated, a product is another state
            product = reduced.two(model, SimpleNamespace(labels=source.labels, mean=source.mean), b.name, c.name)
            assert np.abs(product - found)[1:].max() > 1e-3
            tried += 1
    assert tried >= 1


def test_correlators_are_those_of_the_state(case):
    model, source, rho = case
    levels = [b.levels for b in model.blocks for _ in range(b.size)]
    firsts, blocks = _firsts(model), {o.label: model.blocks[o.block].name for o in model.observables}
    for o in model.observables:
        for p in model.observables:
            b, c = blocks[o.label], blocks[p.label]
            if b == c and model.blocks[o.block].size == 1:
                continue
            pair = _traced(rho, levels, [firsts[b], firsts[c] + int(b == c)])
            together = np.einsum("tij,ji->t", pair, np.kron(o.matrix, p.matrix)).real
            alone = [
                np.einsum("tij,ji->t", _traced(rho, levels, [firsts[n]]), m).real
                for n, m in ((b, o.matrix), (c, p.matrix))
            ]
            value, error = reduced.correlator(model, source, o.label, p.label)
            assert np.abs(value - (together - alone[0] * alone[1])).max() < 1e-10
            assert error is None


def test_a_product_state_is_uncorrelated(case):
    model, source, _ = case
    for b in model.blocks:
        for c in model.blocks:
            if b is c and b.size == 1:
                continue
            assert np.abs(reduced.correlators(model, source, b.name, c.name).value[0]).max() < 1e-12


def test_the_mean_field_is_a_product():
    model, states = CASES["two blocks 2 + 3"]
    mf = cj.mean_field(model, cj.product(model, states), TIMES)
    for b, densities in zip(model.blocks, mf.densities, strict=True):
        assert np.abs(reduced.one(model, mf, b.name) - densities).max() < 1e-12
    pair = np.einsum("tij,tkl->tikjl", *mf.densities).reshape(3, 4, 4)
    assert np.abs(reduced.two(model, mf, "a", "b") - pair).max() < 1e-12


def test_what_has_no_meaning_is_refused():
    model, source, _ = _exact("two blocks 1 + 2")
    for action, message in (
        (lambda: reduced.two(model, source, "a", "a"), "`block` must have two particles for a pair inside it"),
        (lambda: reduced.correlator(model, source, "a.x", "a.z"), "but block 'a' has one"),
        (lambda: reduced.one(model, source, "c"), "`block` must be one of 'a', 'b'"),
        (lambda: reduced.correlator(model, source, "a.x", "w"), "`label` must be one of a.x"),
        (lambda: reduced.one(CASES["one block of 2"][0], source, "s"), "`source` must have the averages of the model"),
        (lambda: reduced.one(_two_blocks(2, 2), source, "a"), "have the 4 particles of the model, but it has 3"),
    ):
        with pytest.raises(cj.ArgumentError) as error:
            action()
        assert message in str(error.value)
        assert "\n" not in str(error.value)
    mf = cj.mean_field(model, cj.product(model, CASES["two blocks 1 + 2"][1]), TIMES)
    with pytest.raises(cj.ArgumentError, match="`source` must have second moments"):
        reduced.correlators(model, mf, "a", "b")
    with pytest.raises(cj.ArgumentError, match="have two particles"):
        reduced.two(model, mf, "a", "a")


# ---- trajectories --------------------------------------------------------------------------------


def _pairs(model, result, source):
    """(value, error, exact) of every correlator."""
    found = []
    for b in model.blocks:
        for c in model.blocks:
            if b is not c or b.size > 1:
                sampled, exact = (reduced.correlators(model, s, b.name, c.name) for s in (result, source))
                found.append((sampled.value, sampled.stderr, exact.value))
    return found


@pytest.mark.parametrize("name", ["one block of 3", "two blocks 2 + 3"])
def test_correlators_of_trajectories_by_the_statistical_rule(name):
    model, source, rho = _exact(name)
    state = cj.product(model, CASES[name][1])
    n_traj = 20_000 if len(model.blocks) == 1 else 2_000
    result = cj.simulate(model, state, TIMES, n_traj=n_traj, seed=12, chunk=1000)
    verdict = compare(_pairs(model, result, source))
    assert verdict.passes, verdict
    assert verdict.largest_error < 1.5 / np.sqrt(n_traj), verdict
    # control: correlators of another model
    other = SimpleNamespace(**{**vars(source), "second": source.second * 1.02})
    assert not compare(_pairs(model, result, other)).passes
    pair = reduced.two(model, result, model.blocks[0].name, model.blocks[-1].name)
    assert np.abs(np.trace(pair, axis1=1, axis2=2) - 1).max() < 1e-12
    levels = [2] * model.size
    last = model.size - 1
    assert np.abs(pair - _traced(rho, levels, [0, last])).max() < 4 * verdict.largest_error


@pytest.mark.validation
def test_the_error_of_a_correlator_is_its_spread():
    model, states = CASES["one block of 4"]
    state = cj.product(model, states)
    runs = [cj.simulate(model, state, TIMES, n_traj=40, seed=seed) for seed in range(50)]
    found = [reduced.correlators(model, r, "s", "s") for r in runs]
    spread = np.std([f.value[1:] for f in found], axis=0, ddof=1)
    stated = np.sqrt(np.mean([f.stderr[1:] ** 2 for f in found], axis=0))
    assert np.all(np.abs(spread / stated - 1) < 0.35)  # 50 seeds know a spread to 10 %


@pytest.mark.validation
def test_the_error_with_three_levels_is_the_spread():
    """Made-up trajectories of a qutrit pair and of 6 particles: coherent states around a random direction."""
    rng = np.random.default_rng(3)
    for size in (2, 6):
        model = cj.Model([cj.Block("p", 2), cj.Block("q", size, levels=3)])
        found = [_made_up(model, rng, 60) for _ in range(50)]
        pairs = [reduced.correlators(model, r, "q", "q") for r in found]
        spread = np.std([p.value for p in pairs], axis=0, ddof=1)
        stated = np.sqrt(np.mean([p.stderr**2 for p in pairs], axis=0))
        assert np.all(np.abs(spread / stated - 1) < 0.35)
        # control: the term <½(ab + ba)>/n matters at two particles
        if size == 2:
            layout = found[0]._layout
            assert layout.triples.shape[1] == 24
            for r in found:
                r.moments.comoment[:, layout.parts["triples"]] = 0
                r.__dict__.pop("_covariances", None)
            wrong = np.sqrt(np.mean([reduced.correlators(model, r, "q", "q").stderr ** 2 for r in found], axis=0))
            assert np.abs(wrong / stated - 1).max() > 0.35


def _made_up(model, rng, n_traj):
    """A result whose trajectories are coherent states |φ>^{⊗n} of each block, φ random: exact means and products."""
    weights, reference = model.deviation_weights, np.full((1, len(model.labels)), 0.1)
    layout = layout_of(model.labels)
    moments = Moments.empty((1, layout.width), layout.pairs)
    for _ in range(n_traj):
        kets = [np.eye(b.levels)[0] + 0.7 * rng.normal(size=(2, b.levels)).T @ [1, 1j] for b in model.blocks]
        kets = [k / np.linalg.norm(k) for k in kets]
        mean = np.array([np.vdot(kets[o.block], o.matrix @ kets[o.block]).real for o in model.observables])
        second = np.outer(mean, mean)
        for a, o in enumerate(model.observables):
            for b, p in enumerate(model.observables):
                if o.block == p.block:
                    ket, n = kets[o.block], model.blocks[o.block].size
                    second[a, b] += (np.vdot(o.matrix @ ket, p.matrix @ ket).real - mean[a] * mean[b]) / n
        moments.add(layout.vector(mean[None], second[None][:, layout.rows, layout.columns], reference, weights))
    series = np.empty((0, 1, len(model.labels)))
    times = np.zeros(1)
    return Result(times, model.labels, model.size, weights, reference, moments, series, 0, 1e-9, 0)


def test_the_distance_from_the_mean_field_and_its_error():
    """Two levels: half the distance of the Bloch vectors."""
    model, states = CASES["one block of 3"]
    state = cj.product(model, states)
    mf = cj.mean_field(model, state, TIMES)
    runs = [cj.simulate(model, state, TIMES, n_traj=100, seed=seed) for seed in range(40)]
    found = [reduced.distance(model, r, mf, "s") for r in runs]
    assert found[0][0] == pytest.approx(np.linalg.norm(runs[0].mean - mf.mean, axis=1) / 2, abs=1e-12)
    spread = np.std([value[1:] for value, _ in found], axis=0, ddof=1)
    stated = np.sqrt(np.mean([error[1:] ** 2 for _, error in found], axis=0))
    assert np.abs(spread / stated - 1).max() < 0.35
    assert spread.max() < 0.4 * found[0][0][1:].min()
    with pytest.raises(cj.ArgumentError, match="`mean_field` must have the times of the source"):
        reduced.distance(model, runs[0], cj.mean_field(model, state, [0.0, 1.0]), "s")


def test_one_particle_and_two_follow_the_product_generator_as_1_over_n():
    """Theorem 2, exactly: N × (distance, correlator) extrapolates to the constants of the theory at order 1/N.

    One particle: ½ |δ|. Two: C_ab + m_a m_b - <½(ab + ba)>. Numbers of the constrained model at t = 1.
    """
    delta = np.array([0.0731, 0.3613, -0.5267])
    spread = {"xx": 0.9599, "xy": 0.1715, "xz": -0.2387, "yy": 0.9740, "yz": 0.1915, "zz": 0.8969}
    scaled, sizes = [], (10, 20, 40)
    for size in sizes:
        model = cj.systems.constrained(size, 0.7, 1.3, 0.8)
        state = cj.tilted(model, 1.1, 0.4)
        exact, mf = cj.master_equation(model, state, [0.0, 1.0]), cj.mean_field(model, state, [0.0, 1.0])
        one, error = reduced.distance(model, exact, mf, "spins")
        two, _ = reduced.distance(model, exact, mf, "spins", "spins")
        pairs = [reduced.correlator(model, exact, f"spins.{a}", f"spins.{b}")[0] for a, b in spread]
        assert error is None
        assert max(one[0], two[0], *(abs(p[0]) for p in pairs)) < 1e-12  # a product state at first
        scaled.append(size * np.array([one[1], two[1], *(p[1] for p in pairs)]))
    first = [2 * b - a for a, b in pairwise(scaled)]
    limit = (4 * first[1] - first[0]) / 3
    m = dict(zip("xyz", mf.mean[1], strict=True))
    expected = [C + m[a] * m[b] - (a == b) for (a, b), C in spread.items()]
    assert limit[0] == pytest.approx(np.linalg.norm(delta) / 2, abs=1e-3)
    assert limit[2:] == pytest.approx(expected, abs=2e-3)
    assert np.abs(expected).max() > 0.1
    # the distance of two particles, which has no such closed form, settles too
    assert abs(scaled[2][1] - scaled[1][1]) < 0.6 * abs(scaled[1][1] - scaled[0][1])
