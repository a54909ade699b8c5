"""Means and errors in a result file as other programs want them: derived from the moments, and read by no cojump.

docs/result_file.md is the page of the layout.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..basis.distribution import Distribution
from ..measure.averages import Averages
from ..measure.distributions import names_of
from ..measure.time_windows import PREFIX
from ..results.measured_two_time import MeasuredTwoTime
from ..results.result import Result
from ..results.two_time import SampledCoincidences
from .hdf5 import Group, string_dtype

_NOTE = "derived from the moments when the file was written, for other programs; cojump itself reads the moments"

_TIME, _RATE, _PURE = "your unit of time", "1 / your unit of time", "1"
"""Units: ħ = 1, so energies and rates are in the reciprocal of whatever times are in; averages are pure numbers."""

_ALWAYS = ("counts", "spin", "squeezing", "kitagawa_ueda")


def write_figures(group: Group, result: Result) -> None:
    """Write the figures of a result that has trajectories; each dataset says its axes and its unit."""
    group.attrs["note"] = _NOTE
    group.attrs["n_traj"] = result.n_traj
    averages = group.create_group("averages")
    _write_averages(averages, result)
    _put(averages, "deviation", result.deviation, "time")
    _put(averages, "deviation_stderr", result.deviation_stderr, "time")
    if "order" in result.extras:
        _write_averages(group.create_group("order"), result.order)
    for name, times, figures in _figures_of(result):
        own = group.create_group(name)
        unit = _RATE if name == "current" else _PURE
        _put(own, "time", times, "time", _TIME)
        _texts(own, figures.labels)
        _put(own, "mean", figures.mean, "time, label", unit)
        _put(own, "mean_stderr", figures.mean_stderr, "time, label", unit)
        if name == "counts":
            _put(own, "variance", figures.variance, "time, label")
    for name in ("stationary", "stationary_order", "stationary_observables"):
        kind = name.removeprefix("stationary").removeprefix("_") or "averages"
        if PREFIX + kind in result.extras:
            _write_window(group.create_group(name), getattr(result, name), result.extras[PREFIX + kind].interval)
    if "activity" in result.extras:
        own, activity = group.create_group("activity"), result.activity
        _write_window(own, activity, result.extras["activity"].interval, _RATE)
        for name in ("number", "variance", "fano", "fano_stderr"):
            _put(own, name, getattr(activity, name), "label")
    if "distribution" in result.extras:
        for number, (name, block) in enumerate(names_of(result.extras["distribution"]).items()):
            own = group.create_group(f"distribution/{number}")
            own.attrs["name"] = name
            _write_distribution(own, block, result.distribution(name))
    for number, function in enumerate(result.two_time.values()):
        _write_two_time(group.create_group(f"two_time/{number}"), function)
    for number, (name, counts) in enumerate(result.particles.items()):
        own, (mean, errors) = group.create_group(f"reduced/{number}"), result.particle_matrices(name)
        own.attrs["particles"] = json.dumps(counts)
        _put(own, "time", result.times, "time", _TIME)
        for part in ("real", "imag"):
            _put(own, part, getattr(mean, part), "time, state, state")
            _put(own, f"{part}_stderr", getattr(errors, part), "time, state, state")


def _write_two_time(group: Group, found: MeasuredTwoTime) -> None:
    """A two-time function or g², and the spectrum that was asked for."""
    group.attrs.update(name=found.name, of=found.title, start=float(found.sampled.start or 0))
    group.attrs["n_traj"] = found.sampled.n_traj
    _put(group, "tau", found.sampled.taus, "tau", _TIME)
    sampled = found.sampled
    if isinstance(sampled, SampledCoincidences):
        _put(group, "mean", sampled.mean, "tau")
        _put(group, "mean_stderr", sampled.stderr, "tau")
        return
    for name in ("mean", "connected"):
        value, error = (
            getattr(sampled, name),
            getattr(sampled, "stderr_parts" if name == "mean" else f"{name}_stderr_parts"),
        )
        for part in ("real", "imag"):
            _put(group, f"{name}_{part}", getattr(value, part), "tau")
            _put(group, f"{name}_{part}_stderr", getattr(error, part), "tau")
    spectrum = found.spectrum
    if spectrum is not None:
        _put(group, "omega", spectrum.omegas, "omega", _RATE)
        for part in ("real", "imag"):
            _put(group, f"spectrum_{part}", getattr(spectrum.mean, part), "omega", _TIME)
            _put(group, f"spectrum_{part}_stderr", getattr(spectrum.stderr, part), "omega", _TIME)


def _figures_of(result: Result) -> list[tuple[str, Any, Any]]:
    """Figures at output times without a covariance: name, times, estimates."""
    found = [(name, *pair) for name, pair in result.asked_for.items()]
    for name in _ALWAYS:
        if name in ("squeezing", "kitagawa_ueda"):
            there = any(key.startswith("squeezing/") for key in result.extras)
        else:
            there = name in result.extras
        if there:
            found.append((name, result.times, getattr(result, name)))
    return found


def _write_averages(group: Group, figures: Averages) -> None:
    _put(group, "time", figures.times, "time", _TIME)
    _texts(group, figures.labels)
    for name in ("mean", "mean_stderr"):
        _put(group, name, getattr(figures, name), "time, label")
    _put(group, "mean_field", figures.reference, "time, label")
    for name in ("covariance", "covariance_stderr"):
        _put(group, name, getattr(figures, name), "time, label, label")


def _write_window(group: Group, figures: Any, interval: Any, unit: str = _PURE) -> None:
    """Averages over the measurement window."""
    _texts(group, figures.labels)
    _put(group, "mean", figures.mean, "label", unit)
    _put(group, "mean_stderr", figures.mean_stderr, "label", unit)
    group.attrs["start"], group.attrs["end"] = map(float, interval)
    if hasattr(figures, "covariance"):
        for name in ("covariance", "covariance_stderr"):
            _put(group, name, getattr(figures, name), "label, label")


def _write_distribution(group: Group, block: str, figures: Distribution) -> None:
    group.attrs["block"] = block
    _put(group, "time", figures.times, "time", _TIME)
    _put(group, "M", figures.M, "M")
    _put(group, "probability", figures.probability, "time, M")
    _put(group, "probability_stderr", figures.stderr, "time, M")


def _put(group: Group, name: str, values: Any, axes: str, unit: str = _PURE) -> None:
    made = group.create_dataset(name, data=np.ascontiguousarray(values, dtype=np.float64))
    made.attrs["axes"], made.attrs["unit"] = axes, unit


def _texts(group: Group, labels: tuple[str, ...]) -> None:
    group["label"] = np.array(labels, dtype=string_dtype())
    group["label"].attrs["axes"] = "label"
