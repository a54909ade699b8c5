"""The section ``[initial]`` of a run file and the state it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from .arrays import complex_number, matrix, rounded, unit, vector
from .nested_starts import StoredEnd, counts, nested, read_blocks, read_end
from .system import in_section
from .tables import Section, integer, number, show, text

if TYPE_CHECKING:
    from ...model import Model
    from ...model.final_states import FinalStates
    from ...model.states import Mixture, State

DEFAULTS: dict[str, dict[str, Any]] = {
    "tilted": {},
    "product": {},
    "dicke": {},
    "symmetric": {},
    "occupation": {},
    "corrupted": {"pattern": 0},
    "start": {},
    "mixture": {},
    "final": {},
}
"""The kinds of initial states, and the values of the keys that may be left out."""


_KETS = {"ket", "amplitudes"}
"""Keys whose values have norm 1."""


@dataclass(frozen=True)
class InitialSection:
    """The state at t = 0.

    Attributes
    ----------
    kind : str
        tilted, product, dicke, symmetric, occupation or corrupted; start, mixture or final.
    arguments : mapping
        The checked keys of that kind; a value for every block, or a mapping from block names to values. Of kind "start"
        the kind of each block, of "mixture" weights and sections, of "final" the stored run.
    alpha : complex, mapping or None
        α of all modes, or of some by name; None if the section has none.
    section : str
        Its name, for messages.
    """

    kind: str
    arguments: Mapping[str, Any]
    alpha: Any = None
    section: str = "initial"

    def build(self, model: Model) -> State | Mixture | FinalStates:
        """Make the state of ``model``; raises ArgumentError if the keys make no state of it."""
        if self.kind == "final":
            with in_section(self.section):
                end: StoredEnd = self.arguments["end"]
                return end.final(model)
        if self.kind == "mixture":
            from ...model.mixtures import mixture

            states: list[Any] = [(weight, own.build(model)) for weight, own in self.arguments["states"]]
            with in_section(self.section):
                return mixture(states)
        return self._with_modes(model)

    def _with_modes(self, model: Model) -> State:
        state = self._of_particles(model)
        if self.alpha is None:
            return state
        with in_section(self.section):
            if not model.modes:
                raise ArgumentError("alpha", "be left out", "the model has no modes")
            given = self.alpha if isinstance(self.alpha, Mapping) else dict.fromkeys(model.mode_names, self.alpha)
            for mode in given:
                model.mode_index(mode, "alpha")
            return replace(state, amplitudes=tuple(given.get(mode, 0j) for mode in model.mode_names))

    def _of_particles(self, model: Model) -> State:
        from ...model import product_states, symmetric_states
        from ...model.states import two_levels_only
        from .nested_starts import spin_ket

        given = self.arguments
        with in_section(self.section), self._as_written(model):
            if self.kind == "start":
                from ...model.kinds_of_start import start

                blocks = {name: kind.made() for name, kind in given["blocks"].items()}
                return start(model, _of_blocks("blocks", blocks, model))
            if self.kind == "tilted":
                if not any(isinstance(given[key], Mapping) for key in ("theta", "phi")):
                    return product_states.tilted(model, given["theta"], given["phi"])
                two_levels_only(model)
                theta, phi = (_of_blocks(key, given[key], model) for key in ("theta", "phi"))
                return product_states.product(model, {name: spin_ket(theta[name], phi[name]) for name in theta})
            if self.kind == "corrupted":
                return product_states.corrupted(model, pattern=given["pattern"], quality=given["quality"])
            if self.kind == "dicke":
                J, M = (_of_blocks(key, given[key], model) for key in ("J", "M"))
                return symmetric_states.dicke(model, {block: (J[block], M[block]) for block in J})
            key = next(iter(given))
            others = {"occupation": symmetric_states.occupation, "symmetric": symmetric_states.symmetric}
            make = others.get(self.kind, product_states.product)
            states = _of_blocks(key, given[key], model)
            if key in _KETS:
                states = {name: unit(ket) for name, ket in states.items()}
            return make(model, states)

    @property
    def remarks(self) -> list[str]:
        """What the state is otherwise than it is written: kets that are normalised."""
        if self.kind == "mixture":
            return [remark for _, own in self.arguments["states"] for remark in own.remarks]
        found = []
        if self.kind == "start":
            for block, kind in self.arguments["blocks"].items():
                own = Section(f"{self.section}.blocks.{block}", dict(kind.arguments))
                found += [rounded(own.label(key), own.get(key)) for key in _KETS if key in own]
        for key in _KETS & self.arguments.keys():
            label, value = Section(self.section, {}).label(key), self.arguments[key]
            kets = (
                {f"{label}.{name}": ket for name, ket in value.items()}
                if isinstance(value, Mapping)
                else {label: value}
            )
            found += [rounded(name, ket) for name, ket in kets.items()]
        return [remark for remark in found if remark]

    @contextmanager
    def _as_written(self, model: Model) -> Iterator[None]:
        """Name what the states call ``states['B']`` by the key of the run file, with the block if that has a table."""
        try:
            yield
        except ArgumentError as error:
            name = error.name
            if name == "model":  # the section has no such key, and its kind is what does not fit
                raise ArgumentError("kind", f"fit the model, which must {error.rule}", error.found) from None
            for block in model.blocks:
                before = f"states[{block.name!r}]"
                if name.startswith(before):
                    rest = name.removeprefix(before)
                    if self.kind == "start":
                        name = f"blocks.{block.name}{rest}"
                        break
                    key = next(iter(self.arguments))
                    if self.kind == "dicke":
                        key, rest = (rest.strip(), "") if rest.strip() else ("J", "")
                    table = isinstance(self.arguments[key], Mapping)
                    name = f"{key}.{block.name}{rest}" if table else f"{key}{rest}"
                    break
            raise ArgumentError(name, error.rule, error.found) from None


def _of_blocks(key: str, value: Any, model: Model) -> dict[str, Any]:
    """{block: value}, from one value for all or a table with one for each."""
    names = [block.name for block in model.blocks]
    if not isinstance(value, Mapping):
        return dict.fromkeys(names, value)
    for name in [*value, *names]:
        if name not in names or name not in value:
            rule = f"have one entry for each block, {', '.join(map(show, names))}"
            found = f"{show(name)} is {'missing' if name in names else 'no block'}"
            raise ArgumentError(key, rule, found)
    return {name: value[name] for name in names}


def read_initial(section: Section, directory: Path) -> InitialSection:
    """Check the section ``[initial]``, flat or not (see ``nested_starts``).

    Parameters
    ----------
    section : Section
    directory : Path
        Of the run file, where the path of a stored run begins.

    Raises
    ------
    ArgumentError
        If a key is unknown or missing, or has a value of the wrong type.
    """
    section = Section(section.name, nested(section.table))
    kind = section.read("kind", text, options=DEFAULTS)
    owner = f"kind {show(kind)}"
    arguments: dict[str, Any]
    if kind == "final":
        return InitialSection(kind, {"end": read_end(section, directory)}, section=section.name)
    if kind == "mixture":
        return InitialSection(kind, {"states": _read_states(section, directory)}, section=section.name)
    if kind == "start":
        section.refuse_others(["kind", "blocks", "alpha"], owner)
        arguments = {"blocks": read_blocks(section)}
    elif kind == "tilted":
        section.refuse_others(["kind", "theta", "phi", "alpha"], owner)
        arguments = {key: section.read(key, _table_or(number)) for key in ("theta", "phi")}
    elif kind == "corrupted":
        section.refuse_others(["kind", "pattern", "quality", "alpha"], owner)
        arguments = {
            "pattern": section.read("pattern", integer, default=DEFAULTS[kind]["pattern"], least=0),
            "quality": section.read("quality", number, least=0, most=1),
        }
    elif kind == "dicke":
        section.refuse_others(["kind", "J", "M", "alpha"], owner)
        arguments = {key: section.read(key, _table_or(number)) for key in ("J", "M")}
    elif kind == "symmetric":
        section.refuse_others(["kind", "amplitudes", "alpha"], owner)
        arguments = {"amplitudes": section.read("amplitudes", _table_or(vector))}
    elif kind == "occupation":
        section.refuse_others(["kind", "particles", "alpha"], owner)
        arguments = {"particles": section.read("particles", _table_or(counts))}
    else:
        section.refuse_others(["kind", "ket", "density", "alpha"], owner)
        if ("ket" in section) == ("density" in section):
            found = "both are there" if "ket" in section else "neither is there"
            raise ArgumentError(section.label("ket"), "be given, or `density` instead of it", found)
        if "ket" in section:
            arguments = {"ket": section.read("ket", _table_or(vector))}
        else:
            arguments = {"density": section.read("density", _table_or(matrix))}
    alpha = section.read("alpha", _table_or(complex_number, "mode"), default=None)
    return InitialSection(kind, arguments, alpha, section.name)


def _read_states(section: Section, directory: Path) -> list[tuple[float, InitialSection]]:
    """The tables [[initial.states]] of a mixture: a weight, and what else an initial state has."""
    section.refuse_others(["kind", "states"], 'kind "mixture"')
    tables = section.get("states")
    if not isinstance(tables, list) or not tables:
        rule = f"be tables [[{section.name}.states]], each with a weight and a kind"
        raise ArgumentError(section.label("states"), rule, f"it is {show(tables)}")
    made = []
    for i, table in enumerate(tables):
        own = Section(f"{section.name}.states[{i}]", table)
        weight = own.read("weight", number, least=0)
        rest = Section(own.name, {key: value for key, value in own.table.items() if key != "weight"})
        state = read_initial(rest, directory)
        if state.kind in ("mixture", "final"):
            rule = "be a kind of one state inside of a mixture"
            raise ArgumentError(rest.label("kind"), rule, f"it is {show(state.kind)}")
        made.append((weight, state))
    return made


def _table_or(check: Callable[[str, object], Any], each: str = "block") -> Callable[[str, object], Any]:
    """Check a value for all blocks, or a table with one for each block."""

    def checked(name: str, value: object) -> Any:
        if not isinstance(value, dict):
            return check(name, value)
        if not value:
            raise ArgumentError(name, f"have one entry for each {each}", "it is empty")
        return {block: check(f"{name}.{block}", item) for block, item in value.items()}

    return checked
