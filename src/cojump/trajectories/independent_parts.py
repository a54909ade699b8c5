"""Parts of a model that nothing couples, run side by side as one trajectory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import jump_type, placed, sector_array
from ..model import Model
from ..model.components import Component
from ..model.unravelled import detections
from ..tools.matrices import from_pairs, pairs
from .outcome import Outcome, Runner
from .pure_state import PureState, Watch, joined


class SideBySide:
    """Components that never become entangled: products of their averages, their jumps in order of time."""

    def __init__(self, model: Model, parts: Sequence[Component], runners: Sequence[Runner]) -> None:
        self._parts, self._runners = parts, runners
        self._blocks, self._n_averages, self._n_jumps = model.blocks, len(model.labels), len(model.jumps)
        owner = [o.block for o in model.observables] + [len(model.blocks) + q.mode for q in model.quadratures]
        self._sectors = sector_array(model.blocks, [])
        own = [(*part.blocks, *(len(model.blocks) + m for m in part.modes)) for part in parts]
        self._places = [np.concatenate([np.flatnonzero(np.equal(owner, b)) for b in members]) for members in own]
        observed = list(detections(model).items())
        columns = np.cumsum([0, *(len(d.phases) for _, d in observed)])
        mine = {i: list(range(columns[k], columns[k + 1])) for k, (i, _) in enumerate(observed)}
        self._records = [[c for i in part.jumps for c in mine.get(i, [])] for part in parts]
        # the averages of a mode are divided by √N, where the model of a part counts its own particles
        self._scales = [
            np.where(places < len(model.observables), 1.0, np.sqrt(part.share))
            for places, part in zip(self._places, parts, strict=True)
        ]

    def run(
        self,
        seed: int,
        index: int,
        *,
        part: int = 0,
        record: bool = False,
        poll: Callable[[], None] | None = None,
        watch: Watch | None = None,
    ) -> Outcome:
        """Trajectory ``index`` of the ensemble with ``seed``; component c has streams of its own."""
        states: list[dict[int, PureState]] = [{} for _ in self._runners]
        single = [
            r.run(seed, index, part=part + c, record=record, poll=poll, watch=states[c].__setitem__ if watch else None)
            for c, r in enumerate(self._runners)
        ]
        if watch is not None:
            for place in states[0]:
                watch(place, joined([(p, found[place]) for p, found in zip(self._parts, states, strict=True)]))
        T, A = len(single[0].mean), self._n_averages
        mean, counts = np.empty((T, A)), np.zeros((T, self._n_jumps), dtype=np.int64)
        sectors = np.zeros((T, *self._sectors.shape[1:]), dtype=self._sectors.dtype)
        for places, scale, component, one in zip(self._places, self._scales, self._parts, single, strict=True):
            mean[:, places] = one.mean[:, : len(places)] * scale  # a part of which none is wanted has one
            placed(self._blocks, component.blocks, one.sectors, sectors)
            counts[:, list(component.jumps)] = one.counts
        second = mean[:, :, None] * mean[:, None, :]
        for places, scale, one in zip(self._places, self._scales, single, strict=True):
            if len(places):
                second[:, places[:, None], places] = from_pairs(one.second, len(places)) * np.outer(scale, scale)
        rows, columns = pairs(A)
        jumps = self._merged([one.jumps for one in single], sectors[0]) if record else None
        n_jumps = sum(one.n_jumps for one in single)
        records = np.zeros((T, sum(map(len, self._records))))
        for own, one in zip(self._records, single, strict=True):
            if own:
                records[:, own] = one.records
        return Outcome(mean, second[:, rows, columns], sectors, counts, n_jumps, jumps, records)

    def _merged(self, records: list[NDArray[np.void] | None], start: NDArray) -> NDArray[np.void]:
        """One record of all components, in order of time; each entry carries the sectors of all blocks."""
        pieces, owners = [], []
        for c, (component, jumps) in enumerate(zip(self._parts, records, strict=True)):
            assert jumps is not None
            piece = np.zeros(len(jumps), dtype=jump_type(self._blocks))
            piece["time"], piece["channel"] = jumps["time"], np.array(component.jumps, dtype=int)[jumps["channel"]]
            sectors = piece["sector"].copy()
            placed(self._blocks, component.blocks, jumps["sector"], sectors)
            piece["sector"] = sectors
            pieces.append(piece)
            owners.append(np.full(len(jumps), c))
        merged, owner = np.concatenate(pieces), np.concatenate(owners)
        order = np.argsort(merged["time"], kind="stable")
        merged, owner = merged[order], owner[order]
        sector = start.copy()
        for n, c in enumerate(owner):
            moved = list(self._parts[c].blocks)
            sector[moved] = merged["sector"][n][moved]
            merged["sector"][n] = sector
        return merged
