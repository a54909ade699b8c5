"""Run models of every representation after kernels have been loaded in some order; print digests of all results.

python bits.py WHAT ...      WHAT is a representation (banded, driven_bands, lattice, polynomials, pattern_rows,
                             sparse, product), "pieces" (kernels that others call, one by one), "stepwise" (the loop in
                             Python), or "user" (a kernel of somebody else)
"""

import hashlib
import json
import sys

import numba
import numpy as np

import cojump as cj
from cojump import systems
from cojump.trajectories import representations
from cojump.trajectories.kernels import jump, measure, propagate, window
from cojump.trajectories.loop import Loop
from cojump.trajectories.spin_engine import Engine
from cojump.trajectories.work_space import work_space
from tests.support.pauli import LOWER, RAISE, X, Z

TIMES = np.linspace(0.0, 0.6, 7)


def models():
    spins, pair = [cj.Block("s", 40)], [cj.Block("a", 8), cj.Block("b", 6)]
    drive = [cj.OneBody(0.5 * X + 0.2 * Z, "s")]

    def local(matrix, axis=Z, **options):
        return cj.LocalJump(matrix, "s", amplitude=np.cosh, argument={"s": axis}, **options)

    yield "ladder", systems.free_flips(100, 0.7, 1.3, 0.8, chi=0.3)
    yield "constrained", systems.constrained(60, 0.7, 1.3, 0.8)
    yield "trace", cj.Model(spins, drive, [local(0.7 * LOWER + 0.3 * Z + 0.4 * np.eye(2))])
    yield "self-excluded", cj.Model(spins, drive, [local(LOWER + 0.2 * Z, exclude_self=True)])
    yield "collective", systems.boundary_time_crystal(40, 1.5, 1.0)
    yield "collective, general", cj.Model(spins, drive, [cj.CollectiveJump({"s": LOWER + 0.3 * Z}, 1.0), local(LOWER)])
    yield "two bands", cj.Model(spins, [cj.TwoBody(X, X, 0.8, ("s", "s"))], [local(RAISE)])
    yield "Hopfield", systems.hopfield(systems.random_patterns(2, 12, 1), 0.3, 1.5)
    gated = cj.LocalJump(LOWER, "a", rate=lambda x: 1 + x**2, argument={"b": Z})
    yield "coupled blocks", cj.Model(pair, [cj.TwoBody(X, X, 0.3, ("a", "b"))], [gated, cj.LocalJump(X, "b")])
    yield "two axes", cj.Model([cj.Block("s", 10)], drive, [local(LOWER), local(RAISE, X)])
    yield "polynomials", cj.Model([cj.Block("s", 30)], drive, [local(LOWER + 0.2 * Z), local(RAISE, X)])
    waves = [cj.OneBody(0.5 * X + 0.2 * Z, "s", envelope=np.cos)]
    yield "driven", cj.Model([cj.Block("s", 30)], waves, [local(LOWER + 0.2 * Z)])
    yield "levels", systems.lambda_pump(6, 1.0, 1.0, 1.0)


@numba.njit(fastmath=True)
def of_a_user(x):
    return np.sum(x * x)


def pieces():
    """Call kernels by themselves that are also called by others."""
    N, work = 20, work_space(25, 1)
    for array in work:
        array[:] = 0.1
    re, im = work.out_re, work.out_im
    propagate.norm_squared(re, im, 4, 20)
    propagate.sum_at(work.taylor_re, work.taylor_im, re, im, 5, 4, 20, 0.3)
    propagate.overlap(work.taylor_re, work.taylor_im, 2, 4, 20)
    measure.spin_averages(N, N, re, im, 4, 20, np.zeros(3), np.zeros(6))
    jump.ladder_weights(N, N, True, False, 1.0, np.ones(N + 1), re, im, 4, 20, np.zeros(4))
    jump.ladder_jump(N, N, True, 0, np.ones(N + 1), re, im, 4, 20, work.new_re, work.new_im)
    window.write_scaled(re, im, 4, 20, 1.0, work.new_re, work.new_im)
    window.trim(re, im, 4, 20, 1e-20)


def stepwise():
    model = systems.free_flips(20, 0.7, 1.3, 0.8)
    Loop.run(Engine(model, cj.tilted(model, 1.0, 0.3), TIMES, 1e-9), 0, 0)


FIRST = {
    "banded": representations.BANDED.compile,
    "lattice": representations.LATTICE.compile,
    "sparse": representations.SPARSE.compile,
    "polynomials": representations.POLYNOMIALS.compile,
    "driven_bands": representations.DRIVEN_BANDS.compile,
    "pattern_rows": representations.PATTERN_ROWS.compile,
    "product": representations.PRODUCT.compile,
    "pieces": pieces,
    "stepwise": stepwise,
    "user": lambda: of_a_user(np.ones(9)),
}


def digest(model):
    made = hashlib.sha256()
    start = cj.product(model, {b.name: np.ones(b.levels) / np.sqrt(b.levels) for b in model.blocks})
    for index in range(3):
        found = cj.trajectory(model, start, TIMES, seed=3, index=index)
        for array in (found.mean, found.jumps):
            made.update(np.ascontiguousarray(array).tobytes())
    return made.hexdigest()[:16]


def main():
    for what in sys.argv[1:]:
        FIRST[what]()
    json.dump({name: digest(model) for name, model in models()}, sys.stdout)


if __name__ == "__main__":
    main()
