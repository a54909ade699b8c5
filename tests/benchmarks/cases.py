"""What is timed: three cases, and the figures to compare with."""

import numpy as np

import cojump as cj

TIMES = np.linspace(0.0, 4.0, 41)
OMEGA, RATE_UP, RATE_DOWN = 0.7, 1.3, 0.8

BUDGET = {100: 6.0, 1_000: 10.0, 10_000: 20.0}
"""Microseconds per jump that free flips may take, by N."""

TRIAL = {100: 1.5, 1_000: 31.0, 10_000: 600.0, 100_000: 16_000.0}
"""Milliseconds per trajectory of free flips that a trial implementation took, by N."""


def free_flips(size):
    """Independent flips with a drive, from a product state in the y-z plane."""
    model = cj.systems.free_flips(size, OMEGA, RATE_UP, RATE_DOWN)
    return model, cj.tilted(model, 1.1, -np.pi / 2)


def constrained(size):
    """The constrained model from the same state."""
    model = cj.systems.constrained(size, OMEGA, RATE_UP, RATE_DOWN)
    return model, cj.tilted(model, 1.1, -np.pi / 2)


def dicke(size):
    """The same flips without a drive from a Dicke state, which stays one: a window of 1."""
    model = cj.systems.free_flips(size, 0.0, RATE_UP, RATE_DOWN)
    return model, cj.dicke(model, {"spins": (size / 2, size / 2 - size // 4)})


def time_crystal(size):
    """H = 1.5 J_x, L = √(1/N) J_-, all spins up."""
    model = cj.systems.boundary_time_crystal(size, 0.75, 1.0)
    return model, cj.dicke(model, {"spins": (size / 2, size / 2)})


CASES = {"free flips": free_flips, "constrained": constrained, "Dicke, H = 0": dicke}
