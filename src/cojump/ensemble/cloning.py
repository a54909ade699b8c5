"""Biased ensembles by cloning: trajectories weighted with e^{-sK}, K the number of jumps (population dynamics).

A population of n trajectories runs for a short time. Trajectory i has made K_i jumps and is given the weight
w_i = e^{-s K_i}; n new ones are drawn among them with these weights (systematic resampling), and go on from where they
are. With W_g the mean weight of generation g the product Z = Π_g W_g estimates <e^{-sK}> = e^{θ(s)T} without a bias. Of
several independent populations θ(s) is therefore read as

    θ(s) = <ln Z>/T + T Var(ln Z/T)/2

up to higher cumulants, and its standard error is their spread. Each trajectory of each generation has a stream of
random numbers of its own, and so has each resampling: the number of ranks changes no bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..errors import ArgumentError, UnsupportedError
from ..model import Model
from ..model.channels import channel_names, channel_weights
from ..model.driven import refuse_driven
from ..model.final_states import FinalState
from ..model.mixtures import Mixture
from ..model.model import check_model
from ..model.states import State
from ..parallel.communicator import Communicator
from ..parallel.one_process import Alone
from ..tools import checks
from ..tools.numbers import format_value
from ..tools.summaries import Summarised, counted, facts, more
from ..tools.types import Array
from ..trajectories.compilation import prepare
from ..trajectories.engine import make_continued
from ..trajectories.kernel_cache import tell_refusal
from ..trajectories.outcome import Runner
from ..trajectories.pure_state import PureState
from ..trajectories.random_streams import Stream
from .fingerprint import agreed
from .fingerprint import differences as apart
from .point import Point

_RESAMPLING = 2**33
"""The stream of a resampling, beyond those of all parts and of the draw of a start."""

_MOST_CLONES = 10**7
"""Clones of all populations together at most: every rank holds their states."""

_MOST = 2**22
"""Generations at most: each has streams of its own."""


@dataclass(frozen=True, eq=False, repr=False)
class Clones(Summarised):
    """A biased ensemble of n clones.

    Attributes
    ----------
    s : float
    theta, stderr : float
        θ(s) from the growth of the populations, and its standard error, from the spread between populations (which is
        itself known to 1/√(2(R - 1)) of R populations). Beyond it
        there is the bias of finite populations, of order 1/n and higher than what ``bias`` mends: compare two sizes.
    bias : float
        What has been added to the mean growth rate: half of the time times its variance.
    mean, mean_stderr : float
        Mean rate of K along the lineages that survive, -θ'(s), and its standard error.
    effective : float
        Mean of (Σ w)²/(n Σ w²): the part of a population that is not lost at a resampling. Where it is far
        below 1 the interval is too long.
    growth, rates : (R,) arrays
        ln Z/T, and the mean rate, of each population.
    n_clones : int
    time, interval : float
        Time after the burn-in, and the length of a generation.
    weights : dict of str to float
        With which weight a jump of each channel counts.
    """

    s: float
    theta: float
    stderr: float
    bias: float
    mean: float
    mean_stderr: float
    effective: float
    growth: Array
    rates: Array
    n_clones: int
    time: float
    interval: float
    weights: dict[str, float]

    def _title(self) -> str:
        populations = f"{counted(len(self.growth), 'population')} of {self.n_clones:,} clones"
        return f"Biased ensemble at s = {self.s:g}: {populations} for a time of {self.time:g}"

    def _lines(self) -> list[str]:
        return facts(
            ("θ(s)", format_value(self.theta, self.stderr, exact=0.0)),
            ("mean rate", format_value(self.mean, self.mean_stderr, exact=0.0)),
            ("effective", f"{self.effective:.3f} of the clones at a resampling"),
            ("bias", f"{self.bias:.2g} has been added to the growth rate"),
        ) + more(".theta, .stderr, .mean, .mean_stderr, .growth, .rates")


def clones(
    model: Model,
    state: State | Mixture,
    s: float,
    *,
    n_clones: int,
    time: float,
    interval: float,
    burn_in: float = 0.0,
    populations: int = 8,
    channels: Any = None,
    seed: int = 0,
    tolerance: float = 1e-9,
    comm: Any = None,
) -> Clones:
    """Run the ensemble of trajectories biased by e^{-sK} with populations of clones.

    Where the generator does not fit in memory it reaches sizes that :func:`cojump.counting.theta` cannot. All ranks of
    ``comm`` share the clones; the result has the same bits for any number of ranks.

    Parameters
    ----------
    model : Model
        Without terms that change in time. The quanta that leave a mode cannot be counted: its jumps are those of a
        displaced mode.
    state : State or Mixture
        The state at t = 0.
    s : float
        Counting field, as for :func:`cojump.counting.theta`.
    n_clones : int
        Trajectories of a population, at least two.
    time : float
        How long it runs, burn-in included; a whole number of intervals, rounded up.
    interval : float
        Time between two resamplings. e^{-sK} of one interval should not vary by more than about a factor of two.
    burn_in : float
        Time at the beginning that is left out.
    populations : int
        Independent populations, at least three: errors are their spread.
    channels : optional
        What is counted, as for :func:`cojump.counting.theta`.
    seed, tolerance, comm
        As for :func:`cojump.simulate`.

    Raises
    ------
    ArgumentError, UnsupportedError
        Before any work starts, if an argument breaks a rule.
    ConvergenceError
        If a trajectory cannot keep its tolerance.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=1, omega=0.5, rate_up=0.0, rate_down=1.0)  # an atom that scatters light
    >>> found = cj.counting.clones(
    ...     model, cj.tilted(model, np.pi, 0), 0.5, n_clones=20, time=25.0, interval=1.0, burn_in=5.0, seed=1
    ... )
    >>> print(f"{found.theta:.3f} ± {found.stderr:.3f}, {float(cj.counting.theta(model, 0.5)):.3f} exactly")
    -0.149 ± 0.003, -0.152 exactly
    """

    def check() -> tuple[Point, float, int, int, Array]:
        check_model(model)
        refuse_driven(model, "Biased ensembles are those")
        weights = channel_weights(model, channels)
        if any(weights[l] for l in model.mode_losses):
            raise UnsupportedError(
                "Biased ensembles count jumps of particles: those of a mode are of its displaced frame"
            )
        field = checks.number("s", s, -50, 50)
        step = checks.number("interval", interval, above=0)
        whole, left_out = checks.number("time", time, above=0), checks.number("burn_in", burn_in, 0)
        if not left_out < whole:
            raise ArgumentError("burn_in", f"be less than time = {whole:g}", f"it is {left_out:g}")
        if step > whole:
            raise ArgumentError("interval", f"be at most time = {whole:g}", f"it is {step:g}")
        generations, first = (int(np.ceil(t / step * (1 - 1e-12))) for t in (whole, left_out))
        if generations > _MOST:
            raise ArgumentError("interval", f"leave at most {_MOST:,} of them", f"there are {generations:,}")
        n = checks.integer("n_clones", n_clones, 2, _MOST_CLONES)
        many = checks.integer("populations", populations, 3, _MOST_CLONES // n)
        point = Point(model, state, np.array([step]), n_traj=n * many, seed=seed, tolerance=tolerance, chunk=n)
        return point, field, generations, first, weights

    ranks: Communicator = Alone()
    world = None
    if comm is not None:
        from ..parallel.mpi import wrap

        world = wrap(comm)
    if world is None:
        point, field, generations, first, weights = check()
    else:
        ranks = world

        def same(checked: tuple[Point, float, int, int, Array]) -> dict[str, Any]:
            own, field, generations, first, weights = checked
            return {**agreed(own), "s": field, "generations": [generations, first], "weights": weights.tolist()}

        def describe(own: Any, other: Any, here: str, there: str) -> str:
            return next((found.text for found in apart(own, other, (here, there))), "")

        point, field, generations, first, weights = world.together(check, same, describe)
    try:
        return ranks.guard(lambda: _run(point, field, generations, first, weights, ranks))
    finally:
        if world is not None and world is not comm:
            world.free()


def _run(point: Point, s: float, generations: int, first: int, weights: Array, ranks: Communicator) -> Clones:
    """All populations, one behind the other among the trajectories of the point, whose chunks they are."""
    n, step, all_ = point.chunk, float(point.times[0]), point.n_traj
    own = range(all_ * ranks.rank // ranks.size, all_ * (ranks.rank + 1) // ranks.size)
    stream, R = Stream(), all_ // n
    logs, shares, means = (np.zeros((generations + 1, R)) for _ in range(3))
    totals = np.zeros(all_)
    states: list[FinalState] = []
    with threadpool_limits(1):
        ranks.in_turn(lambda: prepare([point.model]))
        if ranks.rank == 0:
            tell_refusal()
        start, continued = make_continued(point.model, point.state, point.times, point.tolerance, [0])
        for g in range(generations):
            if g:
                continued.feed(states, g)
            made = [_one(continued if g else start, point.seed, i) for i in own]
            gathered = [one for part in ranks.of_all(made) for one in part]
            counts = np.array([counts for counts, _ in gathered]) @ weights
            parents = np.empty(all_, dtype=np.intp)
            for r in range(R):
                inside = slice(r * n, (r + 1) * n)
                uniform = stream.move_to(point.seed, r, _RESAMPLING + g).random()
                logs[g + 1, r], drawn, shares[g + 1, r] = resampled(-s * counts[inside], uniform)
                parents[inside] = r * n + drawn
            totals = (totals + counts)[parents]
            means[g + 1] = totals.reshape(R, n).mean(axis=1)
            states = [gathered[parent][1] for parent in parents]
    length = step * (generations - first)
    growth, rates = logs[first + 1 :].sum(axis=0) / length, (means[-1] - means[first]) / length
    bias = length * float(growth.var(ddof=1)) / 2
    names = channel_names(point.model)
    return Clones(
        s,
        float(growth.mean()) + bias,
        float(growth.std(ddof=1) / np.sqrt(R)),
        bias,
        float(rates.mean()),
        float(rates.std(ddof=1) / np.sqrt(R)),
        float(shares[first + 1 :].mean()),
        growth,
        rates,
        n,
        length,
        step,
        dict(zip(names, map(float, weights), strict=True)),
    )


def _one(engine: Runner, seed: int, index: int) -> tuple[Array, FinalState]:
    """Numbers of jumps of one clone in one generation, and where it has come to."""
    found: list[FinalState] = []

    def watch(_: int, state: PureState) -> None:
        found.append(state.final())

    one = engine.run(seed, index, watch=watch)
    return one.counts[-1], found[-1]


def resampled(logs: Sequence[float] | Array, uniform: float) -> tuple[float, Array, float]:
    """Systematic resampling with the weights w = e^{logs}.

    Returns
    -------
    log_mean : float
        ln of the mean weight.
    parents : (n,) int array
        From which each new one goes on: each old one has n w/Σw new ones, rounded up or down.
    share : float
        (Σ w)²/(n Σ w²).
    """
    w = np.asarray(logs, dtype=float)
    largest, n = float(w.max()), len(w)
    w = np.exp(w - largest)
    ends = np.cumsum(w)
    places = (uniform + np.arange(n)) / n * ends[-1]
    parents = np.minimum(np.searchsorted(ends, places, side="right"), n - 1)
    return largest + float(np.log(w.mean())), parents, float(ends[-1] ** 2 / (n * np.sum(w**2)))
