"""What the generator keeps apart: sets of elements of ρ that are coupled to each other and to nothing else.

They are the connected components of the pattern of its matrix, so that every weak symmetry that is diagonal in the
basis at hand shows itself: coherence orders <i|ρ|j> with a fixed difference of quanta (U(1)), two parities of them,
and the sectors themselves where no local jump leaves them. Another symmetry shows itself in the eigenbasis of its
one-particle unitary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..errors import ArgumentError
from ..model import Model
from ..tools import checks
from ..tools.matrices import conjugate
from ..tools.types import Array, Matrix
from .generator import ENTRY, GIB, Generator, entries_in_one_frame, reached_labels, single_frame
from .generator_frames import Frame, rotated_matrix

_ZERO = 1e-15
"""Entries below this, of the largest one, are the rounding of a rotation."""

_SAME = 1e-9
"""Two phases that differ by less are the same."""


@dataclass(frozen=True, eq=False)
class Part:
    """Elements of ρ that the generator keeps apart from all others, with their Hermitian conjugates.

    Attributes
    ----------
    places : (n,) int array
        Of the packed vector.
    orders : dict of str to int or str
        By how much |i> and |j> of all its elements <i|ρ|j> differ: in the number of particles in the upper level of a
        block of two levels (its name), in a level of another block ("block.n0"), in the quanta of a mode, in all of
        them together ("excitations"). "even" or "odd" where only that is the same. Empty where nothing is.
    phase : complex or None
        Eigenvalue of the symmetry that was given, that with Im ≥ 0 of a pair.
    diagonal : bool
        Whether it holds populations.
    """

    places: NDArray[np.intp]
    orders: dict[str, int | str]
    phase: complex | None
    diagonal: bool


@dataclass(frozen=True, eq=False)
class Symmetry:
    """A unitary of one particle of some blocks, and phases u of modes: ρ → U ρ U† with U = ⊗_k u ⊗ u^(a†a)."""

    bases: dict[int, Matrix]
    phases: dict[int, Array]
    modes: dict[str, complex]

    def frame(self, model: Model) -> Frame:
        """The model in the eigenbases of the unitaries."""
        unitaries = {model.block_index(b.name): self.bases.get(n) for n, b in enumerate(model.blocks)}
        turned = model.mapped(lambda name, x: rotated_matrix(x, unitaries[model.block_index(name)]))
        return Frame(turned, self.bases)


def symmetry_of(model: Model, given: object) -> Symmetry | None:
    """The unitaries that a user gives, {block: (d, d)}, and phases {mode: u}; the generator is asked later."""
    if given is None:
        return None
    found = checks.mapping("symmetry", given, "be a mapping of blocks to unitary (d, d) matrices")
    bases: dict[int, Matrix] = {}
    phases: dict[int, Array] = {}
    modes: dict[str, complex] = {}
    names = [*(block.name for block in model.blocks), *model.mode_names]
    for name, value in found.items():
        if not isinstance(name, str) or name not in names:
            rule = f"name blocks or modes of the model ({checks.named(names)})"
            raise ArgumentError("symmetry", rule, f"it names {checks.shown(name)}")
        if name in model.mode_names:
            modes[name] = checks.complex_number(f"symmetry[{name!r}]", value)
            if abs(abs(modes[name]) - 1) > 1e-9:
                raise ArgumentError(f"symmetry[{name!r}]", "be a phase, |u| = 1", f"it is {modes[name]:g}")
            continue
        b = model.block_index(name)
        d = model.blocks[b].levels
        u = checks.array(f"symmetry[{name!r}]", value).astype(complex)
        if u.shape != (d, d) or np.abs(u.conj().T @ u - np.eye(d)).max() > 1e-9:
            raise ArgumentError(
                f"symmetry[{name!r}]", f"be a unitary ({d}, {d}) matrix", f"it is {checks.shown(value)}"
            )
        # a normal matrix: the eigenvectors of a generic Hermitian combination of it and u† are its own
        hermitian = (u + u.conj().T) / 2 + np.sqrt(0.5) * (u - u.conj().T) / 2j
        basis = np.linalg.eigh(hermitian)[1]
        if np.abs(u - np.diag(np.diag(u))).max() < 1e-12:
            basis = np.eye(d, dtype=complex)
        bases[b], phases[b] = basis, np.diag(conjugate(basis, u))
    return Symmetry(bases, phases, modes)


def arranged(
    model: Model,
    occupied: Sequence[Sequence[Label]],
    spaces: Sequence[FockSpace],
    memory: float,
    symmetry: Symmetry | None = None,
    least: int = 2,
) -> tuple[Generator, csr_array | None]:
    """The generator, and its matrix where it fits into the memory in one frame; applied term by term else."""
    labels = reached_labels(model, occupied)
    if ENTRY * entries_in_one_frame(model, labels, spaces) <= memory * GIB / 2:
        frame = single_frame(model) if symmetry is None else symmetry.frame(model)
        generator = Generator(model, occupied, memory=memory, whole=True, spaces=spaces, frame=frame, least=least)
        return generator, generator.matrix
    if symmetry is not None:
        raise ArgumentError(
            "symmetry", f"be of a generator whose matrix fits into memory = {memory:g} GiB", "this one does not fit"
        )
    return Generator(model, occupied, memory=memory, least=least, spaces=spaces), None


def parts_of(generator: Generator, matrix: csr_array, symmetry: Symmetry | None = None) -> list[Part]:
    """The parts of a generator, those with populations first.

    Raises
    ------
    ArgumentError
        If the symmetry is none of the generator.
    """
    entries = matrix.tocoo()
    kept = np.abs(entries.data) > _ZERO * np.abs(entries.data).max(initial=0.0)
    pattern = csr_array((kept[kept], tuple(c[kept] for c in entries.coords)), shape=matrix.shape)
    # an element and its conjugate belong together: they are one complex number
    pattern = pattern + csr_array(
        (np.ones(matrix.shape[0], dtype=bool), (np.arange(matrix.shape[0]), _mirror(generator)))
    )
    count, member = connected_components(pattern, directed=False)
    differences, phase = _differences(generator, symmetry)
    diagonal = np.zeros(matrix.shape[0], dtype=bool)
    for labels, place in generator.packing.slices.items():
        diagonal[place.start : place.stop : generator.packing.dims[labels] + 1] = True
    order = np.argsort(member, kind="stable")
    parts = []
    for places in np.split(order, np.cumsum(np.bincount(member, minlength=count))[:-1]):
        own = None
        if phase is not None:
            values = phase[places]
            upper = np.where(values.imag < -_SAME, values.conj(), values)
            if np.abs(upper - upper[0]).max() > _SAME:
                raise ArgumentError("symmetry", "leave the generator as it is", "it does not commute with it")
            own = complex(np.round(upper[0], 12)) + 0.0
        orders = {name: found for name, d in differences.items() if (found := _order(d[places])) is not None}
        parts.append(Part(places, orders, own, bool(diagonal[places].any())))
    return sorted(parts, key=lambda part: not part.diagonal)


def _mirror(generator: Generator) -> NDArray[np.intp]:
    """Where the conjugate of each element stands."""
    found = np.empty(generator.packing.size, dtype=np.intp)
    for labels, place in generator.packing.slices.items():
        dim = generator.packing.dims[labels]
        found[place] = place.start + np.arange(dim * dim).reshape(dim, dim).T.ravel()
    return found


def _differences(generator: Generator, symmetry: Symmetry | None) -> tuple[dict[str, Array], Array | None]:
    """Differences of all numbers between |i> and |j> of each element, and the phase that the symmetry gives it."""
    found: dict[str, list[Array]] = {}
    phases = []
    model = generator.model
    upper = [b.name if b.levels == 2 else "" for b in model.blocks]
    together = [*upper, *model.mode_names] if all(upper) and len(upper) + len(model.modes) > 1 else []
    for labels in generator.packing.dims:
        numbers = generator.weights(labels)
        if together:
            numbers["excitations"] = sum((numbers[name] for name in together), np.zeros(1))
        for name, n in numbers.items():
            found.setdefault(name, []).append(np.subtract.outer(n, n).ravel())
        if symmetry is not None:
            angle = np.zeros(generator.packing.dims[labels])
            for b, values in symmetry.phases.items():
                block = model.blocks[b]
                if block.levels == 2:
                    n = numbers[block.name]
                    angle += np.angle(values[0] / values[1]) * n
                else:
                    angle += sum(np.angle(v) * numbers[f"{block.name}.n{a}"] for a, v in enumerate(values))
            for name, u in symmetry.modes.items():
                angle += np.angle(u) * numbers[name]
            phases.append(np.exp(1j * np.subtract.outer(angle, angle)).ravel())
    return {name: np.concatenate(d) for name, d in found.items()}, np.concatenate(phases) if phases else None


def _order(differences: Array) -> int | str | None:
    """What the differences, up to their sign, have in common."""
    sizes = np.abs(differences).astype(int)
    if np.all(sizes == sizes[0]):
        return int(sizes[0])
    if np.all(sizes % 2 == sizes[0] % 2):
        return "odd" if sizes[0] % 2 else "even"
    return None


def in_words(orders: Mapping[str, int | str], phase: complex | None) -> str:
    """What tells a part from the others, for a table."""
    words = [f"{name} {order}" if isinstance(order, str) else f"{name} ±{order}" for name, order in orders.items()]
    if phase is not None:
        shown = f"{phase.real:+.3g}" if abs(phase.imag) < _SAME else f"{phase:.3g}"
        words.append(f"symmetry {shown}")
    return ", ".join(words) or "all"
