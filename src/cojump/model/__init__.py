"""What the user writes down, checked once: blocks, Hamiltonian terms, jumps, and the model they make."""

from __future__ import annotations

from .blocks import Block
from .hamiltonian import OneBody, TwoBody
from .jumps import CollectiveJump, LocalJump
from .model import Model

__all__ = [
    "Block",
    "CollectiveJump",
    "LocalJump",
    "Model",
    "OneBody",
    "TwoBody",
]
