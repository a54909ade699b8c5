"""What tables and drawings share of a point: its averages at the end, its jumps and what they are called."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import EXPECTED
from ..measure.averages import Averages
from ..measure.certainty import Flags
from ..measure.time_windows import PREFIX
from ..results.jump_numbers import JumpNumbers, numbers
from ..results.result import Result
from ..tools.labelled import Average
from ..tools.types import Array


@dataclass(frozen=True)
class Curve:
    """One average of a point, a block's or an order parameter.

    Attributes
    ----------
    times, mean, error, reference : (T,) arrays
        The last is the mean field.
    flags : (T,) bool array or None
        Where the error is uncertain.
    correction : (T,) array or None
        δ/N, where the result has the 1/N theory.
    singles : (K, T) array
        Along the kept trajectories.
    """

    times: Array
    mean: Array
    error: Array
    reference: Array
    flags: Flags | None
    correction: Array | None
    singles: Array


def labels_of(result: Result) -> tuple[str, ...]:
    """Labels of the order parameters of a point, and of the averages of its blocks."""
    return (*(result.order.labels if "order" in result.extras else ()), *result.labels)


def observables_of(result: Result) -> dict[str, tuple[Array, Average]]:
    """Times and values of the observables that were asked for, by label, where it is none of :func:`labels_of`."""
    if "observables" not in result.asked_for:
        return {}
    times, own = result.asked_for["observables"]
    return {label: (times, own[label]) for label in own.labels if label not in labels_of(result)}


def curve_of(result: Result, label: str) -> Curve | None:
    """An average or an observable by its label, along time; None where the point has none of this name."""
    singles, correction = np.empty((0, len(result.times))), None
    if label in result.labels:
        averages: Averages = result
        singles = result.trajectories[:, :, result.labels.index(label)]
        correction = None if result.theory is None else result.theory.correction
    elif label in labels_of(result):
        averages = result.order
        correction = None if result.theory is None else result.theory.order_correction
    elif label in (asked := observables_of(result)):
        times, own = asked[label]
        flags = None if own.uncertain is None else np.asarray(own.uncertain)
        return Curve(times, own.mean, own.stderr, np.full(len(times), np.nan), flags, None, singles)
    else:
        return None
    a = averages.labels.index(label)
    return Curve(
        averages.times,
        averages.mean[:, a],
        averages.mean_stderr[:, a],
        averages.reference[:, a],
        None if averages.uncertain is None else averages.uncertain[:, a],
        None if correction is None else correction[:, a] / result.n_particles,
        singles,
    )


def is_averaged(result: Result) -> bool:
    """Whether a run has averaged over a measurement window."""
    return f"{PREFIX}averages" in result.extras


@dataclass(frozen=True)
class Last:
    """One average of a point as a number: at the last output time, or over the measurement window where there is one.

    Attributes
    ----------
    value, error : float
    doubt : bool
        Whether the error is uncertain.
    reference, corrected : float
        Mean field, and mean field + δ/N; NaN where that is not known.
    """

    value: float
    error: float
    doubt: bool
    reference: float
    corrected: float = np.nan


def last_values(result: Result, label: str) -> Last | None:
    """An average by its label; None where the point has no such average."""
    if is_averaged(result):
        groups = [(result.stationary, "averages")]
        groups += [(result.stationary_order, "order")] if f"{PREFIX}order" in result.extras else []
        for steady, name in groups:
            if label in steady.labels:
                a = steady.labels.index(label)
                doubt = steady.uncertain is not None and bool(steady.uncertain[a])
                reference = float(result.extras[PREFIX + name].reference[0, a])
                return Last(float(steady.mean[a]), float(steady.stderr[a]), doubt, reference)
        if f"{PREFIX}observables" in result.extras and label in observables_of(result):
            own = result.stationary_observables
            if label in own.labels:  # products of more than two averages are not averaged over a window
                return Last(float(own[label].mean), float(own[label].stderr), bool(own[label].uncertain), np.nan)
        return None
    curve = curve_of(result, label)
    if curve is None:
        return None
    doubt, reference = curve.flags is not None and bool(curve.flags[-1]), float(curve.reference[-1])
    corrected = np.nan if curve.correction is None else reference + float(curve.correction[-1])
    return Last(float(curve.mean[-1]), float(curve.error[-1]), doubt, reference, corrected)


def last_deviation(result: Result, *, scaled: bool = True) -> Last:
    """N·E_N at the last output time beside its limit for N → ∞, or E_N alone."""
    factor = result.n_particles if scaled else 1
    limit = float(result.theory.deviation[-1]) if scaled and result.theory is not None else np.nan
    doubt = result.deviation_uncertain is not None and bool(result.deviation_uncertain[-1])
    return Last(factor * float(result.deviation[-1]), factor * float(result.deviation_stderr[-1]), doubt, limit)


def time_in_words(results: Sequence[Result]) -> str:
    """When the values are from that stand for a whole point: the end, or the measurement window."""
    if all(map(is_averaged, results)):
        spans = {(r.stationary.start, r.stationary.end) for r in results}
        if len(spans) == 1:
            start, end = spans.pop()
            return f"averages over t = {start:g} to {end:g}; N·E_N at t = {results[0].times[-1]:g}"
        return "averages over the measurement window; N·E_N at the last output time"
    ends = {float(r.times[-1]) for r in results}
    return f"at t = {ends.pop():g}" if len(ends) == 1 else "at the last output time of each point"


def recorded_numbers(result: Result) -> JumpNumbers | None:
    """Numbers of all jumps of each trajectory in the measurement window; None where no jumps have been recorded."""
    if not result.jump_records or result.n_traj < 2 or "activity" not in result.extras or not result.n_jumps:
        return None
    window = result.activity
    return numbers(result, start=window.start, end=window.end) if window.end > window.start else None


def jump_names(result: Any) -> list[str]:
    """What the jumps of a model are called, by their position: the names that they were given, or the position.

    No function of a user's file is called for it: where only that could make the model again, positions it is.
    """
    setup = getattr(result, "setup", None)
    if setup is None:
        return []
    with suppress(*EXPECTED, ValueError):
        if "call" not in json.loads(setup.text):
            return [str(i) if j.name is None else str(j.name) for i, j in enumerate(setup.model().jumps)]
    return []
