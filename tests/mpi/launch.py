"""Start jobs with and without mpiexec, and never wait for one that hangs."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support import command_line
from tests.support.run_files import run_text

HERE = Path(__file__).parent
LIMIT = 60
"""Seconds after which a job counts as hanging; the longest here need a few on an idle machine."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_LAUNCHERS = ("PMI_", "PMIX_", "OMPI_", "MPI_", "HYDI_", "MPIR_")


@dataclass
class Job:
    """A job that has ended: its status, what it wrote, and how long it took."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def progress(self):
        """The lines of standard error that tell how far the job is."""
        return [line for line in self.err.splitlines() if re.match(r"cojump: \d+/\d+ trajectories", line)]

    @property
    def messages(self):
        """The other lines of standard error that cojump itself wrote."""
        lines = [line for line in self.err.splitlines() if line.startswith("cojump: ")]
        return [line for line in lines if line not in self.progress]

    def succeeded(self):
        assert self.status == 0, self.err
        return self


def environment(**extra):
    """As in a user's shell: no thread settings, no other launcher, the package under test first on the path."""
    here = command_line.environment()
    inherited = {k: v for k, v in here.items() if k not in _THREADS and not k.startswith(_LAUNCHERS)}
    more_ranks_than_cores = {
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    return {**inherited, **more_ranks_than_cores, **extra}


def command(ranks, *arguments):
    """The command line for a number of ranks; None is without mpiexec."""
    if ranks is None:
        return [str(a) for a in arguments]
    own = Path(sys.executable).with_name("mpiexec")
    launcher = str(own) if own.exists() else shutil.which("mpiexec")
    assert launcher, "these tests need an mpiexec"
    return [launcher, "-n", str(ranks), *(str(a) for a in arguments)]


def start(ranks, *arguments, **variables):
    """Start a job in a session of its own."""
    return subprocess.Popen(
        command(ranks, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
        start_new_session=True,
    )


def finish(process, limit=LIMIT):
    """Wait for a job; one that hangs is ended and fails the test."""
    began = time.monotonic()
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        end(process)
        raise AssertionError(f"the job still ran after {limit} s") from None
    return Job(process.returncode, out, err, time.monotonic() - began)


def end(process):
    """End a job that was started here, its ranks too: mpiexec passes SIGTERM on to them."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, sign)
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            continue
        return


def run(ranks, *arguments, limit=LIMIT, **variables):
    """Run a job to its end."""
    return finish(start(ranks, *arguments, **variables), limit)


def run_module(ranks, module, *arguments, **options):
    """Run a helper of this directory, ``tests.mpi.<module>``."""
    return run(ranks, sys.executable, "-m", f"tests.mpi.{module}", *arguments, **options)


def cojump_script():
    """The installed console script."""
    return Path(sysconfig.get_path("scripts")) / "cojump"


def run_cojump(ranks, *arguments, **options):
    """Run the command line."""
    return run(ranks, cojump_script(), *arguments, **options)


def write_run_file(directory, model, *, n_traj=12, chunk=2, keep=0, end=1.0):
    """Write a run file with this ``[model]`` section; its path."""
    path = directory / "run.toml"
    path.write_text(run_text(model, end=end, n_traj=n_traj, seed=7, chunk=chunk, keep=keep), encoding="utf-8")
    return path
