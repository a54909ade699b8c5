"""What a collective operator makes of the pure state of a trajectory: it keeps the sector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from ..basis.fock_window import FockWindow
from ..basis.sectors import sector_of
from ..model import Block
from ..model.collective_average import CollectiveAverage
from ..tools.types import Matrix
from .axes import seen
from .state_factor import Factor, Ket


def acted(factor: Factor, average: CollectiveAverage) -> tuple[Factor, Ket]:
    """ψ and Aψ on the same windows, of that part of an average that acts on a factor of the state."""
    blocks, model = factor.blocks, average.model
    matrices = {blocks.index(b): x / model.blocks[b].size for b, x in average.blocks.items() if b in blocks}
    ladders = {factor.modes.index(m): average.ladder(m) for m in average.modes if m in factor.modes}
    return collective_action(factor, [model.blocks[b] for b in blocks], matrices, ladders)


def collective_action(
    factor: Factor,
    blocks: Sequence[Block],
    matrices: Mapping[int, Matrix],
    ladders: Mapping[int, tuple[complex, complex]],
) -> tuple[Factor, Ket]:
    """ψ and Bψ on the same windows, B = Σ_b Σ_{k in b} x_b^(k) + Σ_m (p_m a_m + q_m a_m†).

    Parameters
    ----------
    factor : Factor
        ψ, of all blocks and modes on which the operator acts.
    blocks : sequence of Block
        Those of the factor, in its order.
    matrices : mapping of int to (d_b, d_b) array
        x_b in the user's frame, by the place of the block in the factor.
    ladders : mapping of int to (complex, complex)
        p_m and q_m by the place of the mode.

    Returns
    -------
    Factor
        ψ, normalised, in windows that Bψ does not leave.
    array
        The amplitudes of Bψ.
    """
    B = len(blocks)
    windows = [
        (max(lo - 1, 0), min(hi + 1, label + 1)) if isinstance(label, int | np.integer) else (lo, hi)
        for (lo, hi), label in zip(factor.window, factor.labels, strict=True)
    ]
    fock = [(max(lo - 1, 0), hi + 1) for lo, hi in factor.quanta]
    before, after = (*factor.window, *factor.quanta), (*windows, *fock)
    psi = np.zeros([hi - lo for lo, hi in after], dtype=np.complex128)
    inside = tuple(slice(s[0] - t[0], s[1] - t[0]) for s, t in zip(before, after, strict=True))
    psi[inside] = factor.amplitudes / np.linalg.norm(factor.amplitudes)
    made = np.zeros_like(psi)
    for b, x in matrices.items():
        label, window = factor.labels[b], windows[b]
        sector = sector_of(blocks[b], label, window if blocks[b].levels == 2 else None)
        made += _along(sector.one_body(seen(factor.frames[b], x)), psi, b)
    for m, (p, q) in ladders.items():
        fock_window, shift = FockWindow(*fock[m]), factor.displacements[m]
        made += _along(csr_array(p * fock_window.lowering + q * fock_window.raising), psi, B + m)
        made += (p * shift + q * np.conj(shift)) * psi
    return replace(factor, window=tuple(windows), quanta=tuple(fock), amplitudes=psi), made


def _along(matrix: csr_array, tensor: Ket, axis: int) -> Ket:
    """A matrix applied along one axis."""
    front = np.moveaxis(tensor, axis, 0)
    made = np.asarray(matrix @ front.reshape(len(front), -1)).reshape(front.shape)
    return np.moveaxis(made, 0, axis)
