"""Random models in any units of time: all energies and rates times c, all times by c, is the same physics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import cojump as cj
from tests.support.random_models import random_density, random_hermitian, random_matrix

UNITS = (1e-12, 1e-6, 1e6, 1e12)
"""What c is tried with, beside 1."""

FUNCTIONS = (
    lambda v: 0.3 + 0.5 * v**2,
    lambda v: np.exp(0.4 * v),
    lambda v: np.cos(0.7 * v),
    lambda v: 0.6 + 0.3 * np.sin(v),
    lambda v: 1 / (1 + np.exp(-1.2 * v)),
)
"""Smooth functions without zeros that matter: a √ of a rate is never at its root."""


@dataclass(frozen=True)
class Drawn:
    """One draw: ``make(c)`` is the model in units in which every rate is c times as large."""

    seed: int
    levels: int
    sizes: tuple[int, ...]
    collective: bool = True
    potential: bool = False

    @property
    def names(self):
        return "abc"[: len(self.sizes)]

    def _amplitude(self, rng, c):
        f = FUNCTIONS[rng.integers(len(FUNCTIONS))]
        if rng.random() < 0.5:
            return {"amplitude": lambda v: np.sqrt(c) * f(v)}
        return {"rate": lambda v: c * f(v) ** 2}

    def make(self, c=1.0, *, local_only=False):
        rng, d, names = np.random.default_rng(self.seed), self.levels, self.names
        terms = [cj.OneBody(c * random_hermitian(rng, d), b) for b in names]
        for _ in range(1 + len(names)):
            b, other = rng.choice(list(names), 2)
            A, B, g = random_matrix(rng, d), random_matrix(rng, d), 0.3 * complex(rng.normal(), rng.normal())
            terms += [
                cj.TwoBody(A, B, c * g, (b, other)),
                cj.TwoBody(B.conj().T, A.conj().T, c * g.conjugate(), (other, b)),
            ]
        shared = {b: random_hermitian(rng, d) / d for b in names}
        jumps = []
        if self.potential and not local_only:  # along the axis of the rates, or along another one
            own = shared if self.seed % 2 else {b: random_hermitian(rng, d) / d for b in names}
            terms.append(cj.Potential(FUNCTIONS[rng.integers(len(FUNCTIONS))], own, factor=0.4 * c))
        for b in names:
            excluded = bool(rng.random() < 0.5)
            argument = {b: shared[b]} if excluded else dict(shared)
            j = random_matrix(rng, d) / d  # it has a trace
            jumps.append(cj.LocalJump(j, b, argument=argument, exclude_self=excluded, **self._amplitude(rng, c)))
            jumps.append(cj.LocalJump(np.sqrt(c) * random_matrix(rng, d) / d, b))
        other = {names[-1]: random_hermitian(rng, d) / d}  # does not commute with the others
        jumps.append(cj.LocalJump(random_matrix(rng, d) / d, names[0], argument=other, **self._amplitude(rng, c)))
        if self.collective and not local_only:
            jumps.append(cj.CollectiveJump({b: random_matrix(rng, d) / d for b in names}, 0.7 * c))
        return cj.Model([cj.Block(b, n, d) for b, n in zip(names, self.sizes, strict=True)], terms, jumps)

    def state(self, model):
        rng = np.random.default_rng([self.seed, 1])
        return cj.product(model, {b: random_density(rng, self.levels) for b in self.names})


SHAPES = [(2, (5,)), (2, (3, 2)), (2, (2, 1, 2)), (3, (3,)), (3, (1, 2)), (2, (8,)), (3, (4,)), (2, (1,))]
"""Levels and sizes of the blocks."""


def draw(number, shapes=SHAPES):
    """Draw ``number``: the shapes go round, every third has no collective jump, every third another a potential."""
    levels, sizes = shapes[number % len(shapes)]
    return Drawn(1000 + number, levels, sizes, collective=number % 3 != 2, potential=number % 3 == 1)
