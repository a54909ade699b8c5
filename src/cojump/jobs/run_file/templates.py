"""Run files to start from: one for each named system, as ``cojump new`` prints them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import zip_longest

from ...errors import ArgumentError
from .run_section import OPTIONS
from .tables import show, suggestion

_TILTED = """\
[initial]
kind = "tilted"              # cos(θ/2)|up> + e^{iφ} sin(θ/2)|down> for every particle
theta = 1.1                  # radians
phi = 0.4
"""

_CORRUPTED = """\
[initial]
kind = "corrupted"           # each spin along its pattern with probability `quality`, else against it
pattern = 0
quality = 0.9
"""

_CORRUPTED_LEVELS = """\
[initial]
kind = "corrupted"           # each particle in its pattern's level with probability `quality`, else in any other
pattern = 0
quality = 0.9
"""

_MIXED = """\
[initial]
kind = "product"             # the same single-particle state for every particle
density = [[0.5, 0], [0, 0.5]]   # basis (up, down); a pure one as ket = ["0.6", "0.8j"]
"""

_THREE_LEVELS = """\
[initial]
kind = "product"             # the same single-particle state for every particle
density = [[0.7, 0, 0], [0, 0.3, 0], [0, 0, 0]]   # levels 0 (ground), 1 (target), 2 (excited)
"""

_TIMES = """
[times]
end = 4.0
steps = 40                   # 41 output times with t = 0; or values = [0, 0.5, 2] instead of both
"""


@dataclass(frozen=True)
class Template:
    """The parts of a run file that belong to one system: a title, its keys with comments, its start, an average."""

    title: str
    keys: tuple[tuple[str, str, str], ...]
    initial: str = _TILTED
    average: str = "spins.z"


_SIZE = ("size", "[50, 200, 800]", "N; a list makes a sweep, one point per value")
_OMEGA = ("omega", "0.7", "H = omega Σ σ_x")

TEMPLATES: dict[str, Template] = {
    "free_flips": Template(
        "Independent flips with a drive and one-axis twisting.",
        (
            _SIZE,
            _OMEGA,
            ("rate_up", "1.3", "jumps sqrt(rate_up) σ_+"),
            ("rate_down", "0.8", "jumps sqrt(rate_down) σ_-"),
            ("chi", "0.0", "adds (chi/N) (Σ σ_z)² to H"),
        ),
    ),
    "constrained": Template(
        "The collective kinetically constrained spin model: both flips at rates that go as n_av².",
        (
            _SIZE,
            _OMEGA,
            ("rate_up", "1.3", "jumps sqrt(rate_up) σ_+ n_av"),
            ("rate_down", "0.8", "jumps sqrt(rate_down) σ_- n_av"),
        ),
    ),
    "facilitated": Template(
        "Facilitated flips: excited particles help others up, all decay by themselves.",
        (
            _SIZE,
            ("omega", "0.0", "H = omega Σ σ_x; at 0 the state without excitations is absorbing"),
            ("kappa", "5.0", "up-flips at the rate kappa n_av^power"),
            ("gamma", "1.0", "decay at this rate; bistable for kappa > 4 gamma"),
            ("power", "2", "1 is the contact process"),
        ),
        _MIXED,
    ),
    "hopfield": Template(
        "The open quantum Hopfield network.",
        (
            _SIZE,
            ("patterns", '"uniform"', "or {random = 2, seed = 5}, or lists of 1 and -1"),
            ("omega", "0.5", "H = omega Σ σ_x"),
            ("beta", "2.0", "inverse temperature"),
            ("exclude_self", "true", "a spin does not feel itself"),
            ("merge", "false", "join blocks of opposite signs (a model of the rotated spins)"),
        ),
        _CORRUPTED,
        "+.z",
    ),
    "potts_hopfield": Template(
        "The open quantum Hopfield network of Potts spins.",
        (
            ("size", "[6, 12, 24]", "N; a list makes a sweep, one point per value"),
            ("levels", "3", "q, levels per particle"),
            ("patterns", '"uniform"', "or {random = 2, seed = 5}, or lists of levels 0, 1, .."),
            ("omega", "0.2", "H = omega Σ Σ_{a<b} (|a><b| + h.c.)"),
            ("beta", "1.0", "inverse temperature"),
            ("exclude_self", "true", "a particle does not feel itself"),
        ),
        _CORRUPTED_LEVELS,
        "0.n0",
    ),
    "lambda_pump": Template(
        "A Λ scheme whose decay is gated by the particles it has pumped.",
        (
            ("size", "[10, 20, 40]", "N; a list makes a sweep, one point per value"),
            ("omega", "1.0", "H = omega Σ (|0><2| + h.c.)"),
            ("kappa", "5.0", "2 falls to 1 at the rate kappa n1_av^power"),
            ("gamma", "1.0", "1 falls to 0 at this rate"),
            ("power", "1", "with 1 the target level fills for kappa/2 > gamma"),
        ),
        _THREE_LEVELS,
        "particles.n1",
    ),
    "boundary_time_crystal": Template(
        "The boundary time crystal: a driven collective spin with collective decay.",
        (_SIZE, ("omega", "1.5", "H = omega Σ σ_x"), ("kappa", "1.0", "L = sqrt(kappa/N) Σ σ_-")),
    ),
}


def run_file_for(system: str) -> str:
    """Write a run file with comments for a named system; it can be run as it is.

    Raises
    ------
    ArgumentError
        If there is no system of that name.
    """
    if system not in TEMPLATES:
        rule = f"be one of {', '.join(show(name) for name in TEMPLATES)}"
        raise ArgumentError("SYSTEM", rule, f"it is {show(system)}{suggestion(system, TEMPLATES)}")
    template = TEMPLATES[system]
    lines = [
        f"# {template.title}",
        "# Run it with:  cojump run FILE.toml   or   mpiexec -n 4 cojump run FILE.toml",
    ]
    lines += ["", "[model]", f'system = "{system}"']
    lines += [f"{f'{key} = {value}':<28} # {comment}" for key, value, comment in template.keys]
    lines += ["", template.initial + _TIMES, "[run]"]
    for name, option in OPTIONS.items():
        example = option.example.replace("spins.z", template.average)
        text = f"{'' if option.usual else '# '}{name} = {example}"
        words = textwrap.wrap(option.text[0].lower() + option.text[1:].rstrip("."), 120 - 31)
        lines += [f"{left:<28} # {comment}" for left, comment in zip_longest([text], words, fillvalue="")]
    return "\n".join(lines) + "\n"
