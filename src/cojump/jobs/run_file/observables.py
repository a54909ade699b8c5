"""The observables of a run file: polynomials of averages, written with the names of these or with matrices.

[run.observables]
zz = "spins.z * spins.z"                             # the symmetrised product of two averages
imbalance = ["0.5 * left.z", "-0.5 * right.z"]       # the terms of a list are added up
total = [{left = "z", right = "z"}]                  # an average over several blocks
up = [[2, {spins = [[1, 0], [0, 0]]}, "spins.x"]]    # a term as the list of its factors, one of them a matrix
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from ...measure.polynomials import MOST
from ...model.collective_average import average_of
from ...tools.checks import named
from .arrays import matrix
from .tables import number, show, suggestion

if TYPE_CHECKING:
    from ...model import Model

_FORM = 'be a term or a list of terms, such as "spins.z * spins.z", ["0.5 * a.z", "-0.5 * b.z"] or [{a = "z", b = "z"}]'


@dataclass(frozen=True)
class Term:
    """A product of up to four averages.

    Attributes
    ----------
    name : str
        Of the observable, for messages.
    weight : float
    factors : tuple of str or mapping
        The label of an average or order parameter, or {block: the name of a matrix or its rows}.
    """

    name: str
    weight: float
    factors: tuple[Any, ...]

    def build(self, model: Model) -> tuple[Mapping[str, Any], ...]:
        """The factors as {block: matrix}, the weight in the first of them; raises ArgumentError if there is none."""
        first, *others = (self._average(factor, model) for factor in self.factors)
        made = ({block: self.weight * x for block, x in first.items()}, *others)
        for average in made:
            self._check(average, model)
        return made

    def _check(self, average: Mapping[str, Any], model: Model) -> None:
        try:
            average_of(model, self.name, average).measured(model, self.name)
        except ArgumentError as error:
            name = error.name
            for block in average:
                name = name.replace(f"{self.name}[{block!r}]", f"{self.name}.{block}")
            raise ArgumentError(name, error.rule, error.found) from None

    def _average(self, factor: Any, model: Model) -> dict[str, Any]:
        import numpy as np

        from ...model.operators import labelled_basis

        if isinstance(factor, str):
            measured = (*model.labels, *model.order_parameters)
            known = {label: x for label, x in model.by_label().items() if label in measured}
            if factor not in known:
                rule = f"name averages among {named(list(known))}"
                raise ArgumentError(self.name, rule, f"one is {show(factor)}{suggestion(factor, known)}")
            return {key: np.asarray(x) for key, x in known[factor].items()}
        model.check_keys(self.name, factor)
        made: dict[str, Any] = {}
        for block, x in factor.items():
            if not isinstance(x, str):
                made[block] = np.array(x)
                continue
            own = dict(labelled_basis(model.blocks[model.block_index(block)].levels))
            if x not in own:
                rule = f"be a matrix or one of {named(list(own))}"
                raise ArgumentError(f"{self.name}.{block}", rule, f"it is {show(x)}{suggestion(x, own)}")
            made[block] = own[x]
        return made


def read_observables(name: str, value: object) -> dict[str, tuple[Term, ...]]:
    """Check a table of observables; the names in it are for the model."""
    if not isinstance(value, dict):
        raise ArgumentError(
            name, f"be a table of observables, each to {_FORM.removeprefix('be ')}", f"it is {show(value)}"
        )
    return {label: _terms(f"{name}.{show(label)}", item) for label, item in value.items()}


def _terms(name: str, value: object) -> tuple[Term, ...]:
    terms = [value] if isinstance(value, str) else value
    if not isinstance(terms, list) or not terms:
        raise ArgumentError(name, _FORM, f"it is {show(value)}")
    return tuple(_term(name, term) for term in terms)


def _term(name: str, value: object) -> Term:
    """Take a term apart: numbers make its weight, texts and tables are averages."""
    if isinstance(value, str):
        given: list[Any] = [_number_in(part.strip()) for part in value.split("*")]
    else:
        given = list(value) if isinstance(value, list) else [value]
    weight = 1.0
    factors: list[Any] = []
    for factor in given:
        if isinstance(factor, str) and factor:
            factors.append(factor)
        elif isinstance(factor, dict) and factor:
            factors.append({b: x if isinstance(x, str) else matrix(f"{name}.{b}", x) for b, x in factor.items()})
        elif isinstance(factor, int | float) and not isinstance(factor, bool):
            weight *= number(name, factor)
        else:
            raise ArgumentError(name, _FORM, f"one term is {show(value)}")
    if not 1 <= len(factors) <= MOST:
        rule = f"have terms of one average or a product of up to {MOST}"
        raise ArgumentError(name, rule, f"one term is {show(value)}")
    return Term(name, number(name, weight), tuple(factors))


def _number_in(text: str) -> float | str:
    """A factor of a term that is written as a text."""
    try:
        return float(text)
    except ValueError:
        return text
