"""A python-socketio server (ASGI) that does what the texts of its clients ask for; see servers.py.

It emits `session_info` from its connect handler, so that it comes before the acknowledgement.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from typing import Any

import socketio
from hypercorn.asyncio import serve
from hypercorn.config import Config

sio = socketio.AsyncServer(async_mode="asgi", ping_interval=0.3, ping_timeout=5)
seen: dict[str, list[Any]] = {"texts": [], "left": [], "acks": []}
heard: dict[str, list[Any]] = {}
"""All that each client has sent: (event, arguments)."""
numbers = 0


async def tell(sid: str, name: str, data: Any) -> None:
    await sio.emit(name, data, to=sid, namespace="/sdk")


async def say(sid: str, text: str, **more: Any) -> None:
    global numbers
    numbers += 1
    fields = {"text": text, "is_final": True, "message_id": f"m{numbers}", **more}
    await tell(sid, "bot_response", fields)


def note(event: str, sid: str, *data: Any) -> None:
    heard.setdefault(sid, []).append((event, *data))


async def stream(sid: str) -> None:
    text = ""
    for partial in ("One ", "two ", "three"):
        text += partial
        await say(sid, text, partial=partial, is_final=False, message_id=f"{sid}s")
    await say(sid, text, partial="", message_id=f"{sid}s")


async def delta(sid: str) -> None:
    for text in ("One ", "two ", "three"):
        await say(sid, text, partial=True, is_final=False, message_id=f"{sid}d")
    await say(sid, "", partial=False, message_id=f"{sid}d")


async def ack(sid: str) -> None:
    async def acknowledged(*args: Any) -> None:
        seen["acks"].append(args)
        await say(sid, "acknowledged")

    await sio.emit(
        "motive_updated", {"motive": "x"}, to=sid, namespace="/sdk", callback=acknowledged
    )


async def binary(sid: str) -> None:
    await tell(sid, "picture", {"of": b"\x00\x01\xff", "and": [b"\x07" * 70000]})
    await say(sid, "after the picture")


async def large(sid: str) -> None:
    await say(sid, "x" * 500_000)


async def report(sid: str) -> None:
    await say(sid, json.dumps(seen))


async def mine(sid: str) -> None:
    await say(sid, json.dumps(heard.pop(sid)[:-1]))


async def kick(sid: str) -> None:
    await sio.disconnect(sid, namespace="/sdk")


async def close(sid: str) -> None:
    await sio.eio.disconnect(sio.manager.eio_sid_from_sid(sid, "/sdk"))


ACTS = {f.__name__: f for f in (stream, delta, ack, binary, large, report, mine, kick, close)}


@sio.on("connect", namespace="/sdk")
async def connect(sid: str, environ: Any, auth: dict[str, Any]) -> None:
    if auth["api_key"] == "est_refused":
        raise socketio.exceptions.ConnectionRefusedError("no such key")
    if auth["api_key"] == "est_rejected":
        await tell(sid, "auth_error", {"error": "the key was revoked"})
        raise socketio.exceptions.ConnectionRefusedError("no such key")
    await sio.save_session(sid, {"player": auth["player_id"]}, namespace="/sdk")
    who = {key: auth[key] for key in ("character_id", "player_id")}
    await tell(sid, "session_info", {"session_id": sid, "conversation_id": "c", **who})


@sio.on("text", namespace="/sdk")
async def text(sid: str, data: dict[str, Any]) -> None:
    seen["texts"].append(data["text"])
    note("text", sid, data)
    act = ACTS.get(data["text"])
    if data["text"].startswith("fire "):
        for name, *args in json.loads(data["text"].removeprefix("fire ")):
            await sio.emit(name, tuple(args), to=sid, namespace="/sdk")
    elif act is None:
        await say(sid, data["text"])
    else:
        await act(sid)


@sio.on("*", namespace="/sdk")
async def other(event: str, sid: str, *data: Any) -> Any:
    """Acknowledged when it returns, and voice in no other way."""
    note(event, sid, *data)
    return {"ok": True} if event == "renew_authentication" else None


@sio.on("disconnect", namespace="/sdk")
async def disconnect(sid: str, reason: str) -> None:
    async with sio.session(sid, namespace="/sdk") as session:
        seen["left"].append((session.get("player"), reason))


async def main(port: int) -> None:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(64)
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.errorlog = None
    config.graceful_timeout = 0.5
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    print(sock.getsockname()[1], flush=True)
    serving = asyncio.create_task(serve(socketio.ASGIApp(sio), config, shutdown_trigger=ended.wait))
    await ended.wait()
    # Since Python 3.12.1 it would wait until all its clients have gone.
    await asyncio.wait({serving}, timeout=2 * config.graceful_timeout)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
