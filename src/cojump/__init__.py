"""cojump: quantum trajectories of open many-body systems with collective operator-valued rates.

The public names are below. They are loaded when first used, so that importing cojump does nothing else: no MPI,
no compilation, no configuration. The examples in their docstrings begin after ``import numpy as np`` and
``import cojump as cj``.
"""

from __future__ import annotations

from .version import __version__ as __version__

TYPE_CHECKING = False  # for type checkers, which know the name: typing takes four fifths of the time of this import
if TYPE_CHECKING:
    from typing import Any

    from .ensemble import counting
    from .ensemble.estimate import estimate
    from .ensemble.merging import merge
    from .ensemble.simulate import simulate, trajectory
    from .ensemble.two_time import g2, two_time
    from .errors import ArgumentError, ConvergenceError, SimulationInterrupted, StorageError, UnsupportedError
    from .model import (
        Block,
        CollectiveJump,
        LocalJump,
        Mode,
        ModeCoupling,
        ModeDrive,
        ModeEnergy,
        ModeJump,
        Model,
        ModeLoss,
        OneBody,
        Potential,
        TwoBody,
        envelopes,
        systems,
    )
    from .model import standard_operators as operators
    from .model import unravellings as unravelling
    from .model.correlated_jumps import correlated_jumps
    from .model.kinds_of_start import Dicke, Occupation, Sector, Symmetric, start
    from .model.mixtures import mixture
    from .model.product_states import corrupted, product, tilted
    from .model.symmetric_states import dicke, occupation, symmetric
    from .model.to_qutip import to_qutip
    from .report import look as figures
    from .report import plot
    from .results import longtime
    from .results import reduced_states as reduced
    from .storage.result_file import load, save
    from .theory import attractors, bounds, fluctuations, spectrum
    from .theory.conditional import conditional
    from .theory.master_equation import master_equation
    from .theory.mean_field import mean_field
    from .theory.steady_state import steady_state

_HOMES = {
    "Block": "model",
    "OneBody": "model",
    "TwoBody": "model",
    "Potential": "model",
    "LocalJump": "model",
    "CollectiveJump": "model",
    "correlated_jumps": "model.correlated_jumps",
    "Mode": "model",
    "ModeEnergy": "model",
    "ModeDrive": "model",
    "ModeCoupling": "model",
    "ModeJump": "model",
    "ModeLoss": "model",
    "Model": "model",
    "product": "model.product_states",
    "tilted": "model.product_states",
    "dicke": "model.symmetric_states",
    "occupation": "model.symmetric_states",
    "symmetric": "model.symmetric_states",
    "corrupted": "model.product_states",
    "mixture": "model.mixtures",
    "start": "model.kinds_of_start",
    "Dicke": "model.kinds_of_start",
    "Sector": "model.kinds_of_start",
    "Symmetric": "model.kinds_of_start",
    "Occupation": "model.kinds_of_start",
    "estimate": "ensemble.estimate",
    "simulate": "ensemble.simulate",
    "trajectory": "ensemble.simulate",
    "merge": "ensemble.merging",
    "two_time": "ensemble.two_time",
    "g2": "ensemble.two_time",
    "mean_field": "theory.mean_field",
    "master_equation": "theory.master_equation",
    "conditional": "theory.conditional",
    "steady_state": "theory.steady_state",
    "to_qutip": "model.to_qutip",
    "load": "storage.result_file",
    "save": "storage.result_file",
    "ArgumentError": "errors",
    "UnsupportedError": "errors",
    "ConvergenceError": "errors",
    "SimulationInterrupted": "errors",
    "StorageError": "errors",
}

_MODULES = {
    "systems": "model.systems",
    "operators": "model.standard_operators",
    "envelopes": "model.envelopes",
    "unravelling": "model.unravellings",
    "fluctuations": "theory.fluctuations",
    "attractors": "theory.attractors",
    "bounds": "theory.bounds",
    "spectrum": "theory.spectrum",
    "counting": "ensemble.counting",
    "longtime": "results.longtime",
    "reduced": "results.reduced_states",
    "plot": "report.plot",
    "figures": "report.look",
}

__all__ = [
    "systems",
    "operators",
    "envelopes",
    "unravelling",
    "fluctuations",
    "attractors",
    "bounds",
    "spectrum",
    "counting",
    "longtime",
    "reduced",
    "plot",
    "figures",
    "Block",
    "OneBody",
    "TwoBody",
    "Potential",
    "LocalJump",
    "CollectiveJump",
    "correlated_jumps",
    "Mode",
    "ModeEnergy",
    "ModeDrive",
    "ModeCoupling",
    "ModeJump",
    "ModeLoss",
    "Model",
    "product",
    "tilted",
    "dicke",
    "occupation",
    "symmetric",
    "corrupted",
    "mixture",
    "start",
    "Dicke",
    "Sector",
    "Symmetric",
    "Occupation",
    "estimate",
    "simulate",
    "trajectory",
    "merge",
    "two_time",
    "g2",
    "mean_field",
    "master_equation",
    "conditional",
    "steady_state",
    "to_qutip",
    "load",
    "save",
    "ArgumentError",
    "UnsupportedError",
    "ConvergenceError",
    "SimulationInterrupted",
    "StorageError",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{_MODULES[name]}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
