"""The random numbers of one trajectory, a function of the seed and its index alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernels.generators import by_address

_NOTHING = np.zeros(4, dtype=np.uint64)


class Stream:
    """Random numbers of one trajectory after another: those of trajectory i depend on (seed, i) alone.

    Philox is a counter-based generator: the seed is its key and i the highest word of its counter, so that streams
    cannot overlap and moving to another trajectory costs nothing.
    """

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        self.generator = np.random.Generator(self._bits)
        self.numbers = by_address(self.generator)
        """The same for kernels."""
        self._seed: int | None = None
        self._key: NDArray[Any] = np.zeros(2, dtype=np.uint64)
        self._counter = np.zeros(4, dtype=np.uint64)

    def move_to(self, seed: int, index: int, part: int = 0) -> np.random.Generator:
        """Set the generator to the start of trajectory ``index`` (of its independent component ``part``)."""
        if seed != self._seed:
            self._key, self._seed = np.random.SeedSequence(seed).generate_state(2, np.uint64), seed
        self._counter[2], self._counter[3] = part, index
        self._bits.state = {
            "bit_generator": "Philox",
            "state": {"counter": self._counter, "key": self._key},
            "buffer": _NOTHING,
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self.generator
