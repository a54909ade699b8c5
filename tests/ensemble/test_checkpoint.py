"""A directory of finished chunks from which the same call of simulate() goes on."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import cojump as cj
from cojump.tools.lock import Lock
from tests.support.interrupted import Watch, hit

MODEL = cj.systems.constrained(6, 0.7, 1.3, 0.8)
STATE = cj.tilted(MODEL, 1.1, 0.4)
TIMES = np.linspace(0, 1, 4)


def simulate(n_traj=50, **options):
    options = {"chunk": 8, "seed": 3, "keep": min(12, n_traj), **options}
    return cj.simulate(MODEL, STATE, TIMES, n_traj=n_traj, **options)


def same(one, other):
    for name in ("mean", "covariance_stderr", "trajectories"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert len(one.final) == len(other.final)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_goes_on(workers, tmp_path, monkeypatch):
    """Each trajectory is run once, and the result has the bits of one run."""
    seen = []
    for at in (11, 17):
        with monkeypatch.context() as patch:
            watch = Watch(patch, at, hit(signal.SIGINT))
            with pytest.raises(cj.SimulationInterrupted):
                simulate(checkpoint=tmp_path / "ck")
            seen += watch.indices
    with monkeypatch.context() as patch:
        rest = Watch(patch)
        made = simulate(checkpoint=tmp_path / "ck", workers=workers)
        seen += rest.indices
    same(made, simulate())
    if workers == 1:  # of several the indices are seen in other processes
        assert sorted(i for _, i in seen) == list(range(50))
    with monkeypatch.context() as patch:
        nothing = Watch(patch)
        same(simulate(checkpoint=tmp_path / "ck"), made)
        assert not nothing.indices
        longer = simulate(70, checkpoint=tmp_path / "ck")
        assert sorted(i for _, i in nothing.indices) == list(range(50, 70))
    same(longer, simulate(70, keep=12))
    same(simulate(30, checkpoint=tmp_path / "ck", keep=12), simulate(30, keep=12))


def test_a_target_may_be_sharpened(tmp_path):
    first = simulate(5000, keep=0, target_error=0.05, min_traj=10, checkpoint=tmp_path / "ck")
    second = simulate(5000, keep=0, target_error=0.03, min_traj=10, checkpoint=tmp_path / "ck")
    assert first.n_traj < second.n_traj
    assert second.mean.tobytes() == simulate(second.n_traj, keep=0).mean.tobytes()


def test_what_a_killed_process_leaves_does_not_count(tmp_path):
    simulate(checkpoint=tmp_path / "ck")
    for shard in (tmp_path / "ck").glob("*.shard"):
        shard.write_bytes(shard.read_bytes()[:-100])
    same(simulate(checkpoint=tmp_path / "ck"), simulate())


def test_one_process_at_a_time(tmp_path, monkeypatch):
    """Two would do the same work twice; what a process held is free again after its end, an error or Ctrl-C."""
    monkeypatch.setattr("cojump.ensemble.checkpoint.Lock.__init__.__defaults__", (0.1, 5.0))
    place = tmp_path / "ck"
    with monkeypatch.context() as patch:
        Watch(patch, 11, hit(signal.SIGINT))
        with pytest.raises(cj.SimulationInterrupted):
            simulate(checkpoint=place)
    other = Lock(place)
    with pytest.raises(cj.StorageError, match=r"^another job is running in .*ck: process \d+ on "):
        simulate(checkpoint=place)
    other.release()
    same(simulate(checkpoint=place, workers=2), simulate())
    with pytest.raises(cj.StorageError, match="keeps another run"):
        simulate(seed=4, checkpoint=place)
    assert not (place / ".lock").exists()


def test_what_is_refused(tmp_path):
    simulate(checkpoint=tmp_path / "ck")
    with pytest.raises(cj.StorageError, match=r"ck keeps another run: seed is 4 here and 3 there; use another"):
        simulate(seed=4, checkpoint=tmp_path / "ck")
    with pytest.raises(cj.StorageError, match=r"ck keeps another run: chunk is 16 here and 8 there"):
        simulate(chunk=16, checkpoint=tmp_path / "ck")
    other = cj.systems.constrained(6, 0.8, 1.3, 0.8)
    with pytest.raises(cj.StorageError, match=r"ck keeps another run: hamiltonian\[0\] eps is"):
        cj.simulate(other, STATE, TIMES, n_traj=50, chunk=8, seed=3, keep=12, checkpoint=tmp_path / "ck")
    (tmp_path / "ck" / "point.json").write_text("{}")
    with pytest.raises(cj.StorageError, match=r"is no checkpoint: its point\.json is damaged or something else"):
        simulate(checkpoint=tmp_path / "ck")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(cj.StorageError, match="is no checkpoint: it holds other files; use an empty directory"):
        simulate(checkpoint=tmp_path / "mine")
    with pytest.raises(cj.StorageError, match=r"cannot use .*notes.txt as a checkpoint: "):
        simulate(checkpoint=tmp_path / "mine" / "notes.txt")
    for wrong in (3, b"a", ""):
        with pytest.raises(cj.ArgumentError, match="`checkpoint` must be"):
            simulate(checkpoint=wrong)
