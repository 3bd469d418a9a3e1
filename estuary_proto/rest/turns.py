"""A turn of conversation over HTTP, whole or streamed, and encounters (PROTOCOL 7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from estuary_proto.errors import RemoteProtocolError
from estuary_proto.jsontext import loads
from estuary_proto.messages.unknown import UnknownEvent
from estuary_proto.models.characters import Encounter
from estuary_proto.models.extras import ApiEndpointResult
from estuary_proto.models.turns import TurnResult, TurnText
from estuary_proto.rest.call import JSON, Call, json_of, path_of, reads
from estuary_proto.rest.checks import (
    a_count,
    a_number,
    a_switch,
    a_text,
    an_id,
    an_object,
    needed_text,
)
from estuary_proto.rest.errors import TurnFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TurnEvent: TypeAlias = TurnText | ApiEndpointResult | UnknownEvent | TurnResult
"""What a streamed turn consists of; the last one is the TurnResult."""

NDJSON: Final = "application/x-ndjson"
_TURN: Final = "/api/v1/characters/{character_id}/turn"
_ENCOUNTERS: Final = "/api/v1/encounters"
_LINE: Final = 16 * 2**20
"""Bytes that a line of a stream may have."""


def turn(
    character_id: str,
    player_id: str,
    message: str,
    *,
    stream: bool = False,
    timeout_seconds: float | None = None,
    remember: bool | None = None,
    speaker_name: str | None = None,
    callback_url: str | None = None,
    callback_context: Mapping[str, Any] | None = None,
) -> Call[TurnResult]:
    """Say something and get the whole answer; with `stream` its lines are for a `TurnReader`.

    `timeout_seconds` is how long the server may take. `remember=False` leaves no memories. With a
    `callback_url` the server also sends the answer there, with `callback_context`.
    """
    body = json_of(
        {
            "message": needed_text("message", message),
            "playerId": an_id("player_id", player_id),
            "stream": a_switch("stream", stream) or None,
            "timeoutSeconds": a_number("timeout_seconds", timeout_seconds, 1, 3600),
            "remember": a_switch("remember", remember),
            "speakerName": a_text("speaker_name", speaker_name),
            "callbackUrl": a_text("callback_url", callback_url),
            "callbackContext": an_object("callback_context", callback_context),
        }
    )
    return Call(
        "POST",
        _TURN,
        path_of(_TURN, character_id=character_id),
        reads(TurnResult),
        body=body,
        content_type=JSON,
        accept=NDJSON if stream else JSON,
    )


def start_encounter(
    character_a_id: str,
    character_b_id: str,
    *,
    prompt: str | None = None,
    max_turns: int | None = None,
) -> Call[Encounter]:
    """Let two characters meet; what they say comes as `encounter_message` events.

    The answer is a guess: see Encounter.
    """
    body = json_of(
        {
            "characterAId": an_id("character_a_id", character_a_id),
            "characterBId": an_id("character_b_id", character_b_id),
            "prompt": a_text("prompt", prompt),
            "maxTurns": a_count("max_turns", max_turns, 1),
        }
    )
    return Call("POST", _ENCOUNTERS, _ENCOUNTERS, reads(Encounter), body=body, content_type=JSON)


class TurnReader:
    """Reads a streamed turn: bytes in, events out, cut anywhere.

    Lines may be blank, the last may lack its end. The turn is over with its TurnResult; what comes
    behind it is not read. Ending without one is a failure.
    """

    def __init__(self, longest: int = _LINE) -> None:
        self.text: str = ""
        """Everything said so far."""
        self.result: TurnResult | None = None
        self._rest = bytearray()
        self._seen = 0
        self._longest = longest

    def feed(self, data: bytes) -> Iterator[TurnEvent]:
        """What these bytes complete. Raises TurnFailed when the turn has failed."""
        if self.result is None:  # Else it would be kept for nobody.
            self._rest += data
        while self.result is None and (end := self._rest.find(b"\n", self._seen)) >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            self._seen = 0
            self._measure(len(line))
            yield from self._event(line)
        if self.result is None:
            self._seen = len(self._rest)
            self._measure(self._seen)
        else:
            self._rest.clear()

    def _measure(self, size: int) -> None:
        """Asked of whole lines too: how they were cut must change nothing."""
        if size > self._longest:
            raise self._failed(f"a line of the stream is longer than {self._longest} bytes")

    def finish(self) -> Iterator[TurnEvent]:
        """What the end of the stream completes. Raises TurnFailed if the turn is not complete."""
        line, self._rest = bytes(self._rest), bytearray()
        if self.result is None:
            yield from self._event(line)
        if self.result is None:
            raise self._failed("the stream ended before the turn was complete")

    def _event(self, line: bytes) -> Iterator[TurnEvent]:
        if not line.strip():
            return
        said = self._decoded(line)
        name = said.get("type")
        data = said.get("data")
        if name == "text_delta":
            piece = TurnText.from_dict(data)
            self.text += piece.text
            yield piece
        elif name == "turn_completed":
            self.result = TurnResult.from_dict(data)
            yield self.result
        elif name == "api_endpoint_result":
            yield ApiEndpointResult.from_dict(data)
        elif name == "error":
            text = data.get("message") if isinstance(data, dict) else data
            raise self._failed(f"the server says: {text or 'an error'}")
        else:
            yield UnknownEvent(name if isinstance(name, str) else "", (data,))

    def _decoded(self, line: bytes) -> dict[str, Any]:
        try:
            said = loads(line.decode())
        except (UnicodeDecodeError, RemoteProtocolError):
            raise self._failed("a line of the stream is no JSON") from None
        if not isinstance(said, dict):
            raise self._failed("a line of the stream is no object")
        return said

    def _failed(self, why: str) -> TurnFailed:
        return TurnFailed(f"POST {_TURN} failed: {why}", partial=self.text)
