"""Shifted counting, homodyne and heterodyne detection: one ensemble in all of them, and the right current."""

from __future__ import annotations

import dataclasses
from math import comb

import numpy as np
import pytest
from scipy.linalg import expm

import cojump as cj
from cojump.ensemble.run import run_points
from cojump.errors import ArgumentError, UnsupportedError
from cojump.jobs.points import point_of
from cojump.jobs.run_file import read_run_file
from cojump.model import unravelled as home
from cojump.trajectories.diffusion_engine import DiffusionEngine
from cojump.trajectories.kernels.brownian import brownian_increment, brownian_within, philox
from tests.oracle import Oracle, product_state
from tests.statistical.rules import against_oracle, compare, pool
from tests.support.pauli import LOWER, X, Y, Z

homodyne, heterodyne, shifted = cj.unravelling.homodyne, cj.unravelling.heterodyne, cj.unravelling.shifted

TIMES = np.linspace(0, 2, 5)
LARGEST_ERROR = 0.042
"""The tests have power only while no standard error exceeds this."""

KEY = np.array([12345, 67890], dtype=np.uint64)


def crystal(size=4):
    return cj.systems.boundary_time_crystal(size, omega=1.2, kappa=1.0)


def two_jumps():
    """Two collective jumps that do not commute, one of them on two blocks, beside local ones with a rate Γ²."""
    return cj.Model(
        [cj.Block("a", 3), cj.Block("b", 1)],
        [cj.OneBody(0.7 * X, "a"), cj.OneBody(0.4 * Y, "b"), cj.TwoBody(Z, X, 0.5, blocks=("a", "b"))],
        [
            cj.CollectiveJump({"a": LOWER, "b": 0.5 * LOWER}, 1.2, name="decay"),
            cj.CollectiveJump({"a": Z}, 0.5, name="noise"),
            cj.LocalJump(LOWER, "a", rate=lambda x: 0.4 + x**2, argument={"a": Z}),
        ],
    )


CASES = {
    "homodyne": (crystal, {"decay": homodyne(0.4, error=1e-2)}),
    "half": (crystal, {"decay": homodyne(-1.2, 0.5, error=1e-2)}),
    "nobody": (crystal, {"decay": homodyne(0.4, 0.0, error=1e-2)}),
    "heterodyne": (crystal, {"decay": heterodyne(0.8, error=1e-2)}),
    "shifted": (crystal, {"decay": shifted(1.5 - 0.7j)}),
    "two": (two_jumps, {"decay": homodyne(0.9, error=0.03), "noise": heterodyne(0.6, error=0.03)}),
    "beside": (two_jumps, {"decay": homodyne(0.9, 0.7, error=1e-2)}),
    "both shifted": (two_jumps, {"decay": shifted(1.0j), "noise": shifted(-0.8)}),
}


def verdict(model, chosen, n_traj, seed=1, true_model=None):
    state, true = cj.tilted(model, 0.6, 0.3), true_model or model
    result = cj.simulate(model, state, TIMES, n_traj=n_traj, seed=seed, unravelling=chosen)
    ket = np.array([np.cos(0.3), np.exp(0.3j) * np.sin(0.3)])
    rho = product_state(true, {b.name: np.outer(ket, ket.conj()) for b in model.blocks})
    return against_oracle(result, Oracle(true).solve(rho, TIMES))


def test_ensembles_are_those_of_the_master_equation():
    verdicts = []
    for name, (build, chosen) in CASES.items():
        found = verdict(build(), chosen, 200)
        print(f"{name}: {found}")
        verdicts.append(found)
    together = pool(verdicts)
    assert together.passes, together
    assert together.largest_error < LARGEST_ERROR, together


def test_control_without_the_compensating_hamiltonian_fails(monkeypatch):
    right = home._shifted
    monkeypatch.setattr(home, "_shifted", lambda *given: (right(*given)[0], []))
    assert not verdict(*(CASES["shifted"][0](), CASES["shifted"][1]), 600).passes


def test_control_with_a_weaker_decay_fails():
    build, chosen = CASES["homodyne"]
    wrong = cj.systems.boundary_time_crystal(4, omega=1.2, kappa=0.7)
    assert not verdict(build(), chosen, 600, true_model=wrong).passes


def test_random_words_are_those_of_the_published_generator():
    zero, ones = np.uint64(0), np.uint64(0xFFFFFFFF)
    assert [int(w) for w in philox(zero, zero, zero, zero, zero, zero)] == [
        *(0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    ]
    assert [int(w) for w in philox(ones, ones, ones, ones, ones, ones)] == [
        *(0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    ]


def test_a_path_has_independent_increments_of_the_right_variance():
    n, pieces = 4000, np.array([0.0, 0.1, 0.25, 0.3, 0.75, 1.0])
    made = np.array([[brownian_within(KEY[0], KEY[1], cell, 1, x) for x in pieces] for cell in range(n)])
    steps = np.diff(made, axis=1) / np.sqrt(np.diff(pieces))
    covariance = steps.T @ steps / n
    assert np.abs(covariance - np.eye(5))[~np.eye(5, dtype=bool)].max() < 5 / np.sqrt(n)
    assert np.abs(np.diag(covariance) - 1).max() < 5 * np.sqrt(2 / n)
    assert np.abs(steps.mean(axis=0)).max() < 5 / np.sqrt(n)


def test_a_path_does_not_depend_on_the_steps_along_it():
    ends = np.sort(np.random.default_rng(1).random(20)) * 0.5
    parts = [brownian_increment(KEY[0], KEY[1], 0.5, 0, a, b) for a, b in zip([0.0, *ends], [*ends, 0.5], strict=True)]
    assert abs(sum(parts) - brownian_increment(KEY[0], KEY[1], 0.5, 0, 0.0, 0.5)) < 1e-12


def spin(size):
    """Dense S_-, and H, of the symmetric sector of a boundary time crystal."""
    j = size / 2
    m = np.arange(size) - j
    up = np.diag(np.sqrt((j - m) * (j + m + 1)), -1)
    return up.T.astype(complex), 1.2 * (up + up.T).astype(complex)


def slowly(size, key, unit, n_steps, end, factors):
    """The twin of the kernel: dense exponentials in steps of one length along the same path."""
    lower, energy = spin(size)
    L = lower / np.sqrt(size)
    A = -1j * energy - 0.5 * L.conj().T @ L
    operators = [f * L for f in factors]
    B = A - 0.5 * sum(M @ M for M in operators)
    ket = np.array([np.cos(0.3), np.exp(0.3j) * np.sin(0.3)])
    state = np.zeros(size + 1, dtype=complex)
    for k in range(size + 1):
        state[k] = np.sqrt(comb(size, k)) * ket[0] ** k * ket[1] ** (size - k)
    record, h = np.zeros(len(factors)), end / n_steps
    for n in range(n_steps):
        exponent = h * B
        for c, M in enumerate(operators):
            flow = 2 * np.vdot(state, M @ state).real
            gain = brownian_increment(key[0], key[1], unit, c, n * h, (n + 1) * h)
            exponent = exponent + (flow * h + gain) * M
            record[c] += flow * h + gain
        state = expm(exponent) @ state
        state /= np.linalg.norm(state)
    return state, record


def run(model, chosen, times, index=0, seed=3):
    """One trajectory of a model of one part, its key and the unit of its path."""
    watched = home.unravelled(model, chosen, times)
    engine = DiffusionEngine(watched, cj.tilted(model, 0.6, 0.3), times, 1e-9)
    generator = engine._stream.move_to(seed, index, 0)
    engine.state.begin(generator)
    key = generator.integers(2**32, size=2, dtype=np.uint64)
    return engine.run(seed, index, record=True), key, engine._unit, engine


@pytest.mark.parametrize("way", [homodyne(0.4, error=1e-3), heterodyne(error=1e-3)])
def test_the_kernel_follows_its_twin(way):
    times = np.array([0.25])
    one, key, unit, engine = run(crystal(), {"decay": way}, times)
    state, record = slowly(4, key, unit, 4096, 0.25, way.phases)
    overlap = abs(np.vdot(engine.state.given[2], state))
    assert np.sqrt(2 - 2 * min(overlap, 1)) < 2e-3
    assert np.abs(one.records[0] - record).max() < 2e-3
    wrong, _ = slowly(4, key, unit, 4096, 0.25, [-f for f in way.phases])
    assert np.sqrt(2 - 2 * abs(np.vdot(engine.state.given[2], wrong))) > 0.02


def test_the_strong_order_is_one():
    """Errors of steps of one length against much shorter ones, over several paths."""
    lengths, errors = [16, 32, 64, 128], []
    for path in range(24):
        key = np.array([path, 77], dtype=np.uint64)
        best, _ = slowly(4, key, 1.0, 1024, 1.0, [1.0 + 0j])
        made = [slowly(4, key, 1.0, steps, 1.0, [1.0 + 0j])[0] for steps in lengths]
        errors.append([max(2 - 2 * abs(np.vdot(state, best)), 0) for state in made])
    rms = np.sqrt(np.mean(errors, axis=0))
    order = -np.polyfit(np.log(lengths), np.log(rms), 1)[0]
    assert 0.85 < order < 1.25, (order, rms)


def test_the_error_of_the_state_is_the_one_that_is_stated():
    times, errors = np.array([1.0]), []
    for index in range(20):
        engine = run(crystal(), {"decay": homodyne(0.4, error=0.02)}, times, index)[3]
        rough = engine.state.given[2]
        fine = run(crystal(), {"decay": homodyne(0.4, error=5e-4)}, times, index)[3].state.given[2]
        errors.append(2 - 2 * min(abs(np.vdot(rough, fine)), 1))
    rms = np.sqrt(np.mean(errors))
    unit = engine._unit
    print(rms, unit)
    assert 0.1 * 0.02 < rms < 1.5 * 0.02 * np.sqrt(1 / unit)


def test_a_record_that_is_put_back_in_gives_the_same_state():
    model, off = crystal(), []
    state = cj.tilted(model, 0.6, 0.3)
    for steps in (100, 400):
        times = np.linspace(0, 1, steps + 1)
        ways = (lambda **given: homodyne(0.4, error=2e-4, **given), lambda **given: heterodyne(error=2e-4, **given))
        for way in ways:
            first = cj.trajectory(model, state, times, seed=3, index=1, unravelling={"decay": way()})
            records = first.records if first.records.shape[1] > 1 else first.records[:, 0]
            again = cj.trajectory(model, state, times, seed=9, index=0, unravelling={"decay": way(record=records)})
            assert np.allclose(again.records, first.records, atol=1e-12)
            off.append(np.abs(again.mean - first.mean).max())
    assert max(off[2:]) < 0.02, off
    assert max(off[2:]) < 0.5 * max(off[:2]), off  # it falls with the distance of the output times
    wrong = cj.trajectory(model, state, times, seed=9, index=0, unravelling={"decay": way(record=-records)})
    assert np.abs(wrong.mean - first.mean).max() > 0.1


def test_current_and_its_correlation_are_those_of_the_regression_theorem():
    """In the stationary state of two spins: <dY> = <M + M†> dt, and the correlation of two increments."""
    model, phase, eta = crystal(2), 0.8, 0.9
    oracle = Oracle(model)
    L = np.exp(-1j * phase) * oracle._jump_operators(model.jumps[0])[0]
    times = 2.0 + 0.4 * np.arange(6)
    ket = np.array([np.cos(0.3), np.exp(0.3j) * np.sin(0.3)])
    rho = product_state(model, {"spins": np.outer(ket, ket.conj())})
    d = len(rho)
    flow = oracle.liouvillian()
    advance = lambda r, t: (expm(flow * t) @ r.ravel()).reshape(d, d)  # noqa: E731
    n = 1600
    result = cj.simulate(
        model,
        cj.tilted(model, 0.6, 0.3),
        times,
        n_traj=n,
        keep=n,
        seed=5,
        unravelling={"decay": homodyne(phase, eta, error=0.05)},
    )
    rate = lambda r: float(np.trace(L @ r + r @ L.conj().T).real)  # noqa: E731
    fine, h = 8, 0.4 / 8
    middles = lambda k: times[0] + 0.4 * k + h * (np.arange(fine) + 0.5)  # noqa: E731
    mean = [np.sqrt(eta) * np.mean([rate(advance(rho, t)) for t in middles(k)]) for k in range(5)]
    found = compare([(result.current.mean[1:, 0], result.current.stderr[1:, 0], np.array(mean))])
    assert found.passes, found
    assert found.largest_error < 0.1, found
    # E[ΔY_1 ΔY_k] = η ∫∫ Tr[(L + L†) e^{(t-s) flow} (L ρ_s + ρ_s L†)] ds dt, by the midpoint rule on a fine grid
    increments = result.records[:, 1:, 0]
    pairs = []
    for k in range(1, 5):
        exact = 0.0
        for s in middles(0):
            before = advance(rho, s)
            kicked = L @ before + before @ L.conj().T
            exact += sum(rate(advance(kicked, t - s)) for t in middles(k)) * h * h * eta
        products = increments[:, 0] * increments[:, k]
        pairs.append((products.mean(), products.std() / np.sqrt(n), exact))
    found = compare(pairs)
    assert found.passes, found
    assert pairs[0][2] > 5 * pairs[0][1], pairs  # the test sees the correlation


def test_noise_of_an_interval_has_its_length_for_variance():
    model = crystal(2)
    result = cj.simulate(
        model,
        cj.tilted(model, 0.6, 0.3),
        TIMES,
        n_traj=500,
        keep=500,
        unravelling={"decay": homodyne(0.0, 0.0, error=0.1)},
    )
    variance = result.records[:, 1:, 0].var(axis=0)
    assert np.abs(variance / 0.5 - 1).max() < 5 * np.sqrt(2 / 500)
    assert not result.records[:, 0].any()


def test_large_shifts_tend_to_homodyne_detection():
    """(n - |β|² t)/|β| of the clicks in an interval has the mean and the variance of the record."""
    model, beta, n = crystal(2), 30.0, 1000
    state, times = cj.tilted(model, 0.6, 0.3), np.array([0.0, 0.5])
    clicks = cj.simulate(model, state, times, n_traj=n, seed=2, unravelling={"decay": shifted(beta)})
    record = cj.simulate(
        model, state, times, n_traj=n, seed=3, keep=n, unravelling={"decay": homodyne(0.0, error=0.03)}
    ).records[:, 1, 0]
    counts = clicks.counts["total"]
    mean = (counts.mean[1] - beta**2 * 0.5) / beta
    error = np.hypot(counts.stderr[1] / beta, record.std() / np.sqrt(n))
    assert error < 0.045
    assert abs(mean - record.mean()) < 5 * error + 1 / beta * 0.5
    assert abs(counts.variance[1] / beta**2 / record.var() - 1) < 5 * np.sqrt(4 / n) + 2 / beta


def test_the_choice_is_stored_and_the_model_is_the_users(tmp_path):
    model, chosen = crystal(), {"decay": homodyne(0.4, error=0.05)}
    state = cj.tilted(model, 0.6, 0.3)
    result = cj.simulate(model, state, TIMES, n_traj=6, keep=3, unravelling=chosen)
    assert result.model() is model
    result.save(tmp_path / "one.h5")
    again = cj.load(tmp_path / "one.h5")[0]
    assert np.array_equal(again.records, result.records)
    assert again.current.labels == ("decay",)
    assert type(again.model().jumps[0]) is cj.CollectiveJump
    one = cj.trajectory(model, state, TIMES, seed=0, index=2, unravelling=chosen)
    assert np.array_equal(one.records, result.records[2])
    assert np.array_equal(one.mean, result.trajectories[2])
    with pytest.raises(ArgumentError, match="homodyne or heterodyne"):
        _ = cj.simulate(model, state, TIMES, n_traj=2).current


def test_a_part_that_is_not_observed_runs_as_before():
    part = cj.Model([cj.Block("b", 3)], [cj.OneBody(0.4 * Y, "b")], [cj.LocalJump(LOWER, "b")])
    both = cj.Model(
        [cj.Block("spins", 4), cj.Block("b", 3)],
        [cj.OneBody(1.2 * X, "spins"), *part.hamiltonian],
        [*part.jumps, cj.CollectiveJump({"spins": LOWER}, 7 / 4, name="decay")],
    )
    times, chosen = np.linspace(0, 1, 5), {"decay": heterodyne(error=0.05)}
    state = cj.tilted(both, 0.6, 0.3)
    watched = cj.trajectory(both, state, times, seed=1, index=0, unravelling=chosen)
    counted = cj.trajectory(both, state, times, seed=1, index=0)
    assert np.array_equal(watched["b.x"].mean, counted["b.x"].mean)
    assert not np.array_equal(watched["spins.x"].mean, counted["spins.x"].mean)
    assert watched.records.shape == (5, 2)
    assert watched.records[1:].all()


def test_what_is_not_possible_is_refused_in_one_line():
    model = two_jumps()
    state = cj.tilted(model, 0.6, 0.3)

    def tried(chosen, model=model, times=TIMES):
        cj.simulate(model, state, times, n_traj=1, unravelling=chosen)

    with pytest.raises(ArgumentError, match="names of jumps as keys: decay, noise, but one is 'other'"):
        tried({"other": shifted(1)})
    with pytest.raises(ArgumentError, match=r"made by a function of cojump\.unravelling"):
        tried({"decay": 1.0})
    with pytest.raises(UnsupportedError, match="nothing else jumps"):
        tried({"decay": homodyne(0, record=np.zeros(5))})
    with pytest.raises(ArgumentError, match="shape \\(5,\\)"):
        tried({"decay": homodyne(0, record=np.zeros(4))})
    with pytest.raises(ArgumentError, match="efficiency"):
        homodyne(0, 0.5, record=np.zeros(4))
    named = dataclasses.replace(model, jumps=[*model.jumps[:2], dataclasses.replace(model.jumps[2], name="local")])
    with pytest.raises(UnsupportedError, match="local jump"):
        tried({"local": shifted(1)}, named)
    driven = dataclasses.replace(model, hamiltonian=[cj.OneBody(X, "a", envelope=np.cos)])
    with pytest.raises(UnsupportedError, match="envelopes"):
        tried({"decay": homodyne(0)}, driven)
    with pytest.raises(ArgumentError, match="different names"):
        cj.Model(model.blocks, jumps=[cj.LocalJump(LOWER, "a", name="x"), cj.LocalJump(LOWER, "a", name="x")])
    rated = cj.CollectiveJump({"a": LOWER}, 1.0, amplitude=np.abs, argument={"a": Z}, name="decay")
    with pytest.raises(UnsupportedError, match="operator-valued rate"):
        tried({"decay": homodyne(0)}, cj.Model(model.blocks, jumps=[rated]))
    still = cj.Model(model.blocks, jumps=[cj.CollectiveJump({"a": LOWER}, 0.0, name="decay")])
    with pytest.raises(ArgumentError, match="can happen"):
        tried({"decay": shifted(1)}, still)


RUN_FILE = """
[model]
system = "boundary_time_crystal"
size = 4
omega = 1.2
kappa = 1.0
[initial]
kind = "tilted"
theta = 0.6
phi = 0.3
[times]
values = [0, 0.5, 1, 1.5, 2]
[run]
n_traj = 4
keep = 2
seed = 3
[run.unravelling]
decay = {kind = "homodyne", phase = 0.4, efficiency = 0.5, error = 0.05}
"""


def test_a_run_file_chooses_by_name(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(RUN_FILE, encoding="utf-8")
    point = point_of(read_run_file(path), read_run_file(path).points()[0])
    result = cj.simulate(
        crystal(), cj.tilted(crystal(), 0.6, 0.3), TIMES, n_traj=4, keep=2, seed=3, unravelling=point.unravelling
    )
    assert np.array_equal(run_points([point])[0].records, result.records)
    assert result.records.shape == (2, 5, 1)
    for wrong, message in {
        'kind = "homodyne", phase = 0.4, efficiency = 2.0': r"\[run\.unravelling\.decay\] efficiency",
        'kind = "homodyne"': r"\[run\.unravelling\.decay\] phase",
        'kind = "click"': r"\[run\.unravelling\.decay\] kind",
        'kind = "counting", phase = 0.4': r"\[run\.unravelling\.decay\] phase",
    }.items():
        path.write_text(RUN_FILE.replace(RUN_FILE[RUN_FILE.index('kind = "hom') : -2], wrong), encoding="utf-8")
        with pytest.raises(ArgumentError, match=message):
            read_run_file(path)


def test_a_local_oscillator_that_would_click_for_ever_is_refused():
    model = cj.systems.boundary_time_crystal(4, 1.5, 1.0)
    state = cj.tilted(model, 0, 0)
    for run in (
        lambda way: cj.trajectory(model, state, [0, 2], seed=1, index=0, unravelling=way),
        lambda way: cj.estimate(model, state, [0, 2], 10, unravelling=way, seconds=0.01),
    ):
        with pytest.raises(
            cj.ArgumentError, match=r"at most 1e\+09 clicks of the local oscillator .* \|β\|² t = 2e\+12"
        ):
            run({"decay": cj.unravelling.shifted(1e6)})
