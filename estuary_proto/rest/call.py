"""A call of the REST API as a value: the request it makes, and how its answer is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from urllib.parse import quote, urlsplit

from estuary_proto.errors import LocalProtocolError, RemoteProtocolError
from estuary_proto.jsontext import dumps, loads
from estuary_proto.rest.checks import an_id
from estuary_proto.rest.errors import RestError, error_of
from estuary_proto.rest.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from estuary_proto.models.base import Model

T = TypeVar("T")
M = TypeVar("M", bound="Model")

_PART: Final = re.compile(r"\{(\w+)\}")


class Access(Enum):
    """Who a route wants to be called by (PROTOCOL 7.1)."""

    KEY = "key"
    """The developer key in X-API-Key, or a token as a bearer."""
    BEARER = "bearer"
    """The key or token as a bearer: those routes read nothing else."""
    ANONYMOUS = "anonymous"
    """Nobody in particular: nothing that tells who we are is sent."""


class Repeat(Enum):
    """Whether the same request may be sent again when nobody knows what became of it."""

    SAFE = "safe"
    """As often as one likes."""
    KEYED = "keyed"
    """With the same Idempotency-Key, by which the server knows it again."""
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, and which program. `prefix` is the path of the server's URL; `token` is a
    restricted one and stands in for the key, and `player_id` is then the one it was given for."""

    client: str = ""
    prefix: str = ""
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    player_id: str = ""

    def headers(self, access: Access, names_player: bool) -> list[tuple[str, str]]:
        """The headers that say so (PROTOCOL 7.1, 1.6)."""
        found = [("X-Estuary-Client", self.client)] if self.client else []
        if access is Access.ANONYMOUS:
            return found
        bearer = self.token or (self.key if access is Access.BEARER else "")
        if bearer:
            found.append(("Authorization", f"Bearer {bearer}"))
        elif self.key:
            found.append(("X-API-Key", self.key))
        if self.player_id and (names_player or self.token):
            found.append(("X-Player-Id", self.player_id))
        return found

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not show."""
        return tuple(filter(None, (self.key, self.token)))


NOBODY: Final = Identity()


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call: `request()` is what to send, `parse()` what came of it."""

    method: str
    route: str
    path: str = field(repr=False)
    read: Callable[[Any], T] = field(repr=False)
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    access: Access = Access.KEY
    repeat: Repeat = Repeat.NEVER
    names_player: bool = False
    idempotency_key: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    accept: str = "application/json"

    def request(self, identity: Identity = NOBODY) -> HttpRequest:
        """The request as `identity` sends it.

        Raises LocalProtocolError for what cannot stand in a header.
        """
        headers = [("Accept", self.accept), *identity.headers(self.access, self.names_player)]
        if self.content_type:
            headers.append(("Content-Type", self.content_type))
        if self.idempotency_key:
            headers.append(("Idempotency-Key", self.idempotency_key))
        for name, value in headers:
            _check_header(name, value)
        target = identity.prefix + self.path
        if self.query:
            pairs = (f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in self.query)
            target += "?" + "&".join(pairs)
        return HttpRequest(self.method, self.route, target, tuple(headers), self.body)

    def parse(self, response: HttpResponse) -> T:
        """What the server answered. Raises RestError, by its status of a subclass."""
        if not response.is_success:
            raise error_of(f"{self.method} {self.route}", response.without(self.secrets))
        data = self._decoded(response)
        try:
            return self.read(data)
        except _Odd as odd:
            raise self.unreadable(response, str(odd)) from None

    def _decoded(self, response: HttpResponse) -> Any:
        """The JSON of a success; None for the empty body, which is one too (PROTOCOL 7.1)."""
        if not response.body.strip():
            return None
        try:
            return loads(response.body.decode("utf-8-sig"))
        except (UnicodeDecodeError, RemoteProtocolError) as error:
            # The body may hold a token: it is not shown, and the reader's words do not hold it.
            why = "it is no UTF-8" if isinstance(error, UnicodeDecodeError) else error.message
            raise self.unreadable(response, why) from None

    def unreadable(self, response: HttpResponse, why: str) -> RestError:
        """The error for a success that cannot be understood."""
        route = f"{self.method} {self.route}"
        return RestError(
            f"{route} answered {response.status} with something unreadable: {why}",
            status=response.status,
            details={"route": route},
        )


def _check_header(name: str, value: str) -> None:
    """What a header's value may not be (RFC 9110 5.5); the value may be a secret."""
    if value != value.strip() or any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise LocalProtocolError(f"{name}: outer blanks and control characters cannot be sent")


def prefix_of(server_url: str) -> str:
    """The path that a server's URL begins with, fit for a request line; mostly empty."""
    return quote(urlsplit(server_url).path.rstrip("/"), safe="/%:@!$&'()*+,;=~")


def path_of(route: str, **parts: object) -> str:
    """The path of a route with each part percent-encoded; an empty id is refused."""
    return _PART.sub(lambda found: quote(an_id(found[1], parts[found[1]]), safe=""), route)


def query_of(**given: Any) -> tuple[tuple[str, str], ...]:
    """A query of what is given, by camelCase names; None is left out, booleans are lower-case."""
    return tuple(
        (name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in given.items()
        if value is not None
    )


def json_of(given: Mapping[str, Any]) -> bytes:
    """The body of what is given; None is left out. Raises LocalProtocolError for no JSON."""
    return dumps({name: value for name, value in given.items() if value is not None}).encode()


JSON: Final = "application/json"


def reads(cls: type[M]) -> Callable[[Any], M]:
    """How an answer becomes a model; the empty one holds its defaults."""

    def read(data: Any) -> M:
        return cls.from_dict(an_answer(data))

    return read


class _Odd(Exception):
    """An answer is JSON, but not what was asked for."""


def an_answer(data: Any) -> dict[str, Any]:
    """An answer that should be a JSON object; an empty one holds nothing."""
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise _Odd(f"{_KINDS.get(type(data), 'a number')} in place of an object")
    return data


_KINDS: Final = {list: "a list", str: "a text", bool: "a boolean"}


def reads_object(message: str = "") -> Callable[[Any], dict[str, Any]]:
    """How an answer becomes a dict; with `message`, one that always holds a message."""

    def read(data: Any) -> dict[str, Any]:
        found = an_answer(data)
        return {"message": message, **found} if message else found

    return read
