"""A run is resumed only if it is the same: every change is seen, no rounding and no comment is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.fingerprint import differences, identity_of
from cojump.ensemble.point import Point

X, Z, DOWN = np.array([[0, 1], [1, 0]]), np.diag([1.0, -1.0]), np.array([[0, 0], [1, 0]])


def model(size=6, drive=0.7, strength=0.3, amplitude=np.cosh, exclude=False, jump=DOWN, rate=0.5, axis=Z):
    return cj.Model(
        [cj.Block("spins", size)],
        [cj.OneBody(drive * X, "spins"), cj.TwoBody(Z, Z, strength, ("spins", "spins"))],
        [
            cj.LocalJump(jump, "spins", amplitude=amplitude, argument={"spins": axis}, exclude_self=exclude),
            cj.CollectiveJump({"spins": DOWN}, rate=rate),
        ],
    )


def point(state=None, **options):
    keys = ("size", "drive", "strength", "amplitude", "exclude", "jump", "rate", "axis")
    made = model(**{k: options.pop(k) for k in keys if k in options})
    state = cj.tilted(made, 1.1, 0.4) if state is None else state(made)
    return Point(made, state, np.linspace(0, 1, 5), **{"n_traj": 10, "seed": 3, "keep": 2, **options})


def changes(other: Point) -> list[str]:
    """Differences between the usual point, as it comes back from a file, and another one."""
    found = differences(identity_of(other), json.loads(json.dumps(identity_of(point()))))
    assert all(difference.text.startswith(difference.name) for difference in found)
    return [difference.text for difference in found]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"size": 7}, "blocks[0] size is 7 here and 6 there"),
        (
            {"drive": 0.7 + 1e-7},
            "hamiltonian[0] eps is (0, 0.7000001, 0.7000001, 0) here and (0, 0.7, 0.7, 0) there",
        ),
        ({"strength": 0.31}, "hamiltonian[1] g is 0.31 here and 0.3 there"),
        ({"jump": 1.0001 * DOWN}, "jumps[0] j is"),
        ({"amplitude": np.cos}, "jumps[0] Γ over the spectrum is"),
        ({"amplitude": lambda x: np.cosh(x) + 1e-7 * (x == x.max())}, "jumps[0] Γ over the spectrum is"),
        ({"exclude": True}, "jumps[0] exclude_self is True here and False there"),
        ({"axis": 2 * Z}, "jumps[0] argument 'spins' is"),
        ({"rate": 0.6}, "jumps[1] rate is 0.6 here and 0.5 there"),
        ({"state": lambda m: cj.tilted(m, 1.1, 0.5)}, "initial state[0] density is"),
        ({"state": lambda m: cj.dicke(m, {"spins": (3, 1)})}, "initial state[0] kind is DickeBlock here"),
        ({"seed": 4}, "seed is 4 here and 3 there"),
        ({"tolerance": 1e-8}, "tolerance is 1e-08 here and 1e-09 there"),
        ({"chunk": 63}, "chunk is 63 here and 64 there"),
        ({"keep": 3}, "keep is 3 here and 2 there"),
        ({"distributions": np.array([0.5])}, "distributions is"),
        (
            {"observables": {"z2": [({"spins": Z}, {"spins": Z})]}},
            "observables 'z2' length is 1 here and missing there",
        ),
    ],
)
def test_every_change_is_seen_and_named(options, named):
    found = changes(point(**options))
    assert any(line.startswith(named) for line in found), found


def test_another_grid_is_seen():
    made = point()
    assert changes(replace(made, times=np.linspace(0, 1, 6)))
    assert changes(replace(made, times=np.array([0, 0.25, 0.5, 0.75, 1.001])))


def test_what_may_change_and_what_means_the_same():
    assert changes(point()) == []
    assert changes(point(n_traj=50, target_error={"spins.z": 0.1}, min_traj=20, parameters={"size": 6})) == []
    assert changes(point(amplitude=lambda x: (np.exp(x) + np.exp(-x)) / 2)) == [], "another text, the same function"
    assert changes(point(drive=0.7 * (1 + 1e-13))) == [], "the rounding of another machine"


@dataclass(frozen=True)
class Amplitude:
    """A function with parameters, as named systems have them."""

    beta: float

    def __call__(self, x):
        return np.cosh(self.beta * x)


def test_a_function_is_known_by_its_values_alone():
    """Files hold no more of it, so that it may be written anew, as a class with parameters or with other ones."""
    assert changes(point(amplitude=Amplitude(1.0))) == []
    assert changes(point(amplitude=Amplitude(1.1)))


def test_no_change_of_a_long_array_escapes():
    """Arrays that are too long to be kept: one entry, two entries swapped, a sign."""

    def state(change):
        def made(m):
            amplitudes = np.cos(np.arange(41) / 3) + 1j * np.sin(np.arange(41))
            change(amplitudes)
            return cj.symmetric(m, {"spins": amplitudes / np.linalg.norm(amplitudes)})

        return made

    def facts(change):
        return identity_of(point(size=40, state=state(change)))

    base = facts(lambda a: None)
    assert differences(base, facts(lambda a: None)) == []

    def swap(a):
        a[[3, 30]] = a[[30, 3]]

    def flip(a):
        a[20] *= -1

    def shift(a):
        a[7] += 1e-5

    for change in (swap, flip, shift):
        assert differences(base, facts(change)), change.__name__
