"""Named tuples that kernels are given as one address.

numba hands over a named tuple as all of its fields, an array as seven and more numbers: what a kernel calls is written,
typed, and optimised with hundreds of arguments, and a call takes as long as what it does with a small state. Here the
fields stand in memory, one number after another, and the address is handed on. They are what they were when Python
called the kernel, so that the compiler may keep them in registers: only what the arrays hold is ever written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, models, register_model, typeof_impl, unbox

_SLOT = 8
"""Bytes of each number."""

_BYTE, _PLACE = ir.IntType(8), ir.IntType(64)

Record = TypeVar("Record", bound=type[tuple[Any, ...]])


class ByReference(types.Type):
    """numba's type of a named tuple whose fields stand in memory.

    Attributes
    ----------
    instance_class : type
        The named tuple.
    fields : tuple of str
    types : dict
        The type of each field.
    """

    def __init__(self, instance_class: type, fields: tuple[types.Type, ...]) -> None:
        self.instance_class = instance_class
        self.fields: tuple[str, ...] = instance_class._fields  # type: ignore[attr-defined]
        self.types = dict(zip(self.fields, fields, strict=True))
        digest = hashlib.sha256(repr([str(t) for t in fields]).encode()).hexdigest()[:16]
        super().__init__(name=f"{instance_class.__module__}.{instance_class.__qualname__}.{digest}")


def by_reference(record: Record) -> Record:
    """Let kernels be given named tuples of this kind as one address."""

    @typeof_impl.register(record)
    def type_of(value: Any, context: Any) -> ByReference:
        fields = tuple(typeof_impl(field, context) for field in value)
        return ByReference(record, fields)

    return record


@register_model(ByReference)
class _Address(models.PrimitiveModel):
    def __init__(self, manager: Any, typ: ByReference) -> None:
        super().__init__(manager, typ, _BYTE.as_pointer())


def _numbers(kind: Any) -> list[Any]:
    """The numbers that a value of this kind of LLVM's consists of."""
    if isinstance(kind, ir.LiteralStructType):
        return [n for element in kind.elements for n in _numbers(element)]
    if isinstance(kind, ir.ArrayType):
        return _numbers(kind.element) * kind.count
    return [kind]


@cache
def _slots(context: Any, typ: types.Type) -> int:
    """How many numbers a field of this type has."""
    if isinstance(typ, ByReference):
        return sum(_slots(context, t) for t in typ.types.values())
    return len(_numbers(context.get_value_type(typ)))


def _at(builder: Any, address: Any, slot: int) -> Any:
    return builder.gep(address, [ir.Constant(_PLACE, _SLOT * slot)], inbounds=True) if slot else address


def _store(builder: Any, value: Any, places: Iterator[Any]) -> None:
    """Write the numbers of a value into places."""
    kind = value.type
    if isinstance(kind, ir.LiteralStructType | ir.ArrayType):
        n = len(kind.elements) if isinstance(kind, ir.LiteralStructType) else kind.count
        for i in range(n):
            _store(builder, builder.extract_value(value, i), places)
    else:
        builder.store(value, builder.bitcast(next(places), kind.as_pointer()))


def _load(builder: Any, kind: Any, places: Iterator[Any]) -> Any:
    """A value of this kind, whose numbers are read from places."""
    if isinstance(kind, ir.LiteralStructType | ir.ArrayType):
        elements = kind.elements if isinstance(kind, ir.LiteralStructType) else [kind.element] * kind.count
        value = ir.Constant(kind, ir.Undefined)
        for i, element in enumerate(elements):
            value = builder.insert_value(value, _load(builder, element, places), i)
        return value
    made = builder.load(builder.bitcast(next(places), kind.as_pointer()))
    # nobody writes there while a kernel runs: LLVM need not read it again after a store into an array
    made.set_metadata("invariant.load", builder.module.add_metadata([]))
    return made


def _places(builder: Any, address: Any, first: int) -> Iterator[Any]:
    slot = first
    while True:
        yield _at(builder, address, slot)
        slot += 1


@infer_getattr
class _Fields(AttributeTemplate):
    key = ByReference

    def generic_resolve(self, typ: ByReference, name: str) -> types.Type | None:
        return typ.types.get(name)


@lower_getattr_generic(ByReference)
def _field(context: Any, builder: Any, typ: ByReference, address: Any, name: str) -> Any:
    slot = 0
    for other, kind in typ.types.items():
        if other == name:
            break
        slot += _slots(context, kind)
    if isinstance(kind, ByReference):
        return _at(builder, address, slot)
    return _load(builder, context.get_value_type(kind), _places(builder, address, slot))


@unbox(ByReference)
def _unboxed(typ: ByReference, record: Any, c: Any) -> NativeValue:
    size = ir.ArrayType(_PLACE, max(_slots(c.context, typ), 1))
    address = c.builder.bitcast(cgutils.alloca_once(c.builder, size), _BYTE.as_pointer())
    failed = cgutils.alloca_once_value(c.builder, cgutils.false_bit)
    _written(typ, record, c, _places(c.builder, address, 0), failed)
    return NativeValue(_kept_apart(c.builder, address), is_error=c.builder.load(failed))


def _kept_apart(builder: Any, address: Any) -> Any:
    """The same address, of which LLVM does not know what it is, by no instruction.

    What is read from there counts as never written (see _load). Where a kernel is small enough to be put into the code
    that Python calls, with the fields written in the same function, LLVM may otherwise read before that.
    """
    same = ir.FunctionType(address.type, [address.type])
    return builder.asm(same, "", "=r,0,~{memory}", [address], True)


def _written(typ: ByReference, record: Any, c: Any, places: Iterator[Any], failed: Any) -> None:
    for i, kind in enumerate(typ.types.values()):
        field = c.pyapi.tuple_getitem(record, i)
        if isinstance(kind, ByReference):
            _written(kind, field, c, places, failed)
            continue
        native = c.unbox(kind, field)
        with c.builder.if_then(native.is_error, likely=False):
            c.builder.store(cgutils.true_bit, failed)
        _store(c.builder, native.value, places)
