"""Public names stand where users call them, wherever their home is."""

from __future__ import annotations

import importlib
import inspect

import pytest

import cojump as cj

MODULES = {
    "systems": "model.systems",
    "envelopes": "model.envelopes",
    "spectrum": "theory.spectrum",
    "counting": "ensemble.counting",
    "fluctuations": "theory.fluctuations",
    "attractors": "theory.attractors",
    "bounds": "theory.bounds",
    "longtime": "results.longtime",
    "reduced": "results.reduced_states",
    "plot": "report.plot",
    "figures": "report.look",
    "unravelling": "model.unravellings",
}


@pytest.mark.parametrize("name", MODULES)
def test_a_public_module_is_the_one_that_stands_in_its_package(name):
    assert getattr(cj, name) is importlib.import_module(f"cojump.{MODULES[name]}")


def test_from_cojump_import_gives_the_public_modules():
    from cojump import attractors, bounds, fluctuations, longtime, reduced, systems

    assert callable(systems.free_flips)
    assert callable(longtime.residence)
    assert callable(attractors.fixed_points)
    assert callable(bounds.gronwall)
    assert callable(fluctuations.fluctuations)
    assert callable(reduced.one)


NAMES = {
    "systems": "free_flips constrained facilitated hopfield potts_hopfield boundary_time_crystal lambda_pump p_spin "
    "dicke tavis_cummings multimode_dicke",
    "envelopes": "gaussian linear pulses sine step",
    "longtime": "autocorrelation_time averages kept_series residence waiting_times",
    "reduced": "one two correlators",
    "plot": "averages deviation distribution jumps scan",
    "figures": "style",
    "attractors": "fixed_points limit_cycle scan stroboscopic survey",
    "bounds": "gronwall lemmas",
    "fluctuations": "fluctuations stationary",
    "unravelling": "counting shifted homodyne heterodyne",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_module_has_its_names(name):
    module = getattr(cj, name)
    for each in NAMES[name].split():
        assert callable(getattr(module, each))


@pytest.mark.parametrize("name", ["", *MODULES, "operators"])
def test_a_public_module_shows_its_public_names_and_nothing_else(name):
    module = getattr(cj, name) if name else cj
    shown = set(dir(module))
    assert shown == set(module.__all__) | ({"__version__"} if module is cj else set())
    for each in shown - {"__version__"}:
        assert not each.startswith("_")
        value = getattr(module, each)
        assert not inspect.ismodule(value) or (module is cj and each in (*MODULES, "operators"))
        home = getattr(value, "__module__", None) or "cojump"  # constants have none
        assert home.startswith(("cojump", "builtins", "numpy")), each


def test_save_is_what_a_result_saves_itself_with(tmp_path):
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 0.5], n_traj=4)
    result.save(tmp_path / "one.h5")
    cj.save([result, result], tmp_path / "two.h5")
    (one,), (first, second) = cj.load(tmp_path / "one.h5"), cj.load(tmp_path / "two.h5")
    for loaded in (one, first, second):
        assert loaded.mean.tobytes() == result.mean.tobytes()
    with pytest.raises(cj.StorageError, match="exists already"):
        cj.save(result, tmp_path / "one.h5")
    with pytest.raises(cj.ArgumentError, match="`results` must be a result or several, but one is of type float"):
        cj.save([result, 1.0], tmp_path / "three.h5")
    with pytest.raises(cj.ArgumentError, match="`results` must be a result or several, but there is none"):
        cj.save([], tmp_path / "three.h5")
    with pytest.raises(cj.ArgumentError, match="`results` must be a result or several, but it is of type int"):
        cj.save(3, tmp_path / "three.h5")
