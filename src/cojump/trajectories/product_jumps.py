"""Jumps of a state of several blocks: the channel and the outcome are drawn, and the jump is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from ..basis.particle_removal import Label
from ..basis.sectors import Labels, dimension_of
from ..tools.types import Array
from .kernels.common import NO_JUMP, NO_NUMBER
from .kernels.program import twice_bands
from .product_channels import Channel
from .product_moves import Around, Ket, Moves, Rows, apply, apply_adjoint, around, carried_out
from .product_sectors import Box, ProductBasis, ProductSector
from .product_windows import moved

T = TypeVar("T")


def _replaced(values: tuple[T, ...], axis: int, value: T) -> tuple[T, ...]:
    return (*values[:axis], value, *values[axis + 1 :])


def _chosen(outcomes: Iterable[tuple[T, float]], left: float) -> tuple[T | None, float]:
    """The outcome in whose weight ``left`` falls, and what is left of it there; None if none of them is possible.

    No outcome after it is looked at. Where rounding carries ``left`` past the end, the last possible one is kept.
    """
    chosen = None
    for outcome, weight in outcomes:
        if weight > 0:
            chosen = outcome
            if left < weight:
                break
            left -= weight
    return chosen, left


class ProductJumps:
    """Jumps of the states of a basis.

    Parameters
    ----------
    basis : ProductBasis
    moves : list of Moves
        Of each block.
    """

    def __init__(self, basis: ProductBasis, moves: list[Moves]) -> None:
        self.basis, self._moves = basis, moves

    def jump(
        self, sector: ProductSector, state: Ket, u: float, rates: Array | None = None
    ) -> tuple[int, Labels, Box, Ket]:
        """Choose a jump with probability ∝ |Kψ|² and apply it: its channel, and sector, window and state after it.

        ``rates`` multiply those of the channels where they change in time. The state is not normalised. NO_JUMP if no
        jump is possible; NO_NUMBER if the weights are no numbers.
        """
        weights = self._weights(sector, state)
        if rates is not None:
            weights = [max(float(r), 0.0) * w for r, w in zip(rates, weights, strict=True)]
        total = sum(weights)
        if not np.isfinite(total):
            return NO_NUMBER, sector.labels, sector.box, state
        number, left = _chosen(enumerate(weights), u * total)
        if number is None:
            return NO_JUMP, sector.labels, sector.box, state
        if rates is not None:
            left /= float(rates[number])
        channel, collective = self.basis.channels[number], self.basis.collective[number]
        if channel is None and collective is None:
            after, _ = _chosen(sector.modes.lost(number, state), left)
            return (
                (NO_NUMBER if after is None else number),
                sector.labels,
                sector.box,
                state if after is None else after,
            )
        if channel is None:
            return number, sector.labels, sector.box, sector.after_collective(number, state)
        found = self._local_jump(sector, channel, self._with_quantum(sector, channel, state), left)
        return (NO_NUMBER, sector.labels, sector.box, state) if found is None else (number, *found)

    def _weights(self, sector: ProductSector, state: Ket) -> list[float]:
        """<rate operator> of every jump of the model, unnormalised."""
        weight = np.abs(state) ** 2
        weights = []
        parts = zip(self.basis.channels, sector.rate_tables, sector.rate_programs, sector.rate_bands, strict=True)
        for channel, table, program, bands in parts:
            ket, own = state, weight
            if channel is not None and channel.mode is not None:
                ket = self._with_quantum(sector, channel, state)
                own = np.abs(ket) ** 2
            total = float(table @ own)
            if program is not None:
                total += float(np.vdot(ket, carried_out(program, ket)).real)
            if bands is not None:
                total += twice_bands(*bands, ket)
            weights.append(max(total, 0.0))
        for mode in self.basis.modes:
            for place in mode.losses:
                weights[place] = sum(w for _, w in sector.modes.lost(place, state))
        return weights

    def _with_quantum(self, sector: ProductSector, channel: Channel, state: Ket) -> Ket:
        """a† or a times a state, where the jump of a particle comes with one of them."""
        return state if channel.mode is None else sector.modes.exchanged(*channel.mode, state)

    def _local_jump(
        self, sector: ProductSector, channel: Channel, state: Ket, left: float
    ) -> tuple[Labels, Box, Ket] | None:
        """Outcome (μ, λ') of a local jump: first μ, by the weight of all that it may become, then λ'.

        None if it leads nowhere.
        """
        b, dims, box = channel.block, sector.dims, sector.box
        for axis, unitary in channel.turn.items():
            turn = self.basis.turn(axis, sector.labels[axis], unitary).into
            state = apply(Rows.of(turn), around(dims, axis), state)
        if not channel.excluded:
            state = sector.with_gamma(channel, state)
        # the particle moves on the whole of its own axis
        whole = _replaced(box, b, (0, dimension_of(self.basis.blocks[b], sector.labels[b])))
        state, dims = moved(state, box, whole), tuple(hi - lo for lo, hi in whole)
        outside = around(dims, b)
        taken, left = _chosen(self._taken_out(sector, channel, outside, state), left)
        if taken is not None:
            found, _ = _chosen(self._put_in(b, outside, *taken), left)
            if found is not None:
                return self._turn_back(sector, channel, *found)
        return None

    def _taken_out(
        self, sector: ProductSector, channel: Channel, outside: Around, state: Ket
    ) -> Iterator[tuple[tuple[Label, dict[int, Ket]], float]]:
        """Every μ with what `_moved_particle` makes of it, and the weight of all that it may become."""
        for rest, share in self._moves[channel.block].out_of(sector.labels[channel.block]):
            parts = self._moved_particle(sector, channel, rest, share, outside, state)
            yield (rest, parts), sum(float(np.vdot(p, p).real) for p in parts.values())

    def _put_in(
        self, b: int, outside: Around, rest: Label, parts: dict[int, Ket]
    ) -> Iterator[tuple[tuple[Label, Ket], float]]:
        """Every λ' that μ may become when the particle is put back, with the state there and its weight."""
        for label in self._moves[b].into(rest):
            maps = self._moves[b].clebsch(label, rest)
            after = np.zeros(outside[0] * maps[0].shape[1] * outside[1], dtype=complex)
            for level, part in parts.items():
                apply_adjoint(maps[level], outside, part, after)
            yield (label, after), float(np.vdot(after, after).real)

    def _moved_particle(
        self,
        sector: ProductSector,
        channel: Channel,
        rest: Label,
        share: float,
        outside: Around,
        state: Ket,
    ) -> dict[int, Ket]:
        """The particle is taken out towards μ and j acts on it: the state of the others for each of its levels.

        ``share`` is sqrt(N f_μ/f_λ).
        """
        b = channel.block
        out = self._moves[b].clebsch(sector.labels[b], rest)
        parts: dict[int, Ket] = {}
        for source, targets in channel.transitions:
            part = apply(out[source], outside, state)
            if channel.excluded:
                part = sector.with_gamma(channel, part, rest)
            for level, element in targets:
                moved = (share * element) * part
                parts[level] = parts[level] + moved if level in parts else moved
        return parts

    def _turn_back(self, sector: ProductSector, channel: Channel, label: Label, state: Ket) -> tuple[Labels, Box, Ket]:
        after = _replaced(sector.labels, channel.block, label)
        box = _replaced(sector.box, channel.block, (0, dimension_of(self.basis.blocks[channel.block], label)))
        dims = tuple(hi - lo for lo, hi in box)
        for axis, unitary in channel.turn.items():
            state = apply(Rows.of(self.basis.turn(axis, after[axis], unitary).back), around(dims, axis), state)
        return after, box, state
