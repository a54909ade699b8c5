"""What the user writes down, checked once: blocks and modes, Hamiltonian terms, jumps, and the model they make."""

from __future__ import annotations

from .blocks import Block
from .hamiltonian import OneBody, TwoBody
from .jumps import CollectiveJump, LocalJump
from .model import Model
from .modes import Mode, ModeCoupling, ModeDrive, ModeEnergy, ModeJump, ModeLoss
from .potential import Potential

__all__ = [
    "Block",
    "CollectiveJump",
    "LocalJump",
    "Mode",
    "ModeCoupling",
    "ModeDrive",
    "ModeEnergy",
    "ModeJump",
    "ModeLoss",
    "Model",
    "OneBody",
    "Potential",
    "TwoBody",
]
