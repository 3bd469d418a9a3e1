"""Hypercorn's WebSockets, without compression and with an end to what is too large.

It agrees to permessage-deflate (RFC 7692) whenever a client offers it, and inflates what comes
before it asks how large that is: 64 KiB read are 64 MiB in memory, for whoever can connect. And it
says 1009 to a message over the limit, but goes on gathering it for as long as it comes. There is no
setting for either, so the streams of servers with a `PlainConfig` are these. Servers of somebody
else in this process are left as they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from hypercorn.config import Config
from hypercorn.protocol import h2, h11
from hypercorn.protocol.events import Body, Data, Request
from hypercorn.protocol.ws_stream import WSStream

_OFFER: Final = b"sec-websocket-extensions"
_TOO_BIG: Final = 1009


class PlainConfig(Config):
    """A configuration whose WebSockets are plain."""


class PlainWebSocket(WSStream):
    """A WebSocket stream that is deaf to offers of extensions, and to all that follows a message
    which was too large, if its server is a plain one."""

    _over = False

    async def handle(self, event: Any) -> None:
        """As Hypercorn's, but for that."""
        if not isinstance(self.config, PlainConfig):
            return await super().handle(event)
        if isinstance(event, Request):
            kept = [(name, value) for name, value in event.headers if name.lower() != _OFFER]
            event = replace(event, headers=kept)
        elif self._over and isinstance(event, (Body, Data)):
            return
        await super().handle(event)
        if not self._over and self.buffer.length > self.buffer.max_length:
            self._over = True
            self.buffer.clear()
            if self.app_put is not None:
                await self.app_put({"type": "websocket.disconnect", "code": _TOO_BIG})


for _module in (h11, h2):
    _module.WSStream = PlainWebSocket  # type: ignore[attr-defined]  # It is imported there.
