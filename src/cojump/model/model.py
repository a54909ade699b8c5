"""The models: blocks of exchangeable particles, a Hamiltonian, and jumps with operator-valued rates.

The class of models is that of Fiorelli, Müller, Lesanovsky, Carollo, arXiv:2302.04155 (equation numbers in
brackets are that paper's), extended to several blocks of unequal sizes and to collective jumps. Everything is
validated once, when a :class:`Model` is made; the rest of the program trusts it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, UnsupportedError
from ..tools import checks
from ..tools.summaries import Summarised, counted, facts, few, more
from .blocks import Block
from .constituents import Constituents
from .envelopes import Shape
from .function_of_average import SPECTRUM_POINTS, FunctionOfAverage
from .hamiltonian import OneBody, TwoBody
from .hermiticity import excesses
from .jumps import CollectiveJump, LocalJump, RatedJump
from .modes import Mode, ModeCoupling, ModeDrive, ModeEnergy, ModeJump, ModeLoss, ModeTerm
from .operators import matrix_of
from .potential import Potential

_ORDINARY = 40
"""Units of time in which the fastest rate is within 2^±20 are ordinary: nothing is rescaled in them."""

_SLOWEST = -25
"""Of such powers the least one: beyond, rates are hardly numbers, and nothing happens at all."""

_LEAST_MOVING = 1e-100
"""A fastest rate below this is refused where no time is given: its square, and products of more, are zeros."""

_MOST_PARTICLES = 2**53
"""Numbers of particles up to this are exact as floating-point numbers."""

_SHOWN = 6
"""Blocks, and terms of each kind, that are listed one by one."""

HamiltonianTerm = OneBody | TwoBody | Potential | ModeEnergy | ModeDrive | ModeCoupling
Jump = LocalJump | CollectiveJump | ModeLoss | ModeJump

_KINDS: dict[str, tuple[type, ...]] = {
    "blocks": (Block, Mode),
    "hamiltonian": get_args(HamiltonianTerm),
    "jumps": get_args(Jump),
    "modes": (Mode,),
}
"""What each list of a model may hold."""


@dataclass(frozen=True, eq=False, repr=False)
class Model(Constituents, Summarised):
    """An open quantum many-body model: dρ/dt = -i[H, ρ] + Σ (J ρ J† - ½{J†J, ρ}).

    Parameters
    ----------
    blocks : sequence of Block and Mode
        Blocks of particles, one at least, and boson modes. In the model ``blocks`` are the blocks, and ``modes`` the
        modes.
    hamiltonian : sequence of OneBody, TwoBody, Potential, ModeEnergy, ModeDrive, ModeCoupling
        H is their sum; as an operator on the whole system it must be Hermitian.
    jumps : sequence of LocalJump, CollectiveJump, ModeLoss, ModeJump
        Their order numbers the channels of the jump record.
    order_parameters : mapping of str to mapping of str to (d_b, d_b) array
        Sums of averages that results report besides those of the blocks, by name: m = Σ_b (1/N_b) Σ_{k in b} X_b^(k)
        with Hermitian X_b. A Hopfield model has the overlaps with its patterns here. A mode adds c_x x + c_y y, written
        "cavity": (c_x, c_y).
    averages : sequence of str, optional
        Labels of the averages that are measured and reported, "block.x"; all of them if it is not given. A block of d
        levels has d² averages and d⁴/2 products of two: with many levels, name those that are wanted. E_N is then the
        part of (24) that these make, the sum over them alone; order parameters have to be sums of them.
    modes : sequence of Mode
        Modes that do not stand among the blocks.

    Notes
    -----
    Any term may change in time: with ``envelope=f`` a term of the Hamiltonian is multiplied by f(t), the amplitude of a
    jump as well, so that its rate goes as f². f is a real function of an array of times, or of one time; it is smooth
    between t = 0, its ``breaks`` and the last output time, and what it is at a break itself does not matter. It is
    called when the last output time is known, at points that are closer the faster it changes; between two breaks at
    2000 points at least: a pulse that is shorter than these tell needs breaks around it. H must be Hermitian at every
    time: two-body terms that are so only together have one and the same f. ``cj.envelopes`` has shapes that know their
    own breaks and that a result file can hold; terms with equal shapes have the same f.

    Raises
    ------
    UnsupportedError
        If a rate is a function of a mode.
    ArgumentError
        If names, shapes, Hermiticity or the values of a rate over the spectrum of its argument break a rule.

    Examples
    --------
    >>> x, down = cj.operators.sigma_x, cj.operators.sigma_minus
    >>> model = cj.Model(
    ...     [cj.Block("atoms", size=30), cj.Block("probe", size=1)],
    ...     [cj.OneBody(x, block="atoms"), cj.TwoBody(x, x, 0.5, blocks=("atoms", "probe"))],
    ...     [cj.LocalJump(down, "atoms"), cj.CollectiveJump({"atoms": down, "probe": down}, rate=0.2)],
    ... )
    >>> model.size, model.labels
    (31, ('atoms.x', 'atoms.y', 'atoms.z', 'probe.x', 'probe.y', 'probe.z'))
    >>> cj.Model([cj.Block("atoms", size=30)], [cj.OneBody(x, block="atom")])
    Traceback (most recent call last):
        ...
    cojump.errors.ArgumentError: Argument `hamiltonian[0].block` must be one of 'atoms', but it is 'atom'
    """

    blocks: Sequence[Block]
    hamiltonian: Sequence[HamiltonianTerm] = ()
    jumps: Sequence[Jump] = ()
    order_parameters: Mapping[str, Mapping[str, ArrayLike]] = field(default_factory=dict)
    averages: Sequence[str] | None = None
    modes: Sequence[Mode] = ()

    if TYPE_CHECKING:  # modes may stand among the blocks that are given, and are not among those that the model has

        def __init__(
            self,
            blocks: Sequence[Block | Mode],
            hamiltonian: Sequence[HamiltonianTerm] = ...,
            jumps: Sequence[Jump] = ...,
            order_parameters: Mapping[str, Mapping[str, ArrayLike]] = ...,
            averages: Sequence[str] | None = ...,
            modes: Sequence[Mode] = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name, kinds in _KINDS.items():
            value = checks.items(name, getattr(self, name), "a list")
            for i, item in enumerate(value):
                if not isinstance(item, kinds):
                    found = f"it is {checks.shown(item)}"
                    raise ArgumentError(f"{name}[{i}]", "be one of cojump's terms for it", found)
            object.__setattr__(self, name, tuple(value))
        together: tuple[Block | Mode, ...] = (*self.blocks, *self.modes)
        object.__setattr__(self, "blocks", tuple(b for b in together if isinstance(b, Block)))
        object.__setattr__(self, "modes", tuple(m for m in together if isinstance(m, Mode)))
        if not self.blocks:
            found = "it has modes alone" if self.modes else "it is empty"
            raise ArgumentError("blocks", "hold at least one block", found)
        names = [b.name for b in together]
        if len(set(names)) != len(names):
            raise ArgumentError("blocks", "have different names", f"the names are {names[:20]}")
        if self.size > _MOST_PARTICLES:
            found = f"they hold {checks.shown(self.size)} together"
            raise ArgumentError("blocks", f"hold at most 2^53 = {_MOST_PARTICLES:,} particles", found)
        jump_names = [jump.name for jump in self.jumps if jump.name is not None]
        if len(set(jump_names)) != len(jump_names):
            raise ArgumentError("jumps", "have different names", f"the names are {jump_names[:20]}")
        self._check_shapes()
        self._check_hermitian()
        object.__setattr__(self, "averages", self._chosen())
        checks.mapping("order_parameters", self.order_parameters, "map names to {block: matrix}")
        for name, matrices in self.order_parameters.items():
            checks.name_as_key("order_parameters", name)
            self.linear(f"order_parameters[{name!r}]", matrices)
        copied = {
            name: {
                key: tuple(map(float, x)) if key in self.mode_names else matrix_of(name, x)  # type: ignore[arg-type]
                for key, x in matrices.items()
            }
            for name, matrices in ((name, self.in_matrices(name, own)) for name, own in self.order_parameters.items())
        }
        object.__setattr__(self, "order_parameters", copied)
        self.check_rates()

    def check_rates(self) -> None:
        """Evaluate every rate and every potential on the spectrum of its argument.

        Raises
        ------
        ArgumentError
            If what a rate returns is none, or is not what it has returned before; the same of a potential.
        """
        for i, potential in self.potentials.items():
            try:
                potential.energy(self.argument_spectrum(potential))
            except ArgumentError as error:
                raise error.inside(f"hamiltonian[{i}]") from None
        for i, jump in self.rated_jumps.items():
            try:
                jump.gamma(self.argument_spectrum(jump))
            except ArgumentError as error:
                raise error.inside(f"jumps[{i}]") from None

    def _title(self) -> str:
        terms = f"{counted(len(self.hamiltonian), 'Hamiltonian term')}, {counted(len(self.jumps), 'jump')}"
        beside = f" beside {counted(len(self.modes), 'mode')}" if self.modes else ""
        return f"Model of {counted(self.size, 'particle')} in {counted(len(self.blocks), 'block')}{beside}: {terms}"

    def _lines(self) -> list[str]:
        groups = {
            "block": [f"{b.name}: {counted(b.size, 'particle')} of {b.levels} levels" for b in self.blocks],
            "mode": [mode.name for mode in self.modes],
            "H": [term._title() + _driven(term) for term in self.hamiltonian],
            "jump": [_called(jump) + jump._title() + _driven(jump) for jump in self.jumps],
        }
        lines = []
        for name, texts in groups.items():
            lines += [(f"{name} {i}", text) for i, text in enumerate(texts[:_SHOWN])]
            if len(texts) > _SHOWN:
                lines.append(("…", f"{len(texts) - _SHOWN:,} more"))
        lines.append(("averages", few(self.labels)))
        lines.append(("order", few(list(self.order_parameters))))
        return facts(*lines) + more("cojump.product(model, ...) and other states; cojump.simulate, cojump.mean_field")

    @property
    def terms(self) -> tuple[HamiltonianTerm | Jump, ...]:
        """The terms of the Hamiltonian and the jumps."""
        return (*self.hamiltonian, *self.jumps)

    @cached_property
    def is_driven(self) -> bool:
        """Whether a term changes in time: any of them has an envelope."""
        return any(term.envelope is not None for term in self.terms)

    @cached_property
    def one_body(self) -> tuple[OneBody, ...]:
        """The terms of the Hamiltonian that act on one particle."""
        return tuple(term for term in self.hamiltonian if isinstance(term, OneBody))

    @cached_property
    def two_body(self) -> tuple[TwoBody, ...]:
        """The terms of the Hamiltonian that act on two particles."""
        return tuple(term for term in self.hamiltonian if isinstance(term, TwoBody))

    @cached_property
    def potentials(self) -> dict[int, Potential]:
        """The potentials by their position among all terms of the Hamiltonian."""
        return {i: term for i, term in enumerate(self.hamiltonian) if isinstance(term, Potential)}

    @cached_property
    def local_jumps(self) -> dict[int, LocalJump]:
        """The local jumps by their position among all jumps."""
        return {i: jump for i, jump in enumerate(self.jumps) if isinstance(jump, LocalJump)}

    @cached_property
    def collective_jumps(self) -> dict[int, CollectiveJump]:
        """The collective jumps by their position among all jumps."""
        return {i: jump for i, jump in enumerate(self.jumps) if isinstance(jump, CollectiveJump)}

    @cached_property
    def rated_jumps(self) -> dict[int, RatedJump]:
        """The jumps with an operator-valued rate, local and collective ones, by their position among all jumps."""
        return {i: jump for i, jump in enumerate(self.jumps) if isinstance(jump, RatedJump) and jump.has_rate}

    @cached_property
    def mode_energies(self) -> tuple[ModeEnergy, ...]:
        """The terms ω a†a of the Hamiltonian."""
        return tuple(term for term in self.hamiltonian if isinstance(term, ModeEnergy))

    @cached_property
    def mode_drives(self) -> tuple[ModeDrive, ...]:
        """The drives of modes."""
        return tuple(term for term in self.hamiltonian if isinstance(term, ModeDrive))

    @cached_property
    def mode_couplings(self) -> tuple[ModeCoupling, ...]:
        """The couplings of particles to modes."""
        return tuple(term for term in self.hamiltonian if isinstance(term, ModeCoupling))

    @cached_property
    def mode_losses(self) -> dict[int, ModeLoss]:
        """The losses of modes by their position among all jumps."""
        return {i: jump for i, jump in enumerate(self.jumps) if isinstance(jump, ModeLoss)}

    @cached_property
    def mode_jumps(self) -> dict[int, ModeJump]:
        """The jumps of particles with a quantum of a mode, by their position among all jumps."""
        return {i: jump for i, jump in enumerate(self.jumps) if isinstance(jump, ModeJump)}

    @cached_property
    def fastest(self) -> float:
        """The largest energy or rate of one particle among the terms, in the model's unit of 1/time; 0 if none acts.

        Collective terms count as mean field sees them. It is a scale, not a bound.
        """
        return max([0.0, *(term.fastest(self.sizes) for term in self.terms)])

    @property
    def jump_rate(self) -> float:
        """Largest number of jumps per unit of time that all particles together can make."""
        return sum((jump.most_jumps(self.sizes) for jump in self.jumps), 0.0)

    @property
    def sectors_left(self) -> set[str]:
        """Names of the blocks that change their sector: their particles jump one by one."""
        return {name for term in self.terms for name in term.sectors_left}

    @property
    def is_free(self) -> bool:
        """Whether nothing changes in time, and there are particles alone and none feels another one.

        The mean-field flow is then linear, and always the same.
        """
        return not self.modes and not self.is_driven and all(term.is_free for term in self.terms)

    @property
    def unit_rate(self) -> float:
        """A power of two that rates are divided by, and times multiplied with, before numbers of them are compared.

        It is 1 in ordinary units, so that nothing changes there. Elsewhere what is left of ``fastest`` is within 2^±20:
        the same physics in any unit of time meets the same absolute constants of foreign integrators.
        """
        return unit_rate(self.fastest)

    def argument_spectrum(self, term: FunctionOfAverage, most: int = SPECTRUM_POINTS) -> NDArray[np.float64]:
        """Eigenvalues of Δ of a term, sorted, see :meth:`FunctionOfAverage.spectrum`."""
        return term.spectrum(self.sizes, most)

    def mapped(self, change: Callable[[str, NDArray[Any]], NDArray[Any]]) -> Self:
        """The model with ``change(block, matrix)`` in place of every matrix, and everything else as it is.

        A change of basis of a block, say: x -> U† x U for all of its matrices. Labels are not turned: "spins.x" is σ_x
        of the new basis.
        """
        return replace(
            self,
            hamiltonian=[term.mapped(change) for term in self.hamiltonian],
            jumps=[jump.mapped(change) for jump in self.jumps],
            order_parameters={
                name: {b: x if b in self.mode_names else change(b, matrix_of(name, x)) for b, x in matrices.items()}
                for name, matrices in self.order_parameters.items()
            },
        )

    def __getstate__(self) -> dict[str, Any]:
        """All but what is worked out of the model once, see ``cojump.model.facts``."""
        return {key: value for key, value in self.__dict__.items() if key != "_facts"}

    def _check_shapes(self) -> None:
        for name, terms in (("hamiltonian", self.hamiltonian), ("jumps", self.jumps)):
            for i, term in enumerate(terms):
                if isinstance(term, ModeTerm):
                    self.mode_index(term.mode, f"{name}[{i}].mode")
                for part in term.parts():
                    if isinstance(term, FunctionOfAverage) and part.block in self.mode_names and part.is_entry:
                        raise UnsupportedError(
                            "Rates and potentials are functions of averages of particles: "
                            f"{name}[{i}].{part.named_in} has the mode {checks.shown(part.block)}"
                        )
                    named_in = f"{name}[{i}].{part.named_in}"
                    if part.is_entry:
                        self.check_keys(named_in, [part.block])
                    levels = self.blocks[self.block_index(part.block, named_in)].levels
                    if part.matrix.shape != (levels, levels):
                        rule = f"have the shape ({levels}, {levels}) of block {part.block!r}"
                        raise ArgumentError(f"{name}[{i}].{part.name}", rule, f"its shape is {part.matrix.shape}")

    def _check_hermitian(self) -> None:
        """Refuse a Hamiltonian that is not Hermitian as an operator on the whole system.

        The two-body terms are brought to a sum over different particles plus a one-body part (k = j), and each
        is split into pieces orthogonal in the trace: scalar, one-body traceless, two-body traceless.
        """
        groups: dict[Hashable, list[TwoBody]] = {}
        for term in self.two_body:
            groups.setdefault(term.drive, []).append(term)
        for group in groups.values():
            worst = max(excesses(self.blocks, group), key=lambda found: found[0] - found[1], default=(0.0, 0.0))
            if worst[0] > worst[1]:
                each = ", the terms of each envelope by themselves" if len(groups) > 1 else ""
                raise ArgumentError(
                    "hamiltonian",
                    f"be Hermitian as an operator on the whole system{each}",
                    f"|H - H†| reaches {worst[0]:.3g}",
                )


def unit_rate(fastest: float) -> float:
    """See :attr:`Model.unit_rate`."""
    if not 0 < fastest < np.inf:
        return 1.0
    return float(2.0 ** (_ORDINARY * max(np.round(np.log2(fastest) / _ORDINARY), _SLOWEST)))


def _driven(term: HamiltonianTerm | Jump) -> str:
    """What is added to the title of a term that changes in time."""
    if term.envelope is None:
        return ""
    return f", changes in time{f' as {term.envelope!r}' if isinstance(term.envelope, Shape) else ''}"


def _called(jump: Jump) -> str:
    """What stands before the title of a jump that has a name."""
    return "" if jump.name is None else f"{jump.name}, "


def check_model(model: object) -> None:
    """Raise ArgumentError unless ``model`` is a Model."""
    if not isinstance(model, Model):
        raise ArgumentError("model", "be a cojump Model", f"it is {checks.shown(model)}")


def check_not_frozen(model: Model) -> None:
    """Raise ArgumentError if a model moves so slowly that squares of its rates are no numbers any more.

    Where no time is given nothing else says how long "for long" is. A model in which nothing moves at all is let pass.
    """
    if 0 < model.fastest < _LEAST_MOVING:
        rule = f"move at a rate of {_LEAST_MOVING:g} or more, in another unit of time perhaps"
        raise ArgumentError("model", rule, f"its fastest one is {model.fastest:.3g}")
