"""The way through an HTTP proxy: which one, and the exchange that opens a tunnel (RFC 9110 9.3.6).

No I/O here: a backend moves the bytes of a `Tunnel` and goes on with the stream when it is open.
"""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

import h11

from estuary_proto.authority import authority
from estuary_proto.config import invalid
from estuary_proto.errors import ErrorCode, EstuaryError

MAX_HEAD: Final = 16 * 2**10
"""The most bytes of a proxy's answer that are read."""

_SECURE: Final = {"http": False, "https": True}
_INFORMATIONAL: Final = 10
"""Answers of the kind 1xx that are waited out."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `secure`: it is spoken to over TLS. The credentials are a secret."""

    host: str
    port: int
    secure: bool = False
    authorization: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return authority(self.host, self.port)


def parse_proxy(url: str, name: str = "proxy") -> Proxy:
    """The proxy of a URL such as `http://user:secret@host:3128`; https for TLS to the proxy.

    Raises EstuaryError CONFIG_INVALID that calls it by `name` and never repeats the URL.
    """
    if not isinstance(url, str):
        raise invalid(name, f"{type(url).__name__} is no URL", _WAY_OUT)
    if not url.isprintable() or " " in url:
        raise invalid(name, "it holds blanks or control characters", _WAY_OUT)
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise invalid(name, "its host or port makes no sense", _WAY_OUT) from None
    if parts.scheme not in _SECURE:
        problem = f"a {parts.scheme!r} proxy is not supported, only http and https are"
        raise invalid(name, problem, _WAY_OUT)
    if not host or port == 0:
        raise invalid(name, "it names no host, or port 0", _WAY_OUT)
    secure = _SECURE[parts.scheme]
    authorization = None
    if parts.username is not None:
        pair = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
        authorization = "Basic " + b64encode(pair).decode("ascii")
    return Proxy(host, port or (443 if secure else 80), secure, authorization)


_WAY_OUT: Final = "give something like http://proxy.example:3128, or '' for none"


def proxy_for(argument: str | None, host: str, port: int, *, secure: bool) -> Proxy | None:
    """The proxy on the way to a server: the argument's, or with None the environment's.

    HTTPS_PROXY is for servers over TLS, HTTP_PROXY for others, ALL_PROXY for both; NO_PROXY names
    those that are reached without; in small letters too. "" is none.
    """
    if argument is not None:
        return parse_proxy(argument) if argument else None
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies_environment, proxy_bypass

    proxies = getproxies_environment()
    scheme = "https" if secure else "http"
    kind = scheme if scheme in proxies else "all"
    if kind not in proxies or proxy_bypass(authority(host, port)):
        return None
    return parse_proxy(proxies[kind], f"{kind.upper()}_PROXY")


class Tunnel:
    """The exchange with a proxy: write `request`, feed what comes until it is open."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._proxy = proxy
        self._host = host
        self._port = port
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._informational = 0
        target = authority(host, port)
        headers = [("Host", target), ("User-Agent", "estuary-anyio")]
        if proxy.authorization is not None:
            headers.append(("Proxy-Authorization", proxy.authorization))
        request = h11.Request(method="CONNECT", target=target, headers=headers)
        self.request: bytes = self._h11.send(request) or b""
        self._h11.send(h11.EndOfMessage())

    def receive_data(self, data: bytes) -> bool:
        """Bytes of the proxy (none: it has hung up); True when the tunnel is open.

        Raises EstuaryError CONNECTION_FAILED when it never will be.
        """
        try:
            self._h11.receive_data(data)
            while self._informational < _INFORMATIONAL:
                event = self._h11.next_event()
                if isinstance(event, h11.Response):
                    return self._answered(event)
                if not isinstance(event, h11.InformationalResponse):
                    break
                self._informational += 1
        except h11.RemoteProtocolError as error:
            what = "does not speak HTTP here" if data else "hung up before it answered"
            raise self._error(f"{what}: {error}") from None
        if self._informational >= _INFORMATIONAL:
            raise self._error("does not come to an answer")
        return False

    def _answered(self, response: h11.Response) -> bool:
        status = response.status_code
        if not 200 <= status < 300:
            hint = ": it wants other credentials than it was given" if status == 407 else ""
            raise self._error(f"refused with HTTP {status}{hint}", status)
        if self._h11.trailing_data[0]:
            # The server waits for our first word, so this is not from there.
            raise self._error("sent something behind its answer")
        return True

    def _error(self, what: str, status: int | None = None) -> EstuaryError:
        details = {"host": self._host, "port": self._port, "proxy": str(self._proxy)}
        if status is not None:
            details["status"] = status
        target = authority(self._host, self._port)
        return EstuaryError(
            f"the proxy at {self._proxy} {what} (on the way to {target})",
            ErrorCode.CONNECTION_FAILED,
            details,
        )
