"""Parts of a model that nothing couples, run side by side as one trajectory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import Places, jump_type, sector_array
from ..model import Model
from ..model.components import Component
from ..model.unravelled import detections
from ..tools.matrices import pairs
from .outcome import Outcomes, Runner
from .pure_state import PureState, Watch, joined


class SideBySide(Runner):
    """Components that never become entangled: products of their averages, their jumps in order of time."""

    def __init__(self, model: Model, parts: Sequence[Component], runners: Sequence[Runner]) -> None:
        self._parts, self._runners, self._blocks = parts, runners, model.blocks
        owner = [o.block for o in model.observables] + [len(model.blocks) + q.mode for q in model.quadratures]
        own = [(*part.blocks, *(len(model.blocks) + m for m in part.modes)) for part in parts]
        places = [np.concatenate([np.flatnonzero(np.equal(owner, b)) for b in members]) for members in own]
        # the averages of a mode are divided by √N, where the model of a part counts its own particles
        scales = [
            np.where(own < len(model.observables), 1.0, np.sqrt(part.share))
            for own, part in zip(places, parts, strict=True)
        ]
        self._scales = [None if np.all(scale == 1) else scale for scale in scales]
        self._n_own = list(map(len, places))
        self._sectors = [Places(model.blocks, part.blocks) for part in parts]
        self._shape = sector_array(model.blocks, []).shape[1:]
        # what stands where when the parts' columns are put side by side
        self._block_order = np.argsort(np.concatenate([part.blocks for part in parts]))
        self._jump_order = np.argsort(np.concatenate([part.jumps for part in parts]).astype(int))
        self._order = np.argsort(np.concatenate(places))
        self._pair_order, self._apart = _pair_order(places)
        observed = list(detections(model).items())
        columns = np.cumsum([0, *(len(d.phases) for _, d in observed)])
        mine = {i: list(range(columns[k], columns[k + 1])) for k, (i, _) in enumerate(observed)}
        self._records = [[c for i in part.jumps for c in mine.get(i, [])] for part in parts]

    def go(
        self,
        seed: int,
        index: int,
        *,
        part: int = 0,
        record: bool = False,
        poll: Callable[[], None] | None = None,
        watch: Watch | None = None,
    ) -> list[Any]:
        """Go through trajectory ``index`` of the ensemble with ``seed``; component c has streams of its own."""
        states: list[dict[int, PureState]] = [{} for _ in self._runners]
        left = [
            r.go(seed, index, part=part + c, record=record, poll=poll, watch=states[c].__setitem__ if watch else None)
            for c, r in enumerate(self._runners)
        ]
        if watch is not None:
            for place in states[0]:
                watch(place, joined([(p, found[place]) for p, found in zip(self._parts, states, strict=True)]))
        return left

    def foresee(self, seed: int, indices: Sequence[int], *, part: int = 0) -> None:
        """Say which trajectories come next."""
        for c, runner in enumerate(self._runners):
            runner.foresee(seed, indices, part=part + c)

    def outcomes(self, left: Sequence[list[Any]]) -> Outcomes:
        """Read what trajectories have left, part by part, and join the parts."""
        single = [r.outcomes(own) for r, own in zip(self._runners, zip(*left, strict=True), strict=True)]
        means, seconds = [], []
        for n, scale, one in zip(self._n_own, self._scales, single, strict=True):
            # a part of which no average is wanted has one
            own, products = one.mean[..., :n], one.second[..., : n * (n + 1) // 2]
            if scale is not None:
                i, j = pairs(n)
                own, products = own * scale, products * (scale[i] * scale[j])
            means.append(own)
            seconds.append(products)
        mean = _joined(means).take(self._order, axis=-1)
        first, second = self._apart
        seconds.append(mean.take(first, axis=-1) * mean.take(second, axis=-1))
        K, T, _ = mean.shape
        sectors = self._sectors_of([one.sectors.reshape(K * T, *one.sectors.shape[2:]) for one in single])
        counts = _joined([one.counts for one in single]).take(self._jump_order, axis=-1)
        began: list[NDArray | None] = [None] * K
        jumps: list[NDArray[np.void] | None] = [None] * K
        for k in range(K):
            if single[0].jumps[k] is not None:
                start = self._sectors_of([np.asarray(one.began[k])[None] for one in single])[0]
                began[k], jumps[k] = start, self._merged([one.jumps[k] for one in single], start)
        n_jumps = list(map(sum, zip(*(one.n_jumps for one in single), strict=True)))
        records = np.zeros((K, T, sum(map(len, self._records))))
        for mine, one in zip(self._records, single, strict=True):
            if mine:
                records[..., mine] = one.records
        products = _joined(seconds).take(self._pair_order, axis=-1)
        sectors = sectors.reshape(K, T, *sectors.shape[1:])
        return Outcomes(mean, products, sectors, counts, n_jumps, jumps, records, began)

    def _sectors_of(self, sectors: Sequence[NDArray]) -> NDArray:
        """Sectors (n, ...) of all blocks from those of the blocks of each part."""
        found = [places.as_of_all(own) for places, own in zip(self._sectors, sectors, strict=True)]
        return np.concatenate(found, axis=1).take(self._block_order, axis=1).reshape(len(found[0]), *self._shape)

    def _merged(self, records: list[NDArray[np.void] | None], start: NDArray) -> NDArray[np.void]:
        """One record of all components, in order of time; each entry carries the sectors of all blocks."""
        pieces, owners = [], []
        for c, (component, places, jumps) in enumerate(zip(self._parts, self._sectors, records, strict=True)):
            assert jumps is not None
            piece = np.zeros(len(jumps), dtype=jump_type(self._blocks))
            piece["time"], piece["channel"] = jumps["time"], np.array(component.jumps, dtype=int)[jumps["channel"]]
            sectors = piece["sector"].copy()
            places.write(jumps["sector"], sectors)
            piece["sector"] = sectors
            pieces.append(piece)
            owners.append(np.full(len(jumps), c))
        merged, owner = np.concatenate(pieces), np.concatenate(owners)
        order = np.argsort(merged["time"], kind="stable")
        merged, owner = merged[order], owner[order]
        number, sectors = np.arange(len(owner)), np.empty((len(owner), *start.shape), dtype=start.dtype)
        for c, component in enumerate(self._parts):
            blocks = list(component.blocks)
            # of each block it is that after the last jump of its part
            last = np.maximum.accumulate(np.where(owner == c, number, -1))
            sectors[:, blocks] = np.where(
                (last < 0).reshape(-1, *(1 for _ in start.shape)), start[blocks], merged["sector"][last][:, blocks]
            )
        merged["sector"] = sectors
        return merged


def _joined(columns: Sequence[NDArray]) -> NDArray:
    """Columns of several parts side by side."""
    return np.concatenate(columns, axis=-1)


def _pair_order(places: Sequence[NDArray[np.intp]]) -> tuple[NDArray[np.intp], tuple[NDArray, NDArray]]:
    """Of all pairs of averages i ≤ j: where they are, with the pairs of each part side by side and those of two parts
    behind them; and i and j of the latter.
    """
    A = sum(map(len, places))
    rows, columns = pairs(A)
    number, part, begin = np.zeros((A, A), dtype=np.intp), np.zeros(A, dtype=np.intp), 0
    for p, own in enumerate(places):
        i, j = pairs(len(own))
        number[own[i], own[j]] = number[own[j], own[i]] = begin + np.arange(len(i))
        part[own] = p
        begin += len(i)
    apart = np.flatnonzero(part[rows] != part[columns])
    number[rows[apart], columns[apart]] = begin + np.arange(len(apart))
    return number[rows, columns], (rows[apart], columns[apart])
