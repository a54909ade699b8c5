"""What the terms of a Hamiltonian and the jumps have in common: matrices of one particle, each of one block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.summaries import Summarised
from .blocks import checked_block_name
from .envelopes import Shape
from .operators import matrix_of


class Part(NamedTuple):
    """One matrix of a term.

    Attributes
    ----------
    name : str
        As errors call it: "eps", "argument['spins']".
    block : str
        The block on whose particles it acts.
    named_in : str
        The parameter that names the block.
    matrix : (d, d) array
    """

    name: str
    block: str
    named_in: str
    matrix: NDArray[Any]

    @property
    def is_entry(self) -> bool:
        """Whether it stands in a mapping {block: matrix}."""
        return self.name.startswith(self.named_in)


@dataclass(frozen=True, eq=False, repr=False)
class Term(Summarised, ABC):
    """A term of the Hamiltonian or a jump: a frozen dataclass whose fields are its parameters, checked when it is made.

    ``dataclasses.replace`` gives the same term with some fields changed, and is the only way to copy one: all its other
    fields are kept, whichever there will be. ``_homes`` says on which blocks its matrices act; whatever runs over
    matrices comes from there.

    Any term may change in time: ``envelope`` is a real function f(t), a term of the Hamiltonian is multiplied by f(t),
    and the amplitude of a jump, so that its rate goes as f². ``breaks`` are the times at which f is not smooth; a named
    shape adds its own.
    """

    envelope: Callable[[Any], Any] | None = field(default=None, kw_only=True)
    breaks: tuple[float, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        envelope: Any = self.envelope
        if envelope is not None and not callable(envelope):
            rule = "be a function f(t) of time (a constant factor belongs into the term)"
            raise ArgumentError("envelope", rule, f"it is {checks.shown(envelope)}")
        rule = "a list of times, increasing and greater than 0"
        times = checks.items("breaks", self.breaks, rule)
        for i, time in enumerate(times):
            checks.number(f"breaks[{i}]", time)
        made = tuple(float(time) for time in times)
        if any(not a < b < inf for a, b in zip((0.0, *made), made, strict=False)):
            raise ArgumentError("breaks", f"be {rule}", f"it is {checks.shown(self.breaks)}")
        if made and envelope is None:
            raise ArgumentError("breaks", "be given together with `envelope`", "that is missing")
        if isinstance(envelope, Shape):
            made = tuple(sorted({*made, *envelope.breaks}))
        object.__setattr__(self, "breaks", made)

    @property
    def drive(self) -> Hashable:
        """What two terms have in common that change in time by the same factor; None if it does not change.

        Shapes are known by what they are; of any other function only the object itself is known.
        """
        if self.envelope is None:
            return None
        return (self.envelope if isinstance(self.envelope, Shape) else id(self.envelope)), self.breaks

    @abstractmethod
    def _homes(self) -> Mapping[str, tuple[str, str] | None]:
        """Of each field with matrices the parameter that names the block, and the block.

        None for {block: matrix}, or several of them.
        """

    @property
    @abstractmethod
    def is_free(self) -> bool:
        """Whether no particle feels another one in it."""

    @abstractmethod
    def fastest(self, sizes: Mapping[str, int]) -> float:
        """The energy or rate of one particle in it: a scale, not a bound. ``sizes`` are the particles of each block."""

    def parts(self) -> list[Part]:
        """All matrices of the term, in the order of its fields."""
        found = []
        for name, home in self._homes().items():
            value = getattr(self, name)
            if home is not None:
                found.append(Part(name, home[1], home[0], value))
            elif isinstance(value, Mapping):
                found += [Part(f"{name}[{block!r}]", block, name, matrix) for block, matrix in value.items()]
            else:
                for i, one in enumerate(value):
                    found += [Part(f"{name}[{i}][{block!r}]", block, name, matrix) for block, matrix in one.items()]
        return found

    def mapped(self, change: Callable[[str, NDArray[Any]], NDArray[Any]]) -> Self:
        """The term with ``change(block, matrix)`` in place of every matrix, and everything else as it is."""
        changed: dict[str, Any] = {}
        for name, home in self._homes().items():
            value = getattr(self, name)
            if home is not None:
                changed[name] = change(home[1], value)
            elif isinstance(value, Mapping):
                changed[name] = {block: change(block, matrix) for block, matrix in value.items()}
            else:
                changed[name] = [{block: change(block, matrix) for block, matrix in one.items()} for one in value]
        return replace(self, **changed)

    @property
    def coupled(self) -> set[str]:
        """Names of the blocks that the term couples; of a mapping {block: matrix} what is zero does not count."""
        parts = self.parts()
        return {p.block for p in parts if not p.is_entry or np.any(p.matrix)} or {p.block for p in parts}

    @property
    def sectors_left(self) -> set[str]:
        """Names of the blocks whose sectors the term leaves; sums over all particles alike keep every sector."""
        return set()

    def among(self, names: Collection[str], share: float) -> Self:
        """The same term in a model of the blocks ``names`` alone, all that it couples among them.

        That model has ``share`` of the particles N; what is divided by N is weaker by as much.
        """
        return self


@dataclass(frozen=True, eq=False, repr=False)
class Jump(Term, ABC):
    """A jump, which may have a name: how it is watched is told by that, see ``cojump.unravelling``."""

    name: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name is not None and (not isinstance(self.name, str) or not self.name):
            raise ArgumentError("name", "be a text", f"it is {checks.shown(self.name)}")


def checked_matrices(name: str, value: object) -> dict[str, NDArray[np.complex128]]:
    """A mapping of names of blocks to matrices, or an ArgumentError about ``name``."""
    if not isinstance(value, Mapping) or not value:
        raise ArgumentError(name, "map block names to matrices, {block: matrix}", f"it is {checks.shown(value)}")
    return {checked_block_name(name, b): matrix_of(f"{name}[{b!r}]", x) for b, x in value.items()}


def norm(matrix: NDArray[Any]) -> float:
    """The largest factor by which a matrix stretches a vector."""
    return float(np.linalg.norm(matrix, 2))
