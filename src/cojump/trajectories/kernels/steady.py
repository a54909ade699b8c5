"""What terms that do not change in time answer where :mod:`.counting` asks for the next time at which they do."""

from __future__ import annotations


def until_change(h_eff, t, most):
    """How far a step from the time t may go, of at most ``most``."""
    return most


def ended_at(h_eff, t, time, found, horizon):
    """The time at which a step from t has ended."""
    return t + time


def may_leap(h_eff):
    """Whether long steps can be made."""
    return True
