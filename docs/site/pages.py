"""Pages of the site that are made of what is in the repository: reference, validation, performance, gallery.

A hook of mkdocs. Nothing is written into docs/: the pages exist in the built site alone.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.structure.files import File, Files

import cojump as cj

ROOT = Path(__file__).parents[2]

_SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Notes", "Examples")

_DEFINED = ("Parameters", "Attributes", "Returns", "Raises")

_GROUPS = {
    "Models": (
        "Block OneBody TwoBody Potential LocalJump CollectiveJump correlated_jumps "
        "Mode ModeEnergy ModeDrive ModeCoupling ModeLoss Model"
    ),
    "States": "product tilted dicke symmetric occupation corrupted start Dicke Sector Symmetric Occupation mixture",
    "Trajectories": "simulate trajectory two_time g2 estimate merge load save",
    "Theory": "mean_field master_equation steady_state",
    "Other programs": "to_qutip",
    "Errors": "ArgumentError UnsupportedError ConvergenceError SimulationInterrupted StorageError",
}
"""Public names by subject; those that are listed nowhere get a page of their own at the end."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    made = {**reference(), "validation.md": validation(), "performance.md": performance(), "gallery.md": gallery()}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_config(config: Any) -> Any:
    """Put the pages of the reference into the navigation."""
    for item in config["nav"]:
        if "Reference" in item:
            item["Reference"] = ["reference/index.md", *(p for p in reference() if p != "reference/index.md")]
    return config


def reference() -> dict[str, str]:
    """One page for each subject, one for each public module, and an index."""
    pages, index = {}, ["# Reference", "", "All names are those of `import cojump as cj`.", ""]
    grouped = {name for names in _GROUPS.values() for name in names.split()}
    modules = [name for name in cj.__all__ if isinstance(getattr(cj, name), ModuleType)]
    rest = [name for name in cj.__all__ if name not in grouped and name not in modules]
    groups = {**_GROUPS, **({"More": " ".join(rest)} if rest else {})}
    for title, names in groups.items():
        path = f"reference/{title.lower().replace(' ', '_')}.md"
        present = [name for name in names.split() if name in cj.__all__]
        pages[path] = f"# {title}\n\n" + "\n".join(entry(f"cj.{name}", getattr(cj, name)) for name in present)
        index += [f"- [{title}]({Path(path).name}): {', '.join(f'`{name}`' for name in present)}"]
    for module in modules:
        path, value = f"reference/{module}.md", getattr(cj, module)
        names = list(getattr(value, "__all__", ()))
        body = [f"# cj.{module}", "", markdown(value.__doc__ or ""), ""]
        body += [entry(f"cj.{module}.{name}", getattr(value, name)) for name in names]
        pages[path] = "\n".join(body)
        index += [f"- [cj.{module}]({module}.md): {first_line(value)}"]
    pages["reference/index.md"] = "\n".join(index) + "\n\n" + results()
    return pages


def results() -> str:
    """What simulate and the solvers return."""
    from cojump.results.result import Result
    from cojump.theory.mean_field import MeanField

    return "## What comes back\n\n" + "\n".join(entry(cls.__name__, cls) for cls in (Result, MeanField))


def first_line(value: Any) -> str:
    """The first line of a docstring."""
    return escaped((inspect.getdoc(value) or "").split("\n")[0])


def entry(name: str, value: Any) -> str:
    """Signature and documentation of a function or class, with the public methods of a class."""
    if not callable(value):
        return f"### {name}\n\n    {value!r}\n".replace("\n ", "\n     ")
    lines = [f"### {name}", ""]
    if not (isinstance(value, type) and issubclass(value, BaseException)):
        lines += ["```python", signature(name, value), "```", ""]
    lines += [markdown(inspect.getdoc(value) or ""), ""]
    if isinstance(value, type) and not issubclass(value, BaseException):
        for method, function in methods(value):
            lines += [f"**`.{method}`** {first_line(function)}", ""]
    return "\n".join(lines)


def methods(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties with documentation, in alphabetical order."""
    for name in sorted(dir(cls)):
        value = inspect.getattr_static(cls, name)
        function = getattr(value, "func", getattr(value, "fget", value))
        if not name.startswith("_") and callable(function) and inspect.getdoc(function):
            yield name, function


def signature(name: str, value: Any) -> str:
    """A call as it is written, without types."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return f"{name}(...)"
    parameters = [
        p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values() if not p.name.startswith("_")
    ]
    kinds = [p.kind for p in parameters]
    text = [str(p) for p in parameters]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        text.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    line = f"{name}({', '.join(text)})"
    return line if len(line) < 78 else textwrap.fill(line, 76, subsequent_indent="    ", break_long_words=False)


def markdown(docstring: str) -> str:
    """A docstring in numpy's style as Markdown."""
    lines, out, section = docstring.split("\n"), [], ""
    place, begun = 0, False
    while place < len(lines):
        line = lines[place]
        underlined = place + 1 < len(lines) and set(lines[place + 1].strip()) == {"-"}
        if line.strip() in _SECTIONS and underlined:
            section = line.strip()
            out += ["", f"**{section}**", ""]
            place += 2
            continue
        if section in _DEFINED and line and not line.startswith(" "):
            name, colon, kind = line.partition(" : ")
            out += ["", f"`{name}`" + (f" : {escaped(kind)}" if colon else "")]
            begun = False
        elif line.startswith(">>>") or (section == "Examples" and line.strip()):
            block = []
            while place < len(lines) and lines[place].strip():
                block.append(lines[place])
                place += 1
            out += ["", "```pycon", *block, "```", ""]
            continue
        elif section in _DEFINED and line.startswith("    "):
            out.append(("    " if begun else ":   ") + escaped(line[4:]))
            begun = True
        else:
            out.append(line if line.startswith("    ") else escaped(line))
        place += 1
    return "\n".join(out)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is; what stands between backticks stays."""
    parts = re.split(r"(``[^`]*``|`[^`]*`)", re.sub(r":(?:func|meth|class|mod|attr):`~?([^`]*)`", r"`\1`", text))
    return "".join(p if p.startswith("`") else re.sub(r"([\\*_<>|\[\]])", r"\\\1", p) for p in parts)


def documentation(path: Path) -> str:
    """The docstring of a Python file that is not imported."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def validation() -> str:
    """What each file of tests holds the program to."""
    lines = [
        "# Validation",
        "",
        "Numbers are held to independent answers: a solver in the full space of all particles that uses no symmetry",
        "(`tests/oracle.py`), the exact master equation, closed forms, published figures. A statistical test has a",
        "fixed seed, counts differences in standard errors, bounds that error, and has a wrong model that must fail.",
        "",
        "Each line is one file: what it shows, and so what could have refuted it. Run one with",
        "`python -m pytest FILE`, all with `make test`, the long ones with `make validation`.",
        "",
    ]
    titles = {
        "statistical": "Trajectories against exact answers",
        "theory": "Theory beside the trajectories",
        "trajectories": "Kernels and engines against their slow twins",
        "basis": "The basis",
        "measure": "Statistics and their errors",
        "results": "What is read off results",
        "mpi": "Ranks, interruptions, bits",
    }
    for folder, title in titles.items():
        lines += [f"## {title}", "", "| file | what it shows |", "|------|---------------|"]
        for path in sorted((ROOT / "tests" / folder).glob("test_*.py")):
            text = escaped(documentation(path).split("\n\n")[0].replace("\n", " "))
            lines.append(f"| `tests/{folder}/{path.name}` | {text} |")
        lines.append("")
    return "\n".join(lines)


def performance() -> str:
    """The recorded ratios of the benchmarks, and how they are made again."""
    recorded = json.loads((ROOT / "tests" / "benchmarks" / "ratios.json").read_text(encoding="utf-8"))
    lines = [
        "# Performance",
        "",
        "Times beside the arithmetic that they cannot avoid: a bare compiled loop that does the multiplications and",
        "additions of the steps on the amplitudes that matter. `make bench` measures, `make bench-record` writes this",
        "table, `make bench-check` compares with it. Times themselves are in the README.",
        "",
        f"Machine: {recorded['machine']}.",
        "",
        "| case | time / floor |",
        "|------|-------------:|",
    ]
    lines += [f"| {name} | {'-' if value is None else value} |" for name, value in recorded["ratios"].items()]
    return "\n".join(lines) + "\n"


def gallery() -> str:
    """The scripts of analysis/, their captions, and their figures where the repository has them."""
    lines = [
        "# Gallery",
        "",
        "One short script for each figure, in `analysis/`; run it from a copy of the sources. The pictures here are",
        "what they draw (`analysis/figures`), made small by `docs/site/gallery.py`.",
        "",
    ]
    for path in sorted((ROOT / "analysis").glob("*.py")):
        if path.name == "shared.py":
            continue
        title, _, caption = documentation(path).partition("\n\n")
        lines += [f"## {escaped(title.rstrip('.'))}", ""]
        picture = ROOT / "docs" / "figures" / f"{path.stem}.png"
        if picture.is_file():
            lines += [f"![{escaped(title)}](figures/{picture.name})", ""]
        for part in caption.split("\n\n"):
            if not part.startswith("    ") and part.strip():
                lines += [escaped(part), ""]
        lines += [f"    python analysis/{path.name}", ""]
    return "\n".join(lines)
