"""What the user writes down, checked once: blocks, Hamiltonian terms, jumps, and the model they make."""

from __future__ import annotations

from .jumps import Block, CollectiveJump, LocalJump, OneBody, TwoBody
from .model import Model

__all__ = [
    "Block",
    "CollectiveJump",
    "LocalJump",
    "Model",
    "OneBody",
    "TwoBody",
]
