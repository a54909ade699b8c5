"""The public entries to two-time functions from trajectories."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, UnsupportedError
from ..model import Model
from ..model.collective_average import CollectiveAverage, average_of, emitted
from ..model.final_states import FinalStates
from ..model.mixtures import check_mixture
from ..parallel.processes import Processes, checked_workers
from ..results.two_time import SampledCoincidences, SampledTwoTime, coincidences_of, two_time_of
from ..theory.mean_field import reference as mean_of_starts
from ..theory.two_time import check_span, check_taus
from ..tools import checks
from ..tools.memory import for_each_rank
from ..tools.types import Array, Complex
from ..trajectories.branches import Branches, branching_times
from .point import Point, Start, starting
from .samples import Sampler, gathered


@dataclass(frozen=True)
class _Plan:
    """What is run: trajectories of a point, which branch at the time ``start``, and what acts on them."""

    point: Point
    start: float
    taus: Array
    averages: tuple[CollectiveAverage, ...]

    def branches(self) -> Branches:
        """Trajectories on one rank."""
        p = self.point
        return Branches(p.model, p.state, self.start, self.taus, p.tolerance)

    def facts(self) -> dict[str, Any]:
        """All that must agree on all ranks."""
        from .fingerprint import agreed

        seen = [[sorted((b, x.tobytes()) for b, x in a.blocks.items()), sorted(a.modes.items())] for a in self.averages]
        return {**agreed(self.point), "a and b": hashlib.sha256(repr((seen, self.start)).encode()).hexdigest()}


def two_time(
    model: Model,
    state: Start,
    taus: ArrayLike,
    a: str | Mapping[str, ArrayLike],
    b: str | Mapping[str, ArrayLike],
    *,
    start: float = 0.0,
    n_traj: int,
    seed: int = 0,
    tolerance: float = 1e-9,
    chunk: int = 64,
    workers: int = 1,
    comm: Any = None,
    progress: bool = False,
) -> SampledTwoTime:
    """Estimate <A(s+τ) B(s)> of two averages from trajectories, at any number of particles.

    At the time s each trajectory branches into four states that B makes of it, which go on as trajectories of their own
    (:mod:`cojump.trajectories.branches`): all weights are bounded, and the error of the connected function N (<A B> -
    <A><B>) does not grow with N. A trajectory takes the time to s + τ once and the time τ four times. One trajectory
    with its branches is one sample, a function of (seed, i) alone.

    Parameters
    ----------
    model : Model
        Its ``averages`` do not matter here.
    state : State, Mixture, or ``result.final`` of another run
        The state at t = 0. For a stationary function take a ``start`` by which the memory of it is gone, or
        ``cojump.steady_state(model).two_time``.
    taus : (T,) array
        Times τ, increasing, taus[0] ≥ 0.
    a, b : str, or mapping of str to (d_b, d_b) array
        A = Σ_b (1/N_b) Σ_{k in b} a_b^(k), and B; the matrices need not be Hermitian. A mode adds c_x x + c_y y,
        written "cavity": (c_x, c_y): (1, 1j) is a/√N. A text is the label of an average, "spins.z".
    start : float
        s.
    n_traj, seed, tolerance, chunk, workers, comm, progress
        As for :func:`simulate`.

    Returns
    -------
    SampledTwoTime
        ``mean`` (complex) with ``stderr``, ``connected`` with ``connected_stderr``, ``spectrum(omegas)``.

    Raises
    ------
    ArgumentError, UnsupportedError, ConvergenceError, MemoryError, SimulationInterrupted
        As :func:`simulate`.

    Examples
    --------
    >>> model = cj.systems.boundary_time_crystal(size=20, omega=0.4, kappa=1.0)
    >>> state, z = cj.tilted(model, theta=1.1, phi=0.4), {"spins": cj.operators.sigma_z}
    >>> found = cj.two_time(model, state, [0, 0.5, 1], z, z, start=2.0, n_traj=200, seed=1)
    >>> exact = cj.master_equation(model, state, [0, 2]).two_time([0, 0.5, 1], "spins.z", "spins.z", start=2.0)
    >>> bool(np.all(np.abs(found.connected - exact.connected) < 4 * found.connected_stderr))
    True
    """
    several = checked_workers(workers, comm)

    def check() -> _Plan:
        plan = _plan(model, state, taus, start, n_traj, seed, tolerance, chunk, several)
        pair = average_of(plan.point.model, "a", a), average_of(plan.point.model, "b", b)
        return replace(plan, averages=pair)

    def sampler_of(plan: _Plan, reference: Complex) -> Sampler:
        branches, (first, second) = plan.branches(), plan.averages
        return lambda index, poll: branches.two_time(plan.point.seed, index, first, second, reference, poll)

    def finish(plan: _Plan, samples: NDArray[Any], reference: Complex) -> SampledTwoTime:
        p = plan.point
        return two_time_of(plan.taus, plan.start, p.model.size, p.seed, p.tolerance, samples, reference)

    found: SampledTwoTime = _run(check, sampler_of, finish, _reference, np.complex128, comm, several, progress)
    return found


def g2(
    model: Model,
    state: Start,
    taus: ArrayLike,
    of: str | int | Mapping[str, ArrayLike],
    *,
    start: float = 0.0,
    n_traj: int,
    seed: int = 0,
    tolerance: float = 1e-9,
    chunk: int = 64,
    workers: int = 1,
    comm: Any = None,
    progress: bool = False,
) -> SampledCoincidences:
    """Estimate g²(τ) of the quanta of a mode or of a collective jump, in normal and time order, from trajectories.

    g²(τ) = <c†(s) c†(s+τ) c(s+τ) c(s)> / (<c†c>(s) <c†c>(s+τ)): at the time s each trajectory branches into c ψ, whose
    weight is |c ψ|².

    Parameters
    ----------
    model, state
        As for :func:`two_time`.
    taus : (T,) array
        Times τ, increasing, taus[0] ≥ 0.
    of : str, int or mapping
        The name of a mode; the name of a collective jump or of the loss of a mode, or its place among ``model.jumps``;
        or c as an average {block: matrix}.
    start, n_traj, seed, tolerance, chunk, workers, comm, progress
        As for :func:`two_time`.

    Returns
    -------
    SampledCoincidences
        ``mean`` with ``stderr``.

    Raises
    ------
    ArgumentError, UnsupportedError, ConvergenceError, MemoryError, SimulationInterrupted
        As :func:`simulate`; UnsupportedError also if c acts on blocks that nothing couples.

    Examples
    --------
    A driven atom: after a photon it is in its ground state.

    >>> model = cj.systems.boundary_time_crystal(size=1, omega=1.0, kappa=1.0)
    >>> state = cj.tilted(model, theta=np.pi, phi=0)
    >>> found = cj.g2(model, state, [0, 0.5, 1], 0, start=10.0, n_traj=400, seed=1)
    >>> print(found.mean.round(2), found.stderr.round(2))
    [0.   0.39 1.  ] [0.   0.01 0.04]
    """
    several = checked_workers(workers, comm)

    def check() -> _Plan:
        plan = _plan(model, state, taus, start, n_traj, seed, tolerance, chunk, several)
        plan = replace(plan, averages=(emitted(plan.point.model, of),))
        if len(plan.branches().parts_of(plan.averages[0])) != 1:
            raise UnsupportedError("g² is of blocks and modes that are coupled: `of` acts on some that run apart")
        return plan

    def sampler_of(plan: _Plan, reference: Array) -> Sampler:
        branches, (c,) = plan.branches(), plan.averages
        return lambda index, poll: branches.coincidences(plan.point.seed, index, c, poll)

    def finish(plan: _Plan, samples: NDArray[Any], reference: Array) -> SampledCoincidences:
        p = plan.point
        return coincidences_of(plan.taus, plan.start, p.seed, p.tolerance, samples)

    found: SampledCoincidences = _run(check, sampler_of, finish, _no_reference, np.float64, comm, several, progress)
    return found


def _plan(
    model: Any, state: Any, taus: Any, start: Any, n_traj: Any, seed: Any, tolerance: Any, chunk: Any, workers: int
) -> _Plan:
    """All but what acts on the trajectories, checked."""
    state = starting(state)
    check_mixture(model, state, FinalStates)
    checked = check_taus(taus)
    begun = check_span(start, checked)
    times = branching_times(begun, checked)
    if np.any(np.diff(times) <= 0):
        raise ArgumentError("taus", f"be apart beside start = {begun:g}", "some of start + taus are the same number")
    whole = model if model.averages is None else replace(model, averages=None)
    point = Point(whole, state, times, n_traj=n_traj, seed=seed, tolerance=tolerance, chunk=chunk)
    needed, have = 16.0 * (2 * len(checked) + 1) * point.n_traj, for_each_rank(workers)
    beside = 2 * point.recipe.nbytes(1)
    if needed + beside > have:
        found = (
            f"samples of {point.n_traj:,} trajectories at {len(checked):,} times need {needed / 2**30:,.2f} GiB beside "
            f"{beside / 2**30:,.2f} GiB for two engines, and there are {have / 2**30:,.2f} GiB"
        )
        raise ArgumentError("n_traj", "leave samples that fit in memory", found)
    return _Plan(point, begun, checked, ())


def _reference(plan: _Plan) -> Complex:
    """(T + 1,) the mean field of A at s + τ, and of B at s."""
    mean = mean_of_starts(plan.point.model, plan.point.state, plan.point.times)
    (c, w), (d, v) = (average.coefficients for average in plan.averages)
    made: Complex = np.append(c + mean[-len(plan.taus) :] @ w, d + mean[0] @ v)
    return made


def _no_reference(plan: _Plan) -> Array:
    return np.zeros(0)


def _run(
    check: Callable[[], _Plan],
    sampler_of: Callable[[_Plan, Any], Sampler],
    finish: Callable[[_Plan, NDArray[Any], Any], Any],
    reference_of: Callable[[_Plan], NDArray[Any]],
    kind: type,
    comm: Any,
    workers: int,
    progress: Any,
) -> Any:
    """One process, or the ranks of a communicator, which all have the same plan."""
    display = None
    if checks.boolean("progress", progress):
        from ..tools.progress import make_progress

        display = make_progress()

    def run(plan: _Plan, world: Any) -> Any:
        found = reference_of(plan) if world is None or world.rank == 0 else None
        reference = found if world is None else world.share(found)
        p = plan.point
        return gathered(
            p.model,
            p.n_traj,
            p.chunk,
            lambda: sampler_of(plan, reference),
            np.zeros(2 * len(plan.taus) + 1, dtype=kind),
            lambda samples: finish(plan, samples, reference),
            comm=world,
            progress=display,
        )

    world = None
    if comm is not None:
        from ..parallel.mpi import World, wrap

        world = wrap(comm)
    if world is None:
        return run(check(), Processes(workers) if workers > 1 else None)
    try:
        return run(world.together(check, _Plan.facts, _apart), world)
    finally:
        if not isinstance(comm, World):
            world.free()


def _apart(own: dict[str, Any], first: dict[str, Any], here: str, there: str) -> str:
    """What two ranks have otherwise."""
    from .fingerprint import differences

    return next((found.text for found in differences(own, first, (here, there))), "")
