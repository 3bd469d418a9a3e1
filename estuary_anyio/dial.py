"""From a host name to an open transport, and from what went wrong to a clear error."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from estuary_proto.errors import ErrorCode, EstuaryError

if TYPE_CHECKING:
    from estuary_proto.events import Dial

    from .backends import Backend, Transport


async def open_transport(backend: Backend, dial: Dial, tls: ssl.SSLContext | None) -> Transport:
    """Connect as `dial` says; raises EstuaryError that names the server and the cause."""
    context = None
    if dial.secure:
        context = ssl.create_default_context() if tls is None else tls
    try:
        return await backend.open(dial.host, dial.port, context, dial.host)
    except (OSError, ExceptionGroup, UnicodeError) as error:
        raise explain(error, dial.host, dial.port) from error


def explain(error: BaseException, host: str, port: int) -> EstuaryError:
    """The error that a user sees for a failure on the way to a server."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    # trio wraps the errors of all addresses it tried.
    cause = error.__cause__
    if isinstance(cause, BaseExceptionGroup):
        return explain(cause, host, port)
    where = f"{host}:{port}"
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
