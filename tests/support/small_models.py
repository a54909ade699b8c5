"""Random models of few particles, of every kind that trajectories run, and runs of them.

As a program, with a seed and a number of models, for arrays whose bounds are checked: set NUMBA_BOUNDSCHECK=1.
"""

import sys
from collections import Counter

import numpy as np

import cojump as cj
from cojump.errors import ArgumentError, UnsupportedError
from cojump.model.unravelled import unravelled
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import DIFFUSING, DRIVEN_PATTERNS, MODES, PATTERN_ROWS, PRODUCT

from .random_models import random_density, random_hermitian, random_matrix

MOST = 3000
"""Amplitudes of the largest sector of a part."""

TIMES = np.linspace(0.0, 0.7, 4)
FUNCTIONS = np.cosh, np.exp, np.sin, np.abs
ENVELOPES = {}, {"envelope": np.cos}, {"envelope": lambda t: 1.0 + t * t}


def _matrix(rng, d):
    """A ladder operator, or any matrix."""
    if rng.random() < 0.5:
        a, b = rng.integers(0, d, 2)
        return rng.normal() * np.outer(np.eye(d)[a], np.eye(d)[b])
    return 0.5 * random_matrix(rng, d)


def _hermitian(rng, d):
    """Diagonal, real, or any."""
    m = random_hermitian(rng, d)
    kind = rng.integers(3)
    return np.diag(np.diag(m)) if kind == 0 else m.real if kind == 1 else m


def small_model(seed):
    """A model and a start, or None where the two of them are refused."""
    rng = np.random.default_rng(seed)
    names = "abc"[: rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15])]
    d = {b: int(rng.choice([2, 3, 4, 5], p=[0.6, 0.25, 0.1, 0.05])) for b in names}
    # few particles come to sectors of one state
    sizes = {b: int(rng.integers(1, {2: 8, 3: 5, 4: 4, 5: 3}[d[b]], 2).min()) for b in names}
    modes = "mn"[: rng.choice([0, 1, 2], p=[0.65, 0.25, 0.1])]
    envelope = ENVELOPES[rng.choice(3, p=[0.7, 0.15, 0.15])]
    terms, jumps = [], []
    for b in names:
        if rng.random() < 0.8:
            terms.append(cj.OneBody(_hermitian(rng, d[b]), b, **envelope))
        c = rng.choice(list(names))
        if rng.random() < 0.3:
            own, other = _hermitian(rng, d[b]), _hermitian(rng, d[c])
            terms.append(cj.TwoBody(own, own if b == c else other, 0.5 * rng.normal(), (b, c)))
        if rng.random() < 0.15:
            terms.append(cj.Potential(np.cos, {b: _hermitian(rng, d[b])}))
        for _ in range(rng.integers(0, 3)):
            how = {}
            if rng.random() < 0.5:
                own = bool(rng.random() < 0.5)
                how = {"amplitude": FUNCTIONS[rng.integers(4)], "argument": {c: 0.5 * _hermitian(rng, d[c])}}
                how["exclude_self"] = own and c == b
            jumps.append(cj.LocalJump(_matrix(rng, d[b]), b, **how))
        if rng.random() < 0.2:
            how = {}
            if rng.random() < 0.5:
                how = {"amplitude": FUNCTIONS[rng.integers(4)], "argument": {c: 0.5 * _hermitian(rng, d[c])}}
            jumps.append(cj.CollectiveJump({x: _matrix(rng, d[x]) for x in sorted({b, c})}, 0.5, **how))
    for mode in modes:
        b = rng.choice(list(names))
        terms += [cj.ModeEnergy(rng.normal(), mode=mode), cj.ModeDrive(0.3 * rng.normal(), mode=mode, **envelope)]
        coupling = _matrix(rng, d[b]) if rng.random() < 0.3 else _hermitian(rng, d[b]).real
        terms.append(cj.ModeCoupling({b: 0.5 * coupling}, mode=mode))
        jumps.append(cj.ModeLoss(1.0, mode=mode, name=f"loss of {mode}"))
    blocks = [*(cj.Block(b, sizes[b], d[b]) for b in names), *(cj.Mode(mode) for mode in modes)]
    start = {b: random_density(rng, d[b]) for b in names} | {mode: 0.3 * rng.normal() for mode in modes}
    try:
        model = cj.Model(blocks, terms, jumps)
        if modes and rng.random() < 0.2:
            model = unravelled(model, {f"loss of {modes[0]}": cj.unravelling.homodyne(0.3, error=0.1)}, TIMES)
        return model, cj.product(model, start)
    except (ArgumentError, UnsupportedError):
        return None


def run(model, state, seed):
    """Two trajectories of each part as it is run, and as products, in which any counting can be run; in which ways.

    Parts with many amplitudes are left out.
    """
    used = []
    for part in recipe_of(model).parts:
        if part.amplitudes > MOST:
            continue
        own = part.representation
        others = [w for w in (PATTERN_ROWS, DRIVEN_PATTERNS) if w is not own and w.can_hold(part.model)]
        for written in (own,) if own in (PRODUCT, MODES, DIFFUSING) else (own, PRODUCT, *others):
            engine = written.engine(part.model, part.state(state), TIMES, 1e-6, (0, 2))
            for index in range(2):
                assert np.isfinite(engine.run(seed, index, record=True).mean).all(), (seed, written)
            used.append(type(written).__name__)
    return used


def main(first, count):
    used, refused = Counter(), 0
    for seed in range(first, first + count):
        found = small_model(seed)
        print(seed, end=" ", flush=True)  # the last one before a crash
        if found is None:
            refused += 1
            continue
        used.update(run(*found, seed))
    print("\nrefused", refused, *(f"{name} {n}" for name, n in used.items()))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
