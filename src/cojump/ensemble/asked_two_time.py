"""A two-time function that a run is asked for: checked before any work, run in parts, and known again by its facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EXPECTED, one_line
from ..results.measured_two_time import MeasuredTwoTime, title_of
from ..theory.master_equation import master_equation, unknowns
from ..theory.mean_field import mean_field
from ..theory.two_time import Coincidences, TwoTime, check_for_spectrum
from ..tools.types import Array
from .branching import Branching, Correlation, correlation, emission
from .fingerprint import differences, facts_of
from .samples import Rows, collect

if TYPE_CHECKING:
    from ..parallel.communicator import Communicator
    from ..tools.progress import ProgressReport
    from .point import Point


@dataclass(frozen=True, eq=False)
class AskedTwoTime:
    """A two-time function of a point of a run.

    Attributes
    ----------
    name : str
        Of its own among those of the run.
    of : tuple of str
        A and B in words; of g² the mode or jump alone.
    plan : Branching
        As of ``cojump.two_time`` with the seed, the tolerance and the chunks of the point.
    acting : tuple
        A and B as {block: matrix}, or what g² is of.
    omegas : (n,) array
        Frequencies of the spectrum, none if none is wanted.
    damping : float
    exact : bool
        Whether the master equation is to be solved beside it.
    end : float
        The last output time of the run.
    """

    name: str
    of: tuple[str, ...]
    plan: Branching
    acting: tuple[Any, ...]
    omegas: Array
    damping: float
    exact: bool
    end: float

    @classmethod
    def made(
        cls,
        point: Point,
        name: str,
        of: tuple[str, ...],
        acting: tuple[Any, ...],
        delays: Array,
        *,
        start: float,
        n_traj: int,
        omegas: Array,
        damping: float = 0.0,
        exact: bool = False,
    ) -> AskedTwoTime:
        """Check what a point is asked for; jumps of the point are counted here, however else they are watched there.

        Raises
        ------
        ArgumentError, UnsupportedError
            As ``cojump.two_time`` or ``cojump.g2`` with these arguments.
        """
        options = {"n_traj": n_traj, "seed": point.seed, "tolerance": point.tolerance, "chunk": point.chunk}
        make: Callable[..., Branching] = correlation if len(acting) == 2 else emission
        plan = make(point.model, point.state, delays, *acting, start, **options)
        if len(omegas):
            check_for_spectrum(plan.taus)
        return cls(name, of, plan, acting, omegas, damping, exact, float(point.times[-1]))

    @property
    def n_traj(self) -> int:
        """Trajectories that are asked for."""
        return self.plan.point.n_traj

    @property
    def facts(self) -> dict[str, Any]:
        """What makes it this function of its point; the point has facts of its own."""
        acting = dict(zip(("first", "second") if len(self.acting) == 2 else ("g2",), self.plan.averages, strict=True))
        parts = {name: {"blocks": a.blocks, "modes": a.modes} for name, a in acting.items()}
        return facts_of({"start": self.plan.start, "delays": self.plan.taus, **parts})

    @property
    def title(self) -> str:
        """What it is, in a formula."""
        return title_of(self.of)

    @property
    def relative_cost(self) -> float:
        """What one trajectory with its branches takes, in trajectories of the run, roughly: their jumps are counted."""
        recipe, end = self.plan.point.recipe, float(self.plan.taus[-1])
        branches = 4 if isinstance(self.plan, Correlation) else 1
        whole: float = recipe.cost(self.plan.start + end) + branches * recipe.cost(end)
        return whole / recipe.cost(self.end)

    def exact_size(self) -> int | str:
        """How many unknowns the exact solution has, or in one line why there is none."""
        p = self.plan.point
        try:
            return unknowns(p.model, p.state, self.plan.start)
        except EXPECTED as error:
            return one_line(error)

    def apart(self, stored: MeasuredTwoTime) -> str:
        """Why what is stored under this name cannot be gone on with, in words; "" if it can."""
        found = differences(self.facts, stored.facts)
        if found:
            return found[0].text
        if stored.sampled.n_traj > self.n_traj:
            return f"n_traj is {self.n_traj} here and {stored.sampled.n_traj} there, and it may only grow"
        return ""

    def is_done(self, stored: MeasuredTwoTime | None) -> bool:
        """Whether what is stored is all that is asked for."""
        return (
            stored is not None
            and stored.sampled.n_traj >= self.n_traj
            and not self._wanted(stored)
            and np.array_equal(stored.omegas, self.omegas)
            and stored.damping == self.damping
        )

    def _wanted(self, stored: MeasuredTwoTime) -> list[str]:
        """The theory that is missing."""
        wanted = ["limit"] * isinstance(self.plan, Correlation) + ["exact"] * self.exact
        return [name for name in wanted if getattr(stored, name) is None and not getattr(stored, f"{name}_refusal")]

    def run(
        self,
        stored: MeasuredTwoTime | None,
        stopping: Callable[[], bool],
        came: Callable[[Callable[[], MeasuredTwoTime], int], None],
        *,
        comm: Communicator,
        progress: ProgressReport | None = None,
    ) -> tuple[MeasuredTwoTime | None, bool, str]:
        """Run the trajectories that are missing, on all ranks.

        Parameters
        ----------
        stored : MeasuredTwoTime or None
            What there is, on rank 0.
        stopping : callable
            Asked often, on every rank.
        came : callable
            Takes, on rank 0 after each piece of work, what makes the function of all that is there, and how many
            trajectories that are.
        comm, progress
            As for :func:`cojump.ensemble.samples.collect`.

        Returns
        -------
        found : MeasuredTwoTime or None
            On rank 0, of the trajectories that are there without a gap; None on other ranks, and where there is none.
        stopped, why
            Whether it was told to stop, and why some trajectory could not be run, on every rank.
        """
        chief = comm.rank == 0
        begun = stored.sampled.samples if stored is not None else None
        reference, why = comm.share(self._reference(stored) if chief else None)
        if why:
            return stored, False, why
        rows = Rows(self.n_traj, self.plan.empty, begun) if chief else None

        def found() -> MeasuredTwoTime:
            assert rows is not None
            sampled = self.plan.finish(rows.found, reference)
            if stored is not None:
                return replace(stored, sampled=sampled)
            return MeasuredTwoTime(self.name, self.of, sampled, facts=self.facts)

        def arrived() -> None:
            if rows is not None and rows.n:
                came(found, rows.n)

        stopped, why = collect(
            self.plan.point.model,
            self.n_traj,
            self.plan.point.chunk,
            lambda: self.plan.sampler(reference),
            rows,
            stopping,
            came=arrived,
            comm=comm,
            progress=progress,
        )
        return found() if rows is not None and rows.n else None, stopped, why

    def _reference(self, stored: MeasuredTwoTime | None) -> tuple[Any, str]:
        """What is subtracted from the samples, that of an earlier session if there was one; or why it cannot be had."""
        if stored is not None:
            return getattr(stored.sampled, "reference", np.zeros(0)), ""
        try:
            return self.plan.reference(), ""
        except EXPECTED as error:
            return None, one_line(error)

    def completed(self, found: MeasuredTwoTime) -> MeasuredTwoTime:
        """With the spectrum that is asked for, and with the theory that is missing or why it cannot be had."""
        theory: dict[str, Any] = {}
        for name in self._wanted(found):
            try:
                theory[name] = getattr(self, f"_{name}")()
            except EXPECTED as error:
                theory[f"{name}_refusal"] = one_line(error)
        return replace(found, omegas=self.omegas, damping=self.damping, **theory)

    def _limit(self) -> TwoTime:
        p = self.plan.point
        theory = mean_field(p.model, p.state, [0.0])  # type: ignore[arg-type]  # a mixture is refused
        return theory.two_time(self.plan.taus, *self.acting, start=self.plan.start)

    def _exact(self) -> TwoTime | Coincidences:
        p = self.plan.point
        whole = master_equation(p.model, p.state, [0.0])  # it goes on to s by itself
        if isinstance(self.plan, Correlation):
            return whole.two_time(self.plan.taus, *self.acting, start=self.plan.start)
        return whole.g2(self.plan.taus, *self.acting, start=self.plan.start)
