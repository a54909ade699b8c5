"""Result files with a right checksum and a wrong content: refused in one line, and nothing outside of them is read."""

from __future__ import annotations

import io
import json
import os
import threading
import time

import h5py
import numpy as np
import pytest

import cojump as cj
from cojump.errors import StorageError
from cojump.report.show import show_path
from cojump.storage.envelope import HEADER, SCHEMA, header_of
from cojump.storage.result_file import save_results
from tests.support.command_line import invoke
from tests.support.synthetic import make_result


def forged(path, change, result=None):
    """Write a sound file, change what is in it, and seal it again."""
    save_results(path, [result or make_result()])
    image = io.BytesIO(path.read_bytes())
    with h5py.File(image, "r+") as file:
        change(file)
    payload = image.getvalue()[HEADER:]
    path.write_bytes(header_of(SCHEMA, payload) + payload)
    return path


def refused(path):
    """The line with which a file is refused, soon and within little memory."""
    began = time.monotonic()
    with pytest.raises(StorageError) as caught:
        cj.load(path)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 500
    assert time.monotonic() - began < 5
    return line


POINT = "points/000000"


def soft_loop(file):
    del file[f"{POINT}/moments"]
    file[f"{POINT}/moments"] = h5py.SoftLink(f"/{POINT}")


def hard_loop(file):
    del file[f"{POINT}/extras"]
    file[f"{POINT}/extras"] = file["points"]


def same_twice(file):
    for i in range(1, 2000):
        file[f"points/{i:06d}"] = file[POINT]


def deep_json(file):
    file[POINT].attrs["parameters"] = "[" * 30_000 + "]" * 30_000


def long_integer(file):
    file[POINT].attrs["parameters"] = '{"size": ' + "9" * 5000 + "}"


def declared_size(file):
    del file[f"{POINT}/moments/comoment"]
    file[f"{POINT}/moments"].create_dataset("comoment", shape=(10**9, 10**6), dtype="f8", chunks=(1, 1000))


def declared_contiguous(file):
    del file[f"{POINT}/times"]
    file[POINT].create_dataset("times", shape=(10**11,), dtype="f8")


def bomb(file):
    del file[f"{POINT}/trajectories"]
    file[POINT].create_dataset("trajectories", data=np.ones((300, 9, 3000)), compression="gzip")


def zeros_beyond_memory(file):
    for name in ("times", "weights", "reference", "trajectories"):
        del file[f"{POINT}/{name}"]
        made = file[POINT].create_dataset(name, shape=(10**13,), dtype="f8", chunks=(10**5,), compression="gzip")
        made[: 10**6] = 0


def two_filters(file):
    del file[f"{POINT}/times"]
    file[POINT].create_dataset("times", data=np.zeros(9), shuffle=True, compression="lzf")


def references(file):
    del file[f"{POINT}/times"]
    file[POINT].create_dataset("times", data=np.array([file.ref] * 9, dtype=h5py.ref_dtype))


def huge_chunks(file):
    del file[f"{POINT}/times"]
    file[POINT].create_dataset("times", shape=(9,), maxshape=(None,), dtype="f8", chunks=(5 * 10**8,))


def many_texts(file):
    del file[f"{POINT}/labels"]
    file[POINT].create_dataset("labels", shape=(10**9,), dtype=h5py.string_dtype(), chunks=(1000,))


def group_for_dataset(file):
    del file[f"{POINT}/labels"]
    file[POINT].create_group("labels")


def dataset_for_group(file):
    del file[f"{POINT}/moments"]
    file[f"{POINT}/moments"] = np.zeros(3)


def numbers_for_text(file):
    del file["run_file"]
    file["run_file"] = np.zeros(3)


def named_type(file):
    del file[f"{POINT}/times"]
    file[f"{POINT}/times"] = np.dtype("f8")


def pairs_outside(file):
    extras = file[f"{POINT}/extras"].create_group("0")
    extras.attrs.update(name="observables", count=3)
    extras["labels"] = np.array(["a"], dtype=h5py.string_dtype())
    for name in ("times", "reference", "mean", "comoment"):
        extras[name] = np.zeros((9, 1)) if name != "times" else np.zeros(9)
    extras["pairs"] = np.array([[7], [7]])


@pytest.mark.parametrize(
    "change",
    [
        soft_loop,
        hard_loop,
        same_twice,
        deep_json,
        long_integer,
        declared_size,
        declared_contiguous,
        bomb,
        zeros_beyond_memory,
        two_filters,
        references,
        huge_chunks,
        many_texts,
        group_for_dataset,
        dataset_for_group,
        numbers_for_text,
        named_type,
        pairs_outside,
    ],
)
def test_a_forged_content_is_refused(tmp_path, change):
    assert "has not the content of a cojump result file" in refused(forged(tmp_path / "a.h5", change))


def test_other_files_are_not_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(np.linspace(0, 4, 9).tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["times"] = np.linspace(0, 4, 9)

    def external_link(file):
        del file[f"{POINT}/times"]
        file[f"{POINT}/times"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/times")

    def external_storage(file):
        del file[f"{POINT}/times"]
        file[POINT].create_dataset("times", shape=(9,), dtype="f8", external=[(str(secret), 0, 72)])

    def virtual(file):
        del file[f"{POINT}/times"]
        layout = h5py.VirtualLayout(shape=(9,), dtype="f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "times", shape=(9,))
        file[POINT].create_virtual_dataset("times", layout)

    assert "times is a link" in refused(forged(tmp_path / "a.h5", external_link))
    for n, change in enumerate((external_storage, virtual)):
        assert "times is stored in another file" in refused(forged(tmp_path / f"b{n}.h5", change))


def test_what_is_sound_is_still_read(tmp_path):
    result = make_result()
    loaded = cj.load(forged(tmp_path / "a.h5", lambda file: None, result))
    assert np.array_equal(loaded[0].mean, result.mean)


def test_control_characters_do_not_reach_the_terminal(tmp_path):
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"

    def change(file):
        file.attrs["cojump_version"] = evil
        file.attrs["created"] = evil
        file["sources"][()] = json.dumps({evil: "x"})
        file["run_file"][()] = "x"
        file[POINT].attrs["theory_refusal"] = evil

    parameters = {"size": 50, evil: evil, "list": [evil]}
    path = forged(tmp_path / "a.h5", change, make_result(blocks=(evil.replace(".", ""),), parameters=parameters))
    for command in ("show", "report"):
        for text in invoke(command, path):
            assert all(line.isprintable() for line in text.splitlines()), (command, text)
            assert text.splitlines() == text.removesuffix("\n").split("\n") or not text
    assert repr(cj.load(path)).isprintable()


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "huge.h5"
    with open(path, "wb") as stream:
        stream.truncate(100 * 2**30)
    assert "is not a cojump result file" in refused(path)
    head = header_of(SCHEMA, b"")
    with open(path, "r+b") as stream:  # a header that says how long it is
        stream.write(head.replace(b"bytes 0\n", b"bytes %d\n" % (100 * 2**30 - HEADER))[:HEADER])
    assert "do not fit in memory" in refused(path)


def test_a_pipe_and_a_device_are_no_files(tmp_path):
    pipe = tmp_path / "pipe.h5"
    os.mkfifo(pipe)
    lines = []
    thread = threading.Thread(target=lambda: lines.append(refused(pipe)), daemon=True)
    thread.start()
    thread.join(5)
    assert lines == [f"cannot read {pipe}: it is a pipe, not a file"]
    assert "it is a device or a socket, not a file" in refused("/dev/zero")
    for command in ("show", "run", "report"):
        line = invoke(command, pipe, status=2)[1]
        assert line.startswith("cojump: ")
        assert "it is a pipe, not a file" in line


@pytest.mark.parametrize("name", ["checkpoint/status.json", "failures.json", ".lock"])
def test_a_pipe_in_the_directory_of_a_run_is_not_waited_for(tmp_path, name):
    save_results(tmp_path / "result.h5", [make_result()])
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    os.mkfifo(place)
    thread = threading.Thread(target=lambda: show_path(tmp_path, io.StringIO()), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def rewritten(name, change):
    """A change of the JSON of what is stored of final states."""

    def apply(file):
        group = file[f"{POINT}/final"]
        content = json.loads(group[name].asstr()[()])
        made = change(content)
        del group[name]
        group[name] = json.dumps(content if made is None else made)

    return apply


def scaled(file):
    file[f"{POINT}/final/amplitudes"][...] *= 2


def cut(file):
    amplitudes = file[f"{POINT}/final/amplitudes"][:-1]
    del file[f"{POINT}/final/amplitudes"]
    file[f"{POINT}/final/amplitudes"] = amplitudes


FINAL = {
    "twice as large": (scaled, "the norm 2"),
    "cut": (cut, "are missing"),
    "one less": (rewritten("layout", lambda layout: layout["states"].pop() and None), "more amplitudes"),
    "frame": (rewritten("layout", lambda layout: layout["frames"][0].__setitem__(0, 3.0)), "not unitary"),
    "sector": (rewritten("layout", lambda layout: layout["states"][0][0][2].__setitem__(0, 3)), "in the sector 3"),
    "window": (
        rewritten(
            "layout",
            lambda layout: [w.__setitem__(slice(2), [7, 7 + w[1] - w[0]]) for w in layout["states"][0][0][3]] and None,
        ),
        "the window 7 to",
    ),
    "block": (rewritten("layout", lambda layout: layout["states"][0][0][0].__setitem__(0, 9)), "fit together"),
    "no block": (rewritten("rest", lambda rest: {**rest, "content": 3}), "final states have no blocks"),
    "no layout": (rewritten("layout", lambda layout: [1, 2]), "cojump result file"),
}


@pytest.mark.parametrize("case", FINAL)
def test_final_states_that_are_none(case, tmp_path):
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 0.5], n_traj=3, keep=3, seed=1)
    change, message = FINAL[case]
    assert message in refused(forged(tmp_path / "r.h5", change, result))


def with_json(path, change):
    """A change of a JSON text in the file, or a text in its place."""

    def apply(file):
        content = json.loads(file[f"{POINT}/{path}"].asstr()[()])
        made = change(content)
        del file[f"{POINT}/{path}"]
        file[f"{POINT}/{path}"] = made if isinstance(made, str) else json.dumps(made)

    return apply


def stop_later(file):
    file[f"{POINT}/run"].attrs["stop"] = 4


def no_last(file):
    del file[f"{POINT}/run/last/0/mean"]


def short_before(file):
    mean = file[f"{POINT}/run/before/0/mean"][:1]
    del file[f"{POINT}/run/before/0/mean"]
    file[f"{POINT}/run/before/0/mean"] = mean


CONTINUED = {
    "seeds do not add up": (with_json("seeds", lambda seeds: [["1", 3]]), "its seeds do not make 6 trajectories"),
    "one seed twice": (with_json("seeds", lambda seeds: [["1", 3], ["1", 3]]), "its seeds do not make"),
    "negative": (with_json("seeds", lambda seeds: [["1", 7], ["2", -1]]), "its seeds do not make"),
    "no seeds": (with_json("seeds", lambda seeds: [1, 2]), "cojump result file"),
    "deep seeds": (with_json("seeds", lambda seeds: "[" * 10**5), "cojump result file"),
    "no facts": (with_json("run/identity", lambda facts: [1]), "what says which run it is of is no table"),
    "rest elsewhere": (stop_later, "its last chunk, 2 to 4, does not fit 3 trajectories"),
    "no last": (no_last, "cojump result file"),
    "short": (short_before, "moments of shape"),
}


@pytest.mark.parametrize("case", CONTINUED)
def test_what_going_on_needs_is_checked(case, tmp_path):
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    state = cj.tilted(model, 1.1, 0.4)
    parts = [cj.simulate(model, state, [0.0, 0.5], n_traj=3, seed=seed, chunk=2) for seed in (1, 2)]
    change, message = CONTINUED[case]
    result = cj.merge(parts) if "seed" in case or case == "negative" else parts[0]
    assert message in refused(forged(tmp_path / "r.h5", change, result))


@pytest.mark.parametrize(
    "change", [lambda f: {key: {} for key in f}, lambda f: {**f, "times": {"shape": [2]}}, lambda f: {}]
)
def test_facts_of_no_run_make_no_result_of_it(change, tmp_path):
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    call = {"model": model, "state": cj.tilted(model, 1.1, 0.4), "times": [0.0, 0.5]}
    part = cj.simulate(**call, n_traj=3, seed=1, chunk=2)
    (loaded,) = cj.load(forged(tmp_path / "r.h5", with_json("run/identity", change), part))
    for use in (
        lambda: cj.simulate(**call, n_traj=4, seed=1, chunk=2, extend=loaded),
        lambda: cj.merge([part, loaded]),
    ):
        with pytest.raises(cj.ArgumentError) as caught:
            use()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500
