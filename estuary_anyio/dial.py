"""From a host name to an open transport, and from what went wrong to a clear error."""

from __future__ import annotations

import socket
import ssl
from functools import cache
from typing import TYPE_CHECKING

from estuary_proto.authority import authority
from estuary_proto.errors import ErrorCode, EstuaryError

from .backends import ProxyFailed, Route
from .proxy import proxy_for

if TYPE_CHECKING:
    from estuary_proto.events import Dial

    from .backends import Backend, Transport
    from .proxy import Proxy


async def open_transport(
    backend: Backend, dial: Dial, tls: ssl.SSLContext | None, proxy: str | None
) -> Transport:
    """Connect as `dial` says; raises EstuaryError that names the server and the cause."""
    through = proxy_for(proxy, dial.host, dial.port, secure=dial.secure)
    # The context that is given for the server serves a proxy as well: it says whom to trust.
    context = default_context() if tls is None and _needs_tls(dial, through) else tls
    route = Route(
        dial.host,
        dial.port,
        context if dial.secure else None,
        through,
        context if through is not None and through.secure else None,
    )
    try:
        return await backend.open(route)
    except ProxyFailed as failed:
        assert through is not None  # Who else should have failed?
        raise explain(failed.error, through.host, through.port, "the proxy ") from failed.error
    except (OSError, ExceptionGroup, UnicodeError) as error:
        raise explain(error, dial.host, dial.port) from error


@cache
def default_context() -> ssl.SSLContext:
    """Whom this machine trusts; reading that takes a while, so it is done once."""
    return ssl.create_default_context()


def _needs_tls(dial: Dial, proxy: Proxy | None) -> bool:
    return dial.secure or (proxy is not None and proxy.secure)


def explain(error: BaseException, host: str, port: int, who: str = "") -> EstuaryError:
    """The error that a user sees for a failure on the way to a server, or to `who` else."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    # trio wraps the errors of all addresses it tried.
    cause = error.__cause__
    if isinstance(cause, BaseExceptionGroup):
        return explain(cause, host, port, who)
    where = f"{who}{authority(host, port)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the certificate of {where} is not trusted: {error.verify_message}"
    elif isinstance(error, ssl.SSLError):
        hint = "; does it speak plain http or ws?" if "WRONG_VERSION" in str(error.reason) else ""
        text = f"TLS with {where} failed: {error.reason or error}{hint}"
    elif isinstance(error, (socket.gaierror, UnicodeError)):
        text = f"the host name {host!r} cannot be resolved"
    elif isinstance(error, ConnectionRefusedError):
        text = f"nobody listens at {where} (connection refused)"
    elif isinstance(error, TimeoutError):
        text = f"{where} does not answer"
    else:
        text = f"cannot connect to {where}: {getattr(error, 'strerror', None) or error}"
    return EstuaryError(text, ErrorCode.CONNECTION_FAILED, {"host": host, "port": port})
