"""The kernels as plain Python, and compiled with every index checked: the same numbers."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from cojump.trajectories.representations import REPRESENTATIONS, compiled_first

SCRIPT = """
import json
import sys

import numpy as np

import cojump as cj
from cojump.trajectories.recipe import recipe_of

X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1.0, -1.0])
RAISE, LOWER = (X + 1j * Y) / 2, (X - 1j * Y) / 2
pair = ("s", "s")
general = cj.Model(
    [cj.Block("s", 5)],
    [cj.OneBody(0.6 * X + 0.2 * Z, "s"), cj.TwoBody(X, X, 0.5, pair), cj.TwoBody(RAISE, LOWER, 0.2, pair)],
    [
        cj.LocalJump(0.8 * LOWER + (0.3 - 0.2j) * Z, "s", amplitude=np.exp, argument={"s": 0.5 * X}),
        cj.LocalJump(0.6 * RAISE, "s", amplitude=np.cos, argument={"s": X}, exclude_self=True),
    ],
)
flips = cj.systems.free_flips(6, 0.7, 1.3, 0.8, chi=0.4)
hopfield = cj.systems.hopfield(np.ones((1, 7)), 0.5, 1.3)
dark = cj.systems.constrained(4, 0.4, 1.3, 0.8)
one = cj.systems.constrained(1, 0.7, 1.3, 0.8)
off = cj.OneBody(Z, "s", envelope=cj.envelopes.step(0.5, 1.0, 0.0))
drive = [cj.OneBody(0.6 * X, "s", envelope=np.cos), off]
driven = cj.Model([cj.Block("s", 3)], drive, [cj.LocalJump(LOWER + 0.2 * Z, "s", envelope=np.cos)])
two = cj.Model(
    [cj.Block("a", 2), cj.Block("b", 3)],
    [cj.OneBody(0.6 * X, "a"), cj.TwoBody(Z, Z, 0.5, ("a", "b"))],
    [
        cj.LocalJump(LOWER, "a", amplitude=np.exp, argument={"a": 0.3 * Z, "b": 0.2 * Z}),
        cj.LocalJump(RAISE + 0.2 * Z, "b"),
    ],
)
both = cj.systems.hopfield(cj.systems.random_patterns(2, 6, 1), 0.5, 1.7)
turned = cj.Model(
    [cj.Block("s", 4)],
    [cj.OneBody(0.6 * X, "s")],
    [
        cj.LocalJump(LOWER, "s", amplitude=lambda x: 1 + 0.4 * x, argument={"s": Z}),
        cj.LocalJump(RAISE, "s", amplitude=np.cos, argument={"s": X}),
    ],
)
potts = cj.systems.potts_hopfield(np.zeros((1, 3), dtype=int), 3, 0.3, 2.0)
light, lost = cj.ModeEnergy(1.0, mode="m"), cj.ModeLoss(2.0, mode="m")
flip = cj.LocalJump(LOWER, "a")
dicke = cj.Model([cj.Block("a", 2), cj.Mode("m")], [light, cj.ModeCoupling({"a": X}, mode="m")], [lost, flip])
species = cj.Model(
    [cj.Block("a", 1), cj.Block("b", 2), cj.Mode("m")],
    [light, cj.ModeCoupling({"a": X, "b": 0.3 * Z}, mode="m")],
    [lost, flip],
)
swung = cj.Model(
    [cj.Block("a", 2), cj.Mode("m")], [light, cj.ModeCoupling({"a": X}, mode="m", envelope=np.cos)], [lost, flip]
)
ladder = cj.Model(
    [cj.Block("a", 2, levels=3), cj.Mode("m")],
    [light, cj.ModeCoupling({"a": np.eye(3, k=1) + np.eye(3, k=-1)}, mode="m")],
    [lost],
)
cases = [
    (two, cj.tilted(two, 1.1, 0.4)),
    (turned, cj.tilted(turned, 1.1, 0.4)),
    (both, cj.corrupted(both, 0, 0.8)),
    (potts, cj.corrupted(potts, 0, 0.8)),
    (dicke, cj.product(dicke, {"a": [0.6, 0.8], "m": 0.7})),
    (species, cj.product(species, {"a": [0.6, 0.8], "b": [1, 0], "m": 0.7})),
    (swung, cj.product(swung, {"a": [0.6, 0.8], "m": 0.7})),
    (ladder, cj.product(ladder, {"a": [0.6, 0.8, 0], "m": 0.7})),
    (driven, cj.tilted(driven, 1.1, 0.4)),
    (general, cj.tilted(general, 1.1, 0.4)),
    (general, cj.dicke(general, {"s": (0.5, -0.5)})),
    (flips, cj.product(flips, {"spins": np.diag([0.8, 0.2])})),
    (flips, cj.dicke(flips, {"spins": (0, 0)})),
    (hopfield, cj.tilted(hopfield, 1.1, 0.4)),
    (dark, cj.dicke(dark, {"spins": (2, -2)})),
    (one, cj.tilted(one, 1.1, 0.4)),
]
found = []
for model, state in cases:
    for index in (0, 1):
        run = cj.trajectory(model, state, [0.0, 0.3, 1.3], seed=11, index=index)
        record = {name: run.jumps[name].tolist() for name in ("time", "channel", "sector")}
        found.append({"mean": run.mean.tolist(), "sectors": run.sectors.tolist(), **record})
        found[-1]["kinds"] = [type(part.representation).__name__ for part in recipe_of(model).parts]
json.dump(found, sys.stdout)
"""


KINDS = {
    "Banded", "RealBanded", "Lattice", "RealLattice", "Polynomials", "PatternRows", "DrivenBands", "SpinMode",
    "DrivenSpinMode", "Modes",
}  # fmt: skip
"""Representations that the cases are written in."""


def run(**settings):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")} | settings
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def compiled():
    compiled_first(r for r in REPRESENTATIONS if type(r).__name__ in KINDS)
    return run()


def agree(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a["channel"] == b["channel"]
        assert a["sector"] == b["sector"]
        assert a["sectors"] == b["sectors"]
        np.testing.assert_allclose(a["time"], b["time"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(a["mean"], b["mean"], rtol=0, atol=1e-11)


def test_the_cases_jump(compiled):
    assert {kind for case in compiled if case["time"] for kind in case["kinds"]} == KINDS
    jumps = [len(case["time"]) for case in compiled]
    assert sum(jumps) >= 25
    assert {channel for case in compiled for channel in case["channel"]} >= {0, 1}
    assert any(np.ptp(case["sector"]) > 1 for case in compiled if case["sector"])


def test_plain_python(compiled):
    agree(run(NUMBA_DISABLE_JIT="1"), compiled)


@pytest.mark.validation
def test_checked_indices(compiled, tmp_path):
    agree(run(NUMBA_BOUNDSCHECK="1", NUMBA_OPT="0", NUMBA_CACHE_DIR=str(tmp_path)), compiled)
