"""One name for what is done to states written in different ways: which function it is, the type of an argument says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numba.extending import overload

from .common import OPTIONS


def by_type(functions: Mapping[type, Any], options: Mapping[str, Any] = OPTIONS) -> Callable[..., Any]:
    """The function for the type of the first argument, a NamedTuple; in kernels it is chosen when they are compiled."""

    def chosen(first, *rest):
        return functions[type(first)](first, *rest)

    @overload(chosen, jit_options=options, strict=False)
    def choose(first, *rest):
        return functions[first.instance_class]

    return chosen
