"""How a run ends and what it says: limits of time, signals of any scheduler, launchers without their MPI, failures."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cojump import cli
from cojump.errors import ArgumentError, ConvergenceError
from cojump.jobs import job
from cojump.parallel import mpi
from cojump.storage.result_file import load
from cojump.tools.ode import integrate
from tests.mpi import digests
from tests.support import hooks
from tests.support.command_line import invoke
from tests.support.interrupted import RUN, Watch, change, finished, go, hit


def limited(path, seconds):
    change(path, ("seed = 7", f"seed = 7\nwalltime_seconds = {seconds}"))


def unlimited(path):
    path.write_text(re.sub(r"walltime_seconds = \S+\n", "", path.read_text()), encoding="utf-8")


def time_is_over():
    """As the limit of the run tells it."""
    os.kill(os.getpid(), signal.SIGALRM)


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGXCPU])
def test_warnings_of_other_schedulers_stop_a_run_where_nothing_is_lost(number, run_toml, expected, monkeypatch):
    with monkeypatch.context() as patch:
        watch = Watch(patch, 9, hit(number))
        out, _ = go(run_toml, status=75)
    kept = len(watch.indices)
    name = signal.Signals(number).name
    assert out.startswith(f"cojump: stopped ({name}), {kept} of 44 trajectories kept")
    assert out.endswith("; the same command goes on\n")
    assert out.count("\n") == 1
    go(run_toml)
    assert digests.of_file(run_toml.parent / "results" / "result.h5") == expected


@pytest.mark.parametrize("how", ["walltime_seconds", "SIGTERM", "SIGINT"])
@pytest.mark.parametrize("phase", ["planned", "mean field", "compiled"])
def test_what_comes_before_the_work_hears_the_limit_and_signals(how, phase, run_toml, monkeypatch):
    """At once, with what it was that outlasts the limit."""
    what = {
        "planned": "while the points were planned",
        "mean field": "in the mean field of the point size = 6",
        "compiled": "while the kernels were compiled",
    }[phase]

    def dear():
        if how == "walltime_seconds":
            signal.setitimer(signal.ITIMER_REAL, 0.01)  # the time is over here, however fast the machine is
            time.sleep(30)
        hit(signal.Signals[how])()
        time.sleep(30)

    if how == "walltime_seconds":
        limited(run_toml, 3600)
    began = time.monotonic()
    with monkeypatch.context() as patch:
        hooks.at_stage(patch, what, dear)
        _, err = go(run_toml, status=75)
    assert time.monotonic() - began < 10
    if how == "walltime_seconds":
        comes_again = f"{what}; where this comes again walltime_seconds is too short"
        assert err == f"cojump: stopped (walltime_seconds) before the work began, {comes_again}\n"
    else:
        assert err == f"cojump: stopped ({how}) before the work began; the same command goes on\n"


def test_mean_fields_that_are_there_are_not_made_again(run_toml, expected, monkeypatch):
    """Many of them do not fit into one job together; each job has to come further."""
    made = []

    def dear(event, arguments):
        if event == "cojump.stage" and "mean field" in arguments[0]:
            made.append(int(arguments[0][-1]))
            if len(made) == 2:
                hit(signal.SIGTERM)()

    hooks.listen(monkeypatch, dear)
    go(run_toml, status=75)
    go(run_toml)
    assert made == [4, 6, 6]
    assert digests.of_file(run_toml.parent / "results" / "result.h5") == expected


@pytest.mark.parametrize("stiff", [1.0, 1e7])
def test_an_integrator_lets_a_signal_through(stiff):
    """Whatever it is written in: DOP853 in Python, LSODA in a library that calls back."""
    from cojump.errors import Stopped
    from cojump.jobs.signals import Signals

    calls = [0]

    def flow(_t, y):
        calls[0] += 1
        if calls[0] == (50 if stiff == 1 else 20_100):
            hit(signal.SIGTERM)()
        return -stiff * (y - np.cos(_t))

    with Signals() as signals:
        signals.begin()
        with pytest.raises(Stopped):
            integrate(flow, np.ones(2), np.array([0.0, 100.0]))
    assert calls[0] in (50, 20_100)


def test_a_theory_that_outlasts_the_limit(run_toml, expected, monkeypatch):
    """The trajectories are there; a job with more time makes the theory of them."""
    limited(run_toml, 3600)
    with monkeypatch.context() as patch:
        hooks.at_stage(patch, "in the theory", lambda: time_is_over() or time.sleep(30))
        out, _ = go(run_toml, status=75)
    assert out == (
        "cojump: stopped (walltime_seconds) in the theory of the point size = 6, which outlasts it, "
        "22 of 44 trajectories kept; the same command goes on\n"
    )
    unlimited(run_toml)
    watch = Watch(monkeypatch)
    go(run_toml)
    assert watch.indices == [(4, i) for i in range(22)]
    assert all(result.theory is not None for result in load(run_toml.parent / "results"))
    assert digests.of_file(run_toml.parent / "results" / "result.h5") == expected
    assert finished(run_toml.parent / "results")


def test_the_theory_of_the_last_point_outlasts_the_limit(run_toml, expected, monkeypatch):
    """All trajectories are there, and still the run is not complete; it is taken up, not taken for complete."""
    limited(run_toml, 3600)
    calls = []

    def second_is_slow():
        calls.append(1)
        if len(calls) >= 2:
            time_is_over()
            time.sleep(30)

    with monkeypatch.context() as patch:
        patch.setattr(job, "_GRACE", 0.1)
        hooks.at_stage(patch, "in the theory", second_is_slow)
        out, _ = go(run_toml, status=75)
    assert "in the theory of the point size = 4, which outlasts it, 44 of 44 trajectories kept" in out
    line = "1/N theory: not yet beside 1 finished point; the same command makes it at its end"
    assert line in invoke("show", run_toml.parent / "results")[0].splitlines()
    unlimited(run_toml)
    watch = Watch(monkeypatch)
    go(run_toml)
    assert watch.indices == []
    assert "1/N theory:" not in invoke("show", run_toml.parent / "results")[0]
    assert digests.of_file(run_toml.parent / "results" / "result.h5") == expected


def test_the_theories_that_are_left_share_the_time_after_a_signal(monkeypatch):
    graces = []

    def explain(_, grace):
        graces.append(grace)
        time.sleep(0.03)
        return grace > 0

    monkeypatch.setattr(job, "_GRACE", 0.1)
    work = object.__new__(job._Run)
    work._explain, work._folds = explain, {i: SimpleNamespace(finished=True) for i in range(100)}
    work._signals = SimpleNamespace(name="SIGTERM")
    assert not work._explain_rest()
    assert graces == sorted(graces, reverse=True)
    assert graces[-1] == 0
    assert len(graces) <= 5


def test_a_signal_behind_the_last_trajectory_stops_nothing(run_toml, expected, monkeypatch):
    def late(event, arguments):
        if event == "cojump.trajectory.done" and arguments == (4, 21):
            hit(signal.SIGTERM)()

    hooks.listen(monkeypatch, late)
    go(run_toml)
    assert digests.of_file(run_toml.parent / "results" / "result.h5") == expected


def test_a_trajectory_that_outlasts_the_limit(run_toml, monkeypatch):
    limited(run_toml, 3600)
    Watch(monkeypatch, 0, time_is_over)
    monkeypatch.setattr("cojump.trajectories.spin_engine._SEGMENT", 1)
    out, _ = go(run_toml, status=75)
    assert out == (
        "cojump: stopped (walltime_seconds) before any trajectory was finished: it is too short for one, "
        "0 of 44 trajectories kept; the same command goes on\n"
    )


SYS_EXIT = {
    "file": "import sys\nsys.exit(0)\n",
    "build": "import sys\ndef build(size: int):\n    sys.exit()\n",
    "rate": "import sys, numpy as np, cojump as cj\ndef build(size: int):\n"
    "    z = np.diag([1.0, -1.0])\n"
    "    jump = cj.LocalJump(z, 'spins', rate=lambda x: sys.exit(0), argument={'spins': z})\n"
    "    return cj.Model([cj.Block('spins', size)], [], [jump])\n",
    "derivative": "import sys, numpy as np, cojump as cj\ndef build(size: int):\n"
    "    z = np.diag([1.0, -1.0])\n"
    "    jump = cj.LocalJump(z, 'spins', amplitude=np.abs, argument={'spins': z},\n"
    "                        derivatives=(lambda x: sys.exit(0), lambda x: sys.exit(0)))\n"
    "    return cj.Model([cj.Block('spins', size)], [], [jump])\n",
}


@pytest.mark.parametrize("where", SYS_EXIT)
def test_a_users_function_that_calls_exit(where, run_toml):
    """The run is not over with status 0 then, with nothing run."""
    (run_toml.parent / "mine.py").write_text(SYS_EXIT[where], encoding="utf-8")
    run_toml.write_text('[model]\nsystem = "mine.py:build"\nsize = 4\n' + RUN[RUN.index("[initial]") :])
    if where == "derivative":  # the theory is refused, the run is not
        go(run_toml)
        (result,) = load(run_toml.parent / "results")
        assert "SystemExit" in result.theory_refusal
        return
    _, err = go(run_toml, status=2)
    assert err.count("\n") == 1
    assert "SystemExit" in err
    assert not (run_toml.parent / "results").exists()


def test_all_points_fail(run_toml, monkeypatch):
    def fail():
        raise ConvergenceError("no step is short enough")

    run_toml.write_text(run_toml.read_text().replace("[4, 6]", "4"), encoding="utf-8")
    with monkeypatch.context() as patch:
        Watch(patch, 0, fail)
        out, _ = go(run_toml, status=3)
    results = run_toml.parent / "results"
    assert out == f"cojump: 0 of 1 point, 1 failed, and there are no results; why: cojump show {results}\n"
    _, err = invoke("report", results, status=2)
    assert "fold" not in err
    assert "cojump: failed: size = 4: no step is short enough" in err.splitlines()
    assert err.splitlines()[-1] == f"cojump: {results} has no result file: no trajectory is finished yet"


def test_bare_cojump_says_how_to_begin():
    out, err = invoke()
    assert err == ""
    for command in ("cojump new constrained > run.toml", "cojump run run.toml", "cojump report results"):
        assert command in out


@pytest.mark.validation
def test_report_of_the_directory_of_the_run_file(run_toml):
    go(run_toml)
    place, results = run_toml.parent, run_toml.parent / "results"
    out, err = invoke("report", place, drawn=True)
    assert err == f"cojump: the results are in {results}\n"
    assert "22 trajectories" in out
    assert (results / "averages.png").exists()
    assert "result" in invoke("show", place)[0]
    assert cli._results_of(run_toml) == cli._results_of(results) == results
    assert cli._results_of(place / "nowhere") == place / "nowhere"
    go(run_toml, output=place / "again")
    _, err = invoke("report", place, status=2)
    assert "holds several: " in err
    assert f"{place / 'again'}, {results}" in err


class OneRank:
    """Stands for mpi4py where it sees a single rank."""

    class MPI:
        class World:
            def Get_size(self):
                return 1

        COMM_WORLD = World()

        @staticmethod
        def Get_library_version():
            return "Some MPI 1.0\nmore"


def launched(monkeypatch, **variables):
    names = mpi._SIZE_VARIABLES + mpi._STEP_VARIABLES + mpi._RANK_VARIABLES
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "variables",
    [
        {"SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2"},
        {"PMI_SIZE": "2", "PMI_RANK": "0"},
        {"OMPI_COMM_WORLD_SIZE": "3", "SLURM_STEP_NUM_TASKS": "1"},
    ],
)
def test_a_launcher_without_its_mpi(variables, run_toml, monkeypatch):
    """Each of its processes would take itself for the whole job: one of them says so, nothing is written."""
    monkeypatch.setitem(__import__("sys").modules, "mpi4py", OneRank)
    launched(monkeypatch, **variables)
    _, err = go(run_toml, status=2)
    assert err.count("\n") == 1
    n = variables.get("OMPI_COMM_WORLD_SIZE", "2")
    assert err.startswith("cojump: Argument `mpiexec` must belong to the MPI library that mpi4py uses, but ")
    assert f"it started {n} ranks and mpi4py sees 1, with Some MPI 1.0" in err
    assert ("env -u SLURM_STEP_NUM_TASKS" in err) == (
        "OMPI_COMM_WORLD_SIZE" not in variables and "PMI_SIZE" not in variables
    )
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert go(run_toml, status=2) == ("", "")
    assert not (run_toml.parent / "results").exists()


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"SLURM_NTASKS": "8", "SLURM_PROCID": "0"},
        {"SLURM_STEP_NUM_TASKS": "1"},
        {"PMI_SIZE": "many"},
        {"PMI_SIZE": "1", "SLURM_STEP_NUM_TASKS": "2"},
    ],
)
def test_one_process_that_is_alone(variables, monkeypatch):
    """Control: a batch script, one task, an mpiexec for one rank inside of a step of two."""
    monkeypatch.setitem(__import__("sys").modules, "mpi4py", OneRank)
    launched(monkeypatch, **variables)
    assert mpi.world() is None


def test_simulate_with_a_world_of_one_rank_among_two(monkeypatch):
    from mpi4py import MPI

    launched(monkeypatch, PMI_SIZE="2")
    assert mpi.wrap(MPI.COMM_SELF.Dup()) is None
    assert MPI.COMM_WORLD.Get_size() == 1
    with pytest.raises(ArgumentError, match="its launcher started 2 ranks and it has 1"):
        mpi.wrap(MPI.COMM_WORLD)


def test_paths_of_locks_do_not_move(tmp_path, monkeypatch):
    """A function of the user's that changes the directory of work, at any moment."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text(RUN, encoding="utf-8")
    Watch(monkeypatch, 3, lambda: os.chdir("elsewhere"))
    go(Path(tmp_path / "run.toml"))
    assert finished(tmp_path / "results")
