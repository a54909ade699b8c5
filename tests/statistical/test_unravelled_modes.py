"""The light of a mode, detected in every way, beside a local jump: one ensemble, and the right current."""

import numpy as np
import pytest

import cojump as cj
from tests.statistical.rules import against_oracle, compare, pool
from tests.support.pauli import LOWER, X

TIMES = np.array([0.0, 0.5, 1.0])
WAYS = {
    "photons": (cj.unravelling.counting(), 200),
    "shifted": (cj.unravelling.shifted(1 + 0.5j), 200),
    "homodyne": (cj.unravelling.homodyne(0.3, error=0.03), 200),
    "half": (cj.unravelling.homodyne(-1.3, 0.5, error=0.03), 600),
    "heterodyne": (cj.unravelling.heterodyne(error=0.03), 200),
}


def model(scale=1.0):
    return cj.Model(
        [cj.Block("a", 1), cj.Mode("m")],
        [
            cj.OneBody(0.7 * X, "a"),
            cj.ModeEnergy(0.8, "m"),
            cj.ModeDrive(0.6, "m"),
            cj.ModeCoupling({"a": 0.6 * scale * X}, "m"),
        ],
        [cj.ModeLoss(1.0, "m", name="loss"), cj.LocalJump(0.5 * LOWER, "a")],
    )


@pytest.mark.parametrize(
    "names",
    [
        ("photons", "shifted", "homodyne", "heterodyne"),
        pytest.param(("half",), marks=pytest.mark.validation),  # its frames move at every tick, half a minute
    ],
    ids=["whole", "half"],
)
def test_all_ways_have_one_ensemble_and_the_current_of_the_mode(names):
    state = cj.product(model(), {"a": [1, 0], "m": 0.4})
    exact = cj.master_equation(model(), state, np.linspace(0, 1, 9), tolerance=1e-6)
    wrong = cj.master_equation(model(1.6), state, np.linspace(0, 1, 9), tolerance=1e-6)
    at = lambda solved: _At(solved.mean[::4], solved.second[::4])  # noqa: E731
    verdicts, control, currents = [], [], []
    x, y = (exact.labels.index(f"m.{part}") for part in "xy")
    alpha = exact.mean[:, x] + 1j * exact.mean[:, y]
    weights = np.array([1, 4, 2, 4, 1]) / 12  # Simpson's rule over half a unit of time
    means = [weights @ alpha[:5], weights @ alpha[4:]]
    for name in names:
        way, n_traj = WAYS[name]
        result = cj.simulate(model(), state, TIMES, n_traj=n_traj, seed=5, unravelling={"loss": way})
        verdicts.append(against_oracle(result, at(exact)))
        control.append(against_oracle(result, at(wrong)))
        print(f"{name}: {verdicts[-1]}")
        if "current" in result.extras:
            for c, factor in enumerate(way.phases):
                flow = [2 * (factor * mean).real for mean in means]
                currents.append((result.current.mean[:, c], result.current.stderr[:, c], np.array(flow)))
    together = pool(verdicts)
    assert together.passes, together
    assert together.largest_error < 0.08, together
    assert not pool(control).passes
    found = compare(currents)
    assert found.passes, found
    assert found.largest_error < 0.3, found


class _At:
    """A solution at some of its times."""

    def __init__(self, mean, second):
        self.mean, self.second = mean, second


def test_real_photons_are_as_many_as_leave():
    lossy = cj.Model([cj.Block("a", 2), cj.Mode("m")], jumps=[cj.ModeLoss(1.0, "m", name="loss")])
    state = cj.product(lossy, {"a": [1, 0], "m": 2.0})  # 8 photons, a Poisson number
    result = cj.simulate(lossy, state, [0.0, 1.0], n_traj=200, unravelling={"loss": cj.unravelling.counting()})
    gone = 8 * (1 - np.exp(-1.0))
    count = result.counts["total"]
    assert abs(count.mean[1] - gone) < 5 * count.stderr[1]
    assert abs(count.variance[1] / gone - 1) < 5 * np.sqrt(2 / 200)
    moving = cj.simulate(lossy, state, [0.0, 1.0], n_traj=200)
    assert moving.counts["total"].mean[1] < 0.5 * gone
