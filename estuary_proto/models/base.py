"""What every data model shares: frozen, tolerant to read, exact to write.

A model is a table of fields with the wire beside it:

    @model
    class SessionInfo(Model):
        session_id: str = ""
        livekit_token: str | None = wire("livekitToken", default=None, secret=True)

Fields may be str, int, float, bool, Any, another model, `list[…]`, `tuple[…, ...]`, `dict[str, …]`
of these, and each of them `| None`.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

from estuary_proto.models import reading, writing

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_T = TypeVar("_T")


def wire(
    name: str = "",
    *,
    default: Any = MISSING,
    default_factory: Any = MISSING,
    aliases: tuple[str, ...] = (),
    secret: bool = False,
    hidden: bool = False,
    omit: bool = False,
) -> Any:
    """A field that says more about itself than its name and type.

    `name` is the key on the wire where it is not the class's own spelling, `aliases` are further
    keys to read from. A `secret` never shows in a repr, a `hidden` value is only too long for one.
    `omit` leaves the field out of what is written while it holds its default.
    """
    return field(
        default=default,
        default_factory=default_factory,
        repr=not (secret or hidden),
        metadata={"wire": name, "aliases": aliases, "omit": omit, "secret": secret},
    )


@dataclass_transform(frozen_default=True, field_specifiers=(wire, field))
def model(cls: type[_T]) -> type[_T]:
    """Make a frozen dataclass with slots of a table of fields.

    Comparison, hash and repr come from `Model`, not from code made for each class: defining a class
    then takes a bit more than half the time, and the start of a program is mostly that.
    """
    return dataclass(frozen=True, slots=True, eq=False, repr=False)(cls)


class Model:
    """A frozen record that reads itself from anything and writes itself for the wire."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    NAME: ClassVar[str] = ""
    """The user's name of this event (seed 001, API 3); empty for what is no event."""
    WIRE: ClassVar[str] = ""
    """The name of this event on the wire (PROTOCOL 2 and 3); empty for what is no message."""
    CAMEL: ClassVar[bool] = False
    """Written in camelCase instead of snake_case. Reading takes both."""
    BARE: ClassVar[str] = ""
    """The key that a bare string in place of the object stands for."""
    BLANK: ClassVar[bool] = False
    """With nothing to say, the message goes without a payload instead of with an empty object."""

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Read this model from a decoded JSON value, whatever that is.

        Never raises. Unknown keys are ignored; what is missing, null or of the wrong type takes the
        field's default. Each field is found under its own name, in camelCase, and under the further
        names that the wire is known to use; the first of these that can be read counts.
        """
        made: Self = reading.reader_of(cls)(data)
        return made

    def to_dict(self) -> dict[str, Any]:
        """The model in the wire's spelling, made of plain JSON types. None is left out."""
        return writing.write(self)

    def check(self) -> bool:
        """Raise LocalProtocolError, naming the field, if a field holds the wrong type; else True.

        Construction does not check, for speed; `messages.write` does, before anything is sent.
        """
        writing.check(self)
        return True

    def _compared(self) -> tuple[Any, ...]:
        return tuple(getattr(self, part.name) for part in fields(self) if part.compare)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Model) and other.__class__ is self.__class__:
            return self._compared() == other._compared()
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.__class__, self._compared()))

    def __repr__(self) -> str:
        shown = (f"{part.name}={getattr(self, part.name)!r}" for part in fields(self) if part.repr)
        return f"{self.__class__.__qualname__}({', '.join(shown)})"


def reader_of(cls: type[Model]) -> Callable[[object], Any]:
    """`cls.from_dict` as a plain function, for those who call it thousands of times a second."""
    return reading.reader_of(cls)
