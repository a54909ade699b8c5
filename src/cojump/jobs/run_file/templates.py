"""Run files to start from: one for each named system, as ``cojump new`` prints them."""

from __future__ import annotations

import textwrap
from itertools import zip_longest

from ...errors import ArgumentError
from ...model.systems.named import TEMPLATES
from .run_section import OPTIONS
from .tables import show, suggestion

_TIMES = """
[times]
end = 4.0
steps = 40                   # 41 output times with t = 0; or values = [0, 0.5, 2] instead of both
"""


_DRIVE = """
# [drive.{key}]{gap}# {key} times f(t): step, linear, sine, gaussian, or a function "my_module.py:f"
# shape = "linear"           # a ramp
# start = 0.0
# end = 2.0                  # these, too, may be lists
# before = 0.5               # f until the start
# after = 1.0                # f from the end on
"""


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
    drive = _DRIVE.format(key=template.driven, gap=" " * max(19 - len(template.driven), 1))
    lines += [drive, template.initial + _TIMES, "[run]"]
    for name, option in OPTIONS.items():
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
