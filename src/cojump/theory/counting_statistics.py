"""Full counting statistics: θ(s), the cumulants of the number of jumps, and the rate function.

With K the weighted number of jumps until t, <e^{-sK}> goes as e^{θ(s) t}; see :mod:`cojump.theory.tilted_generator`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..basis.sector_densities import occupied_labels
from ..basis.sectors import sector_labels
from ..errors import ArgumentError
from ..model import Model
from ..model.channels import channel_names, channel_weights
from ..model.driven import refuse_driven
from ..model.model import check_model, check_not_frozen
from ..model.states import State, check_start
from ..tools import checks
from ..tools.summaries import Summarised, counted, facts, few, more, table
from ..tools.types import Array
from .fock_growth import grown, spaces_at_rest
from .generator import check_unknowns
from .populations import checked_method, populations_for
from .tilted_generator import BASIS, ORDER, Tilted

_MOST_POINTS = 10_000

_NOTHING = 1e-13
"""A mean rate below this, of the norm of the generator, is rounding of zero."""

_PRESENT = 1e-9
"""Share of a sector from which it is named."""


@dataclass(frozen=True, eq=False, repr=False)
class Theta(Summarised):
    """θ(s), the scaled cumulant generating function of the weighted number K of jumps, and its derivatives.

    ``float(...)`` and ``np.asarray(...)`` of it are θ itself. All arrays have the shape of ``s``.

    Attributes
    ----------
    s : array
    theta : array
        θ(s) = lim (1/t) ln <e^{-sK}>.
    mean : array
        -θ'(s), the mean rate of K in the ensemble biased by e^{-sK}; at s = 0 that of the model itself.
    variance, third, fourth : array
        θ''(s), -θ'''(s), θ''''(s): the cumulants of K per unit of time.
    error : array
        Estimated error of θ by rounding.
    weights : dict of str to float
        With which weight a jump of each channel counts.
    sectors : tuple of S tuples of labels
    sector_shares : array (..., S)
        Probability of each sector in the state that belongs to θ(s), the leading right vector: all of it in one sector
        where nothing leads from sector to sector.
    dark : bool array
        Where no jump that is counted happens in that state: θ'(s) = 0.
    apart : int
        Number of parts of the generator that hold populations and that nothing connects, such as the sectors of a
        collective jump. Where there are several and no ``state`` was given, θ(s) is the largest of theirs.
    of_a_state : bool
        Whether ``state`` was given.
    n_particles : int
    """

    s: Array
    theta: Array
    mean: Array
    variance: Array
    third: Array
    fourth: Array
    error: Array
    weights: dict[str, float]
    sectors: tuple[tuple[Label, ...], ...]
    sector_shares: Array
    dark: NDArray[np.bool_]
    apart: int
    of_a_state: bool
    n_particles: int

    @property
    def doubt(self) -> str:
        """What θ(s) does not hold for, in one line; "" if it holds for every start and jumps are counted everywhere."""
        found = []
        if self.apart > 1 and not self.of_a_state:
            found.append(
                f"the largest θ of {self.apart} parts that nothing connects (see `sectors`): a start in another part "
                "has another one, which `state` finds"
            )
        if self.dark.any():
            where = "" if self.dark.all() else f" at s = {few([f'{x:g}' for x in self.s[self.dark]], 3)}"
            found.append(f"no jump that is counted happens in the state that θ belongs to{where}")
        return "; ".join(found)

    @property
    def fano(self) -> Array:
        """Fano factor θ''(s)/(-θ'(s)): 1 for a Poisson process."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.variance / self.mean)

    @property
    def rate_function(self) -> tuple[Array, Array]:
        """(k, φ(k)) with P(K ≈ k t) ~ e^{-φ(k) t}, at the rates k = -θ'(s): φ = -θ(s) - s k (Legendre transform)."""
        return self.mean, -self.theta - self.s * self.mean

    def __float__(self) -> float:
        if self.theta.size != 1:
            raise TypeError(f"θ has {self.theta.size} values")
        return float(self.theta.ravel()[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.theta, dtype=dtype)

    def _title(self) -> str:
        return f"θ(s) at {counted(self.s.size, 'value')} of s: N = {self.n_particles:,}"

    def _lines(self) -> list[str]:
        counts = ", ".join(f"{name}: {w:g}" for name, w in self.weights.items() if w)
        lines = facts(("counted", counts), ("note", self.doubt))
        shown = [a.ravel()[:12] for a in (self.theta, self.mean, self.fano, self.error)]
        rows = [(*(f"{x:.6g}" for x in row[:3]), f"{row[3]:.1e}") for row in zip(*shown, strict=True)]
        heads: tuple[str, ...] = ("s", "θ", "mean rate", "Fano", "error of θ")
        if self.apart > 1:
            shares, known = self.sector_shares.reshape(-1, len(self.sectors)), np.array(self.sectors, dtype=object)
            heads += ("sectors",)
            rows = [
                (*row, few([str(tuple(labels)) for labels in known[own > _PRESENT]], 2))
                for row, own in zip(rows, shares[: len(rows)], strict=True)
            ]
        names = [f"{s:.6g}" for s in self.s.ravel()[:12]]
        lines += table(heads, names, rows)
        return lines + more(".theta, .mean, .variance, .third, .fourth, .fano, .rate_function, .sector_shares, .doubt")


def theta(
    model: Model,
    s: ArrayLike,
    channels: Any = None,
    *,
    state: State | None = None,
    memory: float = 4.0,
    method: str = "auto",
) -> Theta:
    """Find θ(s) of any set of jumps, exactly, with the cumulants of their number up to the fourth.

    Parameters
    ----------
    model : Model
        With modes every loss counts the quanta that leave (a†a, whatever frame is used elsewhere).
    s : float or array
        Counting fields: s > 0 favours trajectories with few jumps, s < 0 those with many.
    channels : int, str, sequence of these, or mapping of these to float, optional
        What is counted: a jump by its place in ``model.jumps`` or its name, several of them, or a weight for each; all
        jumps if it is not given. A loss with thermal light counts the quanta that come in as well.
    state : State, optional
        Look only at what this start comes to: a collective jump alone keeps every sector, and from a dark state nothing
        leads away. Without it θ(s) is the largest eigenvalue of all sectors, that of every start which has a part in
        the state it belongs to, such as the mixed one; ``doubt`` of what is found says where others differ.
    memory : float
        GiB that may be used. Where the matrix of the generator and its factors do not fit, it is applied without one:
        1 kB for each unknown.
    method : str
        "populations", "full" or "auto", as for :func:`cojump.master_equation`.

    Raises
    ------
    ArgumentError
        If an argument breaks a rule or the model needs more memory.
    UnsupportedError
        For terms that change in time, where several sectors or dark states have the same leading eigenvalue (the
        statistics then depend on the start), or if ``state`` has no part in the state that θ(s) belongs to.
    ConvergenceError
        If the iteration does not come to an end.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=1, omega=0.5, rate_up=0.0, rate_down=1.0)  # an atom that scatters light
    >>> found = cj.counting.theta(model, [0.0, 0.5])
    >>> print(found.theta.round(6) + 0.0, found.mean.round(6), found.fano.round(6))
    [ 0.       -0.151891] [0.333333 0.272344] [0.333333 0.489168]
    >>> crystal = cj.systems.boundary_time_crystal(size=4, omega=1.5, kappa=1.0)  # keeps the spin J
    >>> everywhere, top = (cj.counting.theta(crystal, 0.5, state=one) for one in (None, cj.tilted(crystal, 0, 0)))
    >>> print(float(everywhere), round(float(top), 6), everywhere.dark)  # J = 0 does not shine at all
    0.0 -0.367988 True
    """
    check_model(model)
    refuse_driven(model, "There is θ(s)")
    check_not_frozen(model)
    fields = checks.array("s", s, "a number or an array of numbers", real=True).astype(float)
    if fields.size > _MOST_POINTS:
        raise ArgumentError("s", f"have at most {_MOST_POINTS:,} values", f"it has {fields.size:,}")
    weights = channel_weights(model, channels)
    if fields.size and np.abs(np.multiply.outer(fields, weights)).max() > 100:
        raise ArgumentError("s", "be at most 100 in size, times each weight", "it is larger")
    memory = checks.number("memory", memory, 0)
    if state is not None:
        check_start(model, state)
    starts = None if state is None else [state]
    spaces = tuple(FockSpace(space.size, 0j) for space in spaces_at_rest(model))
    chosen = populations_for(model, checked_method(method), starts, memory, factors=True, kept=BASIS)
    if chosen is None:
        check_unknowns(model, starts, memory, spaces=spaces)
    if state is None:
        occupied: Sequence[Sequence[Label]] = [sector_labels(block) for block in model.blocks]
    else:
        occupied = [occupied_labels(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    found: list[Array] = []
    shares: list[Array] = []
    with threadpool_limits(1):
        tilted = Tilted(model, occupied, spaces, memory, weights, chosen, state)
        for field in fields.ravel():
            while True:
                derivatives, share, outgrown = tilted.at(float(field))
                if not outgrown:
                    break
                spaces = grown(spaces, outgrown)
                check_unknowns(model, starts, memory, spaces=spaces)
                tilted = Tilted(model, occupied, spaces, memory, weights, None, state)
            found.append(derivatives)
            shares.append(share)
    table_ = np.array(found).reshape(-1, ORDER + 2).T.reshape(ORDER + 2, *fields.shape)
    signs = (-1.0) ** np.arange(1, ORDER + 1)
    names = channel_names(model)
    mean, variance, third, fourth = (sign * row + 0.0 for sign, row in zip(signs, table_[1:-1], strict=True))
    sectors = tuple(tilted.generator.packing.dims)
    return Theta(
        fields,
        table_[0],
        mean,
        variance,
        third,
        fourth,
        table_[-1],
        dict(zip(names, map(float, weights), strict=True)),
        sectors,
        np.array(shares).reshape(*fields.shape, len(sectors)),
        np.asarray(np.abs(mean) <= _NOTHING * tilted.norm),
        tilted.apart,
        state is not None,
        model.size,
    )
