"""What stands beside results: what cannot be removed, what does not count, what must not be overwritten."""

from __future__ import annotations

import errno
import os
import signal
import stat
from pathlib import Path

import pytest

import cojump as cj
from cojump.errors import StorageError
from cojump.storage.result_file import load
from cojump.tools import lock, whole_files
from tests.mpi import digests
from tests.support import hooks
from tests.support.command_line import invoke
from tests.support.interrupted import Watch, change, finished, go, hit, never_folded
from tests.support.longer import few


def stuck(monkeypatch, matching):
    """Files that cannot be removed, as those that another machine has open on NFS."""

    def hear(event, arguments):
        if event == "os.remove" and matching(Path(arguments[0])):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    hooks.listen(monkeypatch, hear)


@pytest.mark.parametrize(
    "what",
    few(
        ["nfs", "directory", "shard directory", "status.json", "manifest.h5", "shard"],
        "nfs",
    ),
)
def test_what_cannot_be_removed_is_no_failure(what, run_toml, expected, monkeypatch):
    results = never_folded(run_toml, monkeypatch, 30)
    place = results / "checkpoint"
    with monkeypatch.context() as patch:
        if what == "nfs":
            (place / ".nfs0000beef").write_bytes(b"x")
            stuck(patch, lambda p: p.name.startswith(".nfs"))
        elif what.endswith("directory"):
            (place / ("notes" if what == "directory" else "x.shard")).mkdir()
        else:
            stuck(patch, lambda p: p.name.endswith(what))
        for call in range(3):
            watch = Watch(patch)
            out, err = go(run_toml)
            assert ("2 points in" in out) if call == 0 else out.startswith("cojump: complete, 2 points in ")
            assert bool(watch.indices) == (call == 0), "nothing is run twice"
            if call == 0:
                assert "cojump: warning: cannot remove " in err
            assert all(line.startswith("cojump: ") for line in err.splitlines())
            assert "unfinished" not in invoke("show", results)[0]
        if what == "manifest.h5":
            report, err = invoke("report", results)
            assert "not complete" not in err
            assert "unfinished" not in report
        assert digests.of_file(results / "result.h5") == expected
        change(run_toml, ("n_traj = 22", "n_traj = 24"))
        go(run_toml)
        assert [r.n_traj for r in load(results)] == [24, 24]


def test_a_complete_run_that_nobody_can_write_into(run_toml, monkeypatch):
    go(run_toml)
    results = run_toml.parent / "results"
    (results / "checkpoint").mkdir()

    def read_only(event, arguments):
        if hooks.changes_file(event, arguments, results):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    hooks.listen(monkeypatch, read_only)
    out, err = go(run_toml)
    assert out.startswith("cojump: complete, 2 points in ")
    assert err.startswith(f"cojump: warning: cannot write into {results}: Read-only file system; ")


def test_a_missing_manifest(run_toml, expected, monkeypatch):
    """The chunks beside it cannot be told from another run's: they are kept, and count again with it."""
    results = never_folded(run_toml, monkeypatch, 30)
    manifest = results / "checkpoint" / "manifest.h5"
    content = manifest.read_bytes()
    manifest.unlink()
    shards = {p.name: p.read_bytes() for p in (results / "checkpoint").glob("*.shard")}
    with monkeypatch.context() as patch:
        watch = Watch(patch, 2, hit(signal.SIGTERM))
        _, err = go(run_toml, status=75)
    aside = results / "checkpoint.aside"
    assert err.splitlines()[0] == (
        f"cojump: warning: {manifest} is missing: the {len(shards)} files of chunks beside it do not count, their "
        f"trajectories are run again; they are kept in {aside}"
    )
    assert {p.name: p.read_bytes() for p in aside.iterdir()} == shards
    go(run_toml)
    assert {p.name: p.read_bytes() for p in aside.iterdir()} == shards, "to the end and after it"
    assert digests.of_file(results / "result.h5") == expected
    (results / "result.h5").unlink()
    aside.rename(results / "checkpoint")
    manifest.write_bytes(content)
    watch = Watch(monkeypatch)
    go(run_toml)
    assert len(watch.indices) in (13, 14)
    assert digests.of_file(results / "result.h5") == expected


@pytest.mark.parametrize(
    "what",
    few(
        ["nothing", "header", "record", "another run", "another program", "last bit"],
        "record",
        "another run",
        "last bit",
    ),
)
def test_a_file_of_chunks_that_does_not_count_is_said(what, run_toml, expected, monkeypatch):
    """And kept, unless there is nothing in it."""
    results = never_folded(run_toml, monkeypatch, 30)
    shard = min((results / "checkpoint").glob("*.shard"), key=lambda p: -p.stat().st_size)
    data = shard.read_bytes()
    other = {
        "nothing": b"",
        "header": data[:15],
        "record": data[:200],
        "another run": shard_of_another_run(run_toml, monkeypatch) if what == "another run" else b"",
        "another program": b"mine" * 100,
        "last bit": data[:-1] + bytes([data[-1] ^ 1]),
    }[what]
    if what in ("another run", "another program"):
        shard = shard.with_name(f"x{shard.name}")
    shard.write_bytes(other)
    _, err = go(run_toml)
    line = {
        "nothing": f"warning: {shard} is cut off; what is missing there is run again",
        "header": f"warning: {shard} holds no record",
        "record": f"warning: {shard} is cut off; what is missing there is run again",
        "another run": f"warning: {shard} is not of this run, does not count and is kept",
        "another program": f"warning: {shard} is not of this run, does not count and is kept",
        "last bit": f"damaged records in {results / 'checkpoint'} (1) do not count; their trajectories are run again",
    }[what]
    assert f"cojump: {line}" in err.splitlines()
    kept = results / "checkpoint.aside" / shard.name
    assert (kept.read_bytes() == other) if what not in ("nothing", "header", "record") else not kept.exists()
    assert digests.of_file(results / "result.h5") == expected


def shard_of_another_run(path, monkeypatch):
    """The same model with another seed."""
    other = path.parent / "other"
    other.mkdir()
    (other / "run.toml").write_text(path.read_text().replace("seed = 7", "seed = 8"), encoding="utf-8")
    results = never_folded(other / "run.toml", monkeypatch, 30)
    return min((results / "checkpoint").glob("*.shard"), key=lambda p: -p.stat().st_size).read_bytes()


def test_chunks_of_a_point_that_cannot_be_built_today_stay(run_toml, expected, monkeypatch):
    """A module that is not installed on this machine, a limit of memory: the point may run again tomorrow."""
    results = never_folded(run_toml, monkeypatch, 30)
    with monkeypatch.context() as patch:
        from cojump.jobs import points

        real = points.point_of

        def one_fails(run_file, spec):
            if spec.parameters["size"] == 6:
                raise StorageError("no such module here")
            return real(run_file, spec)

        patch.setattr(points, "point_of", one_fails)
        go(run_toml, status=3)
        go(run_toml, status=3)
    assert (results / "checkpoint" / "manifest.h5").exists()
    watch = Watch(monkeypatch)
    go(run_toml)
    assert watch.indices == [], "all of it was there"
    assert digests.of_file(results / "result.h5") == expected
    assert finished(results)


@pytest.mark.parametrize("what", ["run file", "text", "result", "damaged", "link", "nowhere", "fifo"])
def test_fold_writes_a_new_file_only(what, run_toml, monkeypatch):
    results, place = never_folded(run_toml, monkeypatch, 30), run_toml.parent / "now.h5"
    if what == "run file":
        place = run_toml
    elif what == "fifo":
        os.mkfifo(place)
    elif what in ("link", "nowhere"):
        place.symlink_to(run_toml if what == "link" else "nothing")
    elif what in ("result", "damaged"):
        invoke("fold", results, "-o", place)
        place.write_bytes(place.read_bytes()[: None if what == "result" else -9])
    else:
        place.write_text("mine", encoding="utf-8")
    kind, text = os.lstat(place).st_mode, run_toml.read_text()
    _, err = invoke("fold", results, "-o", place, status=2)
    assert err == f"cojump: cannot write {place}: it exists already; choose another name, or remove that file first\n"
    assert os.lstat(place).st_mode == kind
    assert run_toml.read_text() == text


def test_fold_onto_the_results_of_the_run_needs_its_lock(run_toml, expected, monkeypatch):
    """The same file by another name too; and the result file of another run is none of its business."""
    monkeypatch.setattr("cojump.jobs.directory.Lock.__init__.__defaults__", (0.1, 5.0))
    results, messages = run_toml.parent / "results", []
    alias = run_toml.parent / "alias"
    alias.symlink_to(results)
    other = run_toml.parent / "other"

    def look():
        for place in (results, alias):
            messages.append(invoke("fold", results, "-o", place / "result.h5", status=2)[1])
        go(run_toml, status=0, output=other)

    with monkeypatch.context() as patch:
        Watch(patch, 23, look)
        go(run_toml)
    assert all(m.startswith("cojump: another job is running in ") for m in messages)
    assert digests.of_file(results / "result.h5") == expected
    (other / "result.h5").unlink()
    change(run_toml, ("n_traj = 22", "n_traj = 40"))
    never_folded(run_toml, monkeypatch, 4)
    (other / "checkpoint").mkdir()
    (other / "checkpoint" / "manifest.h5").write_bytes(b"")
    _, err = invoke("fold", results, "-o", other / "result.h5", status=2)
    assert err == f"cojump: cannot write {other}/result.h5: it is the result file of another run\n"
    _, err = invoke("fold", results, "-o", other / "checkpoint" / "x.h5", status=2)
    assert "a run keeps its own files there" in err
    out, _ = invoke("fold", results, "-o", results / "result.h5")
    assert f" in {results}/result.h5" in out


def test_a_new_file_is_new_even_if_two_make_it_at_once(tmp_path, monkeypatch):
    place = tmp_path / "x"

    def beaten(event, arguments):
        if event == "os.link":  # it is the last step: the file has been seen to be new before
            place.write_text("of the other one")

    hooks.listen(monkeypatch, beaten)
    with pytest.raises(StorageError, match=r"cannot write .*x: it exists already"):
        whole_files.replace_file(place, b"mine", new=True)
    assert place.read_text() == "of the other one"
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(whole_files.os, "link", none)
    whole_files.replace_file(tmp_path / "x", b"mine", new=True)
    assert (tmp_path / "x").read_bytes() == b"mine"
    with pytest.raises(StorageError, match="it exists already"):
        whole_files.replace_file(tmp_path / "x", b"mine", new=True)


def test_figures_replace_figures_only(run_toml):
    go(run_toml)
    results = run_toml.parent / "results"
    figure = results / "averages.png"
    figure.write_text("my notes", encoding="utf-8")
    _, err = invoke("report", results, status=2, drawn=True)
    assert err == f"cojump: cannot write {figure}: it exists already, with other content\n"
    assert figure.read_text() == "my notes"


def test_what_is_replaced_is_a_file_of_the_same_kind(tmp_path):
    place, pipe = tmp_path / "x", tmp_path / "pipe"
    for content in (b"", b"%PDF-1", b"%PDF-2"):
        whole_files.replace_file(place, b"%PDF-1.4", like=4)
        place.write_bytes(content)
    whole_files.replace_file(place, b"%PDF-1.4", like=4)
    os.mkfifo(pipe)
    for target in (pipe, tmp_path):
        before = os.lstat(target).st_mode
        with pytest.raises(StorageError, match="it is a d"):
            whole_files.replace_file(target, b"%PDF-1.4", like=4)
        assert os.lstat(target).st_mode == before
    assert stat.S_ISFIFO(os.lstat(pipe).st_mode)


@pytest.mark.parametrize("what", ["text", "link"])
def test_a_lock_of_another_program_is_left_alone(what, run_toml):
    results = run_toml.parent / "results"
    results.mkdir()
    place = results / lock.NAME
    if what == "text":
        place.write_text("apt", encoding="utf-8")
    else:
        place.symlink_to(run_toml)
    before = run_toml.read_text()
    _, err = go(run_toml, status=2)
    assert err.startswith(f"cojump: cannot write {place}: ")
    assert os.path.lexists(place)
    assert run_toml.read_text() == before


def test_files_of_killed_processes_go(run_toml, expected, monkeypatch):
    """While the directory is tried out, and while any of the run's own files is written."""
    results = run_toml.parent / "results"
    for kind in ("os.remove", "os.rename"):

        def hear(event, arguments, kind=kind):
            if event == kind and str(arguments[0]).startswith(str(results)):
                hooks.gone()

        with monkeypatch.context() as patch:
            hooks.listen(patch, hear)
            assert hooks.in_a_child(lambda: go(run_toml))
    assert [p for p in results.rglob("*") if p.name.endswith(".part")]
    for name in (".lock.17.part", ".failures.json.17-ab.part", ".result.h5.17-ab.part"):
        (results / name).touch()
    go(run_toml)
    assert finished(results)
    assert digests.of_file(results / "result.h5") == expected


def test_a_result_is_saved_beside_a_run_not_into_it(run_toml, monkeypatch):
    """What a run would take for its own is refused, be it there already or not."""
    results = never_folded(run_toml, monkeypatch, 30)
    model = cj.systems.free_flips(2, 0.7, 1.3, 0.8)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 0.5], n_traj=2)
    before = {p: p.read_bytes() for p in results.rglob("*") if p.is_file()}
    for name in (".lock", "failures.json", "checkpoint/x.h5", "checkpoint.aside", "result.h5"):
        with pytest.raises(StorageError, match=r"a run keeps its own files there|the result file of another run"):
            result.save(results / name)
    assert {p: p.read_bytes() for p in results.rglob("*") if p.is_file()} == before
    result.save(results / "mine.h5")


@pytest.mark.parametrize("command", ["run", "report", "fold", "show"])
def test_a_directory_in_place_of_a_file_is_named(command, run_toml, monkeypatch):
    manifest = never_folded(run_toml, monkeypatch, 30) / "checkpoint" / "manifest.h5"
    manifest.unlink()
    manifest.mkdir()
    text = f"cannot read {manifest}: Is a directory"
    if command == "show":
        assert text in "".join(invoke("show", run_toml.parent / "results"))
    else:
        where = run_toml if command == "run" else run_toml.parent / "results"
        assert text in invoke(command, where, status=2)[1]
