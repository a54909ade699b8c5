"""The options of a run are declared once; whatever else speaks of them agrees."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

import pytest

import cojump as cj
from cojump.ensemble.fingerprint import differences, identity_of
from cojump.ensemble.options import RunOptions, default_of, options_of
from cojump.ensemble.point import Point
from tests.support.pauli import X, Z

OPTIONS = options_of(RunOptions)


def documented(function):
    """{name: text} of the parameters in a docstring."""
    section = inspect.getdoc(function).partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^(\w+) : [^\n]*\n((?:    [^\n]*\n?)+)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def test_simulate_has_the_options_with_their_defaults_and_words():
    signature, texts = inspect.signature(cj.simulate).parameters, documented(cj.simulate)
    asked = [item for item in fields(RunOptions) if item.name in signature]
    assert {item.name for item in fields(RunOptions)} - {i.name for i in asked} == set()
    for item in asked:
        assert texts[item.name].startswith(OPTIONS[item.name].text), item.name
        default = signature[item.name].default
        if default is not inspect.Parameter.empty:
            assert (default or None) == (default_of(item) or None)


def test_every_option_is_documented():
    for name, rule in OPTIONS.items():
        assert rule.text.endswith("."), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_traj": 0}, "`n_traj` must be an integer of at least 1, but it is 0"),
        ({"n_traj": 2**63}, "`n_traj` must be an integer below 2^63"),
        ({"seed": -1}, "`seed` must be an integer of at least 0, but it is -1"),
        ({"seed": 2**128}, "`seed` must be an integer below 2^128"),
        ({"tolerance": 0.1}, "`tolerance` must be a finite number within 1e-13 and 0.01, but it is 0.1"),
        ({"chunk": 1.0}, "`chunk` must be an integer of at least 1, but it is 1.0"),
        ({"keep": 11}, "`keep` must be at most n_traj = 10, but it is 11"),
        ({"min_traj": 1}, "`min_traj` must be an integer of at least 2, but it is 1"),
    ],
)
def test_limits(options, message):
    with pytest.raises(cj.ArgumentError) as caught:
        RunOptions(**{"n_traj": 10, **options})
    assert str(caught.value).startswith(f"Argument {message}")


def test_what_a_file_does_not_know_has_its_default_there():
    """An option that is added later leaves the runs of before what they are, unless it is asked for."""
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)

    def facts(**options):
        return identity_of(Point(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0], n_traj=10, **options))

    old = {name: fact for name, fact in facts().items() if name not in ("keep", "distributions")}
    assert differences(facts(), old) == []
    assert [found.text for found in differences(facts(keep=2), old)] == ["keep is 2 here and 0 there"]
    assert [found.name for found in differences(facts(distributions=[1.0]), old)] == ["distributions"]


def test_which_options_make_another_run():
    """Each is tried: what a point is changes with it, or does not."""
    model = cj.systems.boundary_time_crystal(4, 0.7, 1.3)
    other = {
        "n_traj": 11,
        "seed": 5,
        "tolerance": 1e-8,
        "chunk": 3,
        "keep": 1,
        "record": True,
        "averages": ["spins.z"],
        "observables": {"z": [{"spins": Z}]},
        "unravelling": {"decay": cj.unravelling.shifted(1.0)},
        "distributions": [1.0],
        "distribution_of": {"x": {"spins": X}},
        "reduced": {"spins": 3},
        "squeezing": {"twice": {"spins": 2.0}},
        "callbacks": {"one": lambda state: 1.0},
        "burn_in": 0.5,
        "window": 1.5,
        "target_error": 0.1,
        "min_traj": 20,
    }
    assert other.keys() == OPTIONS.keys()

    def facts(**options):
        times = [0.0, 0.5, 1.0, 1.5, 2.0]
        return identity_of(Point(model, cj.tilted(model, 1.1, 0.4), times, **{"n_traj": 10, **options}))

    for name, value in other.items():
        assert bool(differences(facts(**{name: value}), facts())) is OPTIONS[name].identity, name
