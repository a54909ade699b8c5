"""What :mod:`.counting` asks of states and terms, answered where nothing else is: terms do not change in time, and no
kernel takes the state up that a trajectory begins with.
"""

from __future__ import annotations


def begin(h_eff, room, starts, k):
    """Let the start of trajectory k wait in ``room``: Python has done that."""


def until_change(h_eff, t, most):
    """How far a step from the time t may go, of at most ``most``."""
    return most


def ended_at(h_eff, t, time, found, horizon):
    """The time at which a step from t has ended."""
    return t + time


def may_leap(h_eff):
    """Whether long steps can be made."""
    return True
