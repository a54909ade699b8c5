"""The version of cojump; result files, messages and the wheel have it from here."""

from __future__ import annotations

__version__ = "0.2.0"
