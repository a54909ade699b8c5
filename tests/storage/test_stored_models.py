"""The model and the state of a result come back from its file, or one line says why they cannot."""

import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.fingerprint import differences, identity_of
from cojump.ensemble.point import Point
from cojump.results.setup import Setup
from tests.support.command_line import invoke
from tests.support.pauli import LOWER, X, Z
from tests.test_pickling import MODELS, start

TIMES = np.array([0.0, 0.5, 1.0])


def facts(model, state):
    return identity_of(Point(model=model, state=state, times=TIMES, n_traj=3))


def stored(result, tmp_path):
    result.save(tmp_path / "r.h5")
    return cj.load(tmp_path / "r.h5")[0]


@pytest.mark.parametrize("name", MODELS)
def test_a_named_system_comes_back_with_its_bits(name, tmp_path):
    model = MODELS[name]()
    state = start(model)
    result = cj.simulate(model, state, TIMES, n_traj=3)
    assert result.model() is model
    assert result.state() is state
    loaded = stored(result, tmp_path)
    for other in (loaded, pickle.loads(pickle.dumps(result)), pickle.loads(pickle.dumps(loaded))):
        again, same_state = other.model(), other.state()
        assert again is not model
        assert not differences(facts(again, same_state), facts(model, state))
        assert list(again.order_parameters) == list(model.order_parameters)
        assert cj.simulate(again, same_state, TIMES, n_traj=3).mean.tobytes() == result.mean.tobytes()


def own_model(amplitude, derivatives=None):
    jump = cj.LocalJump(LOWER, "a", amplitude=amplitude, argument={"a": Z, "b": X}, derivatives=derivatives)
    collective = cj.CollectiveJump({"a": LOWER, "b": 1j * X}, rate=0.3)
    terms = [cj.OneBody(0.3 * X, "a"), cj.TwoBody(Z, X, 0.25, blocks=("a", "b"))]
    return cj.Model([cj.Block("a", 2), cj.Block("b", 3)], terms, [jump, collective])


def test_all_kinds_of_terms_and_starts(tmp_path):
    model = own_model(np.abs, (np.sign, np.zeros_like)[:1] * 2)
    for state in (
        cj.tilted(model, 1.1, 0.4),
        cj.dicke(model, {"a": (1, 0), "b": (0.5, 0.5)}),
        cj.symmetric(model, {"a": [0, 1, 0], "b": [1, 0, 0, 0]}),
    ):
        loaded = stored(replace(cj.simulate(model, state, TIMES, n_traj=2), parameters={"M": 0}), tmp_path)
        assert not differences(facts(loaded.model(), loaded.state()), facts(model, state))
        (tmp_path / "r.h5").unlink()


def test_a_function_of_the_users_is_named(tmp_path):
    def mine(x):
        return x**2

    state = cj.tilted(own_model(mine), 1.1, 0.4)
    loaded = stored(cj.simulate(own_model(mine), state, TIMES, n_traj=2), tmp_path)
    with pytest.raises(cj.StorageError, match=r"holds no Python functions, and jumps\[0\].amplitude \(.*mine\) is one"):
        loaded.model()
    assert np.array_equal(loaded.state().densities[0], state.densities[0])
    many = own_model(lambda x: x**2, (lambda x: 2 * x, lambda x: 2 + 0 * x))
    sent = pickle.loads(pickle.dumps(cj.simulate(many, state, TIMES, n_traj=2)))
    with pytest.raises(cj.StorageError, match=r"jumps\[0\].amplitude \(a lambda\) and 2 more"):
        sent.model()


SOURCE = """
from dataclasses import dataclass
import cojump as cj

@dataclass
class Rate:
    gamma: "float"
    def __call__(self, x):
        return self.gamma * (1 + x)

def build(size, gamma, terms=None):
    z = cj.operators.sigma_z
    jump = cj.LocalJump(cj.operators.sigma_minus, "spins", rate=Rate(gamma), argument={"spins": z})
    return cj.Model([cj.Block("spins", size)], [cj.OneBody(0.3 * cj.operators.sigma_x, "spins")], [jump])
"""

RUN = """
[model]
system = "mine.py:build"
size = [2, 3]
gamma = 0.5

[initial]
kind = "tilted"
theta = 1.1
phi = 0.4

[times]
end = 1.0
steps = 2

[run]
n_traj = 3
"""


@pytest.fixture
def ran(tmp_path):
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "run.toml").write_text(RUN)
    invoke("run", tmp_path / "run.toml", "-o", tmp_path / "out")
    (tmp_path / "mine.py").unlink()
    return tmp_path


def test_a_users_file_is_stored_with_the_run_and_builds_the_model_again(ran):
    results = cj.load(ran / "out")
    cj.save(results, ran / "copy.h5")
    for result in (*results, *cj.load(ran / "copy.h5"), *pickle.loads(pickle.dumps(results))):
        model = result.model()
        assert model.size == result.n_particles == result.parameters["size"]
        assert model.jumps[0].rate.gamma == 0.5
        again = cj.simulate(model, result.state(), result.times, n_traj=3, seed=result.seed)
        assert again.mean.tobytes() == result.mean.tobytes()


def test_a_users_file_that_no_longer_runs_is_one_line(ran):
    result = cj.load(ran / "out")[0]
    for source, told in (
        ("import neighbour_that_is_not_stored", r"raises ModuleNotFoundError: .* \(mine.py, line 1\)"),
        ("build = lambda size, gamma: 3", "returns int and no Model"),
        (SOURCE.replace('"spins"', '"others"'), r"is another one: it has N = 2 and the averages others\.x"),
        ("", "raises AttributeError"),
    ):
        changed = replace(result, setup=Setup(text=result.setup.text, sources={"mine.py": source}))
        with pytest.raises(cj.StorageError, match=told) as caught:
            changed.model()
        assert "\n" not in str(caught.value)


def changed_text(text, change):
    both = json.loads(text)
    change(both)
    return json.dumps(both)


FORGED = {
    "no JSON": lambda _: "{",
    "deep": lambda _: "[" * 100_000,
    "a list": lambda _: "[]",
    "no model": lambda text: changed_text(text, lambda b: b.pop("model")),
    "a kind that is none": lambda text: text.replace('"OneBody"', '"Popen"'),
    "a state for a model": lambda text: changed_text(text, lambda b: b.update(model=b["state"])),
    "a matrix that is not there": lambda text: re.sub(r'"matrix": \d+', '"matrix": 99', text),
    "a function that is none": lambda text: text.replace('{"kind": "Itself", "fields": {}}', '{"numpy": "save"}'),
    "objects": lambda text: text.replace("<c16", "|O"),
    "another size": lambda text: text.replace('"size": 4', '"size": 5'),
    "negative": lambda text: text.replace('"size": 4', '"size": -4'),
    "a call": lambda text: changed_text(text, lambda b: (b.pop("model"), b.update(call={"system": "os:x"}))),
}


@pytest.mark.parametrize("way", FORGED)
def test_what_is_no_model_is_refused_in_one_line(way):
    model = MODELS["constrained"]()
    result = cj.simulate(model, start(model), TIMES, n_traj=1)
    text = FORGED[way](result.setup.text)
    assert text != result.setup.text
    with pytest.raises(cj.StorageError) as caught:
        replace(result, setup=Setup(text=text)).model()
    assert "\n" not in str(caught.value)
