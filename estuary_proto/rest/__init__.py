"""The REST API as data (PROTOCOL 7): what to send, what came back, whether to try again. No I/O.

    call = memory.search("character", "player", "tea")
    exchange = Exchange(call, identity, RetryConfig(), chance=random.random)
    response = …  # send exchange.request by any HTTP library
    delay = exchange.answered(response)  # None: exchange.value holds the answer

There is one function for each endpoint, in a file for each theme: `memory`, `players`,
`characters`, `generation`, `shares`, `turns`. They check what the caller gives, and raise
LocalProtocolError that names the argument; nothing is sent then.
"""

from __future__ import annotations

from estuary_proto.rest.call import Access, Call, Identity, Repeat
from estuary_proto.rest.errors import (
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    RestError,
    RestTimeout,
    TurnFailed,
    Unauthorized,
    Unprocessable,
    UploadFailedError,
)
from estuary_proto.rest.exchange import Exchange
from estuary_proto.rest.http import HttpRequest, HttpResponse

__all__ = [
    "Access",
    "Call",
    "Conflict",
    "Exchange",
    "Forbidden",
    "HttpRequest",
    "HttpResponse",
    "Identity",
    "NotFound",
    "RateLimited",
    "Repeat",
    "RestError",
    "RestTimeout",
    "TurnFailed",
    "Unauthorized",
    "Unprocessable",
    "UploadFailedError",
]
