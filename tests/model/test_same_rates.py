"""A rate that is another function each time it is asked: refused, not mixed into one result."""

import copy
import pickle

import numpy as np
import pytest

import cojump as cj
from tests.support.command_line import invoke
from tests.support.pauli import LOWER, Z

LATE = """
import numpy as np
import cojump as cj
LOWER, Z = np.array([[0, 0], [1, 0]]), np.diag([1, -1])
K = [0.0]

def build(size, omega):
    K[0] = omega  # every point of the sweep reads what the last one has left
    jump = cj.LocalJump(LOWER, block="s", amplitude=lambda x: K[0] * np.abs(x), argument={"s": Z})
    return cj.Model([cj.Block("s", size)], [], [jump])
"""

RUN = """
[model]
system = "late.py:build"
size = 5
omega = [0.5, 1.0]
[initial]
kind = "tilted"
theta = 1.1
phi = 0.4
[times]
end = 1.0
steps = 4
[run]
n_traj = 8
"""


def model(amplitude):
    jump = cj.LocalJump(LOWER, block="s", amplitude=amplitude, argument={"s": Z})
    return cj.Model([cj.Block("s", 5)], [], [jump])


def test_a_sweep_whose_points_share_a_variable(tmp_path):
    (tmp_path / "late.py").write_text(LATE, encoding="utf-8")
    (tmp_path / "run.toml").write_text(RUN, encoding="utf-8")
    _, err = invoke("run", tmp_path / "run.toml", status=3)
    assert "omega = 0.5" in err
    assert "`amplitude` must be a function of its argument alone" in err
    (result,) = (r for r in cj.load(tmp_path / "results") if r.n_traj)
    assert result.parameters["omega"] == 1.0


def test_a_rate_that_draws_random_numbers():
    rng = np.random.default_rng(1)
    made = model(lambda x: rng.random(x.shape))
    with pytest.raises(cj.ArgumentError, match="function of its argument alone"):
        cj.simulate(made, cj.tilted(made, 1.1, 0.4), [0.0, 1.0], n_traj=4)


def test_a_rate_that_stays_what_it_is():
    made = model(np.abs)
    for one in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        cj.simulate(one, cj.tilted(one, 1.1, 0.4), [0.0, 1.0], n_traj=4)
