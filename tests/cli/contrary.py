"""A python-socketio server that takes the sides it is told, as JSON: {"C1": "A", …}.

Where it is told none it is as poor as it may be: answers in one piece, says nothing of errors, has
no voice and no REST API.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from base64 import b64encode
from typing import Any

import socketio
from hypercorn.asyncio import serve
from hypercorn.config import Config

SIDES: dict[str, str] = json.loads(sys.argv[1])
WORDS = ["Once ", "upon ", "a time."]
sio = socketio.AsyncServer(async_mode="asgi")


async def tell(sid: str, name: str, data: Any) -> None:
    await sio.emit(name, data, to=sid, namespace="/sdk")


def answer(message: str) -> list[dict[str, Any]]:
    """The events of one answer."""
    whole = "".join(WORDS)
    final = {"text": whole, "is_final": True, "message_id": message}
    if "C1" not in SIDES:
        return [final]
    told = []
    for number, word in enumerate(WORDS):
        text = word if SIDES["C1"] == "A" else "".join(WORDS[: number + 1])
        piece = {"text": text, "is_final": False, "message_id": message}
        kind = SIDES.get("C2")
        if kind is not None:
            piece["partial"] = True if kind == "A" or (kind == "both" and number) else word
        told.append(piece)
    return [*told, final]


async def speak(sid: str, message: str) -> None:
    """A second of silence, at the rate that this server takes for the right one."""
    if "C4" not in SIDES:
        return
    async with sio.session(sid, namespace="/sdk") as session:
        asked = session["rate"]
    rate = asked or (24000 if SIDES.get("C7") == "A" else 16000)
    if SIDES["C4"] == "B":
        rate = 16000
    voice: dict[str, Any] = {"message_id": message, "is_final": True}
    if SIDES.get("names_rate"):
        voice["sample_rate"] = rate
    if SIDES.get("odd_voice"):
        await tell(sid, "bot_voice", "odd")
        voice["is_final"] = False
    await tell(sid, "bot_voice", {**voice, "audio": b64encode(bytes(2 * rate)).decode()})


@sio.on("connect", namespace="/sdk")
async def connect(sid: str, environ: Any, auth: dict[str, Any]) -> None:
    await sio.save_session(sid, {"rate": auth.get("audio_sample_rate")}, namespace="/sdk")
    session = {"session_id": sid, "conversation_id": "c", "character_id": "c", "player_id": "p"}
    if SIDES.get("C8") == "A":
        session |= {"livekitToken": "a-secret-token", "livekitUrl": "wss://x", "livekitRoom": "r"}
    await tell(sid, "session_info", session)


@sio.on("text", namespace="/sdk")
async def text(sid: str, data: dict[str, Any]) -> None:
    aloud = not data.get("textOnly", SIDES.get("C13") == "B")
    message = "aloud" if "textOnly" in data else "asked"
    for piece in answer(message):
        await tell(sid, "bot_response", piece)
    if aloud:
        await speak(sid, message)


@sio.on("say_line", namespace="/sdk")
async def say_line(sid: str, data: dict[str, Any]) -> None:
    if len(data["text"]) > 40 and "C5" in SIDES:  # It is to be interrupted.
        await tell(sid, "bot_response", {"text": "", "is_final": False, "message_id": "line"})
        return
    await tell(sid, "bot_response", {**data, "is_final": True, "message_id": "line"})
    await speak(sid, "line")


@sio.on("client_interrupt", namespace="/sdk")
async def client_interrupt(sid: str, data: Any = None) -> None:
    at = {"A": "2026-01-01T00:00:00Z", "B": 1767225600.5}.get(SIDES.get("C5", ""))
    await tell(sid, "interrupt", {"message_id": "line"} | ({"interrupted_at": at} if at else {}))


@sio.on("*", namespace="/sdk")
async def other(event: str, sid: str, *data: Any) -> None:
    if event == "start_voice":
        await tell(sid, "voice_started", {})
    elif event == "camera_image" and "C6" in SIDES:
        code = {"error": "bad_image"} if SIDES["C6"] == "B" else {}
        await tell(sid, "error", {"message": "that is no image", **code})


async def rest(scope: Any, receive: Any, send: Any) -> None:
    """The one route that is asked for."""
    post = scope["method"] == "POST"
    side = SIDES.get("C10")
    status = 200 if side == "both" or side == ("A" if post else "B") else 405
    body: dict[str, Any] = {}
    if status == 200:
        found: dict[str, Any] = {"memoryId": "m", "similarity": 1.0, "content": "x"}
        if side == "B":
            found = {"memory": {"id": "m"}, "score": 1.0, "similarityScore": 1.0}
        body = {"results": [found] if SIDES.get("has_memories") else []}
    if "C14" in SIDES:
        lacks: dict[str, Any] = {"requiredScope": "memories:read"} if SIDES["C14"] != "B" else {}
        if SIDES["C14"] != "A":
            lacks["requiredScopes"] = ["memories:read"]
        status, body = 403, {"detail": {"code": "insufficient_scope", **lacks}}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def main() -> None:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(64)
    config = Config()
    config.bind = [f"fd://{sock.fileno()}"]
    config.errorlog = None
    config.graceful_timeout = 0.5
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    print(sock.getsockname()[1], flush=True)
    app = socketio.ASGIApp(sio, rest)
    await serve(app, config, shutdown_trigger=ended.wait)


if __name__ == "__main__":
    asyncio.run(main())
