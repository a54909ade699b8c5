"""Figures in a result file for other programs: the page that documents them, read as somebody without cojump would."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import cojump as cj

PAGE = (Path(__file__).parents[2] / "docs" / "result_file.md").read_text(encoding="utf-8")
SCRIPT = next(
    code for code in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S) if code.startswith("import h5py")
)

MODEL = cj.Model(
    [cj.Block("a", 6), cj.Mode("m")],
    [cj.OneBody(np.array([[0, 0.7], [0.7, 0]]), "a"), cj.ModeDrive(0.3, "m")],
    [
        cj.LocalJump(np.array([[0, 1], [0, 0]]), "a", rate=lambda x: 1 + x**2, argument={"a": np.diag([1.0, -1.0])}),
        cj.ModeLoss(1.0, "m", name="loss"),
    ],
    {"m": {"a": np.diag([1.0, -1.0])}},
)
Z = np.diag([1.0, -1.0])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A result with everything that a run can measure, and its file."""
    options = {"keep": 2, "record": True, "burn_in": 0.0, "distributions": [1.0], "chunk": 4}
    watched = {"unravelling": {"loss": cj.unravelling.homodyne(0.3)}}
    observed = {"observables": {"z": [{"a": Z}], "zz": [({"a": Z}, {"a": Z})]}}
    state = cj.product(MODEL, {"a": [0.8, 0.6], "m": 0.2})
    result = cj.simulate(MODEL, state, np.linspace(0, 1, 3), n_traj=6, seed=2**70, **options, **watched, **observed)
    path = tmp_path_factory.mktemp("plain") / "r.h5"
    result.save(path)
    return result, path


def test_the_script_of_the_page_reads_it_without_cojump(written):
    result, path = written
    assert len(SCRIPT.splitlines()) <= 15
    code = "import sys; sys.modules['cojump'] = None\n" + SCRIPT
    made = subprocess.run([sys.executable, "-c", code], cwd=path.parent, capture_output=True, text=True, check=True)
    said = made.stdout
    assert f"written by cojump {cj.__version__}" in said
    assert "000000 {} 6 trajectories" in said
    for label in result.labels:
        mean, error = result[label].mean[-1], result[label].stderr[-1]
        assert f"  {label} at t = 1: {mean:.6f} +- {error:.6f}\n" in said
    assert f"E_N = {result.deviation[-1]} " in said


def test_every_figure_is_that_of_the_result(written):
    result, path = written
    with h5py.File(path, "r") as file:
        plain = file["points/000000/plain"]
        averages = plain["averages"]
        for name in ("mean", "mean_stderr", "covariance", "covariance_stderr", "deviation", "deviation_stderr"):
            assert averages[name][()].tobytes() == getattr(result, name).tobytes(), name
        assert averages["mean_field"][()].tobytes() == result.reference.tobytes()
        second = averages["covariance"][()] / result.n_particles
        second += averages["mean"][()][:, :, None] * averages["mean"][()][:, None, :]
        np.testing.assert_allclose(second, result.second, atol=1e-14)
        kinds = (
            "order",
            "observables",
            "photons",
            "spin",
            "squeezing",
            "kitagawa_ueda",
            "current",
            "counts",
            "stationary",
        )
        for name in (*kinds, "stationary_order", "stationary_observables", "activity"):
            own, figures = plain[name], getattr(result, name)
            assert tuple(own["label"].asstr()[()]) == figures.labels
            assert own["mean"][()].tobytes() == np.ascontiguousarray(figures.mean).tobytes(), name
            assert own["mean_stderr"][()].tobytes() == np.ascontiguousarray(figures.mean_stderr).tobytes(), name
            if "time" in own:
                assert len(own["time"]) == len(own["mean"]), name
        assert plain["current"]["mean"].attrs["unit"] == "1 / your unit of time"
        assert plain["distribution/0"].attrs["block"] == "a"
        assert plain["distribution/0/probability"][()].tobytes() == result.distribution("a").probability.tobytes()
        assert plain["counts/variance"][-1].tobytes() == result.counts.variance[-1].tobytes()
        assert plain["activity/fano"][()].tobytes() == result.activity.fano.tobytes()


def documented():
    """Names that the page has between backquotes, in all of its tables."""
    prose = re.sub(r"^```.*?^```", "", PAGE, flags=re.M | re.S)
    return {part for text in re.findall(r"`([^`]+)`", prose) for part in (text, *text.strip("/").split("/"))}


def test_everything_in_the_file_is_on_the_page(written):
    _, path = written
    known = documented()
    missing, axes = [], {}

    def look(name, item):
        for part in (*name.split("/"), *item.attrs):
            if not part.isdigit() and part not in known:
                missing.append(f"{name}: {part}")
        if "/plain/" in name and isinstance(item, h5py.Dataset):
            axes[name] = item.attrs["axes"], item.ndim
            assert item.name.endswith("/label") or f'"{item.attrs["unit"]}"' in known

    with h5py.File(path, "r") as file:
        file.visititems(look)
        missing += [name for name in file.attrs if name not in known]
    assert not missing
    assert len(axes) > 50
    assert all(len(named.split(", ")) == ndim for named, ndim in axes.values()), axes


def test_cojump_reads_nothing_of_it(written, tmp_path):
    """Whatever another version may write there."""
    result, path = written
    from cojump.storage.envelope import HEADER, SCHEMA, header_of

    copy = tmp_path / "copy.h5"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        del file["points/000000/plain"]
        file["points/000000/plain"] = h5py.SoftLink("/nowhere")
    payload = copy.read_bytes()[HEADER:]
    copy.write_bytes(header_of(SCHEMA, payload) + payload)
    (loaded,) = cj.load(copy)
    assert loaded.covariance_stderr.tobytes() == result.covariance_stderr.tobytes()
    assert json.loads(json.dumps(loaded.identity.facts)) == json.loads(json.dumps(result.identity.facts))


def test_a_result_without_trajectories_has_none(written, tmp_path):
    from cojump.ensemble.ordered_merge import emptied

    cj.save(emptied(written[0]), tmp_path / "e.h5")
    with h5py.File(tmp_path / "e.h5", "r") as file:
        assert "plain" not in file["points/000000"]
