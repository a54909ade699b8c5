"""Which meters a run has: what every run measures, and what is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..model import Model
from ..model.unravelled import detections
from ..tools.types import Array
from .block_averages import AverageMeter
from .callbacks import Callback, CallbackMeter
from .currents import CurrentMeter
from .distributions import DistributionMeter
from .jump_counts import ActivityMeter, CountMeter
from .meter import Meter, StateMeter
from .order_parameters import OrderMeter
from .particle_states import particle_meters
from .photons import PhotonMeter, counted_modes
from .polynomials import HighPolynomialMeter, PolynomialMeter, is_low, polynomials_of
from .squeezing import squeezing_meters
from .time_windows import WindowMeter, window_of
from .total_spin import SpinMeter


class Asked(Protocol):
    """What is asked for beside what every run measures: the options of a run, see cojump.ensemble.options."""

    @property
    def observables(self) -> Mapping[str, Any]:
        """Polynomials by label."""

    @property
    def distributions(self) -> Any:
        """(T',) output times of the distributions."""

    @property
    def distribution_of(self) -> Mapping[str, Any]:
        """Averages of one block by label whose distributions are measured, in place of the usual ones."""

    @property
    def squeezing(self) -> Mapping[str, Any]:
        """Weights of blocks by the label of their sum."""

    @property
    def reduced(self) -> Any:
        """Numbers of particles of blocks whose density matrix is measured, or a list of such."""

    @property
    def tried_callbacks(self) -> Sequence[Callback]:
        """The user's functions of states."""

    @property
    def burn_in(self) -> float | None:
        """Begin of the measurement window."""

    @property
    def window(self) -> float | None:
        """Its end."""


def meters_of(model: Model, times: Array, asked: Asked) -> tuple[Meter | StateMeter, ...]:
    """Return the meters of a run, checked.

    Averages, jump counts, spins, squeezing (where x, y and z are measured), quanta of modes (where x and y are), the
    currents of jumps that give one, order
    parameters if the model has any; and what is asked for: polynomials, squeezing of sums of blocks, distributions,
    states of a few particles, the user's own functions, and averages over the measurement window (if one of its bounds
    is given).

    Raises
    ------
    ArgumentError, UnsupportedError
        If what is asked for breaks a rule.
    """
    meters: list[Meter | StateMeter] = [*_linear_meters(model, times, asked), CountMeter(model, times)]
    if any(block.levels == 2 for block in model.blocks):
        meters.append(SpinMeter(model, times))
    meters += squeezing_meters(model, times, asked.squeezing)
    if counted_modes(model):
        meters.append(PhotonMeter(model, times))
    if detections(model) and times[-1] > 0:
        meters.append(CurrentMeter(model, times))
    high = {label: p for label, p in polynomials_of(model, asked.observables).items() if not is_low(p)}
    if high:
        meters.append(HighPolynomialMeter(times, high))
    if len(asked.distributions):
        meters.append(DistributionMeter(model, asked.distributions, asked.distribution_of))
    meters += particle_meters(model, times, asked.reduced)
    if asked.tried_callbacks:
        meters.append(CallbackMeter(times, asked.tried_callbacks))
    measured = window_of(times, asked.burn_in, asked.window)
    if measured is not None:
        meters.append(ActivityMeter(model, measured))
        if asked.burn_in is not None or asked.window is not None:
            meters += [WindowMeter(inner, measured) for inner in _linear_meters(model, measured.times[-1:], asked)]
    return tuple(meters)


def _linear_meters(model: Model, times: Array, asked: Asked) -> list[Meter]:
    """Meters that are linear in the means and products of a trajectory."""
    meters: list[Meter] = [AverageMeter(model, times)]
    if model.order_parameters:
        meters.append(OrderMeter(model, times))
    low = {label: p for label, p in polynomials_of(model, asked.observables).items() if is_low(p)}
    if low:
        meters.append(PolynomialMeter(model, times, low))
    return meters
