"""All ranks work, each with one thread, and only one of them compiles."""

import ast
import json
from pathlib import Path

import pytest

import cojump as cj
from tests.mpi.launch import run_cojump, run_module
from tests.mpi.test_failures import watched

CHUNK, N_TRAJ = 3, 24


@pytest.mark.validation
def test_every_rank_runs_whole_chunks_with_one_thread(tmp_path):
    run_cojump(2, "run", watched(tmp_path, "count", n_traj=N_TRAJ, chunk=CHUNK)).succeeded()
    runs = [[int(i) for i in (tmp_path / f"trajectories{rank}").read_text().split()] for rank in (0, 1)]
    assert sorted(runs[0] + runs[1]) == list(range(N_TRAJ))
    for indices in runs:
        starts = indices[::CHUNK]
        assert len(starts) >= 2
        assert all(s % CHUNK == 0 for s in starts)
        assert indices == [s + k for s in starts for k in range(CHUNK)]
    for rank in (0, 1):
        settings, working = ast.literal_eval((tmp_path / f"threads{rank}").read_text())
        assert settings == ["1"] * 4
        if Path("/proc/self/task").exists():
            assert working == 1


def test_all_ranks_make_the_theory_of_a_sweep(tmp_path):
    """The first rank would be busy with it long after the trajectories of small points; the numbers are the same."""
    sizes = [2, 3, 4, 5, 6]
    run_cojump(2, "run", watched(tmp_path, "theories", size=sizes, n_traj=4, chunk=2)).succeeded()
    made = [(tmp_path / f"theories{rank}").read_text().split() for rank in (0, 1)]
    assert sorted(made[0] + made[1]) == [str(size) for size in sizes]
    for result in cj.load(tmp_path / "results"):
        expected = cj.mean_field(result.model(), result.state(), result.times)
        assert result.theory.covariance.tobytes() == expected.covariance.tobytes()
        assert result.theory.correction.tobytes() == expected.correction.tobytes()


@pytest.mark.validation
def test_one_rank_compiles_and_the_others_read_its_cache(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    run_module(3, "compiling", tmp_path, limit=300, NUMBA_CACHE_DIR=str(cache)).succeeded()
    chief, *others = (json.loads((tmp_path / f"rank{i}.json").read_text()) for i in range(3))
    assert chief["first"]["compiled"] > 0
    for rank in others:
        assert rank["last"]["compiled"] == 0
        assert rank["last"]["loaded"] > 0
    assert chief["last"]["compiled"] == chief["first"]["compiled"], "a later model compiled something again"
    assert chief["files_after"] == chief["files"]
    files = [p.name for p in cache.rglob("*") if p.is_file()]
    assert sorted(files) == chief["files"]
    assert {f.rpartition(".")[2] for f in files} == {"nbi", "nbc", "lock", "done"}, (
        "a half-written file was left behind"
    )
    kinds = [f for f in files if f.startswith("trajectory.advance-") and f.endswith(".nbc")]
    assert len(kinds) == 2, "of states that stay real, and of any"
