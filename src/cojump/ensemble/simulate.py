"""The public entries to trajectories: an ensemble of them, and one alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from ..errors import SimulationInterrupted
from ..model import Model
from ..model.channels import channel_names
from ..model.unravelled import all_ways, record_labels
from ..model.unravellings import Unravelling
from ..parallel.processes import Processes, checked_workers
from ..results.result import Result
from ..tools import checks
from ..tools.checks import check_times
from ..trajectories.compilation import prepare
from ..trajectories.engine import make_engine
from ..trajectories.kernel_cache import tell_refusal
from ..trajectories.observed_state import ObservedState
from ..trajectories.outcome import Trajectory
from ..trajectories.pure_state import PureState
from .checkpoint import Checkpoint
from .extension import check_extension
from .point import Point, Start, starting
from .run import run_points


def simulate(
    model: Model,
    state: Start,
    times: ArrayLike,
    *,
    n_traj: int,
    seed: int = 0,
    tolerance: float = 1e-9,
    chunk: int = 64,
    averages: Sequence[str] | None = None,
    observables: Mapping[str, Any] | None = None,
    distributions: ArrayLike = (),
    distribution_of: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    reduced: Mapping[str, int] | Sequence[Mapping[str, int]] = (),
    squeezing: Mapping[str, Mapping[str, float]] | None = None,
    callbacks: Mapping[str, Callable[[ObservedState], ArrayLike]] | None = None,
    burn_in: float | None = None,
    window: float | None = None,
    unravelling: Mapping[str, Unravelling] | None = None,
    keep: int = 0,
    record: bool = False,
    target_error: Mapping[str, float] | float | None = None,
    min_traj: int = 100,
    checkpoint: str | os.PathLike[str] | None = None,
    extend: Result | None = None,
    workers: int = 1,
    comm: Any = None,
    progress: bool = False,
) -> Result:
    """Run an ensemble of quantum trajectories.

    Trajectory i is a function of (seed, i) alone and the result is bit-identical for any number of ranks, on processors
    of one kind.

    Parameters
    ----------
    model : Model
        Blocks of any sizes and numbers of levels, as long as the largest sector fits in memory.
    state : State, Mixture, FinalStates, or FinalDensity
        The state at t = 0. ``result.final``, of a run that has kept trajectories, goes on where they have stopped: also
        with another model of the same blocks and modes, a quench. Trajectory i goes on from its state i mod K, with
        random numbers of its own; times, and envelopes of the model, begin at 0 again; mean field goes on as well.
        ``exact.final`` and ``steady.final`` are density matrices: each trajectory draws one of their eigenstates by the
        eigenvalues. Mean field goes on from a steady state with the states of one particle that it has.
    times : (T,) array
        Output times, increasing, times[0] ≥ 0.
    n_traj : int
        Number of trajectories; the standard errors fall as 1/sqrt(n_traj). Those of a single one are NaN.
    seed : int
        At least 0. Same seed, same results, for any number of processes.
    tolerance : float
        Bound on the error of the state in each step (norm) and of each jump time (in units of log-survival).
    chunk : int
        Trajectories per unit of work; fixes the order of summation and with it the last bits.
    averages : sequence of str, optional
        Labels of the averages that are measured, with their products; all if it is not given. Name them where levels
        are many: d levels have d² averages. The result has their labels, and the E_N of these alone; observables and
        order parameters have to be sums and products of them, squeezing needs x, y and z of a block, the states of one
        and two particles (``cojump.reduced``) all averages of it. They replace those that the model may name.
    observables : mapping of str to list of terms, optional
        Polynomials of averages up to fourth order, by label. A term is a mapping {block: X}, the average
        Σ_b (1/N_b) Σ_{k in b} X_b^(k), or a tuple of up to four such mappings, the mean of their product over all
        orders, ½(A B + B A) of two; the terms of a list are added up. The X_b need not be Hermitian: the real part is
        measured (a factor times -1j gives the imaginary part). Three and four factors are read off the state at
        every output time, and have no average over a window. See ``result.observables``.
    distributions : (T',) array
        Output times at which distributions are measured: of M in each block of two levels, and of the number of
        particles in each level of the others. See ``result.distribution``.
    distribution_of : mapping of str to {block: matrix}, optional
        Averages of one block by label, of whose sums Σ_k X^(k) the distributions are measured instead; at all output
        times without `distributions`. X is Hermitian; where it is not diagonal in the basis of the run, the state is
        turned at each of these times.
    reduced : mapping of str to int, or a sequence of such, optional
        How many particles of which blocks, {block: number}: their density matrix is measured. Several such in a list.
        See ``cojump.reduced.particles``; one or two particles are known without it.
    squeezing : mapping of str to {block: weight}, optional
        Sums Σ_b w_b S_b of the spins of blocks by label, {label: {block: weight}}, whose squeezing is measured beside
        that of each block. See ``result.squeezing``.
    callbacks : mapping of str to callable, optional
        Functions of the state of a trajectory by name, which return a number or an array of them at every output time.
        Each is given a :class:`cojump.trajectories.observed_state.ObservedState` (averages, amplitudes, sector, time),
        and returns finite real numbers, arrays of one shape. It is tried with a start, and with a state of no symmetry,
        before anything runs: a run is known by what it returns there. Averages are means over the trajectories, see
        ``result.callback``. Workers and ranks call it in their own processes.
    burn_in : float, optional
        Begin of the measurement window of stationary averages: the first output time from there on (0 if only the end
        is given). ``result.stationary.start`` and ``.end`` say between which output times it is.
    window : float, optional
        End of that window: the last output time up to there (of all, if only the begin is given). Each trajectory is
        averaged over the output times in it with the weights of the trapezoid rule, see ``result.stationary``; the
        activity and the Fano factor count its jumps.
    unravelling : mapping of str to what ``cojump.unravelling`` makes, optional
        How the light of collective jumps and mode losses is detected, by the name of the jump: photon counting,
        counting of L + β, homodyne or heterodyne detection. Jumps that are not named are counted. The mean current is
        in ``result.current``, the records of the trajectories that are kept in ``result.records``.
    keep : int
        How many trajectories keep their series <m_a>(t), and the state at its end (`result.final`).
    record : bool
        Keep the jump record of every trajectory: when, in which channel, and the sector behind it; 24 bytes a jump.
        See ``result.jump_records``, ``cojump.counting.numbers``, ``cojump.longtime.waiting_times``.
    target_error : float or mapping, optional
        Standard errors at which a point is done before n_traj, when they are reached at every output time: one for all
        averages, or a table of labels such as {spins.z = 0.005, deviation = 1e-4}. In Python that is a mapping,
        ``{"spins.z": 0.005, "deviation": 1e-4}``. ``result.n_traj`` says how many it took.
    min_traj : int
        Trajectories before the target is looked at; it is looked at after each whole chunk.
    checkpoint : path, optional
        A directory that keeps finished chunks. The same call again goes on from there, after an interruption, an error
        or with a larger n_traj, with the bits of one run; another model, state or option is refused, and
        so is a second process while one is at work in it. It is made if it is not there, and nobody but you removes it.
    extend : Result, optional
        A result of the same call with fewer trajectories: of an earlier run, of a file, or the partial one of an
        interrupted run. Only those that it lacks are run, and the result has the bits of one long run. Another model,
        state or option is refused; n_traj counts those that are there. For trajectories of another seed see
        :func:`cojump.merge`.
    workers : int
        Processes of this machine that share the work, without MPI: with the same bits as one. They are copies of this
        process, so that any function of yours works in them; where a system cannot copy a process (Windows), it is 1.
    comm : mpi4py communicator, optional
        The ranks that share the work; all of them must call, with the same model and arguments (one that draws random
        numbers is refused), and all of them get the result. An error on one rank ends the job.
    progress : bool
        Show the progress on stderr (of rank 0).

    Returns
    -------
    Result

    Raises
    ------
    ArgumentError, UnsupportedError
        Before any work starts, if an argument breaks a rule.
    ConvergenceError, MemoryError
        If a trajectory cannot keep its tolerance, or has no memory; on all ranks.
    SimulationInterrupted
        After Ctrl-C (on any rank): a KeyboardInterrupt that drops the trajectory in hand and keeps the rest. A second
        Ctrl-C leaves at once, with whole chunks at least. In threads other than the main one, and where the program has
        a handler for SIGINT of its own, that decides.

    Notes
    -----
    No exception loses what was finished: the attribute ``partial`` of any one that is raised while trajectories are run
    is the result of the trajectories 0..n-1 that are there (None if there are none), n = ``partial.n_traj``, with the
    same bits as from ``simulate(..., n_traj=n)``. It is a whole result: it can be read, saved, and compared. ::

        try:
            result = cj.simulate(model, state, times, n_traj=10**6, progress=True)
        except cj.SimulationInterrupted as stop:
            result = stop.partial

    At a prompt, after the fact: ``result = sys.last_value.partial``. The same call with ``extend=result`` goes on. With
    several ranks, chunks that were finished before an earlier chunk are not part of it, and an error that is not listed
    above ends the whole job. So does Ctrl-C on a rank before the first trajectory, or a second one (status 130): the
    other ranks would wait for it.

    Examples
    --------
    >>> model = cj.systems.constrained(size=50, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> state = cj.tilted(model, theta=1.1, phi=0.4)
    >>> result = cj.simulate(model, state, np.linspace(0, 2, 5), n_traj=50, seed=7)
    >>> z, mf = result["spins.z"], cj.mean_field(model, state, result.times)["spins.z"]
    >>> print(z.mean.round(3))
    [ 0.454  0.429  0.28   0.068 -0.09 ]
    >>> print(z.stderr.round(3))
    [0.    0.01  0.014 0.015 0.02 ]
    >>> print(mf.mean.round(3))
    [ 0.454  0.434  0.274  0.092 -0.061]
    >>> print(f"E_N = {result.deviation[-1]:.3f} ± {result.deviation_stderr[-1]:.3f}")
    E_N = 0.031 ± 0.003
    """

    def check() -> Point:
        point = Point(
            model,
            starting(state),
            check_times(times),
            n_traj=n_traj,
            seed=seed,
            tolerance=tolerance,
            chunk=chunk,
            keep=keep,
            record=record,
            averages=averages,
            observables={} if observables is None else observables,
            distributions=_shots(distributions),
            distribution_of={} if distribution_of is None else distribution_of,
            reduced=reduced,
            squeezing={} if squeezing is None else squeezing,
            callbacks={} if callbacks is None else callbacks,
            burn_in=burn_in,
            window=window,
            unravelling={} if unravelling is None else unravelling,
            target_error={} if target_error is None else target_error,
            min_traj=min_traj,
        )
        if extend is not None:
            check_extension(point, extend)
        return point

    several = checked_workers(workers, comm)
    directory = None if checkpoint is None else checks.path("checkpoint", checkpoint)
    try:
        return _run(check, comm, several, directory, extend, checks.boolean("progress", progress))
    except SimulationInterrupted:
        raise
    except KeyboardInterrupt:  # before there was anything to keep
        raise SimulationInterrupted(None, n_traj) from None


def _run(
    check: Callable[[], Point],
    comm: Any,
    workers: int,
    directory: Path | None,
    begun: Result | None,
    progress: bool,
) -> Result:
    display = None
    if progress:
        from ..tools.progress import make_progress

        display = make_progress()
    kept = None if directory is None else Checkpoint(directory)
    if comm is None:
        point = check()
        if workers > 1:
            point.check_memory(workers)
        team = Processes(workers) if workers > 1 else None
        return run_points([point], comm=team, progress=display, checkpoint=kept, begun=begun)[0]
    from ..parallel.mpi import World, wrap

    world = wrap(comm)
    if world is None:
        return run_points([check()], progress=display, checkpoint=kept, begun=begun)[0]
    try:
        point = world.together(check, _facts, _apart)
        return run_points([point], comm=world, progress=display, checkpoint=kept, begun=begun)[0]
    except SimulationInterrupted:
        raise
    except KeyboardInterrupt:  # on this rank alone, between two that have to meet
        world.interrupt()
        raise
    finally:
        if not isinstance(comm, World):
            world.free()


def _facts(point: Point) -> dict[str, Any]:
    """All that must agree on all ranks: what the point is, and how much of it is run."""
    from .fingerprint import agreed

    return agreed(point)


def _apart(own: dict[str, Any], first: dict[str, Any], here: str, there: str) -> str:
    """What two ranks have otherwise."""
    from .fingerprint import differences

    return next((found.text for found in differences(own, first, (here, there))), "")


def _shots(distributions: ArrayLike) -> NDArray[np.float64]:
    """The times of the distributions, which may be none."""
    return checks.array("distributions", distributions, real=True, finite=False).astype(float)


def trajectory(
    model: Model,
    state: Start,
    times: ArrayLike,
    *,
    seed: int,
    index: int,
    tolerance: float = 1e-9,
    unravelling: Mapping[str, Unravelling] | None = None,
    states: bool = False,
) -> Trajectory:
    """Run one trajectory with its jump record: identical to trajectory ``index`` of ``simulate`` with that seed.

    Parameters
    ----------
    model, state, times, seed, tolerance, unravelling
        As for :func:`simulate`.
    index : int
        Which trajectory, at least 0.
    states : bool
        Keep the state at every output time: ``one.states[t]`` has its amplitudes, distributions, states of a few
        particles, and of small systems the whole density matrix. See
        :class:`cojump.trajectories.observed_state.ObservedState`.

    Raises
    ------
    ArgumentError, UnsupportedError, ConvergenceError
        As :func:`simulate`.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=20, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> state, times = cj.tilted(model, theta=1.1, phi=0.4), np.linspace(0, 2, 5)
    >>> one = cj.trajectory(model, state, times, seed=7, index=3)
    >>> print(len(one.jumps), one.jumps["time"][:3].round(3), one.jumps["channel"][:3])
    37 [0.014 0.033 0.076] [1 0 1]
    >>> run = cj.simulate(model, state, times, n_traj=5, seed=7, keep=5)
    >>> np.array_equal(run.trajectories[3], one.mean)
    True

    The purity of one particle, and the density matrix of all:

    >>> small = cj.systems.free_flips(size=4, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> one = cj.trajectory(small, cj.tilted(small, theta=1.1, phi=0.4), times, seed=7, index=3, states=True)
    >>> r, rho = one.states[-1].reduced({"spins": 1}), one.states[-1].density()
    >>> print(one.states[-1].sector("spins"), np.trace(r @ r).real.round(4), rho.shape)
    2.0 0.9826 (16, 16)
    """
    chosen = {} if unravelling is None else unravelling
    point = Point(
        model, starting(state), check_times(times), n_traj=1, seed=seed, tolerance=tolerance, unravelling=chosen
    )
    number, kept = checks.integer("index", index, 0), checks.boolean("states", states)
    seen: list[ObservedState] = []

    def watch(place: int, pure: PureState) -> None:
        seen.append(ObservedState(point.bare, float(point.times[place]), PureState.of(pure.final())))

    with threadpool_limits(1):
        prepare([point.unravelled], [point.state])
        tell_refusal()
        snapshots = range(len(point.times)) if kept else ()
        engine = make_engine(point.unravelled, point.state, point.times, point.tolerance, snapshots)
        one = engine.run(point.seed, number, record=True, watch=watch if kept else None)
    assert one.jumps is not None
    named = record_labels(point.unravelled), tuple(channel_names(model))
    measured = one.mean, one.sectors, one.jumps, one.records
    ways = all_ways(model, chosen)
    return Trajectory(point.times, model.labels, *measured, *named, states=tuple(seen), unravelling=ways)
