"""Names in the directory of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

DIRECTORY = "checkpoint"
MANIFEST = "manifest.h5"
ASIDE = "checkpoint.aside"


def key_of(seed: int, parameters: Mapping[str, Any]) -> str:
    """Name a point by what it is called by: its seed and parameters."""
    text = json.dumps([seed, dict(parameters)], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
