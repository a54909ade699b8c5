"""What rates are multiplied by where terms change in time."""

from __future__ import annotations

from numba.extending import overload

from .common import OPTIONS


def rate_factor(h_eff, channel):
    """What the rate of a jump is multiplied by at the end of the step: 1 of an H_eff that has no factors."""
    return _driven(h_eff, channel) if hasattr(h_eff, "factors") else 1.0


def _driven(h_eff, channel):
    return max(h_eff.factors.at_jump[h_eff.factors.of_jump[channel]], 0.0)


def _one(h_eff, channel):
    return 1.0


@overload(rate_factor, jit_options=OPTIONS, strict=False)
def _choose(h_eff, channel):
    return _driven if "factors" in h_eff.fields else _one
