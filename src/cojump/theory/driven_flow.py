"""Flows that change in time by a few factors: integrated piece by piece, never across a break of an envelope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, UnsupportedError
from ..model.driven import Drive, Piece, numbered
from ..tools.ode import integrate
from ..tools.types import Array


def integrate_driven(
    drive: Drive, flows: Sequence[Callable[[Array], Array]], start: Array, times: Array, **options: Any
) -> Array:
    """(T, n) solution of dy/dt = Σ_p c_p(t) flow_p(y) at the times; options are those of ``integrate``.

    Each piece of the time axis is integrated by itself: there the factors are smooth, and no step is longer than that,
    so that none steps over a pulse.
    """
    options.setdefault("unit_rate", drive.unit_rate)
    path = [start[None, :]] if times[0] == 0 else []
    y = start
    for piece in drive.pieces:
        wanted = times[(times > piece.start) & (times <= piece.end)]
        ends = wanted if len(wanted) and wanted[-1] == piece.end else np.append(wanted, piece.end)

        def derivative(s: float, y: Array, piece: Piece = piece) -> Array:
            total = np.zeros_like(y)
            for factor, flow, part in zip(piece.values(piece.start + s), flows, drive.parts, strict=True):
                if factor != 0:
                    try:
                        total = total + factor * flow(y)
                    except (ArgumentError, UnsupportedError) as error:
                        raise numbered(part, error) from error
            return total

        found = integrate(derivative, y, np.append(0.0, ends - piece.start), since=piece.start, **options)[1:]
        path.append(found[: len(wanted)])
        y = np.ascontiguousarray(found[-1])
    return np.concatenate(path)
