"""Trajectories of which some jumps give a current, by homodyne or heterodyne detection, and the others clicks.

Between the clicks the state diffuses in a compiled kernel (:mod:`cojump.trajectories.kernels.diffusion`), over sparse
matrices of its sector; clicks and averages are those of :class:`cojump.trajectories.product_state.ProductState`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf, log2
from typing import Any

import numpy as np

from ..basis.reported_sectors import record_of
from ..model import Model
from ..model.final_states import PartStart
from ..model.unravelled import detections
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Array
from .diffusion_tables import SectorTables, Seen
from .kernels.common import MAX_ORDER, NO_JUMP, NO_NUMBER
from .kernels.diffusion import CLICK, NO_CONVERGENCE, NOT_FINITE, Path, advance
from .loop import Gone, Loop, Wanted
from .mode_state import ModeState
from .product_moves import around
from .product_sectors import Box, ProductSector
from .product_state import ProductState
from .random_streams import Stream
from .sector_matrix import on_axis, program_matrix

_MEMORY = 256 * 2**20
"""Bytes of the tables of sectors that are kept for the next visit."""

_WORK = 2**26
"""Multiplications between two returns to Python, so that signals and other ranks are heard."""

_FIRST_STEP = 6
"""Halvings of the unit of time in the first step that is tried."""


class DiffusionEngine(Loop):
    """Runs trajectories of a part of a model of which some jumps give a current.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`; the model has observed jumps
        (:mod:`cojump.model.unravellings`).
    """

    state: ProductState

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        kind = ModeState if model.modes else ProductState
        super().__init__(model, kind(model, state, tolerance, Stream().generator), times, snapshots)
        self._detections = detections(model)
        self._unseen = np.ones(len(model.jumps))
        """What is counted of each jump."""
        for place, detection in self._detections.items():
            self._unseen[place] = 1.0 - detection.efficiency
        fires = [jump.can_fire(model.sizes) for jump in model.jumps]
        self._counts = bool(np.any(self._unseen[fires] > 0))
        self._error = min(d.error for d in self._detections.values())
        self._unit = 2.0 ** -floor(log2(model.fastest)) if model.fastest > 0 else 1.0
        given = [d.record for d in self._detections.values() if d.record is not None]
        self._channels = sum(len(d.phases) for d in self._detections.values())
        self._grid, self._record = np.empty(0), np.empty((0, self._channels))
        if given:  # then all are
            self._grid = self.times
            self._record = np.concatenate([record.reshape(len(times), -1) for record in given], axis=1)
        self._stays = len(model.blocks) == 1 and not model.modes and not any(fires[i] for i in model.local_jumps)
        """Whether the state is of one block and in one sector for ever, which the kernel knows as a whole."""
        self._tables: CacheByBytes[Any, SectorTables] = CacheByBytes(_MEMORY)

    def counted(self, wanted: Wanted) -> Gone:
        """The trajectory: diffusion by the compiled kernel, then a click or an output time, again and again."""
        seed, index, part, record, poll, watch = wanted
        generator = self._stream.move_to(seed, index, part)
        state, gathered = self.state, self._gathered()
        times, counts = self.times.tolist(), gathered.counts
        state.begin(generator)
        began = state.sector
        key = generator.integers(2**32, size=2, dtype=np.uint64)
        path = Path(key, self._unit, self._grid, self._record)
        now = np.array([0.0, generator.standard_exponential(), _FIRST_STEP, 0.0])
        records, jumps, n_jumps = np.zeros((len(times), self._channels)), [], 0
        for done, time in enumerate(times):
            while now[0] < time:
                (tables, room), (_, box, ket) = self._here(), state.given
                work = tables.room
                tables.put(ket, box[0][0])
                work.record[:] = records[done]
                start, most = float(now[0]), state.until
                until = min(time, start + most)
                steps = max(1, _WORK // (50 * (1 + len(tables.tables.drift_re))))
                now[3] = 0.0
                status = advance(
                    *(tables.tables, path, work, now, until, steps, room, self._error, state.tolerance, state.tail)
                )
                records[done] = work.record
                if status in (NO_CONVERGENCE, NOT_FINITE):
                    self._fail(
                        seed, index, start, "did not converge" if status == NO_CONVERGENCE else "became NaN or zero"
                    )
                if poll is not None:
                    poll()
                state.went_on(most if now[0] == until < time else float(now[0]) - start)
                after = tables.state(box[0][0], len(ket))
                if self._stays:
                    state.go_on_from(*tables.found())
                    after = state.given[2]
                if status == CLICK:
                    channel = state.jump_from(after, generator.random(), self._unseen)
                    if channel == NO_NUMBER:
                        self._fail(seed, index, float(now[0]), "became NaN or zero")
                    if channel == NO_JUMP:
                        if not self._stays:
                            state.go_on_from(after)
                    elif channel not in self._detections:
                        counts[done, channel] += 1
                        n_jumps += 1
                        if record:
                            jumps.append((float(now[0]), channel, state.sector))
                    now[1] = generator.standard_exponential()
                elif not self._stays:
                    state.go_on_from(after)
            state.measure(gathered, done, 0.0)
            counts[done + 1] = counts[done]
            if watch is not None and self._snapshot[done] >= 0:
                watch(done, state.pure_state(gathered, done))
        gone = self._gone(gathered, n_jumps, record_of(self.blocks, jumps) if record else None, began)
        return gone._replace(records=records)

    def _here(self) -> tuple[SectorTables, float]:
        """The tables of the sector and window of the state, and powers of H_eff until its end may be reached."""
        state, (labels, box, _) = self.state, self.state.given
        whole = state.basis.whole(labels)
        if self._stays:
            return self._tables.get(labels, lambda: self._made(state.basis.sector(labels, whole), whole)), inf
        tables = self._tables.get(state.where, lambda: self._made(state.here, whole))
        shown = box == whole or (len(whole) == 1 and tables.tables.reach > 0)
        return tables, inf if shown else float(MAX_ORDER)

    def _made(self, sector: ProductSector, whole: Box) -> SectorTables:
        seen = []
        for place, detection in self._detections.items():
            collective, dims = sector.basis.collective[place], sector.dims
            if collective is None:
                axis, matrix, reference = sector.modes.seen(place)
                outer, inner = around(dims, axis)
                operator = on_axis(outer, matrix, inner)
            else:
                parts = [(around(dims, b), sector.blocks[b].one_body(y)) for b, y in collective.items()]
                operator, reference = sum(on_axis(outer, y, inner) for (outer, inner), y in parts), 0.0j
            seen.append(Seen(operator, reference, detection.phases))
        return SectorTables(program_matrix(sector.h_eff), seen, self._counts, sector.box, whole)
