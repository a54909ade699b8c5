"""Types that many files name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

Matrix = NDArray[np.complex128]

RealFunction = Callable[..., NDArray[np.float64]]
"""Of one array of numbers, or of several."""
