"""Whether two-body terms add up to a Hermitian operator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from .blocks import Block
from .hamiltonian import TwoBody
from .operators import HERMITIAN

_SUMMED = 1e-14
"""Rounding of a sum of a few products, relative to their size."""


def excesses(blocks: Sequence[Block], two_body: Iterable[TwoBody]) -> list[tuple[float, float]]:
    """What the two-body terms have of |H - H†|, and how much of it may be rounding, for each orthogonal piece.

    H is Σ_{pairs} traceless two-body + Σ_k traceless one-body + scalar·1; one-body terms were Hermitian when they were
    made. Each piece is measured by the size of what adds up to it, so that no unit of energy is preferred and a large
    term elsewhere hides nothing.
    """
    n_all = sum(b.size for b in blocks)
    index = {b.name: i for i, b in enumerate(blocks)}
    singles = [np.zeros((b.levels, b.levels), dtype=complex) for b in blocks]
    pairs: dict[tuple[int, int], NDArray[np.complex128]] = {}
    allowed_pairs: dict[tuple[int, int], float] = {}
    allowed = np.zeros(len(blocks) + 1)  # of the blocks' one-body pieces and, in the end, of the scalar
    for term in two_body:
        b, c = (index[name] for name in term.blocks)
        size_b, size_c = (blocks[i].size for i in (b, c))
        strength = term.g / n_all
        tensor = np.einsum("ab,cd->abcd", term.A, term.B) * strength
        size = float(np.abs(tensor).max())
        trace_b, trace_c = (abs(np.trace(x)) / len(x) for x in (term.A, term.B))
        # the trace of one partner acts on the other: by its size, and by its rounding where it should vanish
        allowed[b] += HERMITIAN * abs(strength) * np.abs(term.A).max() * trace_c * size_c + _SUMMED * size * size_c
        allowed[c] += HERMITIAN * abs(strength) * np.abs(term.B).max() * trace_b * size_b + _SUMMED * size * size_b
        allowed[-1] += (HERMITIAN * abs(strength) * trace_b * trace_c + _SUMMED * size) * size_b * size_c
        if b == c:
            singles[b] += term.A @ term.B * strength
            allowed[b] += HERMITIAN * size * len(term.A)
            allowed[-1] += HERMITIAN * size * len(term.A) * size_b
            tensor = (tensor + tensor.transpose(2, 3, 0, 1)) / 2
        elif b > c:
            b, c, tensor = c, b, tensor.transpose(2, 3, 0, 1)
        pairs[b, c] = pairs.get((b, c), 0) + tensor
        allowed_pairs[b, c] = allowed_pairs.get((b, c), 0.0) + HERMITIAN * size
    found = []
    scalar = 0j
    for (b, c), tensor in pairs.items():
        size_b, size_c = blocks[b].size, blocks[c].size
        d_b, d_c = blocks[b].levels, blocks[c].levels
        one_b, one_c = np.eye(d_b), np.eye(d_c)
        on_b = np.einsum("abcc->ab", tensor) / d_c
        on_c = np.einsum("aacd->cd", tensor) / d_b
        both = np.trace(on_b) / d_b
        tensor = (
            tensor
            - np.einsum("ab,cd->abcd", on_b, one_c)
            - np.einsum("ab,cd->abcd", one_b, on_c)
            + both * np.einsum("ab,cd->abcd", one_b, one_c)
        )
        if b != c or size_b > 1:
            found.append((float(np.abs(tensor - tensor.conj().transpose(1, 0, 3, 2)).max()), allowed_pairs[b, c]))
        partners = (size_c, size_b) if b != c else (size_b - 1, size_b - 1)
        singles[b] = singles[b] + (on_b - both * one_b) * partners[0]
        singles[c] = singles[c] + (on_c - both * one_c) * partners[1]
        scalar += both * (size_b * size_c if b != c else size_b * (size_b - 1))
    for i, block in enumerate(blocks):
        mean = np.trace(singles[i]) / block.levels
        singles[i] = singles[i] - mean * np.eye(block.levels)
        scalar += mean * block.size
        found.append((float(np.abs(singles[i] - singles[i].conj().T).max()), float(allowed[i])))
    return [*found, (abs(complex(scalar).imag), float(allowed[-1]))]
