"""The section ``[initial]`` of a run file and the state it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from .arrays import complex_number, matrix, vector
from .system import in_section
from .tables import Section, integer, number, show, text

if TYPE_CHECKING:
    from ...model import Model
    from ...model.states import State

DEFAULTS: dict[str, dict[str, Any]] = {
    "tilted": {},
    "product": {},
    "dicke": {},
    "symmetric": {},
    "occupation": {},
    "corrupted": {"pattern": 0},
}
"""The kinds of initial states, and the values of the keys that may be left out."""


@dataclass(frozen=True)
class InitialSection:
    """The state at t = 0.

    Attributes
    ----------
    kind : str
        tilted, product, dicke, symmetric, occupation or corrupted.
    arguments : mapping
        The checked keys of that kind; a value for every block, or a mapping from block names to values.
    alpha : complex, mapping or None
        α of all modes, or of some by name; None if the section has none.
    """

    kind: str
    arguments: Mapping[str, Any]
    alpha: Any = None

    def build(self, model: Model) -> State:
        """Make the state of ``model``; raises ArgumentError if the keys make no state of it."""
        state = self._of_particles(model)
        if self.alpha is None:
            return state
        with in_section("initial"):
            if not model.modes:
                raise ArgumentError("alpha", "be left out", "the model has no modes")
            given = self.alpha if isinstance(self.alpha, Mapping) else dict.fromkeys(model.mode_names, self.alpha)
            for mode in given:
                model.mode_index(mode, "alpha")
            return replace(state, amplitudes=tuple(given.get(mode, 0j) for mode in model.mode_names))

    def _of_particles(self, model: Model) -> State:
        from ...model import product_states, symmetric_states

        given = self.arguments
        with in_section("initial"), self._as_written(model):
            if self.kind == "tilted":
                return product_states.tilted(model, given["theta"], given["phi"])
            if self.kind == "corrupted":
                return product_states.corrupted(model, pattern=given["pattern"], quality=given["quality"])
            if self.kind == "dicke":
                J, M = (_of_blocks(key, given[key], model) for key in ("J", "M"))
                return symmetric_states.dicke(model, {block: (J[block], M[block]) for block in J})
            key = next(iter(given))
            others = {"occupation": symmetric_states.occupation, "symmetric": symmetric_states.symmetric}
            make = others.get(self.kind, product_states.product)
            return make(model, _of_blocks(key, given[key], model))

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


def read_initial(section: Section) -> InitialSection:
    """Check the section ``[initial]``.

    Raises
    ------
    ArgumentError
        If a key is unknown or missing, or has a value of the wrong type.
    """
    kind = section.read("kind", text, options=DEFAULTS)
    owner = f"kind {show(kind)}"
    arguments: dict[str, Any]
    if kind == "tilted":
        section.refuse_others(["kind", "theta", "phi", "alpha"], owner)
        arguments = {key: section.read(key, number) for key in ("theta", "phi")}
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
        arguments = {"particles": section.read("particles", _table_or(_counts))}
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
    return InitialSection(kind, arguments, alpha)


def _table_or(check: Callable[[str, object], Any], each: str = "block") -> Callable[[str, object], Any]:
    """Check a value for all blocks, or a table with one for each block."""

    def checked(name: str, value: object) -> Any:
        if not isinstance(value, dict):
            return check(name, value)
        if not value:
            raise ArgumentError(name, f"have one entry for each {each}", "it is empty")
        return {block: check(f"{name}.{block}", item) for block, item in value.items()}

    return checked


def _counts(name: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise ArgumentError(name, "be a list of numbers of particles, one for each level", f"it is {show(value)}")
    return tuple(integer(f"{name}[{i}]", item, least=0) for i, item in enumerate(value))
