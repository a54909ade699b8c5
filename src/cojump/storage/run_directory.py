"""Names in the directory of a run, where nobody else may write what the run would take for its own."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import StorageError
from ..tools.lock import NAME as LOCK
from .envelope import RESULT_NAME

DIRECTORY = "checkpoint"
MANIFEST = "manifest.h5"
ASIDE = "checkpoint.aside"
FAILURES = "failures.json"

OVERWRITE = "choose another name, or remove that file first"
"""What can be done about a file that is there: nothing that may be work is replaced."""


def key_of(seed: int, parameters: Mapping[str, Any]) -> str:
    """Name a point by what it is called by: its seed and parameters."""
    text = json.dumps([seed, dict(parameters)], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_run_directory(directory: Path) -> bool:
    """Whether a run has been, or is, at work in a directory."""
    return any((directory / name).exists() for name in (RESULT_NAME, DIRECTORY, FAILURES))


def check_new(output: Path) -> None:
    """Refuse a place where something is already, or where a run looks for what it has written itself.

    Raises
    ------
    StorageError
    """
    if os.path.lexists(output):
        raise StorageError(f"cannot write {output}: it exists already; {OVERWRITE}")
    place = Path(os.path.realpath(output.parent))
    own = output.name in (DIRECTORY, ASIDE, FAILURES, LOCK) and is_run_directory(place)
    if own or (place.name == DIRECTORY and (place / MANIFEST).exists()):
        raise StorageError(f"cannot write {output}: a run keeps its own files there")
    if output.name == RESULT_NAME and os.path.lexists(place / DIRECTORY / MANIFEST):
        raise StorageError(f"cannot write {output}: it is the result file of another run")
