"""A mapper component in wasmtime's Python binding, spoken to in the kit's JSON form."""

from typing import Any, Callable

from wasmtime import Engine, Store, WasmtimeError
from wasmtime.component import Component, Linker, Record, Variant
from wasmtime.component import (
    EnumType, F64, ListType, OptionType, RecordType, ResultType, TupleType, ValType, VariantType,
)

CONTRACT = "convey:pipeline/mapper@0.1.0"
WORDS = "abcdefgh"


class Unsupported(Exception):
    """The component is no mapper of the contract that this host speaks."""


class Mapper:
    """One live instance. After a trap it is dead: make another."""

    def __init__(self, wasm: bytes):
        engine = Engine()
        component = Component(engine, wasm)
        shape = component.type
        exports = list(shape.exports(engine))
        if CONTRACT not in exports:
            raise Unsupported(
                f"this host speaks {CONTRACT}, and the component exports {', '.join(exports) or 'nothing'}: "
                "take a component and a host of one release"
            )
        foreign = [name for name in shape.imports(engine) if not name.startswith("convey:pipeline/types@")]
        if foreign:
            raise Unsupported(f"a mapper imports nothing but types, and this component wants {', '.join(foreign)}")
        self.store = Store(engine)
        # Nothing is linked: there is nothing that a mapper could ask for.
        instance = Linker(engine).instantiate(self.store, component)
        interface = component.get_export_index(CONTRACT)

        def function(name: str) -> Callable[[Any], Any]:
            called = instance.get_func(self.store, component.get_export_index(name, interface))
            shape = called.type(self.store)
            lower, lift = reader(shape.params[0][1]), writer(shape.result)
            return lambda argument: lift(called(self.store, lower(argument)))

        self.configure = function("configure")
        self.translate = function("translate")


def reader(shape: ValType) -> Callable[[Any], Any]:
    """How JSON becomes what wasmtime wants of this type."""
    if isinstance(shape, RecordType):
        fields = [(name, reader(inner)) for name, inner in shape.fields]

        def record(value: dict) -> Record:
            made = Record()
            for name, read in fields:
                setattr(made, name, read(value.get(name)))
            return made

        return record
    if isinstance(shape, OptionType):
        some = reader(shape.payload)
        return lambda value: None if value is None else some(value)
    if isinstance(shape, ListType):
        item = reader(shape.element)
        return lambda value: [item(inner) for inner in value]
    if isinstance(shape, TupleType):
        parts = [reader(inner) for inner in shape.elements]
        return lambda value: tuple(read(inner) for read, inner in zip(parts, value))
    if isinstance(shape, VariantType):
        cases = {tag: inner and reader(inner) for tag, inner in shape.cases}
        # wasmtime wants a bare payload where the payloads' Python types tell the cases apart.
        wrap = Variant if shape._tagged() else lambda tag, payload: payload
        return lambda value: wrap(value["tag"], cases[value["tag"]] and cases[value["tag"]](value["val"]))
    return float if isinstance(shape, F64) else lambda value: value


def writer(shape: ValType) -> Callable[[Any], Any]:
    """How what wasmtime gives of this type becomes JSON."""
    if isinstance(shape, RecordType):
        fields = [(name, writer(inner)) for name, inner in shape.fields]
        if [name for name, _ in fields] == list(WORDS):
            return lambda value: "".join(f"{getattr(value, word):08x}" for word in WORDS)

        def record(value: Record) -> dict:
            told = ((name, write(getattr(value, name))) for name, write in fields)
            return {name: inner for name, inner in told if inner is not None}

        return record
    if isinstance(shape, OptionType):
        some = writer(shape.payload)
        return lambda value: None if value is None else some(value)
    if isinstance(shape, ListType):
        item = writer(shape.element)
        return lambda value: [item(inner) for inner in value]
    if isinstance(shape, TupleType):
        parts = [writer(inner) for inner in shape.elements]
        return lambda value: [write(inner) for write, inner in zip(parts, value)]
    if isinstance(shape, (VariantType, ResultType)):
        return cases(shape)
    return lambda value: value


def cases(shape: VariantType | ResultType) -> Callable[[Any], Any]:
    """A variant or result as `{"tag": …, "val": …}`. Where wasmtime gives the bare payload, its type tells the case."""
    writers = {tag: inner and writer(inner) for tag, inner in shape._cases()}
    classes: dict[str, tuple[type, ...]] = {}
    for tag, inner in shape._cases():
        kinds: set[type] = set() if inner else {type(None)}
        if inner:
            inner.add_classes(kinds)
        classes[tag] = tuple(kinds)

    def write(value: Any) -> dict:
        if isinstance(value, Variant):
            tag, payload = value.tag, value.payload
        else:
            tag, payload = next(tag for tag, kinds in classes.items() if isinstance(value, kinds)), value
        told = writers[tag]
        return {"tag": tag, "val": told(payload)} if told else {"tag": tag}

    return write
