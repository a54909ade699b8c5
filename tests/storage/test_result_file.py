"""The result file: bit-exact, self-describing, and refused as soon as a single bit of it is wrong."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import cojump
from cojump.errors import ArgumentError, StorageError
from cojump.measure.averages import Layout
from cojump.measure.moments import Moments
from cojump.results.result import Result, Theory
from cojump.storage import envelope
from cojump.storage.result_file import load, save_results
from cojump.tools import whole_files
from tests.support.synthetic import make_result

RUN_TEXT = '[model]\nsystem = "constrained"  # γ\n'


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "result.h5"
    expected = Theory(np.arange(81.0).reshape(9, 3, 3), np.arange(27.0).reshape(9, 3), np.arange(9.0), np.empty((9, 0)))
    results = [
        replace(make_result(50), theory=expected),
        replace(make_result(200, keep=0), theory_refusal="Γ has a kink"),
        make_result(800, n_traj=1),
    ]
    save_results(path, results, run_file=RUN_TEXT, sources={"mine.py": "x = 1\n"})
    return path, results


@pytest.fixture
def small(tmp_path):
    """A file with one result, which is read again and again."""
    path = tmp_path / "small.h5"
    save_results(path, [make_result(50, n_times=2, keep=1)])
    return path


def assert_same(first: Result, second: Result) -> None:
    """Equal in every bit, NaN payloads and signs of zero included."""
    for name in ("times", "weights", "reference", "trajectories"):
        one, two = getattr(first, name), getattr(second, name)
        assert one.shape == two.shape
        assert one.tobytes() == two.tobytes()
    assert first.moments.count == second.moments.count
    assert first.moments.mean.tobytes() == second.moments.mean.tobytes()
    assert first.moments.comoment.tobytes() == second.moments.comoment.tobytes()
    assert np.array_equal(first.moments.pairs, second.moments.pairs)
    for name in ("labels", "n_particles", "seed", "tolerance", "n_jumps"):
        assert getattr(first, name) == getattr(second, name)
        assert type(getattr(first, name)) is type(getattr(second, name))
    assert dict(first.parameters) == dict(second.parameters)
    assert (first.theory is None) == (second.theory is None)
    assert first.theory_refusal == second.theory_refusal
    if first.theory is not None and second.theory is not None:
        for name in ("covariance", "correction", "deviation", "order_correction"):
            assert np.array_equal(getattr(first.theory, name), getattr(second.theory, name))


def refusal(path) -> str:
    """The line with which a file is refused."""
    with pytest.raises(StorageError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_round_trip(saved):
    path, results = saved
    loaded = cojump.load(path)
    assert len(loaded) == 3
    for before, after in zip(results, loaded, strict=True):
        assert_same(before, after)
        np.testing.assert_array_equal(before.covariance_stderr, after.covariance_stderr)
    assert loaded.origin.run_file == RUN_TEXT
    assert loaded.origin.sources == {"mine.py": "x = 1\n"}
    assert loaded.origin.version == cojump.__version__
    assert loaded.origin.schema == envelope.SCHEMA
    assert loaded.origin.created.endswith("+00:00")


def test_a_directory_is_its_result_file(saved):
    path, _ = saved
    assert len(load(path.parent)) == 3


doubles = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(0, 2),
    st.integers(0, 2**70),
    st.dictionaries(st.text(max_size=8), st.one_of(st.integers(), st.text(max_size=8), st.floats(-1, 1))),
    st.data(),
)
def test_any_result_comes_back_bit_for_bit(tmp_path, blocks, T, keep, seed, parameters, data):
    A = 3 * blocks
    layout = Layout(A)

    def draw(*shape):
        return data.draw(arrays(np.float64, shape, elements=doubles, fill=doubles))

    result = Result(
        times=draw(T),
        labels=tuple(f"σ{b}.{axis}" for b in range(blocks) for axis in "xyz"),
        n_particles=17,
        weights=draw(A),
        reference=draw(T, A),
        moments=Moments(layout.pairs, 5, draw(T, layout.width), draw(T, layout.pairs.shape[1])),
        trajectories=draw(keep, T, A),
        seed=seed,
        tolerance=0.1 + 0.2,
        n_jumps=2**40,
        parameters=parameters,
    )
    path = tmp_path / "any.h5"
    save_results(path, [result], overwrite=True)
    assert_same(load(path)[0], result)


def test_a_result_saves_itself_once(tmp_path):
    result, path = make_result(), tmp_path / "one.h5"
    result.save(str(path))
    assert_same(load(path)[0], result)
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"^cannot write .*one.h5: it exists already; choose another name, or rem"):
        result.save(str(path))
    assert path.read_bytes() == before


def test_select(saved):
    loaded = load(saved[0])
    (one,) = loaded.select(size=200)
    assert one.n_particles == 200
    assert loaded.select(size=200).origin is loaded.origin
    assert [r.n_particles for r in loaded[1:]] == [200, 800]
    with pytest.raises(ArgumentError) as caught:
        loaded.select(size=100)
    assert str(caught.value) == "Argument `size` must be one of 50, 200, 800, but it is 100"
    with pytest.raises(ArgumentError) as caught:
        loaded.select(beta=1.0)
    assert str(caught.value) == "Argument `beta` must be a parameter of the results: size, but it is not"
    assert repr(loaded) == "<3 results: size = 50, size = 200, size = 800>"


def test_other_programs_can_read_it(saved):
    """The header is an ordinary HDF5 user block, and the checksums of the data sets are on."""
    with h5py.File(saved[0], "r") as file:
        assert file.userblock_size == 512
        assert file["run_file"].asstr()[()] == RUN_TEXT
        point = file["points/000001"]
        assert json.loads(point.attrs["parameters"]) == {"size": 200}
        assert point["moments/mean"].fletcher32
        assert point["reference"].shape == (9, 3)


def test_numpy_values_among_the_parameters(tmp_path):
    result = make_result(parameters={"size": np.int64(3), "beta": np.float64(0.1), "list": np.arange(2)})
    save_results(tmp_path / "a.h5", [result])
    assert load(tmp_path / "a.h5")[0].parameters == {"size": 3, "beta": 0.1, "list": [0, 1]}


def test_long_texts_fit(tmp_path):
    text = "# " + "x" * 200_000
    save_results(tmp_path / "a.h5", [make_result()], run_file=text)
    assert load(tmp_path / "a.h5").origin.run_file == text


def test_truncated_anywhere_it_is_refused(small, capfd):
    path = small
    data = path.read_bytes()
    lengths = {*range(0, 600, 7), *np.linspace(0, len(data) - 1, 150).astype(int).tolist(), len(data) - 1}
    for length in sorted(lengths):
        path.write_bytes(data[:length])
        message = refusal(path)
    assert message == f"{path} is cut short: it has {len(data) - 1} bytes instead of {len(data)}"
    path.write_bytes(b"")
    assert refusal(path) == f"{path} is empty, not a cojump result file"
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_any_flipped_bit_is_found(small):
    path = small
    data = path.read_bytes()
    offsets = {*range(540), *np.random.default_rng(3).integers(0, len(data), 400).tolist()}
    for offset in sorted(offsets):
        wrong = bytearray(data)
        wrong[offset] ^= 1 << offset % 8
        path.write_bytes(wrong)
        refusal(path)
    assert refusal(path) == f"{path} is damaged: its content does not match its checksum"
    path.write_bytes(data + b"\0")
    assert refusal(path) == f"{path} is damaged: it has {len(data) + 1} bytes instead of {len(data)}"
    path.write_bytes(data)
    assert len(load(path)) == 1


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "result.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    assert refusal(path) == f"{path} is not a cojump result file"
    path.write_text("hello", encoding="utf-8")
    assert refusal(path) == f"{path} is not a cojump result file"
    nowhere = tmp_path / "nowhere"
    message = refusal(nowhere)
    assert message == f"cannot read {nowhere}: No such file or directory"
    path.unlink()
    assert refusal(tmp_path) == f"cannot read {path}: No such file or directory"


def test_a_newer_schema_is_refused(saved):
    path, _ = saved
    payload = path.read_bytes()[512:]
    path.write_bytes(envelope.header_of(envelope.SCHEMA + 1, payload) + payload)
    message = refusal(path)
    newer = f"it has schema {envelope.SCHEMA + 1}, this cojump {cojump.__version__} reads up to {envelope.SCHEMA}"
    assert message == f"{path} was written by a newer cojump: {newer}"


def test_a_sound_file_of_another_kind_is_refused(tmp_path):
    """The checksum fits but the content is not what this schema promises."""
    path = tmp_path / "odd.h5"
    save_results(path, [make_result()])
    image = path.read_bytes()
    (tmp_path / "work.h5").write_bytes(image)
    with h5py.File(tmp_path / "work.h5", "r+") as file:
        del file["points/000000/moments/mean"]
    payload = (tmp_path / "work.h5").read_bytes()[512:]
    path.write_bytes(envelope.header_of(1, payload) + payload)
    message = refusal(path)
    assert message.startswith(f"{path} has not the content of a cojump result file: ")


def test_a_failed_write_leaves_the_old_file(saved, monkeypatch):
    path, results = saved
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_files.os, "fsync", full)
    with pytest.raises(StorageError) as caught:
        save_results(path, results[:1], overwrite=True)
    assert str(caught.value) == f"cannot write {path}: No space left on device"
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["result.h5"]
    save_results(path, results[:1], overwrite=True)
    assert len(load(path)) == 1
    assert os.listdir(path.parent) == ["result.h5"]


def test_places_that_cannot_be_written(tmp_path):
    result = make_result()
    (tmp_path / "file").touch()
    for path, why in (
        (tmp_path / "missing" / "a.h5", "No such file or directory"),
        (tmp_path / "file" / "a.h5", "Not a directory"),
        (tmp_path, "it is a directory"),
    ):
        with pytest.raises(StorageError) as caught:
            save_results(path, [result], overwrite=True)
        assert str(caught.value) == f"cannot write {path}: {why}"
    assert os.listdir(tmp_path) == ["file"]


def test_a_directory_without_permission():
    # root may write everywhere, so the attempt is made as somebody else
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o555)
        user = os.geteuid()
        os.seteuid(65534 if user == 0 else user)
        try:
            with pytest.raises(StorageError, match="Permission denied"):
                save_results(os.path.join(place, "a.h5"), [make_result()])
        finally:
            os.seteuid(user)
            os.chmod(place, 0o755)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.h5"
    link.symlink_to(tmp_path / "real" / "a.h5")
    save_results(link, [make_result()], overwrite=True)
    assert link.is_symlink()
    assert len(load(tmp_path / "real" / "a.h5")) == 1
