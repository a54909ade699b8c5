"""States that diffuse: operators by diagonals and by rows, spans that follow the state, and windows that it leaves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

import cojump as cj
from cojump.model.unravelled import unravelled
from cojump.trajectories import diffusion_tables, product_windows
from cojump.trajectories.diffusion_engine import DiffusionEngine
from cojump.trajectories.kernels import operator_bands as kernels
from tests.support.pauli import LOWER, X, Y, Z

TIMES = np.linspace(0.0, 0.5, 3)


def crystal(size):
    return cj.systems.boundary_time_crystal(size, omega=1.2, kappa=1.0)


def beside_a_local_jump(size):
    jumps = [cj.LocalJump(LOWER, "a", rate=lambda m: 1 + m**2, argument={"a": Z}), cj.CollectiveJump({"a": LOWER}, 1.0)]
    jumps[1] = cj.CollectiveJump({"a": LOWER + 0.2 * Z}, 1.0, name="decay")
    return cj.Model([cj.Block("a", size)], [cj.OneBody(0.7 * X + 0.3 * Y, "a")], jumps)


def two_blocks(size):
    return cj.Model(
        [cj.Block("a", size), cj.Block("b", size - 1)],
        [cj.OneBody(0.7 * X, "a"), cj.TwoBody(Z, X, 0.5, blocks=("a", "b"))],
        [cj.CollectiveJump({"a": LOWER, "b": 0.5 * LOWER}, 1.2, name="decay")],
    )


def three_levels(size):
    step = np.diag([1.0, 0.7], 1)
    return cj.Model(
        [cj.Block("a", size, levels=3)],
        [cj.OneBody(step + step.T, "a")],
        [cj.CollectiveJump({"a": step}, 1.2, name="decay")],
    )


def engine_of(model, way, times=TIMES):
    kets = {b.name: np.arange(1, b.levels + 1) / np.linalg.norm(np.arange(1, b.levels + 1)) for b in model.blocks}
    watched = unravelled(model, {"decay": way}, times)
    return DiffusionEngine(watched, cj.product(model, kets), times, 1e-9)


WAYS = cj.unravelling.homodyne(0.4, 0.8, error=1e-2), cj.unravelling.heterodyne(error=1e-2)


def same(one, other, within=1e-7):
    """Means, records and the order of clicks of two runs of one trajectory."""
    assert np.abs(one.mean - other.mean).max() < within
    assert np.abs(one.records - other.records).max() < within
    assert one.jumps["channel"].tolist() == other.jumps["channel"].tolist()
    assert np.abs(one.jumps["time"] - other.jumps["time"]).max(initial=0) < within


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("build", [crystal, beside_a_local_jump, two_blocks, three_levels])
def test_diagonals_and_rows_give_the_same_trajectory(build, way, monkeypatch):
    runs = []
    for fill in (np.inf, 0):
        monkeypatch.setattr(diffusion_tables, "_FILL", fill)
        engine = engine_of(build(5), way)
        runs.append(engine.run(3, 1, record=True))
        engine.state.begin(engine._stream.generator)
        assert (len(engine._here()[0].tables.offsets) > 0) == (fill > 0)
    same(*runs, within=1e-9)
    other = engine_of(build(5), way).run(3, 2, record=True)
    assert np.abs(other.records - runs[0].records).max() > 0.01


@pytest.mark.parametrize("build", [crystal, beside_a_local_jump])
def test_windows_that_a_state_leaves_give_the_trajectory_of_the_whole_sector(build, monkeypatch):
    whole = engine_of(build(400), WAYS[0]).run(3, 1, record=True)
    monkeypatch.setattr(product_windows, "SMALL", 10)
    engine = engine_of(build(400), WAYS[0])
    engine._stays = False
    starts = []
    put = diffusion_tables.SectorTables.put
    monkeypatch.setattr(
        diffusion_tables.SectorTables,
        "put",
        lambda self, *given: (starts.append(self.tables.stride), put(self, *given)),
    )
    same(engine.run(3, 1, record=True), whole)
    assert max(starts) < 400  # all of them were windows
    if build is crystal:
        assert len(starts) > len(TIMES)  # and some were left


def test_a_span_is_cut_at_quiet_ends_and_nowhere_else():
    cells = np.zeros((2, 80))
    cells[0, 8:72] = 1e-8
    cells[0, 30:40] = 1.0
    re, im = cells
    assert kernels.quiet_ends(re, im, 8, 0, 64, 2e-15) == (16, 48)
    assert not re[:24].any()
    assert not re[56:].any()
    assert re[24:56].all()
    nan = np.full((2, 80), np.nan)
    assert kernels.quiet_ends(nan[0], nan[1], 8, 0, 64, 1.0) == (0, 64)


def test_products_by_diagonals_are_those_of_the_matrix():
    rng, n = np.random.default_rng(4), 21
    dense = sum(np.diag(rng.normal(size=n - abs(k)) + 1j * rng.normal(size=n - abs(k)), k) for k in (-11, -2, 0, 3))
    form, (elements,) = diffusion_tables._written([csr_array(dense)], 24)
    assert form.offsets.tolist() == [-11, -2, 0, 3]
    ket = rng.normal(size=n) + 1j * rng.normal(size=n)
    states, made = np.zeros((2, 56)), np.zeros((2, 56))
    states[:, 16 : 16 + n] = ket.real, ket.imag
    parts = elements.real.copy(), elements.imag.copy()
    kernels.apply(*form, 24, 16, *parts, *states, 0, 24, *made)
    np.testing.assert_allclose((made[0] + 1j * made[1])[16 : 16 + n], dense @ ket, atol=1e-13)
    value = kernels.expectation(*form, 24, 16, *parts, form.used(elements), *states, 0, 24)
    assert abs(value - np.vdot(ket, dense @ ket)) < 1e-12
