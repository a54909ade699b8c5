"""Trajectories of several coupled blocks, of arguments along any axes, and of collective jumps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from ..basis.particle_removal import Label
from ..basis.reported_sectors import record_of, sector_array
from ..basis.sectors import Labels, dimension_of
from ..basis.spin_starts import draw_sector_state, is_random
from ..basis.tableau_starts import Start
from ..errors import ConvergenceError
from ..model import Model
from ..model.states import State
from ..tools.matrices import conjugate
from ..tools.types import Array
from .kernels.common import MAX_ORDER, PAD
from .kernels.program import run_program
from .kernels.propagate import sum_series
from .kernels.series import guessed_horizon
from .kernels.trajectory import SEARCH, product_step
from .long_step import MOST_ENTRIES, Patience, long_step
from .outcome import Outcome
from .product_channels import Channel
from .product_moves import Around, Moves, Rows, apply, apply_adjoint, around
from .product_sectors import Box, ProductBasis, ProductSector
from .pure_state import Factor, PureState, UserFrame, Watch
from .random_streams import Stream
from .sector_matrix import program_matrix
from .spin_engine import work_space

Ket = NDArray[np.complex128]
T = TypeVar("T")

_SMALL = 2000
"""Sectors with fewer amplitudes are taken whole."""

_SNAP = 16
"""Windows begin and end at multiples of this, so that the same ones come back."""

_POLL = 2**26
"""Multiplications between two calls of ``poll``: some tenths of a second."""

_LONG_STEP = 2**25
"""Multiplications in Taylor steps that take as long as a long step."""

_LARGEST = 4096
"""Amplitudes of a sector above which no long steps are made: the factors of H_eff fill up."""

_OVERHEAD = 2**16
"""Multiplications that take as long as what Python does around a step, a jump or an output time."""

MOVES_MEMORY = 128 * 2**20
"""Bytes of one-particle moves and of collective operators that an engine keeps."""


def _replaced(values: tuple[T, ...], axis: int, value: T) -> tuple[T, ...]:
    return (*values[:axis], value, *values[axis + 1 :])


def _support(weights: Array, tail: float) -> tuple[int, int]:
    """First and past-last place of what is left when up to ``tail`` is cut off at each end."""
    from_left = np.cumsum(weights)
    from_right = np.cumsum(weights[::-1])
    first = int(np.searchsorted(from_left, tail, side="right"))
    last = len(weights) - int(np.searchsorted(from_right, tail, side="right"))
    return (first, last) if first < last else (0, len(weights))


def _moved(state: Ket, box: Box, target: Box) -> Ket:
    """A flat state from one window to another: zero where it was not, cut where the new one ends."""
    if box == target:
        return state
    made = np.zeros([hi - lo for lo, hi in target], dtype=complex)
    common = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(box, target, strict=True)]
    inside = tuple(slice(lo - t[0], hi - t[0]) for (lo, hi), t in zip(common, target, strict=True))
    source = tuple(slice(lo - s[0], hi - s[0]) for (lo, hi), s in zip(common, box, strict=True))
    made[inside] = state.reshape([hi - lo for lo, hi in box])[source]
    return made.ravel()


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


class ProductEngine:
    """Runs trajectories of one component of a model; the interface is that of the engine for one block.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    def __init__(
        self, model: Model, state: State, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        self._snapshots = frozenset(int(t) for t in snapshots)
        self.basis = ProductBasis(model)
        self.state = state.blocks
        self.times = np.ascontiguousarray(times, dtype=float)
        self.tolerance = float(tolerance)
        self._stream = Stream()
        self._frames = tuple(UserFrame(rotation) for rotation in self.basis.rotations)
        self._cells = 0
        # Half of the tolerance is the Taylor series', the rest is shared by the ends of all axes.
        self._tail = (0.5 * self.tolerance) ** 2 / (4 * len(self.state))
        self._reach = MAX_ORDER * (2 if self.basis.inside else 1)
        self._starts = {
            b: Start(self.state[b], block, self.basis.rotations[b])
            for b, block in enumerate(model.blocks)
            if block.levels > 2
        }
        self._fixed = [
            None if is_random(block) else self._draw_block(b, self._stream.generator)
            for b, block in enumerate(self.state)
        ]
        self._averaged = _in_matrix_units(model, self.basis.rotations)
        self._pairs = np.triu_indices(len(model.observables))
        self._turned = any(channel is not None and channel.turn for channel in self.basis.channels)
        self._matrix = lru_cache(maxsize=16)(self._h_eff)
        """H_eff of a whole sector as a matrix, for long steps; kept, because trajectories come back."""
        self._moves = [Moves(block, MOVES_MEMORY // len(self.state)) for block in self.basis.blocks]

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
        """Trajectory ``index`` of the ensemble with ``seed``; calls ``poll`` several times a second.

        Raises
        ------
        ConvergenceError
            If a step or a jump time cannot be brought within the tolerance.
        """
        generator = self._stream.move_to(seed, index, part)
        sector, state = self._draw(generator)
        T, A, Q = len(self.times), len(self.basis.model.observables), len(self._pairs[0])
        mean, second = np.empty((T, A)), np.empty((T, Q))
        sectors: list[Labels] = []
        n_jumps = np.zeros(len(self.basis.channels), dtype=np.int64)  # of each channel, so far
        counts, effort = np.zeros((T, len(n_jumps)), dtype=np.int64), 0
        jumps: list[tuple[float, int, Labels]] = []
        t, waiting, shift, rate_shift, done = 0.0, generator.standard_exponential(), 0.0, 0.0, 0
        patience, without = Patience(), 0  # steps in which no long one is tried

        def measure(place: int, ket: Ket) -> None:
            mean[place], second[place] = self._averages(sector, ket)
            if watch is not None and place in self._snapshots:
                watch(place, self._state(sector, ket))
            sectors.append(sector.labels)
            counts[place] = n_jumps

        def heard(effort: int) -> int:
            """Call ``poll`` when enough has been done since the last time; what has been done since then."""
            if effort < _POLL:
                return effort
            if poll is not None:
                poll()
            return 0

        while done < T and self.times[done] <= t:
            measure(done, state)
            done += 1
        h_eff = sector.h_eff
        while done < T:
            self._load(sector, state)
            size, cells = sector.size, slice(PAD, PAD + sector.size)
            most = self.times[-1] - t
            step, found, lost, _, order, horizon, energy, rate, unit = product_step(
                h_eff, self._work, size, shift, rate_shift, waiting, most, self.tolerance
            )
            if found < 0 or not np.isfinite(energy) or (t + step <= t and waiting > 0):
                raise ConvergenceError(
                    f"Trajectory {index} of seed {seed}: the state did not converge at t = {t:.9g} "
                    f"(sector {sector_array(self.basis.blocks, [sector.labels])[0]}, tolerance {self.tolerance:g})"
                )
            cost = 2 * _OVERHEAD + order * sector.multiplications
            effort, without = heard(effort + cost), max(without - 1, 0)
            if order == MAX_ORDER and waiting > 0 and without == 0:
                soon = float(self.times[done] - t)
                if guessed_horizon(rate, waiting, soon) * cost > _LONG_STEP * horizon:
                    long = self._long_step(sector, state, waiting, soon, horizon)
                    without = patience.after(long is not None)
                    if long is not None and (long[1] == 0 or t + long[0] > t):
                        step, waiting, state = long
                        t = float(self.times[done]) if step >= soon else t + step
                        sector, state = self._fit(sector.labels, self.basis.whole(sector.labels), state)
                        state, h_eff = state / np.linalg.norm(state), sector.h_eff
                        while done < T and self.times[done] <= t:
                            measure(done, state)
                            done += 1
                        continue
            state = self._work.out_re[cells] + 1j * self._work.out_im[cells]
            until = self.times[-1] if found == 0 and horizon >= most else t + step
            while done < T and self.times[done] <= until:
                measure(done, self._at(order, size, (self.times[done] - t) / unit))
                done += 1
                effort = heard(effort + _OVERHEAD + size * (order + 4 * A))
            t, shift, rate_shift = t + step, energy, rate
            jump = self._jump(sector, state, generator.random()) if found == 1 and done < T else None
            if jump is not None:
                channel, sector, state = jump
                h_eff = sector.h_eff
                waiting = generator.standard_exponential()
                n_jumps[channel] += 1
                effort += sector.multiplications
                if record:
                    jumps.append((t, channel, sector.labels))
            else:
                # a loss without any rate is rounding: what is left to lose is drawn anew
                waiting = waiting - lost if found == 0 else generator.standard_exponential()
                sector, state = self._fit(sector.labels, sector.box, state)
                h_eff = sector.h_eff
            state = state / np.linalg.norm(state)
        blocks = self.basis.blocks
        made = record_of(blocks, jumps) if record else None
        return Outcome(mean, second, sector_array(blocks, sectors), counts, int(n_jumps.sum()), made)

    def _draw(self, generator: np.random.Generator) -> tuple[ProductSector, Ket]:
        """One pure state of one sector; what does not vary between trajectories is made once."""
        drawn = [fixed if fixed is not None else self._draw_block(b, generator) for b, fixed in enumerate(self._fixed)]
        # The tails of each factor are cut before the product is made: all of it might not fit.
        cut = [_support(np.abs(ket) ** 2, self._tail) for _, ket in drawn]
        whole: Ket = np.ones(1, dtype=complex)
        for (_, ket), (lo, hi) in zip(drawn, cut, strict=True):
            whole = np.outer(whole, ket[lo:hi]).ravel()
        return self._fit(tuple(label for label, _ in drawn), tuple(cut), whole / np.linalg.norm(whole))

    def _fit(self, labels: Labels, box: Box, state: Ket) -> tuple[ProductSector, Ket]:
        """Put a state given on ``box`` into a window that its support cannot leave within one step.

        A step widens the support by at most MAX_ORDER times the bandwidth along each axis; what is cut off weighs
        no more than the tolerance allows (the same share as for one block).
        """
        whole = self.basis.whole(labels)
        target = whole
        if prod(end for _, end in whole) > _SMALL and not all(self.basis.whole_axes):
            weights = np.abs(state.reshape([hi - lo for lo, hi in box])) ** 2
            wanted = []
            for b, (lo, _) in enumerate(box):
                others = tuple(a for a in range(len(box)) if a != b)
                first, last = _support(weights.sum(axis=others), self._tail * float(weights.sum()))
                low, high = lo + first - self._reach, lo + last + self._reach
                low, high = low // _SNAP * _SNAP, -(-high // _SNAP) * _SNAP
                wanted.append(whole[b] if self.basis.whole_axes[b] else (max(low, 0), min(high, whole[b][1])))
            target = tuple(wanted)
        return self.basis.sector(labels, target), _moved(state, box, target)

    def _draw_block(self, b: int, generator: np.random.Generator) -> tuple[Label, Ket]:
        block, rotation = self.basis.blocks[b], self.basis.rotations[b]
        if block.levels > 2:
            return self._starts[b].draw(generator)
        two_J, ket = draw_sector_state(self.state[b], block.size, rotation, generator)
        first = (block.size - two_J) // 2
        return two_J, ket[first : first + two_J + 1]

    def _long_step(
        self, sector: ProductSector, state: Ket, waiting: float, most: float, short: float
    ) -> tuple[float, float, Ket] | None:
        """A long step where damping is stiff: its length, the log-survival left to lose, the state on all the sector.

        None where it would not be worth while, or the sector is too large for it.
        """
        whole = self.basis.whole(sector.labels)
        size = prod(end for _, end in whole)
        if size > _LARGEST or (self._turned and size**2 > MOST_ENTRIES):
            return None
        ket = _moved(state, sector.box, whole)
        step = long_step(self._matrix(sector.labels), ket, waiting, most, short, self.tolerance)
        if step is None:
            return None
        time, lost = step.until(waiting, SEARCH * self.tolerance)
        return time, 0.0 if time < step.reach else waiting - lost, step.state(time)

    def _h_eff(self, labels: Labels) -> csc_array:
        return program_matrix(self.basis.sector(labels).h_eff)

    def _load(self, sector: ProductSector, state: Ket) -> None:
        if sector.size + 2 * PAD > self._cells:
            self._cells = sector.size + 2 * PAD
            self._work = work_space(self._cells, 1)
        cells = slice(PAD, PAD + sector.size)
        self._work.taylor_re[0, cells], self._work.taylor_im[0, cells] = state.real, state.imag

    def _at(self, order: int, size: int, x: float) -> Ket:
        """State at x units of time after the start of the step."""
        w = self._work
        sum_series(w.taylor_re, order, PAD, PAD + size, x, w.out_re)
        sum_series(w.taylor_im, order, PAD, PAD + size, x, w.out_im)
        return w.out_re[PAD : PAD + size] + 1j * w.out_im[PAD : PAD + size]

    def _averages(self, sector: ProductSector, state: Ket) -> tuple[Array, Array]:
        """<m_a> and <½{m_a, m_b}>: inner products of the vectors n_a ψ and E_ab ψ with ψ and with each other."""
        vectors, tensor = [state], state.reshape(sector.dims)
        for b, s in enumerate(sector.blocks):
            d, n, place = self.basis.blocks[b].levels, s.occupations, around(sector.dims, b)
            vectors += [(tensor * sector.along(b, n[:, a])).ravel() for a in range(d - 1)]
            for matrix in self._moves[b].raising(sector.labels[b], sector.box[b], s):
                vectors.append(apply(matrix, place, state))
                vectors.append(apply_adjoint(matrix, place, state))
        stack, w = np.array(vectors), self._averaged
        norm2 = np.vdot(state, state).real
        gram = (w.conj() @ (stack.conj() @ stack.T) @ w.T).real / norm2
        return (w @ (stack @ state.conj())).real / norm2, gram[self._pairs]

    def _state(self, sector: ProductSector, ket: Ket) -> PureState:
        """What is handed over of a state."""
        tensor = ket.reshape(sector.dims) / np.linalg.norm(ket)
        return PureState((Factor(tuple(range(len(sector.dims))), sector.labels, sector.box, tensor, self._frames),))

    def _weights(self, sector: ProductSector, state: Ket) -> list[float]:
        """<rate operator> of every jump of the model, unnormalised."""
        weight = np.abs(state) ** 2
        weights = []
        for table, program in zip(sector.rate_tables, sector.rate_programs, strict=True):
            total = float(table @ weight)
            if program is not None:
                program.registers[0] = state
                run_program(program)
                total += float(np.vdot(state, program.registers[1]).real)
            weights.append(max(total, 0.0))
        return weights

    def _jump(self, sector: ProductSector, state: Ket, u: float) -> tuple[int, ProductSector, Ket] | None:
        """Choose a jump with probability ∝ |Kψ|² and apply it; the state after it is not normalised.

        None if no jump is possible.
        """
        weights = self._weights(sector, state)
        total = sum(weights)
        if not np.isfinite(total):
            raise ConvergenceError("The rates of the jumps of a state became NaN or infinite")
        number, left = _chosen(enumerate(weights), u * total)
        if number is None:
            return None
        channel, collective = self.basis.channels[number], self.basis.collective[number]
        if channel is None:
            assert collective is not None
            after = np.zeros(sector.size, dtype=complex)
            for b, y in collective.items():
                apply(Rows.of(sector.blocks[b].one_body(y)), around(sector.dims, b), state, after)
            return (number, *self._fit(sector.labels, sector.box, after))
        return (number, *self._local_jump(sector, channel, state, left))

    def _local_jump(
        self, sector: ProductSector, channel: Channel, state: Ket, left: float
    ) -> tuple[ProductSector, Ket]:
        """Outcome (μ, λ') of a local jump: first μ, by the weight of all that it may become, then λ'."""
        b, dims, box = channel.block, sector.dims, sector.box
        for axis, unitary in channel.turn.items():
            turn = self.basis.turn(axis, sector.labels[axis], unitary).into
            state = apply(Rows.of(turn), around(dims, axis), state)
        if not channel.excluded:
            state = state * sector.flat_gamma(channel)
        # the particle moves on the whole of its own axis
        whole = _replaced(box, b, (0, dimension_of(self.basis.blocks[b], sector.labels[b])))
        state, dims = _moved(state, box, whole), tuple(hi - lo for lo, hi in whole)
        place = around(dims, b)
        taken, left = _chosen(self._taken_out(sector, channel, place, state), left)
        if taken is not None:
            found, _ = _chosen(self._put_in(b, place, *taken), left)
            if found is not None:
                return self._turn_back(sector, channel, *found)
        raise ConvergenceError(f"A jump on block {self.basis.blocks[b].name!r} leads nowhere")

    def _taken_out(
        self, sector: ProductSector, channel: Channel, place: Around, state: Ket
    ) -> Iterator[tuple[tuple[Label, dict[int, Ket]], float]]:
        """Every μ with what `_moved_particle` makes of it, and the weight of all that it may become."""
        for rest, share in self._moves[channel.block].out_of(sector.labels[channel.block]):
            parts = self._moved_particle(sector, channel, rest, share, place, state)
            yield (rest, parts), sum(float(np.vdot(p, p).real) for p in parts.values())

    def _put_in(
        self, b: int, place: Around, rest: Label, parts: dict[int, Ket]
    ) -> Iterator[tuple[tuple[Label, Ket], float]]:
        """Every λ' that μ may become when the particle is put back, with the state there and its weight."""
        for label in self._moves[b].into(rest):
            maps = self._moves[b].clebsch(label, rest)
            after = np.zeros(place[0] * maps[0].shape[1] * place[1], dtype=complex)
            for level, part in parts.items():
                apply_adjoint(maps[level], place, part, after)
            yield (label, after), float(np.vdot(after, after).real)

    def _moved_particle(
        self,
        sector: ProductSector,
        channel: Channel,
        rest: Label,
        share: float,
        place: Around,
        state: Ket,
    ) -> dict[int, Ket]:
        """The particle is taken out towards μ and j acts on it: the state of the others for each of its levels.

        ``share`` is sqrt(N f_μ/f_λ).
        """
        b = channel.block
        out = self._moves[b].clebsch(sector.labels[b], rest)
        parts: dict[int, Ket] = {}
        for source, targets in channel.transitions:
            part = apply(out[source], place, state)
            if channel.excluded:
                part *= sector.flat_gamma(channel, rest)
            for level, element in targets:
                moved = (share * element) * part
                parts[level] = parts[level] + moved if level in parts else moved
        return parts

    def _turn_back(
        self, sector: ProductSector, channel: Channel, label: Label, state: Ket
    ) -> tuple[ProductSector, Ket]:
        after = _replaced(sector.labels, channel.block, label)
        box = _replaced(sector.box, channel.block, (0, dimension_of(self.basis.blocks[channel.block], label)))
        dims = tuple(hi - lo for lo, hi in box)
        for axis, unitary in channel.turn.items():
            state = apply(Rows.of(self.basis.turn(axis, after[axis], unitary).back), around(dims, axis), state)
        return self._fit(after, box, state)


def _in_matrix_units(model: Model, rotations: list[NDArray[np.complex128]]) -> Ket:
    """Coefficients (A, ...) of the averages in the main frames, in the operators that act on a trajectory.

    These are 1, and for each block n_a of all levels but the last (Σ_a n_a = N_b), and then E_ab and E_ba for all
    a < b, E_ab = Σ_k |a><b|^(k).
    """
    width = 1 + sum(b.levels**2 - 1 for b in model.blocks)
    made = np.zeros((len(model.observables), width), dtype=np.complex128)
    for place, o in enumerate(model.observables):
        d, size = model.blocks[o.block].levels, model.blocks[o.block].size
        m = conjugate(rotations[o.block], o.matrix) / size
        made[place, 0] = size * m[-1, -1]
        flips = [m[pair] for a in range(d) for b in range(a + 1, d) for pair in ((a, b), (b, a))]
        first = 1 + sum(b.levels**2 - 1 for b in model.blocks[: o.block])
        made[place, first : first + d**2 - 1] = [*(np.diag(m)[:-1] - m[-1, -1]), *flips]
    return made
