"""What the theorem of arXiv:2302.04155 proves, with every constant as a number for the model at hand.

:func:`gronwall` is the bound of Theorem 1 on the distance E_N(t) from mean field, :func:`lemmas` the inequalities of
Lemmas 1 to 3 and of (32) on which it rests, each an operator norm beside its bound. docs/bounds.md says what is
bounded, which slips of the text are mended, and where nothing is claimed.
"""

from __future__ import annotations

from .gronwall import Gronwall, gronwall
from .lemmas import Inequalities, Inequality, lemmas

__all__ = ["Gronwall", "Inequalities", "Inequality", "gronwall", "lemmas"]


def __dir__() -> list[str]:
    return __all__
