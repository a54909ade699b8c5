"""The look of cojump's figures, for figures of yours (``cj.figures``)."""

from __future__ import annotations

from .canvas import style

__all__ = ["style"]


def __dir__() -> list[str]:
    return __all__
