"""Run files to start from, as ``cojump new`` prints them: for each named system, and for a function of the user's."""

from __future__ import annotations

import inspect
import re
import textwrap
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import EXPECTED, ArgumentError, one_line, printable
from ...model.systems.named import TEMPLATES
from ...model.systems.template import Template
from ...tools.whole_files import replace_file
from .run_section import OPTIONS
from .system import Builder, find_builder
from .tables import MISSING, boolean, integer, number, show, suggestion

if TYPE_CHECKING:
    from ...model import Model

_TIMES = """
[times]
end = 4.0
steps = 40                   # 41 output times with t = 0; or values = [0, 0.5, 2] instead of both
"""


_DRIVE = """
# [drive.{key}]{gap}# {key} times f(t): step, linear, sine, gaussian, pulses, or a function "my_module.py:f"
# shape = "linear"           # a ramp
# start = 0.0
# end = 2.0                  # these, too, may be lists
# before = 0.5               # f until the start
# after = 1.0                # f from the end on
"""


_TWO_TIME = """
# [two_time]                 # <A(s+τ) B(s)>; g2 = "MODE OR JUMP" in place of both; several: [[two_time]] for each
# first = {average}
# second = {average}
# start = 4.0                # s
# delays = {{end = 4.0, steps = 40}}
# spectrum = true            # S(ω) with its error
# exact = true               # the master equation beside it, as long as it fits into memory
"""


_MODEL = '''\
"""A model of my own: {function}() returns it, and its arguments are the keys of [model] in the run file."""

import numpy as np

import cojump as cj

X, Y, Z = cj.operators.sigma_x, cj.operators.sigma_y, cj.operators.sigma_z
DOWN = cj.operators.sigma_minus  # from level 0, "up", to level 1, "down"


class Rate:
    """The rate of a jump as a function of an array of values of its argument, here the average of σ_z."""

    def __init__(self, gamma):
        self.gamma = gamma

    def __call__(self, m):
        return self.gamma * (1 + m) ** 2


def {function}(size: int = 50, omega: float = 0.7, gamma: float = 1.0):
    """Spins that are driven along x and fall the faster the more of them are up.

    Parameters
    ----------
    size : int
        N
    omega : float
        H = omega Σ σ_x
    gamma : float
        every spin falls at the rate gamma (1 + m_z)²
    """
    return cj.Model(
        blocks=[cj.Block("spins", size)],
        hamiltonian=[cj.OneBody(omega * X, "spins")],
        jumps=[cj.LocalJump(DOWN, "spins", rate=Rate(gamma), argument={{"spins": Z}}, name="fall")],
    )
'''


def run_file_for(system: str) -> str:
    """Write a run file with comments for a named system, or for a function "my_model.py:build"; it can be run as it is.

    Raises
    ------
    ArgumentError
        If there is no system of that name, or no such function.
    """
    if ":" in system:
        return _written(system, _of_function(find_builder(system, Path())))
    if system not in TEMPLATES:
        rule = f'be one of {", ".join(show(name) for name in TEMPLATES)}, or a function such as "my_model.py:build"'
        raise ArgumentError("SYSTEM", rule, f"it is {show(system)}{suggestion(system, TEMPLATES)}")
    return _written(system, TEMPLATES[system])


def model_file_for(system: str) -> str:
    """Write a model to start from where "my_model.py:build" names a file that is not there; returns what was written.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    file, _, function = system.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier() or Path(file).exists() or not Path(file).parent.is_dir():
        return ""
    replace_file(file, _MODEL.format(function=function).encode(), new=True)
    return file


def _written(system: str, template: Template) -> str:
    lines = [
        f"# {template.title}",
        "# Run it with:  cojump run FILE.toml   or   mpiexec -n 4 cojump run FILE.toml",
    ]
    lines += ["", "[model]", f'system = "{system}"']
    for key, value, comment in template.keys:
        lines.append(f"{f'{key} = {value}':<28} # {comment}" if comment else f"{key} = {value}")
    drive = _DRIVE.format(key=template.driven, gap=" " * max(19 - len(template.driven), 1)) if template.driven else ""
    two_time = _TWO_TIME.format(average=show(template.average))
    lines += [drive, template.initial + _TIMES + two_time, "[run]"]
    for name, option in OPTIONS.items():
        if not option.printed:
            continue
        example = option.example.replace("spins.z", template.average)
        if name == "averages" and template.chosen:
            example = show(list(template.chosen))
        if name == "unravelling":
            if not template.watched:
                continue  # jumps of single particles are counted
            example = example.replace("decay", show(template.watched))
        text = f"{'' if option.usual else '# '}{name} = {example}"
        words = textwrap.wrap(option.text[0].lower() + option.text[1:].rstrip("."), 120 - 31)
        lines += [f"{left:<28} # {comment}" for left, comment in zip_longest([text], words, fillvalue="")]
    return "\n".join(lines) + "\n"


def _of_function(builder: Builder) -> Template:
    """What a run file says of a function of the user's: its arguments, their defaults, and what its model is like."""
    document = "\n".join(map(printable, (inspect.getdoc(builder.function) or "").splitlines()))
    about = _about(document)
    keys, values = [], {}
    for key, rule in builder.keys.items():
        value, comment = _value_of(key, rule.default, rule.check)
        comment = "; ".join(filter(None, [about.get(key, ""), comment]))
        if value is not None:
            values[key] = value
        keys.append((key if value is not None else f"# {key}", "..." if value is None else show(value), comment))
    title = document.strip().splitlines()[0] if document.strip() else f"A model of {builder.system}."
    try:
        model, why = builder.build(values), ""
    except EXPECTED as error:
        model, why = None, one_line(error)
    driven = next((key for key, value in values.items() if isinstance(value, float) and value), "")
    if model is None:
        title += f"\n# With these values there is no model yet: {why}"
        return Template(title, tuple(keys), _INITIAL, "BLOCK.z", driven=driven)
    labels = [o.label for o in model.all_averages()]
    watched = next((name for name in map(_name_of, model.jumps) if name), "")
    return Template(title, tuple(keys), _initial_of(model), _average_of(labels), driven=driven, watched=watched)


_INITIAL = """\
[initial]
kind = "product"             # the same single-particle state for every particle of a block
ket = {BLOCK = [1, 0]}       # of each block, by its name
"""


def _value_of(key: str, default: Any, check: Any) -> tuple[Any, str]:
    """A value for a key of the run file, with what must be said of it; None if it has to be written by hand."""
    if isinstance(default, bool | int | float | str):
        return default, ""
    if default is not MISSING and default is not None:
        return None, f"the default is {one_line(repr(default))[:60]}; a list makes a sweep"
    if default is None:
        return None, "the default is None"
    examples = {integer: 20, number: 1.0, boolean: False}
    found = examples.get(check, 20 if key in ("size", "N", "n") else 1.0)
    return found, "has no default: give a value"


def _about(document: str) -> dict[str, str]:
    """The first line that a docstring in the form of numpy has on each parameter."""
    found: dict[str, str] = {}
    lines = document.splitlines()
    for i, line in enumerate(lines[:-1]):
        named = re.match(r"([A-Za-z_]\w*(?:, *[A-Za-z_]\w*)*) *:", line)
        if named and lines[i + 1].startswith("    ") and lines[i + 1].strip():
            found |= dict.fromkeys(re.split(", *", named[1]), lines[i + 1].strip())
    return found


def _initial_of(model: Model) -> str:
    """A start of the model: spins that are tilted, particles of more levels in the first one."""
    if all(block.levels == 2 for block in model.blocks):
        text = Template("", ()).initial
    else:
        kets = ", ".join(f"{_key(b.name)} = [{', '.join(['1'] + ['0'] * (b.levels - 1))}]" for b in model.blocks)
        text = (
            f'[initial]\nkind = "product"             # each particle of a block in the same state\nket = {{{kets}}}\n'
        )
    alphas = ", ".join(f"{_key(mode)} = 0.0" for mode in model.mode_names)
    return text + (f"alpha = {{{alphas}}}  # coherent states |√N α>\n" if alphas else "")


def _key(name: str) -> str:
    """A name as a key of TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else show(name)


def _average_of(labels: list[str]) -> str:
    return next((label for label in labels if label.endswith(".z")), labels[0])


def _name_of(jump: Any) -> str:
    """The name of a jump whose light may be detected otherwise than by counting."""
    from ...model import CollectiveJump, ModeLoss

    light = isinstance(jump, ModeLoss) or (isinstance(jump, CollectiveJump) and not jump.has_rate)
    return jump.name if light else ""
