"""How a synchronous class is made of an asynchronous one: method by method, types included.

    class Script:
        finished: Final = twin(aio.Script.finished)

`twin` is the whole of it. Parameters, docstring and result are those of the method; what was
awaited is waited for, and what has a twin itself is handed out as that (`Twin`).
"""

from __future__ import annotations

from functools import partial, update_wrapper
from inspect import iscoroutinefunction
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    overload,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    import estuary_anyio as aio
    from estuary_proto.rest.paging import HasId

    from .answers import Receipt, Reply, Script
    from .iterators import Iterating, ReplyVoice
    from .loop import Loop
    from .rest_clients import Pages

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
T = TypeVar("T")
H = TypeVar("H", bound="HasId")


class Method(Protocol[P, R_co]):
    """A method that is described by the parameters and the result of another."""

    @overload
    def __get__(self, twin: None, owner: type[object]) -> Callable[Concatenate[Any, P], R_co]: ...
    @overload
    def __get__(self, twin: object, owner: type[object]) -> Callable[P, R_co]: ...


class Twin(Generic[S]):
    """Something asynchronous, and the loop that it lives in."""

    _twins: ClassVar[dict[type[Any], type[Twin[Any]]]] = {}

    def __init_subclass__(cls, *, of: type[Any] | None = None) -> None:
        super().__init_subclass__()
        if of is not None:
            Twin._twins[of] = cls

    def __init__(self, loop: Loop, source: S) -> None:
        self._loop = loop
        self._source = source

    def __repr__(self) -> str:
        plain = type(self._source).__repr__ is object.__repr__
        return object.__repr__(self) if plain else repr(self._source)


def handed_out(loop: Loop, thing: Any) -> Any:
    """The twin of what has one, else the thing itself."""
    kind = Twin._twins.get(type(thing))
    return thing if kind is None else kind(loop, thing)


# The last overload is for what has no twin.
@overload
def twin(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, aio.Receipt]],
) -> Method[P, Receipt]: ...
@overload
def twin(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> Method[P, R]: ...
@overload
def twin(
    method: Callable[Concatenate[Any, P], aio.Receipt],
) -> Method[P, Receipt]: ...
@overload
def twin(
    method: Callable[Concatenate[Any, P], aio.Reply],
) -> Method[P, Reply]: ...
@overload
def twin(
    method: Callable[Concatenate[Any, P], aio.ReplyVoice],
) -> Method[P, ReplyVoice]: ...
@overload
def twin(
    method: Callable[Concatenate[Any, P], aio.Script],
) -> Method[P, Script]: ...
@overload
def twin(
    method: Callable[Concatenate[Any, P], aio.Pages[H]],
) -> Method[P, Pages[H]]: ...
@overload
def twin(
    method: Callable[Concatenate[Any, P], AsyncIterator[T]],
) -> Method[P, Iterating[T]]: ...
@overload
def twin(method: Callable[Concatenate[Any, P], R]) -> Method[P, R]: ...
def twin(method: Callable[..., Any]) -> Any:
    """The twin of a method: called in the loop, waited for if it is a coroutine function."""
    waits = iscoroutinefunction(method)

    def call(self: Twin[Any], /, *args: Any, **kwargs: Any) -> Any:
        loop = self._loop
        job = partial(method, self._source, *args, **kwargs)
        return handed_out(loop, loop.run(job) if waits else loop.do(job))

    return update_wrapper(call, method)
