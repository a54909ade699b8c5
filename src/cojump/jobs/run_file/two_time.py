"""The section ``[two_time]`` of a run file: two-time functions and g², one table for each.

[two_time]                            # or several, each under [[two_time]]
first = "spins.z"                     # A of <A(s+τ) B(s)>: the label of an average, or {spins = [[0, 1], [0, 0]]}
second = "spins.z"                    # B
start = 5.0                           # s
delays = {end = 4.0, steps = 40}      # τ; or a list
spectrum = true

[[two_time]]
g2 = "decay"                          # a mode or a jump
delays = [0, 0.5, 1]
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError, printable
from ...tools.checks import named
from .arrays import complex_number, matrix
from .tables import Section, boolean, integer, number, show, suggestion, text
from .times import increasing, read_times

if TYPE_CHECKING:
    from ...ensemble.asked_two_time import AskedTwoTime
    from ...ensemble.point import Point
    from ...model import Model

KEYS = ("name", "first", "second", "g2", "start", "delays", "n_traj", "spectrum", "exact")

_POINTS, _RESOLVED = 200, 4.0
"""Steps of the frequencies of `spectrum = true`, which go up to π over so many times the largest step of the delays."""

_MOST_FREQUENCIES = 100_000

_ARGUMENTS = {"taus": "delays", "a": "first", "b": "second", "of": "g2"}
"""Keys by the names that the arguments have in Python."""


@dataclass(frozen=True)
class TwoTimeSection:
    """One two-time function as a run file asks for it; what depends on the model is judged with it.

    Attributes
    ----------
    section : str
        The table, for messages.
    name : str
    acting : mapping of str to str or mapping
        The averages by their keys, ``first`` and ``second``, or ``g2``: a label, or {block or mode: matrix or
        name}.
    start : float
    delays : tuple of float
    n_traj : int or None
        None for that of the run.
    omegas : tuple of float
        Frequencies of the spectrum; none for no spectrum.
    damping : float
    exact : bool
    """

    section: str
    name: str
    acting: Mapping[str, Any]
    start: float
    delays: tuple[float, ...]
    n_traj: int | None
    omegas: tuple[float, ...]
    damping: float
    exact: bool

    def build(self, point: Point) -> AskedTwoTime:
        """The function of a point of the run.

        Raises
        ------
        ArgumentError, UnsupportedError
            If the model has no such average, or the function cannot be had of it.
        """
        import numpy as np

        from ...ensemble.asked_two_time import AskedTwoTime

        label = f"[{self.section}]"
        made = tuple(self._acting(f"{label} {key}", key, value, point.model) for key, value in self.acting.items())
        words = tuple(_words(value) or letter for letter, value in zip("AB", self.acting.values(), strict=False))
        try:
            return AskedTwoTime.made(
                point,
                self.name,
                words,
                made,
                np.array(self.delays),
                start=self.start,
                n_traj=self.n_traj or point.n_traj,
                omegas=np.array(self.omegas),
                damping=self.damping,
                exact=self.exact,
            )
        except ArgumentError as error:
            argument, bracket, rest = error.name.partition("[")
            key = _ARGUMENTS.get(argument, argument)
            where = f"{label} {key}{bracket}{rest}" if key in KEYS else error.name
            raise ArgumentError(where, error.rule, error.found) from None

    def _acting(self, name: str, key: str, value: Any, model: Model) -> Any:
        if key == "g2" and isinstance(value, str):
            known = [*model.mode_names, *dict.fromkeys(jump.name for jump in model.jumps if jump.name)]
            if value not in known:
                rule = f"name a mode or a jump among {named(known)}" if known else "be an average: no jump has a name"
                raise ArgumentError(name, rule, f"it is {show(value)}{suggestion(value, known)}")
            return value
        if isinstance(value, str):
            averages = model.by_label()
            if value not in averages:
                rule = f"name an average among {named(list(averages))}"
                raise ArgumentError(name, rule, f"it is {show(value)}{suggestion(value, averages)}")
            return averages[value]
        return {block: _matrix(f"{name}.{block}", block, x, model) for block, x in value.items()}


def _matrix(name: str, block: str, x: Any, model: Model) -> Any:
    """What acts on one block or mode: by its name there, or as numbers."""
    import numpy as np

    model.check_keys(name.rpartition(".")[0], [block], modes=True)
    if not isinstance(x, str):
        return np.array(x)
    own = {
        label.removeprefix(f"{block}."): parts[block]
        for label, parts in model.by_label().items()
        if label.startswith(f"{block}.") and parts.keys() == {block}
    }
    if x not in own:
        rule = f"be numbers or one of {named(list(own))}"
        raise ArgumentError(name, rule, f"it is {show(x)}{suggestion(x, own)}")
    return own[x]


def read_two_times(value: object) -> tuple[TwoTimeSection, ...]:
    """Check one table ``[two_time]``, or several ``[[two_time]]``.

    Raises
    ------
    ArgumentError
        If a key is unknown or missing, its value breaks a rule, or two functions have one name.
    """
    if isinstance(value, list):
        if not value:
            raise ArgumentError("[two_time]", "be a table, or several under [[two_time]]", "it is an empty list")
        sections = [Section(f"two_time[{i}]", table) for i, table in enumerate(value)]
    else:
        sections = [Section("two_time", value)]
    made = tuple(map(_read, sections))
    seen: dict[str, TwoTimeSection] = {}
    for one in made:
        if one.name in seen:
            found = f"[{seen[one.name].section}] is called {show(one.name)}, too"
            raise ArgumentError(f"[{one.section}] name", "tell the functions apart", found)
        seen[one.name] = one
    return made


def _read(section: Section) -> TwoTimeSection:
    section.refuse_others(KEYS)
    acting = _read_acting(section)
    delays = _read_delays(section)
    spectrum = section.get("spectrum", False)
    if spectrum is not False and "g2" in acting:
        raise ArgumentError(section.label("spectrum"), "be left out for g²", f"it is {show(spectrum)}")
    omegas, damping = _read_spectrum(section, spectrum, delays)
    return TwoTimeSection(
        section=section.name,
        name=_read_name(section, acting),
        acting=acting,
        start=section.read("start", number, default=0.0, least=0),
        delays=delays,
        n_traj=section.read("n_traj", integer, default=None, least=1),
        omegas=omegas,
        damping=damping,
        exact=section.read("exact", boolean, default=False),
    )


def _read_acting(section: Section) -> dict[str, Any]:
    """The averages, which are named or written down."""
    if "g2" in section:
        for key in ("first", "second"):
            if key in section:
                raise ArgumentError(section.label(key), "be left out when `g2` is given", "both are there")
        return {"g2": _average(section.label("g2"), section.get("g2"), '"decay", the name of a mode or a jump')}
    if "first" not in section and "second" not in section:
        rule = "be given, the average A of <A(s+τ) B(s)>, and `second`, B; or `g2`, a mode or a jump"
        raise ArgumentError(section.label("first"), rule, "it is missing")
    return {
        key: _average(section.label(key), section.get(key), '"spins.z", the label of an average')
        for key in ("first", "second")
    }


def _average(name: str, value: object, example: str) -> Any:
    if isinstance(value, str) and value:
        return value
    if not isinstance(value, dict) or not value:
        rule = f"be such as {example}, or {{block = [[1, 0], [0, -1]]}}, its matrix"
        raise ArgumentError(name, rule, f"it is {show(value)}")
    made: dict[str, Any] = {}
    for block, x in value.items():
        own = f"{name}.{printable(block)}"
        pair = isinstance(x, list) and len(x) == 2 and not any(isinstance(row, list) for row in x)
        if isinstance(x, str):
            made[block] = x
        elif pair:  # of a mode: c_x and c_y
            made[block] = tuple(complex_number(f"{own}[{i}]", c) for i, c in enumerate(x))
        else:
            made[block] = matrix(own, x)
    return made


def _read_name(section: Section, acting: Mapping[str, Any]) -> str:
    if "name" in section:
        name: str = section.read("name", text)
        if not name or len(name) > 100 or not name.isprintable():
            rule = "be a text of 1 to 100 printable characters"
            raise ArgumentError(section.label("name"), rule, f"it is {show(name)}")
        return name
    words = [_words(value) for value in acting.values()]
    if not all(words):
        rule = "be given where an average is written as numbers"
        raise ArgumentError(section.label("name"), rule, "it is missing")
    return f"g2 {words[0]}" if "g2" in acting else ", ".join(words)


def _words(value: str | Mapping[str, Any]) -> str:
    """An average as results call it: a label, or what acts on each block and mode by its name; "" of numbers."""
    if isinstance(value, str):
        return value
    if not all(isinstance(x, str) for x in value.values()):
        return ""
    parts = [f"{block}.{x}" for block, x in value.items()]
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def _read_delays(section: Section) -> tuple[float, ...]:
    value = section.get("delays")
    if isinstance(value, dict):
        return tuple(read_times(Section(f"{section.name}.delays", value)).array().tolist())
    if not isinstance(value, list):
        rule = "be {end = 4.0, steps = 40} or a list of times"
        raise ArgumentError(section.label("delays"), rule, f"it is {show(value)}")
    return increasing(section.label("delays"), value)


def _read_spectrum(section: Section, value: object, delays: tuple[float, ...]) -> tuple[tuple[float, ...], float]:
    """Frequencies and damping of the spectrum; no frequencies without one."""
    import numpy as np

    if isinstance(value, bool):
        if not value or len(delays) < 2:
            return ((0.0,) if value else ()), 0.0
        end = np.pi / (_RESOLVED * float(np.diff(delays).max()))
        return tuple(np.linspace(-end, end, _POINTS + 1).tolist()), 0.0
    if not isinstance(value, dict):
        rule = "be true, or {frequencies = {start = -5.0, end = 5.0, steps = 200}, damping = 0.1}"
        raise ArgumentError(section.label("spectrum"), rule, f"it is {show(value)}")
    own = Section(f"{section.name}.spectrum", value)
    own.refuse_others(["frequencies", "damping"])
    damping = own.read("damping", number, default=0.0, least=0)
    if "frequencies" not in own:
        return _read_spectrum(section, True, delays)[0], damping
    given = own.get("frequencies")
    if isinstance(given, dict):
        grid = Section(f"{own.name}.frequencies", given)
        grid.refuse_others(["start", "end", "steps"])
        start, end = grid.read("start", number), grid.read("end", number)
        steps = grid.read("steps", integer, least=1, most=_MOST_FREQUENCIES)
        if not start < end:
            raise ArgumentError(grid.label("end"), f"be above start = {start:g}", f"it is {end:g}")
        return tuple(np.linspace(start, end, steps + 1).tolist()), damping
    if not isinstance(given, list) or not given:
        rule = "be a list of numbers or {start = -5.0, end = 5.0, steps = 200}"
        raise ArgumentError(own.label("frequencies"), rule, f"it is {show(given)}")
    omegas = tuple(number(f"{own.label('frequencies')}[{i}]", w) for i, w in enumerate(given))
    if any(b <= a for a, b in itertools.pairwise(omegas)):
        raise ArgumentError(own.label("frequencies"), "be increasing", f"it is {show(given)}")
    return omegas, damping
