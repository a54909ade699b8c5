"""What a run file asks of the states of trajectories: distributions, states of a few particles, squeezing, functions.

[run.distribution_of]
jx = "0.5 * spins.x"                                 # an average of one block, as in [run.observables]
[run.squeezing]
both = {left = 1.0, right = -1.0}                    # weights of blocks
[run.callbacks]
purity = "my_functions.py:purity"                    # a function of the state, in a file beside the run file
[run]
reduced = {spins = 3}                                # or a list of such tables
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from .observables import Term, read_observables
from .system import attribute_of
from .tables import integer, number, show

if TYPE_CHECKING:
    from ...model import Model


def read_averages(name: str, value: object) -> dict[str, Term]:
    """Check a table of averages, each one term of one factor; the names in it are for the model."""
    made = {}
    if isinstance(value, dict):  # one average may stand without brackets
        value = {label: [item] if isinstance(item, dict) else item for label, item in value.items()}
    for label, terms in read_observables(name, value).items():
        if len(terms) != 1 or len(terms[0].factors) != 1:
            rule = 'be one average, such as "0.5 * spins.x" or {spins = [[1, 0], [0, 0]]}'
            raise ArgumentError(f"{name}.{show(label)}", rule, "it is a product or a sum")
        made[label] = terms[0]
    return made


def built(averages: Mapping[str, Term], model: Model) -> dict[str, Mapping[str, Any]]:
    """The averages of a model; ArgumentError if it has none of that name."""
    return {label: term.build(model)[0] for label, term in averages.items()}


def read_particles(name: str, value: object) -> dict[str, int] | list[dict[str, int]]:
    """Check numbers of particles of blocks, one table of them or a list of tables."""
    tables: list[Any] = value if isinstance(value, list) else [value]
    if not tables or not all(isinstance(table, dict) and table for table in tables):
        raise ArgumentError(name, "be a table such as {spins = 3}, or a list of them", f"it is {show(value)}")
    made = [{b: integer(f"{name}.{show(b)}", n, least=1) for b, n in table.items()} for table in tables]
    return made if isinstance(value, list) else made[0]


def read_sums(name: str, value: object) -> dict[str, dict[str, float]]:
    """Check weights of blocks by the label of their sum."""
    tables: dict[str, Any] = value if isinstance(value, dict) else {"": None}
    if not all(isinstance(weights, dict) and weights for weights in tables.values()):
        raise ArgumentError(name, "be a table such as {both = {left = 1.0, right = -1.0}}", f"it is {show(value)}")
    return {
        label: {b: number(f"{name}.{show(label)}.{show(b)}", w) for b, w in weights.items()}
        for label, weights in tables.items()
    }


def read_functions(name: str, value: object) -> dict[str, str]:
    """Check a table of functions in files; they are loaded by :func:`load_functions`."""
    if not isinstance(value, dict) or not all(isinstance(place, str) for place in value.values()):
        raise ArgumentError(name, 'be a table such as {purity = "my_functions.py:purity"}', f"it is {show(value)}")
    return dict(value)


@dataclass(frozen=True)
class Functions:
    """The functions that ``[run.callbacks]`` names.

    Attributes
    ----------
    callbacks : mapping of str to callable
    sources : mapping of str to str
        Name and text of the files that they are in.
    """

    callbacks: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def load_functions(places: Mapping[str, str], directory: Path, known: Mapping[str, str]) -> Functions:
    """Execute the files that functions are in, each once; those that are ``known`` are not executed again.

    Raises
    ------
    ArgumentError
        If there is no such file or function, or a file cannot be executed.
    """
    found: dict[str, Callable[..., Any]] = {}
    sources = dict(known)
    for name, place in places.items():
        function, own = attribute_of(f"[run.callbacks] {name}", place, directory, sources)
        found[name] = function
        sources |= own
    return Functions(found, {name: text for name, text in sources.items() if name not in known})
