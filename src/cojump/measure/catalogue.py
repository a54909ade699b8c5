"""Which meters a run has: what every run measures, and what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Model
from ..tools.types import Array
from .block_averages import AverageMeter
from .distributions import DistributionMeter
from .jump_counts import ActivityMeter, CountMeter
from .meter import Meter
from .order_parameters import OrderMeter
from .polynomials import PolynomialMeter
from .squeezing import SqueezingMeter
from .time_windows import WindowMeter, window_of
from .total_spin import SpinMeter


def meters_of(
    model: Model,
    times: Array,
    reference: Array,
    observables: Mapping[str, Any],
    snapshots: Array,
    burn_in: float | None = None,
    window: float | None = None,
) -> list[Meter]:
    """Return the meters of a run.

    Averages, jump counts, spins, squeezing, order parameters if the model has any; and what is asked for:
    polynomials, distributions, and averages over the measurement window (if one of its bounds is given).
    """
    linear = _linear_meters(model, times, reference, observables)
    meters = [*linear, CountMeter(model, times)]
    spins = [b for b, block in enumerate(model.blocks) if block.levels == 2]
    if spins:
        meters.append(SpinMeter(model, times))
        meters += [SqueezingMeter(model, b, times, reference) for b in spins]
    if snapshots.size:
        meters.append(DistributionMeter(model, snapshots))
    measured = window_of(times, burn_in, window)
    if measured is not None:
        meters.append(ActivityMeter(model, measured))
        if burn_in is not None or window is not None:
            steady = measured.weights[None, :] @ reference[measured.places]
            inner = _linear_meters(model, measured.times[-1:], steady, observables)
            meters += [WindowMeter(meter, measured) for meter in inner]
    return meters


def _linear_meters(model: Model, times: Array, reference: Array, observables: Mapping[str, Any]) -> list[Meter]:
    """Meters that are linear in the means and products of a trajectory."""
    meters: list[Meter] = [AverageMeter(model, times, reference)]
    if model.order_parameters:
        meters.append(OrderMeter(model, times, reference))
    if observables:
        meters.append(PolynomialMeter(model, times, observables))
    return meters
