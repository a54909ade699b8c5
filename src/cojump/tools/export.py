"""Averages as tables of pandas, datasets of xarray and CSV, for whatever comes after cojump."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import EXPECTED, ArgumentError, StorageError, UnsupportedError
from . import checks
from .spelling import spelled
from .whole_files import reason, replace_file

_COLUMNS = ("time", "label", "mean", "stderr", "mean_field", "uncertain")
"""Of a table, behind the parameters."""

_ARRAYS = {
    "mean": ("time", "label"),
    "correction": ("time", "label"),
    "second": ("time", "label", "partner"),
    "covariance": ("time", "label", "partner"),
    "within": ("time", "label", "partner"),
    "between": ("time", "label", "partner"),
    "deviation": ("time",),
    "trajectories": ("trajectory", "time", "label"),
}
"""What a dataset has of the figures of a result, with the names of its axes."""


def columns_of(figures: Any, parameters: Mapping[str, Any] | None = None) -> dict[str, list[Any]]:
    """A table in long form, one line for each time and label: name of a column to its values.

    The columns are the parameters, ``time`` (where there are times), ``label``, ``mean``, ``stderr`` where something is
    sampled, ``mean_field`` where that is known, and ``uncertain`` for errors that the sample cannot know. A parameter
    that is called as one of them becomes ``time_parameter`` and the like.
    """
    mean = np.atleast_2d(np.asarray(figures.mean))
    T, A = mean.shape
    made: dict[str, list[Any]] = {_beside(_COLUMNS, k): [value] * (T * A) for k, value in (parameters or {}).items()}
    times = getattr(figures, "times", None)
    if times is not None and np.ndim(figures.mean) > 1:
        made["time"] = np.repeat(times, A).tolist()
    made["label"] = list(figures.labels) * T
    made["mean"] = mean.ravel().tolist()
    for name, values in (
        ("stderr", figures.mean_stderr if figures.is_sampled else None),
        ("mean_field", getattr(figures, "reference", None)),
        ("uncertain", getattr(figures, "uncertain", None)),
    ):
        if values is not None and np.size(values) == T * A:
            made[name] = np.asarray(values).ravel().tolist()
    return made


def joined(tables: Iterable[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    """Tables one below the other; where one has no such column, its lines have None."""
    every = list(tables)
    names: dict[str, None] = {}
    for table in every:  # parameters stand before what is measured, in all of them
        names |= dict.fromkeys(table)
    tail = [name for name in _COLUMNS if name in names]
    order = [name for name in names if name not in tail] + tail
    sizes = [len(table["label"]) for table in every]
    return {
        name: [v for table, n in zip(every, sizes, strict=True) for v in table.get(name, [None] * n)] for name in order
    }


def dataframe(columns: Mapping[str, list[Any]]) -> Any:
    """The table as a pandas DataFrame; UnsupportedError where pandas is not installed."""
    return _library("pandas", "to_dataframe").DataFrame(dict(columns))


def write_csv(columns: Mapping[str, list[Any]], path: str | os.PathLike[str]) -> None:
    """Write the table as a new CSV file with a line of names; numbers keep all of their digits.

    Raises
    ------
    StorageError
        If the file exists already or cannot be written.
    """
    target = checks.path("path", path)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    try:
        replace_file(target, text.getvalue().encode(), new=True)
    except FileExistsError:
        raise StorageError(f"{path} exists already: nothing is overwritten") from None
    except OSError as error:
        raise StorageError(f"cannot write {path}: {reason(error)}") from None


def dataset(figures: Any, parameters: Mapping[str, Any] | None = None, facts: Sequence[str] = ()) -> Any:
    """The figures as an xarray Dataset with the axes ``time``, ``label``, ``partner`` and ``trajectory``.

    What is refused where it is asked for (the covariance of a rate with a kink) is left out. ``facts`` are names of
    attributes that become attributes of the dataset.
    """
    xarray = _library("xarray", "to_xarray")
    has_times = np.ndim(figures.mean) > 1
    coordinates: dict[str, Any] = {"label": list(figures.labels), "partner": list(figures.labels)}
    if has_times:
        coordinates["time"] = np.asarray(figures.times)
    arrays = {}
    for name, axes in _ARRAYS.items():
        for key in (name, f"{name}_stderr"):
            values = _value(figures, key)
            if values is None or (key.endswith("_stderr") and not figures.is_sampled):
                continue
            axes_here = axes if has_times else tuple(axis for axis in axes if axis != "time")
            if np.ndim(values) == len(axes_here) and (name != "trajectories" or len(values)):
                arrays[key] = (axes_here, np.asarray(values))
    reference = _value(figures, "reference")
    if reference is not None and np.shape(reference) == np.shape(figures.mean):
        arrays["mean_field"] = arrays["mean"][0], np.asarray(reference)
    if not any("partner" in axes for axes, _ in arrays.values()):
        del coordinates["partner"]
    attributes = {name: getattr(figures, name) for name in facts}
    if len(seeds := getattr(figures, "seeds", ())) > 1:
        attributes["seed"] = ", ".join(map(str, seeds))
    attributes |= {_for_netcdf(attributes, key): value for key, value in (parameters or {}).items()}
    return xarray.Dataset(arrays, coordinates, {key: _plain(value) for key, value in attributes.items()})


def _value(figures: Any, name: str) -> Any:
    try:
        return getattr(figures, name, None)
    except EXPECTED:
        return None


def _plain(value: Any) -> Any:
    """A parameter as every netCDF has it: a number (integers of 32 bits), or a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return str(value)
    return str(value) if isinstance(value, int) and abs(value) >= 2**31 else value


def _beside(taken: Iterable[str], name: str) -> str:
    """The name of a parameter beside others that it must not hide."""
    return f"{name}_parameter" if name in set(taken) else name


def _for_netcdf(taken: Iterable[str], name: str) -> str:
    """The same as every netCDF has it: in ASCII, without blanks and slashes."""
    letters = name.encode(*spelled("ascii")).decode("ascii")
    return _beside(taken, "".join(c if c.isalnum() or c in "._-" else "_" for c in letters) or "_")


def _coordinate(values: Sequence[Any]) -> list[Any]:
    """One parameter at all points, of one type: numbers (NaN where a point has none), or texts."""
    made = [_plain(value) for value in values if value is not None]
    if made and not any(isinstance(value, str) for value in made):
        return [math.nan if value is None else value for value in values]
    return ["" if value is None else str(_plain(value)) for value in values]


def stacked(datasets: Sequence[Any], parameters: Sequence[Mapping[str, Any]]) -> Any:
    """Datasets of the points of a sweep along the axis ``point``, whose coordinates are the parameters."""
    xarray = _library("xarray", "to_xarray")
    if not datasets:
        raise ArgumentError("results", "hold at least one result", "there is none")
    whole = xarray.concat(datasets, dim="point", join="outer", data_vars="all", combine_attrs="drop_conflicts")
    keys = dict.fromkeys(key for p in parameters for key in p)
    names = {key: _for_netcdf([*whole.variables, *whole.dims], key) for key in keys}
    return whole.assign_coords({names[key]: ("point", _coordinate([p.get(key) for p in parameters])) for key in keys})


def _library(name: str, method: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        why = f"{method} needs {name}, which is not installed (pip install 'cojump[data]')"
        raise UnsupportedError(why) from None
