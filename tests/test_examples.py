"""The examples in the docstrings of all public names run, and give what is printed below them."""

from __future__ import annotations

import doctest
from types import ModuleType

import numpy as np
import pytest

import cojump as cj

MODELS = {"Block", "OneBody", "TwoBody", "Potential", "LocalJump", "CollectiveJump", "Model"} | {
    name for name in cj.__all__ if name.startswith("Mode")
}
"""The classes that users make themselves: these have an example, and so has every function."""

HELPERS = {"attractors.default_starts"}
"""Stands in the signature of others."""


def public():
    """Every public name with what it stands for."""
    for name in cj.__all__:
        value = getattr(cj, name)
        yield name, value
        if isinstance(value, ModuleType):
            yield from ((f"{name}.{each}", getattr(value, each)) for each in value.__all__)


NAMES = dict(public())


def examples_of(name, value):
    """Those of a function, of a module by itself, or of a class and its methods."""
    names = {"np": np, "cj": cj}
    if isinstance(value, ModuleType):
        found = [doctest.DocTestParser().get_doctest(value.__doc__ or "", names, name, None, None)]
    else:
        found = doctest.DocTestFinder().find(value, name, module=False, globs=names) if callable(value) else []
    return [test for test in found if test.examples]


def failures(tests):
    runner, said = doctest.DocTestRunner(verbose=False), []
    for test in tests:
        runner.run(test, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_give_what_they_print(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tests, value = examples_of(name, NAMES[name]), NAMES[name]
    asked = callable(value) and (not isinstance(value, type) or name in MODELS) and name not in HELPERS
    assert tests or not asked, "what users call has an example"
    failed = failures(tests)
    assert not failed, failed


def test_a_wrong_output_is_found():
    def function():
        """Is wrong in its second example.

        >>> print(cj.operators.sigma_z[0, 0].real)
        1.0
        >>> print(cj.operators.sigma_z[1, 1].real)
        1.0
        """

    failed = failures(examples_of("function", function))
    assert "Expected:\n    1.0\nGot:\n    -1.0" in failed
    assert failed.count("Failed example") == 1
