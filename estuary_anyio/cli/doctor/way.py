"""The way to a server in single steps: name, connection, proxy, TLS.

The driver takes them all at once, and tells of the first that fails; here each is looked at.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.streams.tls import TLSAttribute, TLSStream

from estuary_anyio.dial import default_context, explain
from estuary_anyio.loopback import is_loopback
from estuary_anyio.proxy import Tunnel
from estuary_proto.authority import authority

from .findings import Verdict, duration

if TYPE_CHECKING:
    from anyio.abc import ByteStream

    from estuary_anyio.proxy import Proxy

SHOWN: Final = 3
"""Addresses and names that are shown of more."""
SOON: Final = 14 * 86400
"""Seconds before its end in which a certificate is worth a warning."""


class Failed(Exception):
    """A step did not work; `mend` is what to do."""

    def __init__(self, text: str, mend: str = "", **facts: Any) -> None:
        super().__init__(text)
        self.text = text
        self.mend = mend
        self.facts = facts


@dataclass
class Found:
    """What a step found."""

    text: str
    facts: dict[str, Any]
    verdict: Verdict = Verdict.OK
    mend: str = ""
    seconds: float | None = None
    """What it took, where that is not the whole step."""


def found(text: str, **facts: Any) -> Found:
    """All is well."""
    return Found(text, facts)


async def look_up(host: str, port: int, within: float) -> tuple[Found, list[str]]:
    """The addresses of a name. Raises Failed."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return found(f"{host} is an address, nothing to look up", addresses=[host]), [host]
    try:
        with anyio.fail_after(within):
            entries = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise Failed(
            f"the resolver did not answer within {within:g} s", "check the network and its DNS"
        ) from None
    except (socket.gaierror, UnicodeError) as error:
        raise _no_name(host, error) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    shown = ", ".join(addresses[:SHOWN]) + (", ..." if len(addresses) > SHOWN else "")
    return found(f"{host} is {shown}", addresses=addresses), addresses


def _no_name(host: str, error: Exception) -> Failed:
    number = getattr(error, "errno", None)
    if number == socket.EAI_AGAIN:
        text = f"no DNS server answers for {host!r}"
        return Failed(text, "check the network: are you online, is a VPN needed?")
    return Failed(
        f"the host name {host!r} cannot be resolved",
        "check --url for a typing error; where the name is right, the network's DNS lacks it",
    )


# --- TCP --------------------------------------------------------------------------------------


async def connect(
    addresses: list[str], port: int, within: float, what: str
) -> tuple[Found, ByteStream]:
    """A connection to the first of the addresses that takes one; all are tried. Raises Failed."""
    tries = [_Try(address, port, what) for address in addresses]
    async with anyio.create_task_group() as tasks:
        for one in tries:
            tasks.start_soon(one.run, within)
    good = [one for one in tries if one.stream is not None]
    for one in good[1:]:
        assert one.stream is not None
        await one.stream.aclose()
    facts = {authority(one.address, port): one.told for one in tries}
    if not good:
        first = tries[0]
        assert first.error is not None
        raise Failed(first.told, _mend_of(first.error, what), tried=facts)
    stream = good[0].stream
    assert stream is not None
    text = f"TCP to {authority(good[0].address, port)}"
    bad = [one for one in tries if one.stream is None]
    more = Found(text, {"tried": facts}, seconds=good[0].seconds)
    if bad:
        more.text += f", but {'; '.join(one.told for one in bad[:SHOWN])}"
        more.verdict = Verdict.WARN
        more.mend = "it works; the addresses that fail may delay connecting (RFC 8305)"
    return more, stream


class _Try:
    """One address."""

    def __init__(self, address: str, port: int, what: str) -> None:
        self._who = "the proxy " if "proxy" in what else ""
        self.address = address
        self.port = port
        self.stream: ByteStream | None = None
        self.error: BaseException | None = None
        self.seconds = 0.0

    async def run(self, within: float) -> None:
        began = time.perf_counter()
        try:
            with anyio.fail_after(within):
                self.stream = await anyio.connect_tcp(self.address, self.port)
        except (OSError, ExceptionGroup) as error:
            self.error = _cause(error)
        self.seconds = time.perf_counter() - began

    @property
    def told(self) -> str:
        """How it went."""
        if self.error is None:
            return duration(self.seconds)
        if isinstance(self.error, TimeoutError):
            return f"{self._who}{authority(self.address, self.port)} does not answer"
        return explain(self.error, self.address, self.port, self._who).message


def _cause(error: BaseException) -> BaseException:
    """What the system said, under what libraries made of it."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif isinstance(error.__cause__, (OSError, BaseExceptionGroup)):
            error = error.__cause__
        else:
            return error


def _mend_of(error: BaseException, what: str) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"is {what} running, and is the port right?"
    if isinstance(error, TimeoutError):
        return f"is {what} up? A firewall may swallow what is sent to that port"
    return "check the network: there may be no way to that address"


# --- the proxy --------------------------------------------------------------------------------


async def tunnel(
    stream: ByteStream, proxy: Proxy, host: str, port: int, within: float
) -> tuple[Found, ByteStream]:
    """A way through the proxy (RFC 9110 9.3.6). Raises Failed, EstuaryError."""
    if proxy.secure:
        _, stream = await secure(stream, proxy.host, proxy.port, within, who="the proxy")
    talk = Tunnel(proxy, host, port)
    try:
        with anyio.fail_after(within):
            await stream.send(talk.request)
            while True:
                try:
                    data = await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    data = b""
                if talk.receive_data(data):
                    break
    except TimeoutError:
        raise Failed(
            f"the proxy at {proxy} does not come to an answer within {within:g} s",
            "it may not reach the server: ask who runs it",
        ) from None
    except anyio.BrokenResourceError:
        raise Failed(f"the proxy at {proxy} hung up", "ask who runs it") from None
    return found(f"{proxy} opens a tunnel to {authority(host, port)}", proxy=str(proxy)), stream


# --- TLS --------------------------------------------------------------------------------------


async def secure(
    stream: ByteStream, host: str, port: int, within: float, *, who: str = "the server"
) -> tuple[Found, ByteStream]:
    """TLS on this stream, with a certificate that this machine trusts. Raises Failed."""
    context = default_context()
    try:
        with anyio.fail_after(within):
            wrapped = await TLSStream.wrap(
                stream, hostname=host, ssl_context=context, standard_compatible=False
            )
    except TimeoutError:
        raise Failed(
            f"{who} did not shake hands within {within:g} s", "does that port speak TLS?"
        ) from None
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        raise Failed(
            f"{who} hung up during the TLS handshake", "does that port speak TLS?"
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(error, host, port, who) from None
    except ssl.SSLError as error:
        raise Failed(explain(error, host, port).message, _mend_of_tls(error, host)) from None
    return _certificate(wrapped), wrapped


_EXPIRED: Final = 10
_NOT_YET: Final = 9
_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's numbers of what is wrong with a certificate."""


def _untrusted(error: ssl.SSLCertVerificationError, host: str, port: int, who: str) -> Failed:
    clock = time.strftime("%Y-%m-%d", time.gmtime())
    mend = (
        "nobody whom this machine trusts has signed it; for an authority of your own name its "
        "certificate in SSL_CERT_FILE"
    )
    if error.verify_code in (_EXPIRED, _NOT_YET):
        mend = f"{who} needs a new one, unless the clock is wrong here (it says {clock})"
    elif error.verify_code in _OTHER_NAME:
        mend = "use the name that it was made out for, if that is who you want"
    text = f"the certificate of {authority(host, port)} is not trusted: {error.verify_message}"
    return Failed(text, mend, verify_code=error.verify_code)


def _mend_of_tls(error: ssl.SSLError, host: str) -> str:
    if "WRONG_VERSION" in str(error.reason) or "RECORD" in str(error.reason):
        near = ", as a gateway on this machine does" if is_loopback(host) else ""
        return f"if it speaks plain HTTP{near}, write http:// in --url"
    return "both ends must have a TLS version and a cipher in common"


def _certificate(stream: TLSStream) -> Found:
    shown = stream.extra(TLSAttribute.ssl_object)
    certificate: dict[str, Any] = shown.getpeercert() or {}
    version = shown.version() or "TLS"
    names = [str(value) for _, value in certificate.get("subjectAltName", ())]
    until = ssl.cert_time_to_seconds(certificate["notAfter"])
    left = until - time.time()
    day = time.strftime("%Y-%m-%d", time.gmtime(until))
    listed = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    told = Found(
        f"{version}, certificate for {listed or 'no name'} until {day} ({left / 86400:.0f} days)",
        {"version": version, "names": names, "until": day},
    )
    if left < SOON:
        told.verdict, told.mend = Verdict.WARN, "it ends soon: whoever runs the server must know"
    return told
