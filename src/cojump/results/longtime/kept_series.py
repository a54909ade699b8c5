"""The series that statistics of long trajectories work on: those a run keeps, of one trajectory, or plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ArgumentError
from ...model import Model
from ...model.model import check_model
from ...tools import checks
from ...tools.summaries import counted
from ...tools.types import Array

if TYPE_CHECKING:
    pass


def kept_series(source: Any, observable: str | Mapping[str, ArrayLike], *, model: Model | None = None) -> Array:
    """Series of one average along the kept trajectories.

    Parameters
    ----------
    source : Result or Trajectory
        As for :func:`averages`.
    observable : str or mapping
        A label of the source; or, with ``model``, the name of an order parameter (``"overlap1"``) or a mapping
        {block: X}, the average Σ_b (1/N_b) Σ_{k in b} X_b^(k).
    model : Model, optional
        The model of the source.

    Returns
    -------
    (K, T) array

    Examples
    --------
    >>> model = cj.systems.hopfield(np.ones((1, 20), dtype=int), omega=0.1, beta=4.0)
    >>> result = cj.simulate(model, cj.corrupted(model, quality=0.9), [0, 5, 10], n_traj=8, keep=4)
    >>> overlap = cj.longtime.kept_series(result, "overlap1", model=model)
    >>> overlap.shape, np.allclose(overlap, cj.longtime.kept_series(result, "+.z"))
    ((4, 3), True)
    """
    _, series = kept_of(source)
    if isinstance(observable, str) and observable in source.labels:
        return series[:, :, source.labels.index(observable)]
    if model is not None:
        check_model(model)
    if model is not None and isinstance(observable, str) and observable in model.order_parameters:
        observable = model.order_parameters[observable]
    if model is None or isinstance(observable, str):
        known = [*source.labels, *(model.order_parameters if model is not None else ())]
        if model is None and isinstance(observable, Mapping):
            raise ArgumentError("model", "be given with matrices as the observable", "it is missing")
        raise ArgumentError("observable", f"be one of {', '.join(known)}", f"it is {checks.shown(observable)}")
    constant, coefficients = model.linear("observable", observable)
    if tuple(source.labels) != model.labels:
        raise ArgumentError("model", f"have the averages of the source, {', '.join(source.labels)}", "it has others")
    return constant + series @ coefficients


def kept_of(source: Any) -> tuple[Array, Array]:
    """Times (T,) and series (K, T, A) of a result or a trajectory."""
    times, labels = getattr(source, "times", None), getattr(source, "labels", None)
    series = getattr(source, "trajectories", None)
    if series is None and hasattr(source, "jumps") and isinstance(getattr(source, "mean", None), np.ndarray):
        series = source.mean[None]
    if not isinstance(series, np.ndarray) or not isinstance(times, np.ndarray) or not isinstance(labels, tuple):
        found = f"it is {checks.shown(source)}"
        raise ArgumentError("source", "be a result that keeps series, or a trajectory", found)
    if not len(series):
        raise ArgumentError("source", "keep the series of trajectories (`keep`)", "it keeps none")
    if series.shape[1:] != (len(times), len(labels)):
        rule = f"have series of {counted(len(times), 'time')} and {counted(len(labels), 'average')}"
        raise ArgumentError("source", rule, f"their shape is {series.shape}")
    return times, series


def series_matrix(name: str, values: ArrayLike) -> Array:
    """(K, n) series; raises ArgumentError if it is none."""
    given = checks.array(name, values, "an array of numbers, of the shape (n,) or (K, n)", real=True, finite=False)
    x = np.atleast_2d(given.astype(float))
    if x.ndim != 2 or not x.size:
        raise ArgumentError(name, "have the shape (n,) or (K, n)", f"its shape is {x.shape}")
    if not np.isfinite(x).all():
        raise ArgumentError(name, "be finite", "it has NaN or infinite values")
    if np.abs(x).max() > checks.LARGEST:
        raise ArgumentError(name, f"have entries of at most {checks.LARGEST:g} in size", "it has larger ones")
    return x
