"""A run that goes on with other code or on another kind of processor says so; the same goes on in silence."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cojump.ensemble import point
from cojump.ensemble.fingerprint import MADE_BY, identity_of
from cojump.jobs import points
from cojump.measure import catalogue
from cojump.measure.polynomials import PolynomialMeter, polynomials_of
from cojump.storage.result_file import load
from cojump.trajectories import compilation, kernel_cache
from tests.support.command_line import invoke
from tests.support.run_files import run_text


@pytest.fixture
def run(tmp_path):
    """Run with so many trajectories; what is said on standard error, but for the progress."""
    path = tmp_path / "run.toml"

    def go(n_traj, status=0, omega=0.7):
        model = {"system": '"constrained"', "size": 30, "omega": omega, "rate_up": 1.3, "rate_down": 0.8}
        path.write_text(run_text(model, n_traj=n_traj, seed=7, chunk=2), encoding="utf-8")
        lines = invoke("run", path, status=status)[1].splitlines()
        return [line for line in lines if not re.match(r"cojump: \d+/\d+ trajectories", line)]

    return go


def makers(tmp_path):
    return [note.identity[MADE_BY] for note in load(tmp_path / "results").notes]


def test_the_processor_is_said_once_and_kept(run, tmp_path, monkeypatch):
    assert run(2) == []
    assert run(4) == []
    ((own,),) = makers(tmp_path)
    assert own.endswith(f", on {kernel_cache.processor()}")
    with monkeypatch.context() as patch:
        patch.setattr(kernel_cache, "processor", lambda: "another chip, neon")
        (line,) = run(6)
        assert line.startswith(f"cojump: what is there was made by {own}, and goes on with cojump ")
        assert "on another chip, neon: the same physics, but the last bits" in line
        assert run(6) == [], "nothing is run"
        assert run(8) == []
    assert run(10) == [], "this processor is known"
    ((first, second),) = makers(tmp_path)
    assert (first, second.rpartition(", on ")[2]) == (own, "another chip, neon")


def test_kernels_of_another_version(run, tmp_path, monkeypatch):
    run(2)
    monkeypatch.setattr(compilation, "code", lambda: "cojump 9.9, kernels abc")
    (line,) = run(4)
    assert "goes on with cojump 9.9, kernels abc" in line


def test_a_run_that_was_measured_otherwise_is_refused(run, tmp_path, monkeypatch):
    """Not with a traceback in the midst of the work: a version that measures more cannot go on with it."""
    real = catalogue.meters_of

    class More(PolynomialMeter):
        name = "more"

    def more(model, times, asked):
        found = polynomials_of(model, {"zz": [{"spins": np.diag([1.0, -1.0])}]})
        return [*real(model, times, asked), More(model, times, found)]

    run(2)
    with monkeypatch.context() as patch:
        patch.setattr(point, "meters_of", more)
        (line,) = run(4, status=2)
        assert "its trajectories were measured otherwise (more), by another version of cojump" in line
        assert run(2) == [], "complete"
    assert run(4) == []


def test_a_run_of_an_earlier_version_is_recognised(run, tmp_path, monkeypatch):
    """Its file tells arrays by their sums; it is taken up, and a line says that less is known."""
    with monkeypatch.context() as patch:
        patch.setattr(points, "identity_of", lambda point: identity_of(point, sketched=True))
        run(2)
    (note,) = load(tmp_path / "results").notes
    assert MADE_BY not in note.identity
    assert "sketch" in note.identity["jumps[0] Γ over the spectrum"]
    assert "[model] omega is 0.8 here and 0.7 there" in run(4, status=2, omega=0.8)[0]
    assert run(2) == [], "complete"
    (line,) = run(4)
    assert line.startswith("cojump: what is there was made by an earlier cojump, which told models apart less finely")
    assert len(makers(tmp_path)[0]) == 2
    assert run(6) == []


def test_the_kind_of_processor_follows_the_settings_of_the_compiler(monkeypatch):
    monkeypatch.setattr(kernel_cache.numba.config, "CPU_NAME", "skylake")
    monkeypatch.setattr(kernel_cache.numba.config, "CPU_FEATURES", "+sse2,+avx2,+avx")
    monkeypatch.setattr(kernel_cache.numba.config, "ENABLE_AVX", 1)
    assert kernel_cache.processor() == "skylake, avx2"
    monkeypatch.setattr(kernel_cache.numba.config, "ENABLE_AVX", 0)
    assert kernel_cache.processor() == "skylake, sse2"
