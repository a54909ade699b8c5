"""The model that trajectories run where jumps are detected in other ways than by counting: the same master equation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, UnsupportedError
from ..tools import checks
from .hamiltonian import OneBody
from .jumps import CollectiveJump
from .model import Model
from .modes import ModeLoss
from .unravellings import Clicks, Counting, Diffusive, Shifted, Unravelling

MOST_CLICKS = 1e9
"""Clicks of a local oscillator in a trajectory: at a microsecond for each, a quarter of an hour that says little."""


@dataclass(frozen=True, eq=False, repr=False)
class ObservedJump(CollectiveJump):
    """A collective jump whose light gives a current."""

    detection: Diffusive = field(kw_only=True)


@dataclass(frozen=True, eq=False, repr=False)
class ObservedLoss(ModeLoss):
    """The loss of a mode, with a current, or counted from a reference that stays.

    Attributes
    ----------
    detection : Diffusive or None
    reference : complex or None
        s of the jumps of a - s that are counted; None where it follows the mode.
    """

    detection: Diffusive | None = field(default=None, kw_only=True)
    reference: complex | None = field(default=None, kw_only=True)


def detections(model: Model) -> dict[int, Diffusive]:
    """The detections with a current of a model that is run, by the position of their jump."""
    return {
        i: jump.detection
        for i, jump in enumerate(model.jumps)
        if isinstance(jump, ObservedJump | ObservedLoss) and jump.detection is not None
    }


def record_labels(model: Model) -> tuple[str, ...]:
    """What the records of a model that is run are called, in the order of its jumps."""
    return tuple(label for i, d in detections(model).items() for label in d.labels(str(model.jumps[i].name)))


def unravelled(model: Model, chosen: Mapping[str, Unravelling], times: NDArray[np.float64]) -> Model:
    """The model that is run where jumps are detected as chosen; the same one if nothing is.

    Raises
    ------
    ArgumentError, UnsupportedError
        About ``unravelling``, if a jump has no such name, or cannot be detected so.
    """
    if not chosen:
        return model
    jumps, hamiltonian = list(model.jumps), list(model.hamiltonian)
    for place, (called, way) in chosen_ways(model, chosen).items():
        jump = jumps[place]
        if not isinstance(jump, CollectiveJump | ModeLoss):
            raise UnsupportedError(
                "A local jump takes the state to other sectors and is counted always: unravelling has "
                f"{checks.shown(jump.name)}, which is a {type(jump).__name__}"
            )
        if isinstance(way, Clicks) and way.seen < 1:
            raise UnsupportedError(
                f"Trajectories count all jumps: keep each click with the probability {way.seen:g} and give the "
                f"efficiency to cojump.conditional in place of {called}"
            )
        if model.is_driven and not isinstance(way, Counting):
            raise UnsupportedError(
                f"Only counting is possible in a model with envelopes: {called} is {way._title().lower()}"
            )
        if isinstance(way, Shifted):
            _check_clicks(called, way, float(times[-1]))
        if isinstance(way, Diffusive):
            if way.record is not None:
                check_record(f"{called}.record", way.record, way, times)
            kind = ObservedJump if isinstance(jump, CollectiveJump) else ObservedLoss
            jumps[place] = kind(**{**vars(jump), "detection": way})
        elif isinstance(jump, ModeLoss):
            jumps[place] = _from_reference(jump, way)
        elif isinstance(way, Shifted) and way.beta != 0:
            jumps[place], terms = _shifted(model, jump, way.beta, called)
            hamiltonian += terms
    made = replace(model, hamiltonian=hamiltonian, jumps=jumps)
    _check_references(made)
    _check_given(made)
    return made


def chosen_ways(model: Model, chosen: Mapping[str, Unravelling]) -> dict[int, tuple[str, Unravelling]]:
    """How each jump that is named is detected, by its place, and what that choice is called in messages.

    Raises
    ------
    ArgumentError, UnsupportedError
        About ``unravelling``, if a jump has no such name, or cannot be detected so.
    """
    found: dict[int, tuple[str, Unravelling]] = {}
    names = {jump.name: i for i, jump in enumerate(model.jumps) if jump.name is not None}
    for name, way in chosen.items():
        called = f"unravelling[{checks.shown(name)}]"
        if name not in names:
            known = checks.named(list(names)) if names else "given to a jump first (every jump takes name=...)"
            raise ArgumentError("unravelling", f"have names of jumps as keys: {known}", f"one is {checks.shown(name)}")
        if not isinstance(way, Unravelling):
            raise ArgumentError(called, "be made by a function of cojump.unravelling", f"it is {checks.shown(way)}")
        jump = model.jumps[names[name]]
        if isinstance(jump, CollectiveJump) and jump.has_rate and not isinstance(way, Counting):
            raise UnsupportedError(f"A collective jump with an operator-valued rate can be counted alone: {called}")
        if isinstance(jump, ModeLoss) and jump.thermal > 0 and isinstance(way, Diffusive):
            raise UnsupportedError(f"Light of a mode with thermal quanta can be counted alone: {called}")
        found[names[name]] = called, way
    return found


def all_ways(model: Model, chosen: Mapping[str, Unravelling]) -> dict[str, Unravelling]:
    """How each jump with a name is detected in a trajectory, those that are counted if nothing is said included.

    The loss of a mode is not among these: its jumps are counted from a reference that moves.
    """
    counted = {jump.name: Counting() for jump in model.jumps if jump.name and not isinstance(jump, ModeLoss)}
    return {**counted, **chosen}


def check_record(name: str, record: NDArray[np.float64], way: Diffusive, times: NDArray[np.float64]) -> None:
    """Refuse a record of another shape than that of a detector at output times."""
    channels = len(way.phases)
    shape = (len(times),) if channels == 1 else (len(times), channels)
    if record.shape != shape:
        rule = f"have the shape {shape}, one entry for each output time"
        raise ArgumentError(name, rule, f"its shape is {record.shape}")


def _check_clicks(called: str, way: Shifted, end: float) -> None:
    """Refuse a local oscillator that alone makes more clicks than a trajectory can have."""
    clicks = abs(way.beta) ** 2 * end
    if clicks > MOST_CLICKS:
        rule = f"make at most {MOST_CLICKS:.0e} clicks of the local oscillator in a trajectory"
        found = f"|β|² t = {clicks:.2g}; for large β cojump.unravelling.homodyne is the limit, without clicks"
        raise ArgumentError(called, rule, found)


def _from_reference(jump: ModeLoss, way: Unravelling) -> ModeLoss:
    """The loss counted from a reference that stays, 0 or -β/√(κ(1+n̄))."""
    reference, down = 0.0j, jump.rates[0]
    if isinstance(way, Shifted):
        if way.beta != 0 and down == 0:
            raise ArgumentError("unravelling", "shift jumps that can happen", f"{jump.name!r} has the rate 0")
        reference = -way.beta / sqrt(down) if down > 0 else 0.0j
    return ObservedLoss(**{**vars(jump), "reference": reference})


def _shifted(model: Model, jump: CollectiveJump, beta: complex, name: str) -> tuple[CollectiveJump, list[OneBody]]:
    """The jump L + β, and -(i/2)(β* L - β L†) as terms of one particle; all of β is in one of its blocks."""
    if not jump.can_fire(model.sizes):
        raise ArgumentError(name, "shift a jump that can happen", "its rate or its matrices are 0")
    root = sqrt(jump.rate / model.size)
    home = next(block for block, y in jump.matrices.items() if np.any(y))
    matrices = dict(jump.matrices)
    matrices[home] = matrices[home] + beta / (root * model.sizes[home]) * np.eye(len(matrices[home]))
    terms = []
    for block, y in jump.matrices.items():
        half = -0.5j * root * np.conj(beta) * y
        terms.append(OneBody(half + half.conj().T, block))
    return replace(jump, matrices=matrices), terms


def _check_references(model: Model) -> None:
    """Refuse losses of one mode that are counted from different references."""
    found: dict[str, list[complex | None]] = {}
    for jump in model.mode_losses.values():
        if not (isinstance(jump, ObservedLoss) and jump.detection is not None):
            found.setdefault(jump.mode, []).append(jump.reference if isinstance(jump, ObservedLoss) else None)
    for mode, references in found.items():
        if len(set(references)) > 1:
            raise UnsupportedError(
                f"The losses of one mode are counted from one reference: those of {mode!r} have different unravellings"
            )


def _check_given(model: Model) -> None:
    """Refuse a given record beside anything else that is random."""
    found = detections(model)
    if all(d.record is None for d in found.values()):
        return
    for i, jump in enumerate(model.jumps):
        if i not in found and jump.can_fire(model.sizes):
            raise UnsupportedError(f"A record can be given where nothing else jumps, and jumps[{i}] is counted")
        if i in found and found[i].record is None:
            raise UnsupportedError(f"Records are given of all jumps or of none, and that of {jump.name!r} is drawn")
