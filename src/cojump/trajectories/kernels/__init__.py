"""The compiled kernels. Flat arrays and scalars in, preallocated output last, a status code back.

A state is held as real and imaginary parts over positions p = i + PAD, i = M + N/2 the number of particles up; its
window is lo ≤ p < hi. Beside it stands anything: kernels made of ``vectors`` read nothing there, and others say that
they need zeros.
"""

from importlib import import_module
from pkgutil import iter_modules

from ..kernel_cache import keep
from ..no_jump_tables import BandedHeff, ProgramHeff, SpinJumps
from ..product_program import Program
from .common import Amplitudes, Gathered, JumpRecord, Step, Work

keep(
    [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)],
    [BandedHeff, ProgramHeff, SpinJumps, Program, Work, Step, Gathered, Amplitudes, JumpRecord],
)
