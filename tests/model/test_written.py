"""What ``print`` shows of terms: physics, not Python."""

from functools import partial

import numpy as np
import pytest

import cojump as cj
from cojump.model import written

X, Y, Z = cj.operators.sigma_x, cj.operators.sigma_y, cj.operators.sigma_z
UP, DOWN = cj.operators.sigma_plus, cj.operators.sigma_minus
N = cj.operators.projector(0, 2)


@pytest.mark.parametrize(
    ("matrix", "text"),
    [
        (0.7 * X, "0.7 σ_x"),
        (-Y, "-σ_y"),
        (np.sqrt(1.3) * UP, "√1.3 σ_+"),
        (-np.sqrt(0.8) * DOWN, "-√0.8 σ_-"),
        (0.5j * DOWN, "0.5i σ_-"),
        ((1 + 2j) * Z, "(1+2i) σ_z"),
        (N, "|up><up|"),
        (3 * (np.eye(2) - N), "3 |down><down|"),
        (np.eye(2), "1"),
        (-2 * np.eye(2), "-2"),
        (np.zeros((2, 2)), "0"),
        (1e-9 * X, "1e-09 σ_x"),
        (0.5 * X - 2 * Z, "0.5 σ_x - 2 σ_z"),
        (UP + 2 * N, "σ_+ + 2 |up><up|"),
        (np.array([[1, 2], [3, 4.0j]]), "2 σ_+ + 3 σ_- + |up><up| + 4i |down><down|"),
        (np.array([[0.1, 0.2 - 0.3j], [0.2 + 0.3j, 0.7]]), "0.4 + 0.2 σ_x + 0.3 σ_y - 0.3 σ_z"),
        (np.diag([1, 0, 2.5]), "diag(1, 0, 2.5)"),
        (4 * np.eye(3), "4"),
        (cj.operators.transition(0, 1, 3), "|0><1|"),
        (0.2 * (np.ones((3, 3)) - np.eye(3)), "0.2 (|0><1| + |0><2| + |1><2| + h.c.)"),
        (np.diag([1, 0, 0]) + 1j * np.eye(3, k=2) - 1j * np.eye(3, k=-2), "|0><0| + (i |0><2| + h.c.)"),
        (np.arange(9).reshape(3, 3), "a matrix (3, 3)"),
        (np.ones((40, 40)), "a matrix (40, 40)"),
    ],
)
def test_matrices(matrix, text):
    assert written.matrix(np.asarray(matrix, dtype=complex)) == text


class Slow:
    def __call__(self, x):
        return x


class Broken(Slow):
    def __repr__(self):
        raise RuntimeError


def named(x):
    return x**2


def first(a, x):
    return a + x


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (np.exp, "amplitude = exp"),
        (named, "amplitude = named"),
        (lambda x: x, "amplitude = a lambda"),
        (partial(first, 1), "amplitude = first with some arguments given"),
        (Slow(), "amplitude = an object of Slow"),
        (Broken(), "amplitude = an object of Broken"),
    ],
)
def test_functions(function, text):
    jump = cj.LocalJump(DOWN, "a", amplitude=function, argument={"a": N})
    assert repr(jump) == f"<LocalJump σ_- on a, {text}, x = average |up><up| of a>"


def test_terms():
    both = cj.LocalJump(DOWN, "a", rate=np.hypot, argument=({"a": N}, {"a": Z, "b": X}), exclude_self=True)
    assert str(both) == (
        "LocalJump σ_- on a, rate = hypot, x1 = average |up><up| of a, x2 = average σ_z of a, σ_x of b, …\n"
        "  self excluded"
    )
    assert repr(both) == f"<{str(both).splitlines()[0]}>"
    assert repr(cj.TwoBody(UP, DOWN, 0.5j, blocks=("a", "b"))) == "<TwoBody σ_+ of a and σ_- of b, g = 0.5i>"
    assert repr(cj.Potential(np.cos, {"a": Z})) == "<Potential N φ(x), φ = cos, x = average σ_z of a>"
    assert repr(cj.CollectiveJump({"a": DOWN, "b": Y}, 0.2)) == "<CollectiveJump σ_- of a, σ_y of b, rate 0.2>"
    assert repr(cj.ModeCoupling({"a": 0.5 * X}, "m")) == "<ModeCoupling of m to 0.5 σ_x of a>"


def test_every_named_system_is_written_as_physics():
    patterns = [[1, 1, -1, 1], [1, -1, 1, 1]]
    models = [
        cj.systems.constrained(50, 0.7, 1.3, 0.8),
        cj.systems.facilitated(20, 0.1, 3, 0.5),
        cj.systems.hopfield(patterns, 0.5, 1.2),
        cj.systems.potts_hopfield([[0, 1, 2, 1]], 3, 0.2, 1.0),
        cj.systems.p_spin(20, 3, 1.0, 0.5),
        cj.systems.lambda_pump(10, 1.0, 4.0, 0.5),
    ]
    texts = ["\n".join(str(term).replace(" …\n ", "") for term in model.terms) for model in models]
    assert "√1.3 σ_+ on spins, amplitude(x) = x, x = average |up><up| of spins" in texts[0]
    assert "rate(x) = 3 x^2" in texts[1]
    assert "amplitude(x) = 1/√(1 + e^(-2.4 x)), x = average 0.5 σ_z of +-, -0.5 σ_z of -+" in texts[2]
    assert "|1><0| on 0" in texts[3]
    assert "φ(x) = -x^3" in texts[4]
    assert "rate(x) = 4 x" in texts[5]
    assert not any(letters in text for text in texts for letters in ("()", "Itself", "Power", "object at"))


def test_formulas_are_the_functions():
    x = np.linspace(-1, 1, 5)
    hopfield = cj.systems.hopfield([[1, 1]], 0.5, 1.2).jumps[1]
    assert "e^(2.4 x)" in repr(hopfield)
    np.testing.assert_allclose(hopfield.gamma(x), 1 / np.sqrt(1 + np.exp(2.4 * x)))
    power = cj.systems.facilitated(20, 0.1, 3, 0.5, power=1.5).jumps[0]
    assert "3 x^1.5" in repr(power)
    np.testing.assert_allclose(power.gamma(x[3:]) ** 2, 3 * x[3:] ** 1.5)
