"""What a run file to start from says of a system; every file of a system has one beside its function."""

from __future__ import annotations

from dataclasses import dataclass

TILTED = """\
[initial]
kind = "tilted"              # cos(θ/2)|up> + e^{iφ} sin(θ/2)|down> for every particle
theta = 1.1                  # radians
phi = 0.4
"""

CORRUPTED = """\
[initial]
kind = "corrupted"           # each spin along its pattern with probability `quality`, else against it
pattern = 0
quality = 0.9
"""

CORRUPTED_LEVELS = """\
[initial]
kind = "corrupted"           # each particle in its pattern's level with probability `quality`, else in any other
pattern = 0
quality = 0.9
"""

MIXED = """\
[initial]
kind = "product"             # the same single-particle state for every particle
density = [[0.5, 0], [0, 0.5]]   # basis (up, down); a pure one as ket = ["0.6", "0.8j"]
"""

THREE_LEVELS = """\
[initial]
kind = "product"             # the same single-particle state for every particle
density = [[0.7, 0, 0], [0, 0.3, 0], [0, 0, 0]]   # levels 0 (ground), 1 (target), 2 (excited)
"""


@dataclass(frozen=True)
class Template:
    """The parts of a run file that belong to one system: a title, its keys with comments, its start, an average.

    ``chosen`` are averages that suffice for its order parameters, where that average alone does not. ``driven`` is the
    key that is shown with a function of time, ``watched`` the jump whose light
    may be detected in other ways than by counting.
    """

    title: str
    keys: tuple[tuple[str, str, str], ...]
    initial: str = TILTED
    average: str = "spins.z"
    chosen: tuple[str, ...] = ()
    driven: str = "omega"
    watched: str = ""


SIZE = ("size", "[50, 200, 800]", "N; a list makes a sweep, one point per value")
OMEGA = ("omega", "0.7", "H = omega Σ σ_x")
