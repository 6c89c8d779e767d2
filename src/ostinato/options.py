"""Options are the fields of a dataclass: flags, recipe keys, checks and help are derived from them.

    @dataclass
    class Translation:
        hidden_size: int = option(256, "units of each recurrent layer", minimum=1)

Importable from everywhere; imports nothing of ours but errors."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from ostinato.errors import InputError, as_flag, nearest, option_name


def option(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    when_predicting: bool = False,
    group: str | None = None,
    path: Literal["kept", "given", "written"] | None = None,
    words: tuple[str, ...] = (),
    or_number: bool = False,
) -> Any:
    """A dataclass field that is an option.

    Args:
        default: its value unless given; a list or dict is copied
        help: one line for `--help`
        minimum: least value allowed
        maximum: greatest value allowed
        above: a bound that is not allowed itself
        when_predicting: whether it can be changed on a trained model
        group: where `--help` shows it, unless where option_groups.py says
        path: the option names a file or folder: kept, a copy of the file goes into the run folder;
            given, the user gives it whenever it is needed; written, likewise, and it is written to
        words: values of a path that are none
        or_number: a text that may be a number, which Python may give as one: a column's, seconds
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "above": above,
        "when_predicting": when_predicting,
        "group": group,
        "path": path,
        "words": words,
        "or_number": or_number,
    }
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def redefine(base: type, name: str, default: Any) -> Any:
    """The option `name` of a base class with another default; help and range stay.

    hidden_size: int = redefine(RecurrentOptions, "hidden_size", 512)"""
    metadata = next(field.metadata for field in dataclasses.fields(base) if field.name == name)
    return dataclasses.field(default=default, metadata=metadata)


class OneOf:
    """The words that an option takes, where they are computed and a Literal cannot list them.

    cell: Annotated[str, OneOf(*CELLS)] = option("lstm", "the recurrent cell")"""

    def __init__(self, *choices: str):
        self.choices = choices


class Field(NamedTuple):
    """One option with its parsed annotation.

    `X | None` is optional, `Literal` and `OneOf` have choices, `list[X]` takes many."""

    name: str
    type: type
    default: Any
    optional: bool
    many: bool
    choices: tuple
    metadata: Mapping

    @property
    def flag(self) -> str:
        return as_flag(self.name)


def fields(options: type) -> dict[str, Field]:
    """The options of a dataclass by name, in the order of their definition."""
    return _read_fields(options)


@functools.cache
def _read_fields(options: type) -> dict[str, Field]:
    hints = typing.get_type_hints(options, include_extras=True)
    return {
        field.name: parse_annotation(
            field.name, hints[field.name], default_of(field), field.metadata
        )
        for field in dataclasses.fields(options)
        if field.init
    }


def default_of(field: dataclasses.Field) -> Any:
    """The default of a dataclass field, made anew where it is a list or a dict."""
    return (
        field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    )


def parse_annotation(name: str, hint: Any, default: Any, metadata: Mapping) -> Field:
    """The Field of an annotation: `float`, `int | None`, `Literal["a", "b"]`, `list[str]`."""
    optional = many = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        optional = True
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is list:
        many = True
        hint = typing.get_args(hint)[0]
    choices: tuple = ()
    if typing.get_origin(hint) is Annotated:
        hint, *notes = typing.get_args(hint)
        choices = next((note.choices for note in notes if isinstance(note, OneOf)), ())
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
    kind = type(choices[0]) if choices else hint
    return Field(name, kind, default, optional, many, choices, metadata)


def check(field: Field, value: Any, where: Callable[[str], str]) -> Any:
    """The value as the field's type.

    Args:
        field: the option
        value: what was given for it
        where: the option's name -> what the user calls it, such as
            "--hidden-size" or "recipe x: hidden_size"

    Raises:
        InputError: wrong type, not among the choices, or out of range.
    """
    name = where(field.name)
    if field.many and not isinstance(value, str) and isinstance(value, (list, tuple)):
        return [check_one(field, item, name) for item in value]
    if field.optional and (value is None or (value == "none" and field.type is not str)):
        return None
    one = check_one(field, value, name)
    return [one] if field.many else one


def check_one(field: Field, value: Any, name: str) -> Any:
    """A single value as the field's type; `name` is what an InputError calls the option."""
    if field.choices:
        if value not in field.choices:
            raise InputError(
                f"{name}: no choice {value!r}{nearest(str(value), map(str, field.choices))}"
            )
        return value
    if field.metadata.get("or_number") and type(value) is int:
        value = str(value)
    if field.type is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if field.type is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if field.type in (int, float, bool, str) and type(value) is not field.type:
        raise InputError(f"{name}: expected {WORDS[field.type]}, got {value!r}")
    check_range(field, value, name)
    return value


WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


# where an option names no maximum: what 32 bits can count, and what float32 can hold
LARGEST_WHOLE, LARGEST_NUMBER = 2**31 - 1, 1e38


def check_range(field: Field, value: Any, name: str) -> None:
    """InputError if a number is not finite, or out of the option's range."""
    limits = field.metadata
    if not isinstance(value, bool) and isinstance(value, (int, float)):
        most = LARGEST_WHOLE if field.type is int else LARGEST_NUMBER
        unbounded = "maximum" in limits and limits["maximum"] is None
        if unbounded and math.isfinite(value) and abs(value) > most:
            raise InputError(f"{name} must be at most {most:,}; got {value:,}"[:200])
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{name} must be a finite number; got {value}")
    if limits.get("minimum") is not None and value < limits["minimum"]:
        raise InputError(f"{name} must be at least {limits['minimum']}; got {value}")
    if limits.get("above") is not None and value <= limits["above"]:
        raise InputError(f"{name} must be above {limits['above']}; got {value}")
    if limits.get("maximum") is not None and value > limits["maximum"]:
        raise InputError(f"{name} must be at most {limits['maximum']}; got {value}")


def build(
    options: type, values: Mapping[str, Any], where: Callable[[str], str] = option_name
) -> Any:
    """A dataclass from a mapping.

    Args:
        options: the dataclass
        values: its fields by name
        where: the option's name -> what the user calls it

    Raises:
        InputError: an unknown name (the message has the nearest known one) or a bad value.
    """
    known = fields(options)
    for name in values:
        if name not in known:
            raise InputError(f"{where(name)}: no such option{nearest(name, known)}")
    return options(**{name: check(known[name], value, where) for name, value in values.items()})


def to_dict(options: Any) -> dict[str, Any]:
    """The options as a mapping that JSON and TOML can hold; build() reads it back."""
    kind: type = type(options)
    return {name: getattr(options, name) for name in fields(kind)}


def split(
    values: Mapping[str, Any], *classes: type, where: Callable[[str], str] = option_name
) -> list[dict[str, Any]]:
    """Distributes keyword arguments among dataclasses by their fields.

    split({"size": 3, "epochs": 2}, Model, Training) -> [{"size": 3}, {"epochs": 2}]

    Raises:
        InputError: a name that none of them has.
    """
    known = [fields(options) for options in classes]
    everything = [name for names in known for name in names]
    for name in values:
        if name not in everything:
            raise InputError(f"{where(name)}: no such option{nearest(name, everything)}")
    return [{name: value for name, value in values.items() if name in names} for names in known]
