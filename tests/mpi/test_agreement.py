"""All ranks run one and the same model, or nothing is run: status 2, one line with the difference, nothing written."""

import pytest

from tests.mpi.launch import HERE, run_cojump, run_module, write_run_file
from tests.support.longer import few

AT_ONCE = 30

SAID = {
    "random": "hamiltonian[0] eps is (0, ",
    "environ": "hamiltonian[0] eps is (0, 0.8, 0.8, 0) on rank 1 and (0, 0.7, 0.7, 0) on rank 0",
    "size": "blocks[0] size is 41 on rank 1 and 40 on rank 0",
    "gamma": "jumps[0] Γ over the spectrum is 1.67647059 on rank 1 and 1.17647059 on rank 0 in its value 11 of 41",
}


def unlike(directory, what, rank=1, **options):
    model = {"system": f'"{HERE / "unlike.py"}:build"', "what": f'"{what}"', "rank": rank}
    return write_run_file(directory, model | options, n_traj=4, end=0.1)


@pytest.mark.parametrize(
    "what", [what if what == "gamma" else pytest.param(what, marks=pytest.mark.validation) for what in SAID]
)
def test_ranks_that_build_different_models(what, tmp_path):
    job = run_cojump(2, "run", unlike(tmp_path, what), limit=AT_ONCE)
    assert job.status == 2, job.err
    (line,) = job.err.splitlines()
    assert line.startswith(f"cojump: all ranks must build the same model, but {SAID[what]}")
    assert not (tmp_path / "results").exists()


@pytest.mark.validation
def test_one_of_three_ranks_at_one_point_of_a_sweep(tmp_path):
    job = run_cojump(3, "run", unlike(tmp_path, "environ", 2, size=[10, 12]), limit=AT_ONCE)
    assert job.status == 2
    (line,) = job.err.splitlines()
    assert "0.8, 0.8, 0) on rank 2 and (0, 0.7, 0.7, 0) on rank 0" in line
    assert line.endswith("(the point size = 10)")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.validation), 1])
def test_a_function_that_fails_on_one_rank_only(rank, tmp_path):
    job = run_cojump(2, "run", unlike(tmp_path, "raise", rank), limit=AT_ONCE)
    assert job.status == 2
    (line,) = job.err.splitlines()
    assert "RuntimeError: no licence for this node" in line
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("what", few(["gamma", "state"], "gamma"))
def test_simulate(what):
    job = run_module(2, "unlike", what, 1, limit=AT_ONCE)
    assert job.status == 2, job.err
    lines = sorted(job.err.splitlines())
    said = SAID.get(what, "initial state[0] density is ")
    assert [line[:2] for line in lines] == ["0:", "1:"]
    for line in lines:
        assert f"Argument `comm` must have the same model and arguments on all ranks, but {said}" in line


@pytest.mark.parametrize("change", ["seed = 7", pytest.param("[times]", marks=pytest.mark.validation)])
def test_ranks_that_read_different_files(change, tmp_path):
    paths = []
    for i, new in enumerate((change, change.replace("7", "8").replace("[t", "# a comment\n[t"))):
        (tmp_path / str(i)).mkdir()
        paths.append(unlike(tmp_path / str(i), "same"))
        text = paths[-1].read_text()
        assert change in text
        paths[-1].write_text(text.replace(change, new))
    job = run_module(2, "unlike", "files", "-", *paths, tmp_path / "out", limit=AT_ONCE)
    assert job.status == 2, job.err
    (line,) = job.err.splitlines()
    said = {"seed = 7": "[run] seed is 8 here and 7 there"}.get(change, "its text is another")
    assert line == f"cojump: all ranks must read the same run file, but on rank 1 it is not that on rank 0: {said}"
    assert not (tmp_path / "out").exists()


@pytest.mark.validation
def test_ranks_on_two_kinds_of_processors(tmp_path):
    """The compiler of rank 1 is told that it works for an older one: it runs, and a line says what follows."""
    path = unlike(tmp_path, "same", size=4)
    job = run_module(2, "unlike", "processors", "-", path, tmp_path / "out", limit=60, NUMBA_DISABLE_JIT="1")
    job.succeeded()
    (line,) = job.messages
    assert line.startswith("cojump: the ranks run on different kinds of processors (")
    assert "; skylake" in line


def test_the_same_model_runs(tmp_path):
    run_cojump(2, "run", unlike(tmp_path, "same"), limit=60).succeeded()
