"""The public entries to two-time functions from trajectories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import ArrayLike

from ..model import Model
from ..parallel.processes import Processes, checked_workers
from ..results.two_time import SampledCoincidences, SampledTwoTime
from ..tools import checks
from .branching import Branching, Correlation, Emission, correlation, emission
from .point import Start, starting
from .samples import gathered


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
    options: dict[str, Any] = {
        "n_traj": n_traj,
        "seed": seed,
        "tolerance": tolerance,
        "chunk": chunk,
        "workers": several,
    }

    def check() -> Correlation:
        return correlation(model, starting(state), taus, a, b, start, **options)

    found: SampledTwoTime = _run(check, comm, several, progress)
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
    options: dict[str, Any] = {
        "n_traj": n_traj,
        "seed": seed,
        "tolerance": tolerance,
        "chunk": chunk,
        "workers": several,
    }

    def check() -> Emission:
        return emission(model, starting(state), taus, of, start, **options)

    found: SampledCoincidences = _run(check, comm, several, progress)
    return found


def _run(check: Callable[[], Branching], comm: Any, workers: int, progress: Any) -> Any:
    """One process, or the ranks of a communicator, which all have the same plan."""
    display = None
    if checks.boolean("progress", progress):
        from ..tools.progress import make_progress

        display = make_progress()

    def run(plan: Branching, world: Any) -> Any:
        found: Any = plan.reference() if world is None or world.rank == 0 else None
        reference: Any = found if world is None else world.share(found)
        p = plan.point
        return gathered(
            p.model,
            p.n_traj,
            p.chunk,
            lambda: plan.sampler(reference),
            plan.empty,
            lambda samples: plan.finish(samples, reference),
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
        return run(world.together(check, Branching.facts, _apart), world)
    finally:
        if not isinstance(comm, World):
            world.free()


def _apart(own: dict[str, Any], first: dict[str, Any], here: str, there: str) -> str:
    """What two ranks have otherwise."""
    from .fingerprint import differences

    return next((found.text for found in differences(own, first, (here, there))), "")
