"""The scripts of analysis/ run to their figures: with few trajectories, and on small results of the run files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import cojump as cj
from tests.support.command_line import invoke

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.stem for path in (ROOT / "analysis").glob("*.py") if path.stem != "shared")
STORED = {
    "hopfield_retrieval": {"hopfield_p1": [], "hopfield_p2": []},
    "oscillations": {"limit_cycle": ["times.end=4"], "time_crystal": ["times.end=4"]},
    "potts_retrieval": {"potts": ["model.size=[4, 5, 6]"]},
    "constrained_meanfield": {"constrained": []},
    "ramp": {"ramp": ["model.size=[4, 6]", "times.end=1"]},
    "superradiance": {"superradiance": ["model.size=[4, 6]", "times.end=2"]},
    "multimode_retrieval": {"multimode": ["times.end=0.25"]},
}
"""The run files whose results a script reads, and what is smaller in them beside the number of trajectories."""

FEW = np.linspace(0.05, 1.1, 3)
SMALL = {
    "exclude_self": {"TIMES": np.linspace(0, 1, 9)},
    "mean_correction": {"TIMES": np.linspace(0, 1, 9)},
    "local_states": {"SIZES": (4, 8, 16, 32)},
    "laser": {"SIZES": (1,), "PUMPS": FEW, "MANY": 2, "END": 1.0},
    "fluctuation_spectrum": {"SIZES": (5, 6), "SMALL": 4, "TAUS": np.linspace(0, 2, 9), "BURN_IN": 0.5},
    "counting_crossover": {
        "SIZES": (2, 3, 4),
        "FIELDS": np.linspace(-0.06, 0.12, 5),
        "CLONED": 4,
        "SAMPLED": (0.02,),
        "CLONES": {"n_clones": 4, "time": 2.0, "interval": 0.5, "populations": 3},
    },
    "conditional_states": {"SIZE": 3, "TIMES": np.linspace(0, 0.2, 5), "RECORDS": 2, "ASSUMED": FEW[:1]},
    "spin_squeezing": {"SIZES": (5, 6), "MANY": np.array([10, 40]), "SCALED": FEW / 3, "TIMES": FEW},
    "superradiant_light": {
        "SIZES": (4, 8),
        "SAMPLED": (8,),
        "SPREAD": 8,
        "LASERS": (4, 6),
        "PUMPS": FEW,
        "TIMES": np.linspace(0, 4, 9),
    },
    "switching_rates": {"SIZES": (8, 10), "COMPARED": {10: 2}, "END": 60.0},
    "bistability": {"TIMES": np.linspace(0, 60, 121), "SHADED": np.array([4.0, 5.0, 6.0]), "FINE": FEW + 4.5},
    "phase_diagram": {"GRID": (FEW, FEW), "BRANCHES": FEW / 2, "MEASURED": FEW[:1], "POINTS": [(0.2, 0.4)]},
    "p_spin": {
        "TIMES": FEW,
        "COUPLINGS": {2: (0.2, 0.5), 3: (0.4, 0.8)},
        "CURVES": {2: FEW, 3: FEW + 0.2},
    },
    "potts_retrieval": {"TRAJECTORIES": {4: 4, 5: 4, 6: 4}, "CURVE": FEW + 1, "LONG": 60.0},
}
"""What a script computes less of here."""


LONG = (
    "oscillations",
    "hopfield_retrieval",
    "mean_correction",
    "superradiance",
    "bistability",
    "phase_diffusion",
    "deviation_scaling",
    "unravellings",
    "potts_retrieval",
    "counting_crossover",
    "switching_rates",
    "p_spin",
    "conditional_states",
    "superradiant_light",
)
"""Scripts that take several seconds all the same."""


@pytest.mark.parametrize("script", [pytest.param(s, marks=pytest.mark.validation) if s in LONG else s for s in SCRIPTS])
def test_a_script_draws_its_figure(script, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "analysis")
    monkeypatch.delitem(sys.modules, "shared", raising=False)
    monkeypatch.setattr(sys, "argv", [f"{script}.py"])
    import shared

    monkeypatch.setattr(shared, "ROOT", tmp_path)
    monkeypatch.setattr(shared, "FIGURES", tmp_path / "figures")
    for case, smaller in STORED.get(script, {}).items():
        options = [o for each in ("run.n_traj=4", "run.chunk=4", "run.keep=4", *smaller) for o in ("--set", each)]
        invoke("run", ROOT / "mpi_runs" / case / "run.toml", *options, "-o", tmp_path / "mpi_runs" / case / "results")
    real = cj.simulate

    def simulate(*arguments, n_traj, keep=0, progress=False, **options):
        return real(*arguments, n_traj=min(n_traj, 4), keep=min(keep, 4), **options)

    branching = cj.two_time

    def two_time(*arguments, n_traj, progress=False, **options):
        return branching(*arguments, n_traj=min(n_traj, 3), **options)

    monkeypatch.setattr(cj, "simulate", simulate)
    monkeypatch.setattr(cj, "two_time", two_time)
    spec = importlib.util.spec_from_file_location(script, ROOT / "analysis" / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, value in SMALL.get(script, {}).items():
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    module.main()
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".png", ".pdf"}
