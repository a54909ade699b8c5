"""The same seed gives the same bits, whatever the number of ranks, under mpiexec and without it."""

import json

import numpy as np
import pytest

import cojump as cj
from tests.mpi import digests, ensembles
from tests.mpi.launch import run_module, write_run_file

SWEEP = {"system": '"constrained"', "size": [4, 9], "omega": 0.7, "rate_up": 1.3, "rate_down": 0.8}


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    """A sweep over two sizes, with a two-time function of each."""
    path = write_run_file(tmp_path_factory.mktemp("sweep"), SWEEP, n_traj=40, chunk=7, keep=18)
    with path.open("a", encoding="utf-8") as file:
        file.write('[two_time]\nfirst = "spins.z"\nsecond = "spins.y"\nstart = 0.5\ndelays = [0, 0.5]\nn_traj = 17\n')
    return path


@pytest.fixture(scope="module")
def alone(tmp_path_factory, run_file):
    """The directory of what one process makes without mpiexec."""
    directory = tmp_path_factory.mktemp("alone")
    check_output(run_module(None, "ensembles", directory, run_file, "alone").succeeded(), directory)
    return directory


def check_output(job, directory):
    """One line at the end, and plain lines of progress where there is no terminal: one set of them for all ranks."""
    hint = f"tables and figures: cojump report {directory}"
    assert job.out == f"cojump: 2 points in {directory}/result.h5; {hint}\n"
    assert not {"\x1b", "\r"} & set(job.err)
    assert job.err.splitlines() == job.progress
    assert 1 <= len(job.progress) <= 12
    assert [line.split(",")[0] for line in job.progress if "/80 " not in line][-1].startswith(
        "cojump: 17/17 trajectories"
    )
    assert any(line.startswith("cojump: 80/80 trajectories, ") for line in job.progress)


@pytest.mark.parametrize("ranks", [*(pytest.param(n, marks=pytest.mark.validation) for n in (1, 2, 5, 7)), 3])
def test_any_number_of_ranks_gives_the_same_bits(ranks, alone, run_file, tmp_path):
    job = run_module(ranks, "ensembles", tmp_path, run_file).succeeded()
    # What simulate(comm=MPI.COMM_WORLD) returned, on every rank.
    expected = json.loads((alone / "rank0.json").read_text())
    found = [json.loads((tmp_path / f"rank{i}.json").read_text()) for i in range(ranks)]
    assert found == [expected] * ranks
    # What is stored: by Result.save, and by `cojump run` for a sweep over two sizes.
    for name in (*ensembles.CASES, "result"):
        assert digests.of_file(tmp_path / f"{name}.h5") == digests.of_file(alone / f"{name}.h5")
    assert len(cj.load(tmp_path)) == 2
    check_output(job, tmp_path)


def test_workers_give_the_bits_of_ranks(alone, tmp_path):
    """And so does a result that is gone on with by them."""
    arguments, options = ensembles.mixed_start()
    cj.simulate(*arguments, **options, workers=2).save(tmp_path / "workers.h5")
    assert digests.of_file(tmp_path / "workers.h5") == digests.of_file(alone / "mixed.h5")
    begun = cj.simulate(*arguments, **{**options, "n_traj": 25})
    cj.simulate(*arguments, **options, workers=2, extend=begun).save(tmp_path / "extended.h5")
    assert digests.of_file(tmp_path / "extended.h5") == digests.of_file(alone / "mixed.h5")


@pytest.mark.parametrize("name", ensembles.CASES)
def test_one_trajectory_alone_equals_its_record(name, alone):
    arguments, options = ensembles.CASES[name]()
    chosen = options.get("unravelling")
    one = cj.trajectory(*arguments, seed=options["seed"], index=ensembles.REPLAYED, unravelling=chosen)
    (result,) = cj.load(alone / f"{name}.h5")
    assert digests.of_arrays(one.mean) == digests.of_arrays(result.trajectories[ensembles.REPLAYED])
    assert np.array_equal(one.records, result.records[ensembles.REPLAYED])


def test_a_trajectory_of_a_sweep_can_be_replayed(alone):
    for result in cj.load(alone):
        model = cj.systems.constrained(result.n_particles, 0.7, 1.3, 0.8)
        one = cj.trajectory(model, cj.tilted(model, 1.1, 0.4), result.times, seed=result.seed, index=17)
        assert digests.of_arrays(one.mean) == digests.of_arrays(result.trajectories[17])


def test_the_fingerprint_sees_one_bit(alone):
    """Control: without it the comparisons above could be empty."""
    (result,) = cj.load(alone / "mixed.h5")
    before, stored = digests.of_result(result), digests.of_file(alone / "mixed.h5")
    result.moments.comoment[3, 2] = np.nextafter(result.moments.comoment[3, 2], np.inf)
    assert digests.of_result(result) != before
    assert {"000000/moments/mean", "000000/moments/comoment", "000000/trajectories", "000000@n_jumps"} <= set(stored)
