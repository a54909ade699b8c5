"""Γ, Γ', Γ'' of the user's rate functions: accurate, never called outside the spectrum, kinks refused."""

import numpy as np
import pytest
from scipy.special import expit

import cojump as cj
from cojump.errors import ArgumentError, UnsupportedError
from cojump.theory.rate_derivatives import RateJet
from tests.support.pauli import LOWER, Z

S = "spins"
EDGES = [-1.0, 1.0, -1 + 1e-12, 1 - 1e-12, -1e-9, 0.0, 0.5]
POINTS = np.concatenate([np.linspace(-1, 1, 173), EDGES])

SMOOTH = {
    "constant": (lambda x: 0 * x + 0.7, lambda x: 0 * x, lambda x: 0 * x),
    "linear": (lambda x: 1 - 0.4 * x, lambda x: 0 * x - 0.4, lambda x: 0 * x),
    "quartic": (
        lambda x: 1 + x - 2 * x**2 + 0.3 * x**4,
        lambda x: 1 - 4 * x + 1.2 * x**3,
        lambda x: -4 + 3.6 * x**2,
    ),
    "tanh": (
        lambda x: np.tanh(2 * x),
        lambda x: 2 / np.cosh(2 * x) ** 2,
        lambda x: -8 * np.tanh(2 * x) / np.cosh(2 * x) ** 2,
    ),
    "exp": (lambda x: np.exp(3 * x), lambda x: 3 * np.exp(3 * x), lambda x: 9 * np.exp(3 * x)),
    "hopfield": (
        lambda x: np.sqrt(expit(3 * x)),
        lambda x: 1.5 * np.sqrt(expit(3 * x)) * expit(-3 * x),
        lambda x: 1.5 * np.sqrt(expit(3 * x)) * expit(-3 * x) * (1.5 * expit(-3 * x) - 3 * expit(3 * x)),
    ),
    "sin": (lambda x: np.sin(20 * x), lambda x: 20 * np.cos(20 * x), lambda x: -400 * np.sin(20 * x)),
    "runge": (
        lambda x: 1 / (1 + 25 * x**2),
        lambda x: -50 * x / (1 + 25 * x**2) ** 2,
        lambda x: (3750 * x**2 - 50) / (1 + 25 * x**2) ** 3,
    ),
}


def jet_of(*, lowest=-1.0, highest=1.0, **function):
    return RateJet(cj.LocalJump(LOWER, S, argument={S: Z}, **function), lowest, highest, "jumps[3]")


def watched(f, lowest=-1.0, highest=1.0):
    """f, raising outside the spectrum."""

    def inside(x):
        assert np.all((x >= lowest) & (x <= highest)), "called outside the spectrum"
        return f(x)

    return inside


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_to_1e_8_of_the_scale_on_which_they_vary(name):
    f, first, second = SMOOTH[name]
    jet = jet_of(amplitude=watched(f))
    found = np.array([jet(x) for x in POINTS]).T
    for values, exact, tolerance in zip(found, (f, first, second), (1e-13, 1e-10, 1e-8), strict=True):
        scale = max(np.abs(exact(np.linspace(-1, 1, 2001))).max(), 0.1)
        np.testing.assert_allclose(values, exact(POINTS), rtol=0, atol=tolerance * scale)


def test_derivatives_of_the_root_of_a_rate():
    jet = jet_of(rate=watched(lambda x: (1.5 + np.sin(4 * x)) ** 2))
    found = np.array([jet(x) for x in POINTS])
    exact = np.stack([1.5 + np.sin(4 * POINTS), 4 * np.cos(4 * POINTS), -16 * np.sin(4 * POINTS)], axis=1)
    np.testing.assert_allclose(found, exact, rtol=0, atol=2e-8)


def test_unequal_ends_and_points_beyond_them():
    jet = jet_of(amplitude=watched(np.sqrt, 0.5, 4.0), lowest=0.5, highest=4.0)
    for x in (0.5, 0.50001, 1.9, 4.0):
        np.testing.assert_allclose(jet(x), (x**0.5, 0.5 * x**-0.5, -0.25 * x**-1.5), rtol=1e-7)
    # rounding of the integrator may carry the argument beyond the end
    assert jet(0.5 - 1e-9) == jet(0.5)
    assert jet(4.0 + 1e-9) == jet(4.0)


def test_a_spectrum_of_one_point_and_no_rate():
    assert jet_of(amplitude=watched(lambda x: 3 * x, 2, 2), lowest=2.0, highest=2.0)(2.0) == (6.0, 0.0, 0.0)
    assert RateJet(cj.LocalJump(LOWER, S), 0.0, 0.0, "jumps[0]")(0.0) == (1.0, 0.0, 0.0)


ROUGH = {
    "kink": ({"amplitude": np.abs}, 0.0),
    "kink elsewhere": ({"amplitude": lambda x: np.maximum(x - 0.3, 0)}, 0.3),
    "step": ({"amplitude": lambda x: 1.0 * (x > 0.1)}, 0.1),
    "second derivative jumps": ({"amplitude": lambda x: x * np.abs(x)}, 0.0),
    "root at the edge": ({"amplitude": lambda x: np.sqrt(np.maximum(x + 1, 0))}, -1.0),
    "root of a rate that touches zero": ({"rate": lambda x: x**2}, 0.0),
    "root of a rate at the edge": ({"rate": lambda x: x + 1}, -1.0),
}


@pytest.mark.parametrize("name", ROUGH)
def test_rough_functions_are_refused_where_they_are_rough(name):
    function, where = ROUGH[name]
    jet = jet_of(**function)
    with pytest.raises(UnsupportedError) as error:
        jet(where)
    message = str(error.value)
    assert "\n" not in message
    assert "jumps[3] is not smooth at Δ = " in message
    assert ("√rate of" in message) == ("rate" in function)
    # and work away from there
    for x in (-0.97, -0.4, 0.7, 1.0):
        f = function.get("amplitude") or (lambda x: np.sqrt(function["rate"](x)))
        h = 1e-4
        inside = min(x, 1 - 2 * h)
        slope = (f(inside + h) - f(inside - h)) / (2 * h)
        value, first, _ = jet(inside)
        assert value == pytest.approx(f(inside), abs=1e-12)
        assert first == pytest.approx(slope, abs=1e-4)


def test_noise_is_refused():
    jet = jet_of(amplitude=lambda x: 1 + 1e-6 * np.sin(1e9 * x))
    with pytest.raises(UnsupportedError):
        jet(0.3)


# ---- derivatives that the user gives -------------------------------------------------------------


def test_given_derivatives_are_used_as_they_are():
    """Where the function has a kink, nothing else could be."""
    jet = jet_of(amplitude=np.abs, derivatives=(np.sign, lambda x: 0 * x + 5))
    assert jet(0.0) == (0.0, 0.0, 5.0)
    jet = jet_of(amplitude=np.abs, derivatives=(np.sign, np.zeros_like))
    assert jet(-0.25) == (0.25, -1.0, 0.0)


@pytest.mark.parametrize(
    ("functions", "derivatives", "which"),
    [
        ({"amplitude": np.exp}, (np.cos, np.exp), 0),
        ({"amplitude": np.exp}, (np.exp, lambda x: 1.001 * np.exp(x)), 1),
        # those of Γ beside a rate: R = Γ² has others
        ({"rate": lambda x: np.exp(2 * x)}, (np.exp, np.exp), 0),
    ],
)
def test_derivatives_of_another_function_are_refused(functions, derivatives, which):
    jet = jet_of(**functions, derivatives=derivatives)
    with pytest.raises(ArgumentError, match=rf"derivatives\[{which}\]` must be derivative {which + 1} of the function"):
        jet(0.2)


def test_given_derivatives_of_a_rate():
    R = (lambda x: np.exp(2 * x), (lambda x: 2 * np.exp(2 * x), lambda x: 4 * np.exp(2 * x)))
    jet = jet_of(rate=R[0], derivatives=R[1])
    for x in (-1.0, 0.3, 1.0):
        np.testing.assert_allclose(jet(x), np.exp(x) * np.ones(3), rtol=1e-14)
    jet = jet_of(rate=lambda x: 1 + x, derivatives=(np.ones_like, np.zeros_like))
    np.testing.assert_allclose(jet(0.44), (1.2, 1 / 2.4, -1 / (4 * 1.2**3)), rtol=1e-14)
    with pytest.raises(UnsupportedError, match="no derivatives where its rate is zero, Δ = -1"):
        jet(-1.0)


def test_derivatives_that_are_not_finite():
    jet = jet_of(amplitude=lambda x: 1 + 0 * x, derivatives=(lambda x: np.inf + x, np.cos))
    with pytest.raises(UnsupportedError, match=r"derivatives given for jumps\[3\] are not finite at Δ = 0.5"):
        jet(0.5)


@pytest.mark.parametrize("wrong", [np.cos, (np.cos,), (np.cos, 1.0), [np.cos, np.sin, np.cos], "ab"])
def test_wrong_derivatives_are_refused(wrong):
    with pytest.raises(ArgumentError, match="`derivatives` must be a pair of functions"):
        cj.LocalJump(LOWER, S, amplitude=np.sin, argument={S: Z}, derivatives=wrong)


def test_derivatives_of_nothing_are_refused():
    with pytest.raises(ArgumentError, match="`derivatives` must be given together with `amplitude` or `rate`"):
        cj.LocalJump(LOWER, S, derivatives=(np.cos, np.sin))


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (lambda x: np.zeros(3), "one value per point"),
        (lambda x: x + 1j, "real numbers"),
        (lambda x: 1 / "a", "vectorised"),
    ],
)
def test_derivatives_that_do_not_return_a_number_say_so(bad, rule):
    jet = jet_of(amplitude=np.sin, derivatives=(np.cos, bad))
    with pytest.raises(ArgumentError, match=rule):
        jet(0.2)


# ---- in the theory of fluctuations ---------------------------------------------------------------

TIMES = np.linspace(0, 3, 7)


def kinked(centre):
    X = np.array([[0, 1], [1, 0]], dtype=complex)
    jump = cj.LocalJump(LOWER, S, amplitude=lambda x: 0.3 + np.abs(x - centre), argument={S: Z})
    return cj.Model([cj.Block(S, 20)], [cj.OneBody(0.8 * X, S)], [jump])


def test_mean_field_through_a_kink_has_no_covariance():
    model = kinked(0.0)
    mf = cj.mean_field(model, cj.tilted(model, 1.1, 0.4), TIMES)
    z = mf.mean[:, 2]
    assert z.min() < 0 < z.max()
    for figure in ("covariance", "correction", "deviation"):
        with pytest.raises(UnsupportedError, match=r"the amplitude of jumps\[0\] is not smooth at Δ = "):
            getattr(mf, figure)


def test_a_kink_that_mean_field_does_not_meet():
    smooth = cj.LocalJump(LOWER, S, amplitude=lambda x: 0.3 + (x + 0.99), argument={S: Z})
    with_kink = kinked(-0.99)
    without = cj.Model(with_kink.blocks, with_kink.hamiltonian, [smooth])
    found, expected = (cj.mean_field(m, cj.tilted(m, 1.1, 0.4), TIMES) for m in (with_kink, without))
    assert found.mean[:, 2].min() > -0.95
    np.testing.assert_allclose(found.covariance, expected.covariance, atol=1e-8)
    np.testing.assert_allclose(found.correction, expected.correction, atol=1e-8)
