"""A two-time function that a run has measured beside its averages, with what theory says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..theory.two_time import Coincidences, Spectrum, TwoTime
from ..tools.summaries import Summarised, counted, facts, more, span
from ..tools.types import Array
from .two_time import SampledCoincidences, SampledSpectrum, SampledTwoTime, joined, joined_coincidences


def title_of(of: Sequence[str]) -> str:
    """A two-time function of A and B, or g² of one thing, in a formula."""
    return f"g²(τ) of {of[0]}" if len(of) == 1 else f"<{of[0]}(s+τ) {of[1]}(s)>"


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredTwoTime(Summarised):
    """A two-time function, or g², of a run: the section ``[two_time]`` of its run file.

    Attributes
    ----------
    name : str
        What the run calls it.
    of : tuple of str
        A and B in words; of g² the mode or jump alone.
    sampled : SampledTwoTime or SampledCoincidences
        From trajectories: what ``cojump.two_time`` and ``cojump.g2`` return.
    exact : TwoTime or Coincidences, optional
        From the master equation, where the run was asked for it.
    limit : TwoTime, optional
        For N → ∞, where the theory holds.
    exact_refusal, limit_refusal : str
        Why one of them is not there.
    omegas : (n,) array
        Frequencies of the spectrum that was asked for; none of a run that was not.
    damping : float
        γ of that spectrum.
    facts : mapping
        What makes it this function, for a later session of the run.
    """

    name: str
    of: tuple[str, ...]
    sampled: SampledTwoTime | SampledCoincidences
    exact: TwoTime | Coincidences | None = None
    limit: TwoTime | None = None
    exact_refusal: str = ""
    limit_refusal: str = ""
    omegas: Array = field(default_factory=lambda: np.zeros(0))
    damping: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_g2(self) -> bool:
        """Whether it is g²(τ)."""
        return isinstance(self.sampled, SampledCoincidences)

    @property
    def title(self) -> str:
        """What it is, in a formula."""
        return title_of(self.of)

    @cached_property
    def spectrum(self) -> SampledSpectrum | None:
        """The spectrum that was asked for, with its errors; None if none was."""
        if not len(self.omegas) or not isinstance(self.sampled, SampledTwoTime):
            return None
        return self.sampled.spectrum(self.omegas, damping=self.damping)

    def spectrum_of(self, theory: TwoTime | Coincidences | None) -> Spectrum | None:
        """The spectrum of ``exact`` or of ``limit``, over the same delays; None where there is none."""
        if not len(self.omegas) or not isinstance(theory, TwoTime):
            return None
        return theory.spectrum(self.omegas, damping=self.damping)

    def joined_with(self, others: Sequence[MeasuredTwoTime]) -> MeasuredTwoTime:
        """The function of all trajectories, which have seeds of their own, with the theory that any of them has."""
        every = [self, *others]
        sampled: list[Any] = [one.sampled for one in every]
        theory: dict[str, Any] = {}
        for name in ("exact", "limit"):
            best = next((one for one in every if getattr(one, name) is not None), self)
            theory |= {name: getattr(best, name), f"{name}_refusal": getattr(best, f"{name}_refusal")}
        return replace(self, sampled=(joined_coincidences if self.is_g2 else joined)(sampled), **theory)

    def _title(self) -> str:
        return f"{self.title}, s = {self.sampled.start:g}: {span(self.sampled.taus)}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("trajectories", f"{self.sampled.n_traj:,}, seed {self.sampled.seed}"),
            ("exact", self.exact_refusal or (".exact" if self.exact is not None else "")),
            ("N → ∞", self.limit_refusal or (".limit" if self.limit is not None else "")),
            ("spectrum", f"at {counted(len(self.omegas), 'frequency')}, .spectrum" if len(self.omegas) else ""),
        )
        return lines + more(".sampled, as cojump.two_time returns it")
