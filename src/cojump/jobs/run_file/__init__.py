"""The run file: TOML read into frozen dataclasses, every key checked and named when it is wrong."""

from __future__ import annotations

from .read import PointSpec, RunFile, read_run_file

__all__ = ["PointSpec", "RunFile", "read_run_file"]
