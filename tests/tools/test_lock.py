"""One job at a time: also after a crash, from another host, with a wrong clock, without locks of the system."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cojump.errors import StorageError
from cojump.tools import lock
from cojump.tools.lock import Lock, held
from tests.support.command_line import environment


def refusal(directory: Path, **options) -> str:
    with pytest.raises(StorageError) as caught:
        Lock(directory, patience=0.1, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def holder(directory: Path) -> subprocess.Popen:
    """Another process that holds the lock."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom cojump.tools.lock import Lock\n"
        "lock = Lock(Path(sys.argv[1]))\nprint('held', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(directory)], stdout=subprocess.PIPE, text=True, env=environment()
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_refused_until_the_first_is_done(tmp_path):
    first = Lock(tmp_path)
    assert held(tmp_path)
    message = refusal(tmp_path)
    assert message == f"another job is running in {tmp_path}: process {os.getpid()} on {os.uname().nodename}"
    first.release()
    assert not held(tmp_path)
    assert os.listdir(tmp_path) == []
    second = Lock(tmp_path)
    second.release()


def test_a_killed_holder_leaves_no_lock(tmp_path, monkeypatch):
    process = holder(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert f"process {process.pid} on " in refusal(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not held(tmp_path)
    mine = Lock(tmp_path)
    assert refusal(tmp_path).endswith("(Slurm job 17)")
    mine.release()


def test_a_job_that_is_just_ending_is_waited_for(tmp_path):
    process = holder(tmp_path)
    os.kill(process.pid, signal.SIGSTOP)
    killer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {process.pid}"])
    Lock(tmp_path, patience=10).release()
    killer.wait()
    process.wait()
    process.stdout.close()


def test_a_lock_file_removed_by_hand_does_not_let_two_in(tmp_path):
    """The file is gone: the second job makes a new one. The first, on release, leaves that alone."""
    first = Lock(tmp_path)
    (tmp_path / lock.NAME).unlink()
    second = Lock(tmp_path)
    first.release()
    assert refusal(tmp_path)
    second.release()


@pytest.fixture
def no_kernel(monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(lock.fcntl, "flock", unsupported)


def write_lock(directory: Path, **facts) -> Path:
    path = directory / lock.NAME
    base = {"host": os.uname().nodename, "boot": lock._boot(), "pid": os.getpid(), "job": "", "beat": 3}
    path.write_text(json.dumps({**base, **facts}))
    return path


@pytest.mark.usefixtures("no_kernel")
def test_without_locks_of_the_system_the_holder_counts(tmp_path):
    first = Lock(tmp_path, beat=0.05)
    message = refusal(tmp_path, beat=0.05)
    assert message.startswith(f"another job is running in {tmp_path}: process ")
    first.release()
    Lock(tmp_path, beat=0.05).release()
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize("facts", [{"pid": 2**22 + 5}, {"host": "gone"}, {"boot": "before", "pid": 1}])
def test_a_lock_that_stands_still_belongs_to_a_dead_job(facts, tmp_path):
    path = write_lock(tmp_path, **facts)
    os.utime(path, (time.time() + 1e6,) * 2)  # made in the future: no clock is asked
    Lock(tmp_path, beat=0.05).release()


@pytest.mark.usefixtures("no_kernel")
def test_a_lock_of_another_host_that_counts_is_alive(tmp_path):
    path = write_lock(tmp_path, host="elsewhere", pid=4)
    code = (
        "import json, sys, time\np = sys.argv[1]\nf = json.load(open(p))\n"
        "while True:\n    f['beat'] += 1\n    open(p, 'r+').write(json.dumps(f))\n    time.sleep(0.02)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)])
    try:
        time.sleep(0.3)
        assert refusal(tmp_path, beat=0.5).endswith("process 4 on elsewhere")
    finally:
        process.kill()
        process.wait()


def test_a_place_that_cannot_be_locked(tmp_path):
    message = refusal(tmp_path / "nowhere")
    assert message == f"cannot write {tmp_path / 'nowhere' / lock.NAME}: No such file or directory"
    assert not held(tmp_path / "nowhere")
