"""Chunks merged in their order: whatever order they come in, whatever is there already, the same bits."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cojump.ensemble.chunk import Chunk, Groups, packed, statistics_of, tails_of
from cojump.ensemble.goal import Goal, largest_error
from cojump.ensemble.ordered_merge import Fold, folded_of
from cojump.ensemble.waiting_chunks import WaitingChunks
from cojump.measure.moments import Moments
from cojump.measure.statistics import Extra
from cojump.results.result import Result
from tests.support.synthetic import make_result

T, A = 5, 3
TIMES = np.linspace(0, 1, T)


def skeleton() -> Result:
    """Averages, a figure at the same times, and one at other times; no trajectory yet."""
    base = make_result(20, n_traj=1, n_times=T)
    pairs = np.array([[0, 1], [0, 1]])
    extras = {
        "spin": Extra(("a", "b"), base.times, np.empty((T, 0)), Moments.empty((T, 2), pairs)),
        "late": Extra(("c", "d"), base.times[3:], np.empty((2, 0)), Moments.empty((2, 2), pairs)),
        "order": Extra((), base.times, np.empty((T, 0)), Moments.empty((T, 2), pairs)),
    }
    fields = {k: getattr(base, k) for k in base.__dataclass_fields__}
    moments = Moments.empty(base.moments.mean.shape, base.moments.pairs)
    empty = {"moments": moments, "extras": extras, "trajectories": base.trajectories[:0], "n_jumps": 0}
    return Result(**(fields | empty))


SKELETON = skeleton()
GROUPS = Groups(statistics_of(SKELETON))


def run(start: int, stop: int, keep: int = 4, begun: Chunk | None = None, spread: float = 1.0) -> Chunk:
    """Trajectories of a made-up system: the vectors of trajectory i depend on i alone."""
    chunk = begun or Chunk(start, start, GROUPS.empty(), SKELETON.trajectories, 0)
    series, n_jumps = list(chunk.series), chunk.n_jumps
    for i in range(chunk.stop, stop):
        rng = np.random.default_rng(i)
        for moments in chunk.moments:
            moments.add(spread * rng.normal(size=moments.mean.shape))
        n_jumps += i
        if i < keep:
            series.append(rng.normal(size=(T, A)))
    kept = np.array(series) if series else SKELETON.trajectories
    return Chunk(chunk.start, stop, chunk.moments, kept, n_jumps)


def chunks(goal: Goal) -> dict[int, Chunk]:
    return {n: run(*goal.range_of(n), keep=goal.keep) for n in range(goal.n_chunks)}


def bits(result: Result) -> bytes:
    """Everything that must be bit-identical."""
    arrays = [result.moments.mean, result.moments.comoment, result.trajectories]
    for extra in result.extras.values():
        arrays += [extra.moments.mean, extra.moments.comoment]
    return repr((result.n_traj, result.n_jumps)).encode() + b"".join(a.tobytes() for a in arrays)


def whole(goal: Goal) -> bytes:
    fold = Fold(SKELETON, goal)
    for number, chunk in chunks(goal).items():
        fold.take(number, chunk)
    assert fold.finished
    return bits(fold.result())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.randoms(), st.sampled_from([0, 3000, 10**9]))
def test_any_order_gives_the_same_bits(n_traj, size, random, memory):
    goal = Goal(n_traj, size, keep=4)
    waiting = WaitingChunks(limit=memory)
    fold, made = Fold(SKELETON, goal, hold=waiting.hold), list(chunks(goal).items())
    expected = whole(goal)
    random.shuffle(made)
    for number, chunk in made:
        fold.take(number, chunk)
        fold.take(number, run(*goal.range_of(number)))  # a second time it is not counted
    assert bits(fold.result()) == expected
    assert fold.result().n_traj == n_traj


def test_what_waits_goes_to_disk_beyond_the_limit():
    goal, waiting = Goal(40, 4), WaitingChunks(limit=10_000)
    fold, made = Fold(SKELETON, goal, hold=waiting.hold), chunks(goal)
    for number in range(9, 0, -1):
        fold.take(number, made[number])
    assert 5 <= waiting.on_disk < 9
    assert fold.n_traj == 0
    assert fold.n_done == 36
    fold.take(0, made[0])
    assert bits(fold.result()) == whole(goal)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 9), st.integers(0, 6))
def test_an_extended_run_is_the_longer_run(first, more, size, keep):
    short, long = Goal(first, size, min(keep, first)), Goal(first + more, size, min(keep, first))
    fold = Fold(SKELETON, short)
    for number, chunk in chunks(short).items():
        fold.take(number, chunk)
    stored = fold.result()
    extended = Fold(SKELETON, long, folded_of(stored))  # as it comes back from the file
    assert bits(extended.result()) == bits(stored), "nothing is lost before anything new is there"
    for number in range(extended.next, long.n_chunks):
        if not extended.has(number):
            start, stop = long.range_of(number)
            begun = extended.begun(number)
            extended.take(number, run(start, stop, long.keep, begun))
    assert bits(extended.result()) == whole(long)


def test_the_beginning_of_a_chunk_is_gone_on_with():
    goal = Goal(20, 8, keep=4)
    fold = Fold(SKELETON, goal)
    fold.offer(1, 8, 11, lambda: run(8, 11))
    fold.offer(1, 8, 13, lambda: run(8, 13))
    fold.offer(1, 8, 12, lambda: run(8, 12))
    fold.offer(1, 9, 16, lambda: pytest.fail("it begins elsewhere"))
    fold.offer(7, 56, 64, lambda: pytest.fail("beyond the end"))
    assert (fold.started(1), fold.n_done) == (13, 5)
    assert fold.begun(1).stop == 13
    assert fold.begun(0) is None
    fold.take(0, run(0, 8))
    fold.take(2, run(16, 20))
    fold.take(1, run(8, 16, begun=fold.begun(1)))
    assert bits(fold.result()) == whole(goal)


def test_going_on_does_not_touch_what_is_stored():
    fold = Fold(SKELETON, Goal(5, 8))
    fold.take(0, run(0, 5))
    before, longer = bits(fold.result()), Fold(SKELETON, Goal(8, 8), fold.state())
    run(0, 8, begun=longer.begun(0))
    assert bits(longer.result()) == before


def test_the_bits_can_tell():
    """Control: another order inside a chunk, another chunk size, another trajectory are seen."""
    goal = Goal(12, 4)
    assert whole(goal) != whole(Goal(12, 3))
    fold = Fold(SKELETON, goal)
    for number in range(3):
        fold.take(number, run(*goal.range_of(number), spread=1 + 1e-15))
    assert bits(fold.result()) != whole(goal)


def first_boundary(limit: float, size: int, least: int, n: int) -> int:
    """Where the run must stop, from the moments of all trajectories up to each boundary."""
    for stop in range(size, n + 1, size):
        xs = np.array([np.random.default_rng(i).normal(size=GROUPS.empty()[0].mean.shape)[:, 2] for i in range(stop)])
        if stop >= least and (xs.std(axis=0, ddof=1) / np.sqrt(stop)).max() <= limit:
            return stop
    return n


@pytest.mark.parametrize(("limit", "least"), [(0.4, 2), (0.3, 2), (0.3, 50), (1e-9, 2), (9.0, 2), (9.0, 13)])
def test_a_target_stops_at_the_first_boundary_that_reaches_it(limit, least):
    label = SKELETON.labels[2]
    goal = Goal(60, 4, target={label: limit}, min_traj=least)
    expected = first_boundary(limit, 4, least, 60)
    for order in (range(15), range(14, -1, -1), np.random.default_rng(1).permutation(15).tolist()):
        fold, made = Fold(SKELETON, goal), chunks(goal)
        for number in order:
            fold.take(number, made[number])
        assert fold.finished
        assert fold.result().n_traj == expected
        if expected < 60:
            assert largest_error(fold.result(), label) <= limit
        again = Fold(SKELETON, goal, fold.state())
        assert again.finished, "found out again from what is stored"
        assert bits(again.result()) == bits(fold.result())


@pytest.mark.parametrize("keep", [0, 6])
@pytest.mark.parametrize("tails", [True, False])
def test_what_a_rank_sends_is_what_it_has(keep, tails):
    """Bit for bit, also without the tails that chunks of an earlier cojump do not have."""
    form = skeleton()
    late = form.extras["late"]
    followed = Moments.empty((2, 2), late.moments.pairs, np.array([0, 1]))
    form = replace(form, extras={**form.extras, "late": replace(late, moments=followed)})
    fold, own = Fold(form, Goal(40, 5, keep, {}, 2)), Groups(statistics_of(form))
    chunk = run(5, 9, keep, Chunk(5, 5, own.empty(), SKELETON.trajectories, 0))
    assert [m.tails is not None for m in chunk.moments] == [False, True]
    if not tails:
        chunk.moments[1].tails = None
    sent = fold.unpacked(pickle.loads(pickle.dumps(packed(chunk))))
    assert sent[:2] == chunk[:2]
    assert sent[4:] == chunk[4:]
    assert sent.series.tobytes() == chunk.series.tobytes()
    assert sent.series.shape == chunk.series.shape
    for a, b in zip(sent.moments, chunk.moments, strict=True):
        assert a.count == b.count
        own, other = ((m.pairs, m.mean, m.comoment, *tails_of(m)) for m in (a, b))
        for x, y in zip(own, other, strict=True):
            assert x.shape == y.shape
            assert x.tobytes() == y.tobytes()


def test_groups_put_together_what_they_take_apart():
    chunk = run(0, 7)
    extras = GROUPS.split(chunk.moments)
    assert list(extras) == ["averages", "spin", "late", "order"]
    for one, two in zip(chunk.moments, GROUPS.join(extras), strict=True):
        assert one.count == two.count == 7
        assert one.mean.tobytes() == two.mean.tobytes()
        assert one.comoment.tobytes() == two.comoment.tobytes()
        assert np.array_equal(one.pairs, two.pairs)
    with pytest.raises(ValueError, match="of shape"):
        GROUPS.filled([(1, np.zeros((T, 2)), np.zeros((T, 2)))] * 2)
    with pytest.raises(ValueError, match="instead of 2"):
        GROUPS.filled([])


def test_largest_errors_by_label():
    fold = Fold(SKELETON, Goal(12, 4))
    for number in range(3):
        fold.take(number, run(4 * number, 4 * number + 4))
    result = fold.result()
    assert largest_error(result, "deviation") == result.deviation_stderr.max()
    assert largest_error(result, SKELETON.labels[1]) == result.mean_stderr[:, 1].max()
    with pytest.raises(KeyError):
        largest_error(result, "nothing")
