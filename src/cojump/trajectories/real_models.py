"""Models whose no-jump evolution keeps states real where each particle up has a phase -i (basis.real_states)."""

from __future__ import annotations

import numpy as np

from ..basis.spin_starts import SpinStart
from ..model import Model
from ..model.facts import once_per_model
from ..model.states import State
from .axes import seen, without_rounding
from .frames import block_frame, main_frames
from .lattice_tables import kind_of
from .no_jump_tables import GENERAL
from .spin_tables import hamiltonian_of, is_banded, is_ladder


@once_per_model
def keeps_real(model: Model) -> bool:
    """Whether -iH_eff of blocks of two levels takes real states to real ones, and jumps do.

    They do where all jumps are ladder operators of one particle, and H drives each block alone, with real elements and
    no energies: -i times them is real between a state and one with a particle more or less up.
    """
    if model.is_driven or model.modes or model.two_body or model.potentials or any(b.levels > 2 for b in model.blocks):
        return False
    frames = main_frames(model)
    drives = [np.zeros((2, 2), dtype=complex) for _ in model.blocks]
    for one in model.one_body:
        drives[model.block_index(one.block)] += one.eps
    own = [seen(*pair) for pair in zip(frames, drives, strict=True)]
    if any(np.diag(h).any() or h.imag.any() for h in own):
        return False
    jumps = [(jump, frames[model.block_index(jump.block)]) for jump in model.local_jumps.values()]
    return len(jumps) == len(model.jumps) and all(
        kind_of(without_rounding(seen(frame, jump.matrix))) != GENERAL for jump, frame in jumps
    )


@once_per_model
def keeps_real_alone(model: Model) -> bool:
    """The same of one block whose H_eff is banded: there ladder operators of all particles together do, too."""
    if not is_banded(model) or model.potentials:
        return False
    rotation = block_frame(model, 0)
    drive = hamiltonian_of(model, rotation)
    if drive.diagonal.any() or drive.two != 0 or drive.up.imag.any():
        return False
    matrices = [y for jump in model.collective_jumps.values() for y in jump.matrices.values()]
    matrices += [jump.matrix for jump in model.local_jumps.values()]
    return all(is_ladder(seen(rotation, matrix)) for matrix in matrices)


def starts_real(model: Model, state: State) -> bool:
    """Whether all states of a model with blocks of two levels that can be drawn from this one are such real states."""
    blocks = zip(state.blocks, model.blocks, main_frames(model), strict=True)
    return all(SpinStart(own, block.size, frame).stays_real for own, block, frame in blocks)
