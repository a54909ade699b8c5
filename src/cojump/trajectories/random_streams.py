"""The random numbers of one trajectory, a function of the seed and its index alone."""

from __future__ import annotations

from typing import Any

import numpy as np

_NOTHING = (0, 0, 0, 0)


class Stream:
    """Random numbers of one trajectory after another: those of trajectory i depend on (seed, i) alone.

    Philox is a counter-based generator: the seed is its key and i the highest word of its counter, so that streams
    cannot overlap and moving to another trajectory costs nothing.
    """

    def __init__(self) -> None:
        self._bits: Any = np.random.Philox(key=0)
        self.generator = np.random.Generator(self._bits)
        self._seed: int | None = None
        self._key: list[int] = []

    def move_to(self, seed: int, index: int, part: int = 0) -> np.random.Generator:
        """Set the generator to the start of trajectory ``index`` (of its independent component ``part``)."""
        if seed != self._seed:
            self._key, self._seed = np.random.SeedSequence(seed).generate_state(2, np.uint64).tolist(), seed
        self._bits.state = {  # in Python's own numbers, which are taken several times faster than numpy's
            "bit_generator": "Philox",
            "state": {"counter": (0, 0, part, index), "key": self._key},
            "buffer": _NOTHING,
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self.generator
