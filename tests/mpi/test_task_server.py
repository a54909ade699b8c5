"""The last tasks go to ranks that have nothing else in hand."""

from __future__ import annotations

from collections import deque
from itertools import count
from types import SimpleNamespace

from cojump.parallel.task_server import _DONE, _ORDER, _RESULT, _TASK, TaskServer


class Post:
    """What rank 0 sees of two ranks: messages (source, tag, content) that have come, and what it has sent."""

    size = 3

    def __init__(self):
        self.come, self.sent = deque(), []

    def iprobe(self, status):
        if self.come:
            status.Get_source, status.Get_tag = (lambda: self.come[0][0]), (lambda: self.come[0][1])
        return bool(self.come)

    def recv(self, source, tag):
        return self.come.popleft()[2]

    def send(self, message, dest, tag):
        assert tag == _ORDER
        self.sent.append((dest, *message))


def served(n_tasks):
    """A server of so many tasks with its post, and what it was told of."""
    post, results, tasks = Post(), [], iter(range(n_tasks))
    numbers = count(n_tasks, -1)
    left = [next(numbers)]

    def next_task():
        left[0] = next(numbers)
        return next(tasks, None)

    server = TaskServer(
        post, SimpleNamespace(), next_task, lambda most: min(most, left[0]), lambda *r: results.append(r), lambda: False
    )

    def arrive(*messages):
        post.sent.clear()
        post.come.extend(messages)
        server.poll()
        return post.sent

    server._begin()
    return server, arrive, results


def test_a_rank_has_its_next_task_early_as_long_as_there_are_enough():
    server, arrive, results = served(9)
    assert server._comm.sent == [(1, _TASK, 0), (2, _TASK, 1), (1, _TASK, 2), (2, _TASK, 3)]
    assert arrive((2, _RESULT, (1, "b"))) == [(2, _TASK, 4)]
    assert arrive((1, _RESULT, (0, "a"))) == [(1, _TASK, 5)]
    assert results == [(2, 1, "b"), (1, 0, "a")]


def test_one_of_the_last_tasks_waits_for_a_rank_that_has_none():
    server, arrive, results = served(4)
    assert server._comm.sent == [(1, _TASK, 0), (2, _TASK, 1)]
    assert arrive((2, _RESULT, (1, "b"))) == [(2, _TASK, 2)]
    assert server._take() == 3
    assert arrive((1, _RESULT, (0, "a"))) == [(1, _TASK, None)]
    assert arrive((2, _RESULT, (2, "c"))) == [(2, _TASK, None)]
    assert results == [(2, 1, "b"), (1, 0, "a"), (2, 2, "c")]
    arrive((1, _DONE, None), (2, _DONE, None))
    assert not server._working


def test_a_rank_hears_once_that_there_is_nothing_more():
    server, arrive, _ = served(1)
    assert server._comm.sent == [(1, _TASK, 0), (2, _TASK, None)]
    assert arrive((2, _DONE, None)) == []
    assert arrive((1, _RESULT, (0, "a"))) == [(1, _TASK, None)]


def test_a_rank_that_is_kept_waiting_hears_that_the_work_is_to_stop():
    server, _, _ = served(3)
    server._halt()
    server._serve()
    assert (1, "halt", None) in server._comm.sent
    server._comm.come.append((1, _RESULT, (0, "a")))
    server._serve()
    assert server._comm.sent[-1] == (1, _TASK, None)


def test_every_rank_has_its_first_task_before_the_first_rank_begins_its_own():
    post, results, given = Post(), [], []
    tasks = iter(range(4))
    server = TaskServer(
        post, SimpleNamespace(), lambda: next(tasks, None), lambda _: 0, lambda *r: results.append(r), lambda: False
    )

    def work(task, poll):
        given.append((task, list(post.sent)))
        return "own"

    post.come.extend([(1, _DONE, None), (2, _DONE, None)])
    server.run(work)
    assert given[0] == (0, [(1, _TASK, 1), (2, _TASK, 2)])
    assert results == [(0, 0, "own"), (0, 3, "own")]
