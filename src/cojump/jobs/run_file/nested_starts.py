"""Kinds of [initial] with tables inside: another kind in each block, mixtures of states, the end of a stored run.

So that any key inside can be swept, these tables are read as one: "blocks.spins.M", "states[0].theta".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from ...tools.whole_files import reason
from .arrays import matrix, unit, vector
from .system import in_section
from .tables import Section, integer, number, show, text

if TYPE_CHECKING:
    from ...model import Model
    from ...model.final_states import FinalStates
    from ...storage.result_sequence import ResultSequence

_PART = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?(?:\.|$)")
"""One part of the name of a key inside: ``blocks.``, or ``states[0].``."""

KINDS_OF_BLOCK: dict[str, tuple[str, ...]] = {
    "tilted": ("theta", "phi"),
    "product": ("ket", "density"),
    "dicke": ("J", "M"),
    "sector": ("J", "amplitudes"),
    "symmetric": ("amplitudes",),
    "occupation": ("particles", "diagram"),
}
"""The kinds that a block may have by itself, and their keys."""


def flattened(table: Mapping[str, Any]) -> dict[str, Any]:
    """The section [initial] with the keys of the tables in it by their place, for the kinds that have some."""
    kind, flat = table.get("kind"), dict(table)
    if kind == "start" and isinstance(table.get("blocks"), dict) and _all_tables(table["blocks"].values()):
        del flat["blocks"]
        for block, own in table["blocks"].items():
            if "." in block or "[" in block:  # such a name has no place in a key: its table stays whole
                return dict(table)
            flat |= {f"blocks.{block}.{key}": value for key, value in own.items()}
    if kind == "mixture" and isinstance(table.get("states"), list) and table["states"] and _all_tables(table["states"]):
        del flat["states"]
        for i, own in enumerate(table["states"]):
            flat |= {f"states[{i}].{key}": value for key, value in flattened(own).items()}
    return flat


def _all_tables(values: Any) -> bool:
    return all(isinstance(value, dict) and value for value in values)


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Undo :func:`flattened`."""
    made: dict[str, Any] = {}
    for name, value in flat.items():
        parts = _PART.findall(name)
        table = made
        for key, place in parts[:-1]:
            if place:
                states = table.setdefault(key, [])
                while len(states) <= int(place):
                    states.append({})
                table = states[int(place)]
            else:
                table = table.setdefault(key, {})
        table[parts[-1][0] if parts else name] = value
    return made


@dataclass(frozen=True)
class BlockKind:
    """What a run file says of one block."""

    kind: str
    arguments: Mapping[str, Any]

    def made(self) -> Any:
        """As :func:`cojump.start` takes it."""
        from ...model.kinds_of_start import Dicke, Occupation, Sector, Symmetric

        given = self.arguments
        if self.kind == "tilted":
            return spin_ket(given["theta"], given["phi"])
        if self.kind == "product":
            return unit(given["ket"]) if "ket" in given else given["density"]
        if "amplitudes" in given:
            given = {**given, "amplitudes": unit(given["amplitudes"])}
        kinds: dict[str, Any] = {"dicke": Dicke, "sector": Sector, "symmetric": Symmetric, "occupation": Occupation}
        return kinds[self.kind](**given)


def spin_ket(theta: float, phi: float) -> Any:
    """cos(θ/2)|up> + e^{iφ} sin(θ/2)|down>."""
    import numpy as np

    return np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])


def read_blocks(section: Section) -> dict[str, BlockKind]:
    """Check the tables [initial.blocks.NAME]."""
    tables = section.get("blocks")
    rule = f"have a table for each block, such as [{section.name}.blocks.spins]"
    if not isinstance(tables, dict) or not tables:
        raise ArgumentError(section.label("blocks"), rule, f"it is {show(tables)}")
    return {name: _read_block(Section(f"{section.name}.blocks.{name}", own)) for name, own in tables.items()}


def _read_block(section: Section) -> BlockKind:
    kind = section.read("kind", text, options=KINDS_OF_BLOCK)
    keys = KINDS_OF_BLOCK[kind]
    section.refuse_others(["kind", *keys], f"kind {show(kind)}")
    if kind == "product":
        if ("ket" in section) == ("density" in section):
            found = "both are there" if "ket" in section else "neither is there"
            raise ArgumentError(section.label("ket"), "be given, or `density` instead of it", found)
        keys = ("ket",) if "ket" in section else ("density",)
    keys = tuple(key for key in keys if key != "diagram" or key in section)
    checks = {"ket": vector, "density": matrix, "amplitudes": vector, "particles": counts, "diagram": counts}
    return BlockKind(kind, {key: section.read(key, checks.get(key, number)) for key in keys})


def counts(name: str, value: object) -> tuple[int, ...]:
    """Numbers of particles, one for each level."""
    if not isinstance(value, list) or not value:
        raise ArgumentError(name, "be a list of numbers of particles, one for each level", f"it is {show(value)}")
    return tuple(integer(f"{name}[{i}]", item, least=0) for i, item in enumerate(value))


@dataclass(frozen=True)
class StoredEnd:
    """The end of a stored run.

    Attributes
    ----------
    path : Path
        A result file, or the directory of a run.
    written : str
        As the run file has it.
    select : mapping
        Parameters of one of its results; none are needed where there is one result.
    """

    path: Path
    written: str
    select: Mapping[str, Any]

    def final(self, model: Model) -> FinalStates:
        """The final states; ArgumentError or StorageError if there are none for this model."""
        try:
            stat = os.stat(self.path / "result.h5" if self.path.is_dir() else self.path)
        except OSError as error:
            raise ArgumentError("from", "be a result file or the directory of a run", f"{reason(error)}") from None
        results = _loaded(self.path, stat.st_mtime_ns, stat.st_size)
        with in_section("initial.select"):
            found = results.select(**self.select)
        if len(found) != 1:
            listed = ", ".join(dict.fromkeys(key for result in found for key in result.parameters))
            rule = f"choose one result of the file by its parameters ({listed})"
            raise ArgumentError("select", rule, f"{len(found):,} have {show(dict(self.select))}")
        try:
            final = found[0].final
        except ArgumentError as error:
            raise ArgumentError("from", "hold final states: of a run with [run] keep", error.found) from None
        final.check_fits(model)
        return final


@lru_cache(maxsize=1)
def _loaded(path: Path, changed: int, size: int) -> ResultSequence:
    """The results of a file, once for all points of a sweep; of another file when it has changed."""
    from ...storage.result_file import load

    return load(path)


def read_end(section: Section, directory: Path) -> StoredEnd:
    """Check the keys of kind "final"."""
    section.refuse_others(["kind", "from", "select"], 'kind "final"')
    written = section.read("from", text)
    if not written:
        raise ArgumentError(section.label("from"), "be the path of a result file", "it is empty")
    select = section.get("select", {})
    if not isinstance(select, dict):
        rule = "be a table of parameters, such as {size = 200}"
        raise ArgumentError(section.label("select"), rule, f"it is {show(select)}")
    return StoredEnd(directory / written, written, select)
