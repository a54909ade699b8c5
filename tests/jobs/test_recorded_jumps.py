"""Jump records of an ensemble: those of single trajectories, whatever becomes of the run, and read back from files."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble import point
from cojump.storage.result_file import load
from tests.mpi import digests
from tests.statistical.block_cases import across
from tests.support.interrupted import RUN, Watch, change, finished, go, hit
from tests.support.longer import few
from tests.support.pauli import LOWER

TIMES = np.linspace(0.0, 2.0, 5)

MODELS = {
    "one block": cj.systems.constrained(6, 0.7, 1.3, 0.8),
    "two blocks": across((3, 2)),
    "three levels": cj.systems.potts_hopfield(np.zeros((1, 4)), 3, 0.4, 1.0),
    "no jumps": cj.Model([cj.Block("a", 2)], [], [cj.LocalJump(0 * LOWER, "a")]),
}


def start(model):
    return cj.product(model, {b.name: np.eye(b.levels)[0] for b in model.blocks})


@pytest.mark.parametrize("name", MODELS)
def test_records_are_those_of_the_trajectories(name, tmp_path):
    model = MODELS[name]
    result = cj.simulate(model, start(model), TIMES, n_traj=7, seed=3, chunk=3, record=True)
    records = result.jump_records
    assert len(records) == 7
    assert records.end == 2.0
    for i, record in enumerate(records):
        one = cj.trajectory(model, start(model), TIMES, seed=3, index=i)
        assert record.tobytes() == one.jumps.tobytes()
        assert record.dtype == one.jumps.dtype
    assert len(records.jumps) == result.n_jumps
    plain = cj.simulate(model, start(model), TIMES, n_traj=7, seed=3, chunk=3)
    assert plain.jump_records is None
    assert digests.of_result(plain) == digests.of_result(result)
    result.save(tmp_path / "r.h5")
    (again,) = load(tmp_path / "r.h5")
    assert again.jump_records.jumps.tobytes() == records.jumps.tobytes()
    assert again.jump_records.jumps.dtype == records.jumps.dtype
    assert np.array_equal(again.jump_records.starts, records.starts)
    assert again.jump_records.end == records.end


def recorded(path):
    change(path, ("[run]\n", "[run]\nrecord = true\n"))


@pytest.mark.parametrize("at", few([1, 9, 30], 9))
def test_an_interrupted_run_has_the_same_records(at, run_toml, monkeypatch):
    recorded(run_toml)
    go(run_toml, output=run_toml.parent / "whole")
    with monkeypatch.context() as patch:
        Watch(patch, at, hit(signal.SIGTERM))
        go(run_toml, status=75)
    go(run_toml)
    results = run_toml.parent / "results"
    assert digests.of_file(results / "result.h5") == digests.of_file(run_toml.parent / "whole" / "result.h5")
    assert finished(results)
    (first, _) = load(results)
    assert len(first.jump_records) == 22
    assert len(first.jump_records.jumps) == first.n_jumps > 0


def test_an_extended_run_has_the_records_of_the_longer_one(run_toml):
    recorded(run_toml)
    change(run_toml, ("n_traj = 22", "n_traj = 33"))
    go(run_toml, output=run_toml.parent / "whole")
    for n, m in ((33, 22), (22, 23), (23, 33)):
        change(run_toml, (f"n_traj = {n}", f"n_traj = {m}"))
        go(run_toml)
    whole, parts = (digests.of_file(run_toml.parent / d / "result.h5") for d in ("whole", "results"))
    assert whole == parts


def test_a_run_with_records_is_another_run(run_toml):
    go(run_toml)
    recorded(run_toml)
    _, err = go(run_toml, status=2)
    assert "record" in err
    assert "record" not in RUN


def test_records_that_would_not_fit(monkeypatch):
    model = MODELS["one block"]
    monkeypatch.setattr(point, "COPIES_OF_RECORDS", 1e9)
    with pytest.raises(
        MemoryError, match=r"the jump records of 10 trajectories with [\d,]+ jumps each need .* `record`"
    ):
        cj.simulate(model, start(model), TIMES, n_traj=10, record=True)


def test_what_is_no_truth_value():
    with pytest.raises(cj.ArgumentError, match="`record` must be True or False, but it is 1"):
        cj.simulate(MODELS["one block"], start(MODELS["one block"]), TIMES, n_traj=2, record=1)
