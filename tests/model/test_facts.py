"""Facts of a model: worked out once, kept beside it, and left behind by copies."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import cojump as cj
from cojump.model.components import components
from cojump.model.facts import once_per_model, once_per_recent_model


def model(size=4):
    return cj.systems.free_flips(size, 0.7, 1.3, 0.8)


def test_a_fact_is_worked_out_once_for_each_model():
    asked = []
    fact = once_per_model(lambda m: asked.append(m) or m.size)
    one, other = model(), model(5)
    assert [fact(one), fact(one), fact(other), fact(one)] == [4, 4, 5, 4]
    assert asked == [one, other]
    assert components(one) is components(one)


def test_what_raises_is_no_fact():
    @once_per_model
    def fact(m):
        raise cj.ArgumentError("rate", "be one", "it is none")

    one = model()
    for _ in range(2):
        with pytest.raises(cj.ArgumentError):
            fact(one)


def test_facts_do_not_travel():
    one = model()
    components(one)
    before = len(pickle.dumps(model()))
    for again in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert "_facts" not in vars(again)
    assert len(pickle.dumps(one)) == before


def test_large_facts_of_the_models_used_last_are_kept():
    asked = []

    @once_per_recent_model(budget=100)
    def table(m):
        asked.append(m.size)
        return np.zeros(m.size)

    two, three, five, fifty = (model(size) for size in (2, 3, 5, 50))
    assert table(two) is table(two)
    table(three), table(five)  # 80 bytes together
    assert asked == [2, 3, 5]
    table(two), table(model(4))  # 112 bytes: that of three particles goes
    table(two), table(five), table(three)
    assert asked == [2, 3, 5, 4, 3]
    table(fifty), table(fifty), table(two)  # larger than the budget: made anew, and nothing else goes for it
    assert asked == [2, 3, 5, 4, 3, 50, 50]


def test_a_model_is_not_held_by_its_facts():
    one = model()
    components(one)
    seen = weakref.ref(one)
    del one
    gc.collect()
    assert seen() is None
