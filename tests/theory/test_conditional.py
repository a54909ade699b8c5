"""Conditional states of records: against dense exponentials on the full space, closed forms, ensembles of records."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.linalg import expm_multiply
from scipy.special import comb, logsumexp

import cojump as cj
from cojump.errors import ArgumentError, ConvergenceError, UnsupportedError
from cojump.theory import watched as home
from tests.oracle import Oracle
from tests.statistical.rules import compare
from tests.support.pauli import LOWER, X, Y, Z

counting, shifted = cj.unravelling.counting, cj.unravelling.shifted
homodyne, heterodyne = cj.unravelling.homodyne, cj.unravelling.heterodyne

TIMES = np.array([0.0, 0.2, 0.5, 0.6])
KET = np.array([np.cos(0.3), np.exp(0.3j) * np.sin(0.3)])


def crystal(size=3, kappa=1.0):
    return cj.systems.boundary_time_crystal(size, omega=1.2, kappa=kappa)


def two_jumps():
    """Two collective jumps that do not commute, one of them on two blocks, beside local ones in two frames."""
    return cj.Model(
        [cj.Block("a", 2), cj.Block("b", 1)],
        [cj.OneBody(0.7 * X, "a"), cj.OneBody(0.4 * Y, "b"), cj.TwoBody(Z, X, 0.5, blocks=("a", "b"))],
        [
            cj.CollectiveJump({"a": LOWER, "b": 0.5 * LOWER}, 1.2, name="decay"),
            cj.CollectiveJump({"a": Z}, 0.5, name="noise"),
            cj.LocalJump(LOWER, "a", rate=lambda x: 0.4 + x**2, argument={"a": Z}, name="flip"),
            cj.LocalJump(0.6 * Z, "a", rate=lambda x: 0.5 + x**2, argument={"a": X}, name="dephasing"),
        ],
    )


def levels():
    """Three levels, and a collective jump with a rate that depends on an average."""
    hop = np.diag([1.0, 0.8], 1)
    return cj.Model(
        [cj.Block("a", 2, 3)],
        [cj.OneBody(0.7 * (hop + hop.T), "a")],
        [
            cj.CollectiveJump({"a": hop}, 1.1, name="decay"),
            cj.CollectiveJump(
                {"a": hop.T}, 0.7, amplitude=lambda x: 0.6 + x**2, argument={"a": np.diag([1.0, 0, -1])}, name="rated"
            ),
        ],
    )


def with_mode(thermal=0.0):
    return cj.Model(
        [cj.Block("a", 1), cj.Mode("m")],
        [
            cj.OneBody(0.7 * X, "a"),
            cj.ModeEnergy(0.8, "m"),
            cj.ModeDrive(0.3, "m"),
            cj.ModeCoupling({"a": 0.5 * X}, "m"),
        ],
        [cj.ModeLoss(1.0, "m", thermal=thermal, name="loss"), cj.LocalJump(0.5 * LOWER, "a", name="flip")],
    )


CASES = {
    "homodyne": (crystal, {"decay": homodyne(0.4, 0.6)}),
    "whole": (crystal, {"decay": homodyne(-0.7)}),
    "heterodyne": (crystal, {"decay": heterodyne(0.8)}),
    "counting": (crystal, {"decay": counting(0.7)}),
    "shifted": (crystal, {"decay": shifted(1.5 - 0.7j, 0.6)}),
    "two": (two_jumps, {"decay": homodyne(0.9, 0.5), "noise": heterodyne(0.6)}),
    "beside": (two_jumps, {"decay": homodyne(0.9, 0.7), "flip": counting(0.5), "dephasing": counting()}),
    "levels": (levels, {"decay": homodyne(0.9, 0.7), "rated": counting(0.8)}),
    "mode": (with_mode, {"loss": homodyne(0.3, 0.6), "flip": counting(0.4)}),
    "both quadratures": (with_mode, {"loss": heterodyne(0.9)}),
    "photons": (with_mode, {"loss": counting(0.6)}),
    "shifted photons": (lambda: with_mode(0.3), {"loss": shifted(0.6 + 0.4j, 0.7)}),
}
FOCK = 14


def start_of(model):
    states = {block.name: (KET if block.levels == 2 else [0.6, 0.8, 0]) for block in model.blocks}
    return cj.product(model, {**states, **{mode.name: 0.4 for mode in model.modes}})


def random_record(model, chosen, seed=4):
    rng, record = np.random.default_rng(seed), {}
    for name, way in chosen.items():
        if hasattr(way, "phases"):
            shape = (len(TIMES), len(way.phases))[: 1 + (len(way.phases) > 1)]
            record[name] = rng.normal(0, 0.5, shape)
            record[name][0] = 0
        else:
            record[name] = np.sort(rng.uniform(0, TIMES[-1], 2))
    return record


def slowly(model, chosen, record):
    """Moments, trace of ρ² and log-likelihood on the full space, by exponentials of the whole map."""
    oracle = Oracle(model, fock={mode.name: FOCK for mode in model.modes})
    D = oracle.dimension
    one = np.eye(D)
    rho = np.ones((1, 1))
    for block in model.blocks:
        ket = KET if block.levels == 2 else np.array([0.6, 0.8, 0])
        for _ in range(block.size):
            rho = np.kron(rho, np.outer(ket, ket.conj()))
    for _ in model.modes:
        alpha, n = 0.4 * np.sqrt(model.size), np.arange(FOCK)
        ket = alpha**n / np.sqrt([float(np.prod(np.arange(1.0, k + 1))) for k in n])
        rho = np.kron(rho, np.outer(ket, ket) / (ket @ ket))
    base, channels, clicks, kraus = oracle.liouvillian(), [], [], {}
    for jump in model.jumps:
        way = chosen.get(jump.name)
        if way is None:
            continue
        operators = oracle._jump_operators(jump)
        if hasattr(way, "phases"):
            (L,) = operators
            own = record[jump.name].reshape(len(TIMES), -1)
            channels += [(phase * L, own[:, c]) for c, phase in enumerate(way.phases)]
            base = base - way.efficiency * np.kron(L, L.conj())
        else:
            beta = getattr(way, "beta", 0)
            if beta and hasattr(jump, "thermal"):
                a = beta / np.sqrt(jump.rates[0])
                both = zip(operators, jump.rates, (a, np.conj(a)), strict=True)
                operators = [L + np.sqrt(r) * s * one for L, r, s in both]
            else:
                operators = [L + beta * one for L in operators]
            kraus[jump.name] = way.seen * sum(np.kron(K, K.conj()) for K in operators)
            base = base - kraus[jump.name]
            clicks += [(time, jump.name) for time in record[jump.name]]
    both = lambda C: np.kron(C, one) + np.kron(one, C.conj())  # noqa: E731
    base = base - 0.5 * sum((both(M @ M) for M, _ in channels), np.zeros_like(base))
    vector, now, found, log = rho.ravel().astype(complex), 0.0, [], 0.0
    for t, time in enumerate(TIMES):
        A = base
        if time > 0:
            A = A + sum((both(M) * own[t] / (time - TIMES[t - 1]) for M, own in channels), np.zeros_like(base))
        stops = sorted([*[c for c in clicks if now < c[0] <= time], (time, None)], key=lambda c: c[0])
        for when, name in stops:
            vector = expm_multiply(csr_array(A) * (when - now), vector, traceA=np.trace(A) * (when - now))
            now = when
            if name is not None:
                vector = kraus[name] @ vector
            trace = np.trace(vector.reshape(D, D)).real
            vector, log = vector / trace, log + np.log(trace)
        rho = vector.reshape(D, D)
        found.append((*oracle.moments((rho + rho.conj().T) / 2), log))
    return [np.array(part) for part in zip(*found, strict=True)]


@pytest.mark.parametrize("name", CASES)
def test_any_record_gives_the_state_of_the_full_space(name, monkeypatch):
    build, chosen = CASES[name]
    model = build()
    record, state = random_record(model, chosen), start_of(model)
    mean, second, log = slowly(model, chosen, record)
    known = cj.conditional(model, state, TIMES, record, unravelling=chosen)
    assert np.abs(known.mean - mean).max() < 1e-8
    assert np.abs(known.second - second).max() < 1e-8
    assert np.abs(known.log_likelihood - log).max() < 1e-8
    monkeypatch.setattr(home.Watched, "_fits", lambda _: False)
    without = cj.conditional(model, state, TIMES, record, unravelling=chosen)
    assert np.abs(without.mean - known.mean).max() < 1e-9
    other = {**record, (first := next(iter(record))): 0.7 * record[first]}
    off = cj.conditional(model, state, TIMES, other, unravelling=chosen)
    assert np.abs(off.log_likelihood - log).max() > 1e-3


@pytest.mark.parametrize("way", [heterodyne(0.0), shifted(1.0, 0.0)])
def test_who_sees_nothing_has_the_solution_of_the_master_equation(way):
    model, state, times = two_jumps(), start_of(two_jumps()), np.linspace(0, 1, 6)
    exact = cj.master_equation(model, state, times)
    shown = np.random.default_rng(1).normal(0, 0.4, (6, 2)[: 1 + (way.__class__ is type(heterodyne()))])
    shown[0] = 0
    record = {"decay": shown if hasattr(way, "phases") else []}
    known = cj.conditional(model, state, times, record, unravelling={"decay": way})
    for name in ("mean", "second", "sector_weights"):
        assert np.abs(getattr(known, name) - getattr(exact, name)).max() < 1e-8
    assert np.abs(known.log_likelihood).max() < 1e-8
    alone = cj.conditional(model, state, times, {}, unravelling={})
    assert np.abs(alone.mean - exact.mean).max() < 1e-8


@pytest.mark.parametrize("intervals", [1, 7])
def test_a_measured_eigenvalue_in_closed_form(intervals):
    """Without a Hamiltonian Y(t) alone says which M it is, whatever way it has come: p_M ~ e^{aY - a²t/2}."""
    size, rate, eta = 6, 0.8, 0.6
    model = cj.Model([cj.Block("a", size)], jumps=[cj.CollectiveJump({"a": Z}, rate, name="light")])
    times = np.linspace(0, 1.5, intervals + 1)
    shown = np.random.default_rng(2).normal(0.3, 0.4, len(times))
    shown[0] = 0
    known = cj.conditional(
        model, cj.tilted(model, 1.1, 0), times, {"light": shown}, unravelling={"light": homodyne(0.0, eta)}
    )
    up = np.arange(size + 1)
    a, Y = 2 * np.sqrt(eta * rate / size) * (2 * up - size), shown.sum()
    p = comb(size, up) * np.cos(0.55) ** (2 * up) * np.sin(0.55) ** (2 * (size - up))
    logs = np.log(p) + a * Y - a**2 * times[-1] / 2
    assert abs(known.log_likelihood[-1] - logsumexp(logs)) < 1e-8
    posterior = np.exp(logs - logsumexp(logs))
    assert abs(known["a.z"].mean[-1] - posterior @ (2 * up - size) / size) < 1e-8


def test_clicks_of_an_atom_in_closed_form():
    atom, eta = cj.systems.boundary_time_crystal(1, omega=0.0, kappa=1.0), 0.3
    up, times = cj.tilted(atom, 0.0, 0.0), [0.5, 2.0]
    given = {"unravelling": {"decay": counting(eta)}}
    dark = cj.conditional(atom, up, times, {"decay": []}, **given)
    nothing = 1 - eta + eta * np.exp(-np.array(times))
    assert np.abs(dark.log_likelihood - np.log(nothing)).max() < 1e-9
    assert np.abs(dark["spins.z"].mean - (2 * np.exp(-np.array(times)) / nothing - 1)).max() < 1e-9
    seen = cj.conditional(atom, up, times, {"decay": [0.7]}, **given)
    assert abs(seen.log_likelihood[1] - (np.log(eta) - 0.7)) < 1e-9
    assert abs(seen["spins.z"].mean[1] + 1) < 1e-9
    with pytest.raises(ArgumentError, match=r"a click of 'decay' at t = 0\.9 comes from a state that has none"):
        cj.conditional(atom, up, times, {"decay": [0.7, 0.9]}, **given)


@pytest.mark.parametrize(
    ("way", "most"),
    [(homodyne(0.4, error=1e-3), 0.02), (heterodyne(error=1e-3), 0.02), (counting(), 1e-7), (shifted(2.0), 1e-7)],
)
def test_who_sees_everything_has_the_state_of_the_trajectory(way, most):
    model, times = crystal(6), np.linspace(0, 1, 201)
    state = cj.tilted(model, 0.6, 0.3)
    one = cj.trajectory(model, state, times, seed=3, index=1, unravelling={"decay": way})
    known = cj.conditional(model, state, times, one.record, unravelling={"decay": way})
    off = np.abs(known.mean - one.mean)
    assert off.max() < most
    assert np.abs(known.purity - 1).max() < 1e-8
    if hasattr(way, "phases"):  # the estimate of the error, and that of the steps of the trajectory
        assert np.sqrt(np.mean(off**2)) < known.resolution.max() + 1e-3
        assert known.resolution.max() < most
    else:
        assert not known.resolution.any()
    exact = cj.master_equation(model, state, times)
    assert np.abs(exact.mean - one.mean).max() > 0.05


@pytest.mark.parametrize(
    ("build", "chosen", "orders", "ratios", "n"),
    [
        (lambda: crystal(6), {"decay": homodyne(0.4, 0.5)}, (0.85, 1.15), (1.3, 2.2), 24),
        pytest.param(
            *(two_jumps, {"decay": homodyne(0.9, 0.5), "noise": homodyne(0.6, 0.5)}, (0.45, 0.9), (0.9, 1.8), 24),
            marks=pytest.mark.validation,
        ),
    ],
    ids=["one", "not commuting"],
)
def test_the_error_by_the_distance_of_the_times_is_the_one_that_is_stated(build, chosen, orders, ratios, n):
    """White noise is a record as good as any: those of trajectories have the same paths, with other weights."""
    model, fine = build(), np.linspace(0, 1, 257)
    state, rng = start_of(model), np.random.default_rng(7)
    shown = rng.normal(0, 1 / 16, (n, 257, len(chosen)))
    shown[:, 0] = 0

    def along(width):
        parts = shown[:, 1:].reshape(n, -1, width, len(chosen)).sum(axis=2)
        records = [
            {name: np.concatenate([[0], own]) for name, own in zip(chosen, part.T, strict=True)} for part in parts
        ]
        return cj.conditional(model, state, fine[::width], records, unravelling=chosen)

    best, off, told = np.array([one.mean for one in along(1)]), [], []
    for width in (8, 32):
        known = along(width)
        off.append(np.sqrt(np.mean((np.array([one.mean for one in known]) - best[:, ::width]) ** 2)))
        told.append(np.sqrt(np.mean([one.resolution**2 for one in known])))
    print(off, told, np.array(told) / off)
    assert orders[0] < np.log(off[1] / off[0]) / np.log(4) < orders[1]
    assert all(ratios[0] < estimate / error < ratios[1] for estimate, error in zip(told, off, strict=True))


def test_a_record_in_two_pieces_gives_what_it_gives_in_one():
    model, chosen = CASES["beside"][0](), CASES["beside"][1]
    record, state = random_record(model, chosen), start_of(model)
    whole = cj.conditional(model, state, TIMES, record, unravelling=chosen, keep=True)
    cut = TIMES[2]
    first = {name: one[:3] if name == "decay" else one[one <= cut] for name, one in record.items()}
    rest = {name: one[3:] if name == "decay" else one[one > cut] - cut for name, one in record.items()}
    before = cj.conditional(model, state, TIMES[:3], first, unravelling=chosen)
    after = cj.conditional(model, before.final, TIMES[3:] - cut, rest, unravelling=chosen)
    assert np.abs(after.mean[-1] - whole.mean[-1]).max() < 1e-9
    assert abs(before.log_likelihood[-1] + after.log_likelihood[-1] - whole.log_likelihood[-1]) < 1e-9
    assert [one.time for one in whole.densities] == TIMES.tolist()
    assert np.allclose(whole.densities[-1].packed, whole.final.packed)


def measured():
    """Two spins whose M is watched while they are driven: a record says much of them."""
    return cj.Model([cj.Block("a", 2)], [cj.OneBody(0.5 * X, "a")], [cj.CollectiveJump({"a": Z}, 2.0, name="light")])


ENSEMBLES = {
    "measured": (measured, {"light": homodyne(0.0, 0.5, error=0.01)}, {"light": homodyne(0.0, 1.0)}),
    "thinned": (crystal, {"decay": counting(0.5)}, {"decay": counting(0.05)}),
    "heterodyne": (crystal, {"decay": heterodyne(0.6, error=0.01)}, {"decay": heterodyne(0.1)}),
    "two": (
        two_jumps,
        {"decay": homodyne(0.9, 0.4, error=0.05), "noise": homodyne(0.0, 0.6, error=0.05), "flip": counting(0.7)},
        {"decay": homodyne(0.9, 0.9), "noise": homodyne(0.0, 0.1), "flip": counting(0.7)},
    ),
    "mode": (
        with_mode,
        {"loss": homodyne(0.3, 0.5, error=0.03), "flip": counting(0.5)},
        {"loss": homodyne(0.3, 1.0), "flip": counting(0.05)},
    ),
}


def ensemble(name, n, intervals, end):
    """Figures with their errors and exact values: of the right detectors, and of wrong ones.

    A trajectory knows what is not seen, and its averages a have the conditional ones f as their mean over all of one
    record: <a - f> and <(a - f) f> are zero, and <f> is the solution of the master equation.
    """
    build, chosen, wrong = ENSEMBLES[name]
    model, times = build(), np.linspace(0, end, intervals + 1)
    state, at = start_of(model), slice(intervals // 3, None, intervals // 3)
    run = {name: way for name, way in chosen.items() if hasattr(way, "phases")}
    rng, records, averages = np.random.default_rng(8), [], []
    for index in range(n):
        one = cj.trajectory(model, state, times, seed=5, index=index, unravelling=run)
        record = dict(one.record)
        for own, way in chosen.items():
            if own not in run:
                record[own] = record[own][rng.random(len(record[own])) < way.seen]
        records.append({own: record[own] for own in chosen})
        averages.append(one.mean[at])
    exact = cj.master_equation(model, state, times[at]).mean

    def verdict(ways):
        known = cj.conditional(model, state, times, records, unravelling=ways, tolerance=1e-7)
        a, f = np.array(averages), np.array([one.mean[at] for one in known])
        error = lambda x: x.std(axis=0, ddof=1) / np.sqrt(n)  # noqa: E731
        zero = np.zeros(exact.shape)
        pairs = [(x.mean(axis=0), error(x), zero) for x in ((a - f), (a - f) * f)]
        found = compare([*pairs, (f.mean(axis=0), error(f), exact)])
        print(name, found, f"log-likelihood {np.mean([one.log_likelihood[-1] for one in known]):.3f}")
        return found, np.mean([one.log_likelihood[-1] for one in known])

    return verdict(chosen), verdict(wrong)


def test_trajectories_of_one_record_have_its_state_as_their_mean():
    (found, likelihood), (control, unlikely) = ensemble("measured", 130, 12, 2.0)
    assert found.passes, found
    assert found.largest_error < 0.06, found
    assert control.worst > 6, control
    assert likelihood > unlikely


@pytest.mark.validation
@pytest.mark.parametrize("name", ENSEMBLES)
def test_trajectories_of_one_record_have_its_state_as_their_mean_in_full(name):
    # the tables of a half-efficient mode are made anew at every output time; two frames have no matrix
    size = (250, 24) if name in ("mode", "two") else (800, 60)
    (found, likelihood), (control, unlikely) = ensemble(name, *size, 2.0)
    assert found.passes, found
    assert found.largest_error < 0.09, found
    assert not control.passes, (name, control)
    assert likelihood > unlikely


def hostile():
    """What is given, and the line that refuses it."""
    eye = {"decay": homodyne(0.0, 0.5)}
    zeros = {"decay": np.zeros(4)}
    nan = np.array([0, np.nan, 0, 0])
    clicks = {"decay": counting(0.5)}
    local = {"flip": homodyne(0.0)}
    yield eye, {"decay": np.zeros(3)}, r"`record\['decay'\]` must have the shape \(4,\)"
    yield {"decay": heterodyne()}, zeros, r"shape \(4, 2\)"
    yield eye, {"decay": nan}, "finite entries"
    yield eye, {"decay": np.ones(4)}, "begin with 0 where the first output time is 0"
    yield eye, {"decay": np.array([0, 1e40, 0, 0])}, "would apply its generator|could not be integrated"
    yield eye, {"decay": "x"}, "array of real numbers"
    yield eye, {}, "also 'decay', but it has not"
    yield eye, {"other": np.zeros(4)}, r"names of jumps as keys: decay, .* but one is 'other'"
    yield eye, [zeros, {"decay": nan}], r"`record\[1\]\['decay'\]`"
    yield eye, None, "map names of jumps"
    yield {"other": homodyne(0.0)}, zeros, "names of jumps as keys"
    yield {"decay": 0.5}, zeros, r"made by a function of cojump\.unravelling"
    yield {"decay": homodyne(0.0, record=np.zeros(4))}, zeros, "no record of its own"
    yield local, {"flip": np.zeros(4)}, "can be counted alone"
    yield clicks, {"decay": [0.3, 0.2]}, "in order"
    yield clicks, {"decay": [0.3, 7.0]}, r"between 0 and the last output time, 0\.6"
    yield clicks, {"decay": [[0.3]]}, "an array of one axis"
    yield {"decay": counting(0.0)}, {"decay": [0.3]}, "be empty: the efficiency is 0"


@pytest.mark.parametrize(("chosen", "record", "line"), list(hostile()))
def test_what_is_wrong_is_refused_in_one_line(chosen, record, line):
    model = two_jumps()
    with pytest.raises((ArgumentError, UnsupportedError, ConvergenceError), match=line) as found:
        cj.conditional(model, start_of(model), TIMES, record, unravelling=chosen)
    assert "\n" not in str(found.value)


def test_what_does_not_fit_is_refused_before_any_work():
    chosen = {"decay": homodyne(0.0, 0.5)}
    large = crystal(100_000)
    with pytest.raises(ArgumentError, match=r"into memory = 4 GiB, but its 10,000,200,001 unknowns need about \d+ GiB"):
        cj.conditional(large, cj.tilted(large, 0.6, 0.3), TIMES, {"decay": np.zeros(4)}, unravelling=chosen)
    many = np.linspace(0, 1, 10**5)
    middle = crystal(30)
    given = {"unravelling": chosen, "memory": 0.1, "keep": True}
    with pytest.raises(ArgumentError, match=r"density matrices fit in 0\.1 GiB"):
        cj.conditional(middle, cj.tilted(middle, 0.6, 0.3), many, {"decay": np.zeros(10**5)}, **given)
    for efficiency in (-0.1, 1.1, np.nan, "x"):
        for way in (counting, heterodyne):
            with pytest.raises(ArgumentError, match="efficiency"):
                way(efficiency)
    driven = dataclasses.replace(two_jumps(), hamiltonian=[cj.OneBody(X, "a", envelope=np.cos)])
    with pytest.raises(UnsupportedError, match="do not change in time"):
        cj.conditional(driven, start_of(driven), TIMES, {}, unravelling={})
    with pytest.raises(UnsupportedError, match=r"cojump\.conditional"):
        cj.simulate(crystal(), start_of(crystal()), TIMES, n_traj=1, unravelling={"decay": counting(0.5)})


def test_the_record_of_a_trajectory_knows_its_detectors():
    model, chosen = two_jumps(), {"decay": homodyne(0.4, 0.5, error=0.1), "noise": heterodyne(error=0.1)}
    one = cj.trajectory(model, start_of(model), TIMES, seed=1, index=0, unravelling=chosen)
    assert list(one.record) == ["decay", "noise", "flip", "dephasing"]
    assert one.record["noise"].shape == (4, 2)
    assert len(one.record["flip"]) + len(one.record["dephasing"]) == len(one.jumps)
    known = lambda times, ways: cj.conditional(model, start_of(model), times, one.record, unravelling=ways)  # noqa: E731
    assert np.isfinite(known(TIMES, {"decay": homodyne(0.4, 0.5), "flip": counting()}).mean).all()
    for other in (homodyne(0.4, 0.6), homodyne(0.5, 0.5), heterodyne(0.5), counting(0.5)):
        with pytest.raises(ArgumentError, match=r"be what the record was made with, homodyne detection, phase 0\.4"):
            known(TIMES, {"decay": other})
    with pytest.raises(ArgumentError, match="be those of the record"):
        known(TIMES + 0.1, {"decay": homodyne(0.4, 0.5)})
    lossy = with_mode()
    assert list(cj.trajectory(lossy, start_of(lossy), TIMES, seed=1, index=0).record) == ["flip"]


def test_a_record_is_read_by_the_name_of_its_jump():
    model = cj.systems.boundary_time_crystal(2, 1.5, 1.0)
    one = cj.trajectory(model, cj.tilted(model, 0, 0), [0, 1, 2], seed=1, index=0)
    assert "decay" in one.record
    assert 0 not in one.record
    assert one.record.get("other") is None
    for key in (0, "other", slice(1), None):
        with pytest.raises(cj.ArgumentError, match="must be the name of a jump whose light is detected, 'decay', but"):
            one.record[key]
    flips = cj.systems.free_flips(2, 1.0, 1.0, 1.0)
    nothing = cj.trajectory(flips, cj.tilted(flips, 0, 0), [0, 1], seed=1, index=0).record
    with pytest.raises(cj.ArgumentError, match="this model has none"):
        nothing[0]
