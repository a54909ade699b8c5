"""Which jumps are counted, and with which weight: what a user calls channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..tools import checks
from ..tools.types import Array
from .model import Model


def channel_names(model: Model) -> list[str]:
    """What each jump may be called beside its place in ``model.jumps``."""
    return [str(getattr(jump, "name", None) or l) for l, jump in enumerate(model.jumps)]


def channel_weights(model: Model, channels: Any) -> Array:
    """(L,) weight with which a jump of each channel counts.

    Parameters
    ----------
    model : Model
    channels : None, int, str, sequence of these, or mapping of these to float
        All jumps; one of them by its place in ``model.jumps`` or by its name; several of them; or how much each of them
        counts, those that are not named not at all.

    Raises
    ------
    ArgumentError
        If there is no such jump, or a weight is no number.
    """
    if not model.jumps:
        raise ArgumentError("model", "have jumps to be counted", "it has none")
    weights = np.zeros(len(model.jumps))
    if channels is None:
        return weights + 1
    if isinstance(channels, Mapping):
        pairs = [(key, checks.number(f"channels[{checks.shown(key)}]", w, -50, 50)) for key, w in channels.items()]
    elif isinstance(channels, int | np.integer | str):
        pairs = [(channels, 1.0)]
    else:
        listed = checks.items("channels", channels, "None, a jump's place or name, a list of them, or a mapping")
        pairs = [(key, 1.0) for key in listed]
    for key, weight in pairs:
        weights[_place(model, key)] = weight
    if not weights.any():
        raise ArgumentError("channels", "count something", "no jump has a weight")
    return weights


def _place(model: Model, key: Any) -> int:
    names = channel_names(model)
    if isinstance(key, str) and key in names:
        return names.index(key)
    if isinstance(key, int | np.integer) and not isinstance(key, bool) and 0 <= key < len(names):
        return int(key)
    rule = f"name jumps of the model, {checks.named(names)} or their places 0 to {len(names) - 1}"
    raise ArgumentError("channels", rule, f"it names {checks.shown(key)}")
