"""From streamed chunks to text: one assembled answer per message id (API 5, PROTOCOL C1, C2).

Servers disagree on what the text of a chunk means: all of it so far (cumulative) or only what is
new (delta). The rules, decided once a message and then kept:

1. A string `partial` is evidence: `text == assembled + partial` says cumulative; `text == partial`
   with something assembled before says delta.
2. Without it, a `text` that properly extends what is assembled says cumulative, anything else
   delta.
3. A final text that is not empty stands for the whole message, whatever came before.

Inline action tags are taken out on the way; each is reported once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .actions import ActionTag, TagFilter
from .errors import RemoteProtocolError
from .models.conversation import BotResponse, CharacterAction, InterruptData
from .models.session import ModerationFlag

if TYPE_CHECKING:
    from .config import TextMode
    from .models.conversation import ResponseChunk

MAX_TEXT = 4 * 2**20
"""Characters that one message may have; more is the peer's fault."""

_FACTS = frozenset({"error", "interrupt", "moderation_flag", "turn_metrics"})
"""What is told about a message without being a part of it: a redaction takes none of it back."""

MAX_OPEN = 64
"""Messages that may be unfinished at a time; the oldest is forgotten beyond it."""


class Assembled(NamedTuple):
    """What one chunk amounts to."""

    response: BotResponse
    actions: tuple[CharacterAction, ...]


class _Message:
    __slots__ = ("actions", "filter", "mode", "raw", "shown")

    def __init__(self, mode: TextMode) -> None:
        self.mode = mode
        self.raw = ""
        self.shown = ""
        self.actions = 0
        self.filter = TagFilter()


class Transcript:
    """Assembles the messages of one connection."""

    def __init__(self, mode: TextMode = "auto") -> None:
        self._mode: TextMode = mode
        self._open: dict[str, _Message] = {}
        self._redacted: dict[str, None] = {}
        self._latest = ""

    @property
    def under_way(self) -> tuple[str, ...]:
        """The messages that have not ended, and the one that ended last."""
        return tuple(key for key in {**self._open, self._latest: None} if key)

    def feed(self, chunk: ResponseChunk) -> Assembled | None:
        """Add a chunk; None when its message was redacted.

        Raises RemoteProtocolError when the message grows past MAX_TEXT.
        """
        key = chunk.message_id
        if key in self._redacted:
            return None
        message = self._open.get(key)
        if message is None:
            message = self._open[key] = _Message(self._mode)
            if len(self._open) > MAX_OPEN:
                del self._open[next(iter(self._open))]
        if chunk.is_final:
            del self._open[key]
            self._latest = key
            piece, replaces, tags = _finish(message, chunk)
        else:
            piece, replaces, tags = _extend(message, chunk)
        if len(message.raw) > MAX_TEXT:
            raise RemoteProtocolError(f"message {key!r} has more than {MAX_TEXT} characters")
        response = BotResponse(
            message.shown, piece, chunk.is_final, key, chunk.chunk_index, chunk.is_interjection
        )
        if replaces:
            object.__setattr__(response, "replaces", True)
        return Assembled(response, _actions(message, tags, key))

    def redact(self, message_id: str) -> None:
        """Forget the message and drop whatever of it comes late (PROTOCOL 3, moderation_flag)."""
        self._open.pop(message_id, None)
        if not message_id:  # A server that names nothing would be silenced for good.
            return
        self._redacted[message_id] = None
        if len(self._redacted) > MAX_OPEN:
            del self._redacted[next(iter(self._redacted))]

    def drops(self, message: Any) -> bool:
        """Note a redaction; True when `message` belongs to a message that was taken back."""
        if type(message) is ModerationFlag and message.action == "redacted":
            self.redact(message.message_id)
        elif type(message) is InterruptData and not message.message_id:
            self._open.pop("", None)  # What comes next without a name is another message.
        if not self._redacted or getattr(message, "NAME", "") in _FACTS:
            return False
        return getattr(message, "message_id", None) in self._redacted


def _extend(message: _Message, chunk: ResponseChunk) -> tuple[str, bool, list[ActionTag]]:
    """A chunk that is not the last: (new shown text, replaces, tags)."""
    text, partial, raw = chunk.text, chunk.partial, message.raw
    mode = message.mode
    if mode == "auto":
        mode = _judge(raw, text, partial)
        if raw and text:  # The first text fits both readings and decides nothing.
            message.mode = mode
    if mode == "delta":
        # Some servers put the delta into `partial` alone.
        return _append(message, text or partial or "")
    if text.startswith(raw):
        return _append(message, text[len(raw) :])
    return _replace(message, text) if text else ("", False, [])


def _judge(raw: str, text: str, partial: str | None) -> TextMode:
    # A `text` that ends in `partial` needs no rule: it extends what there was.
    extends = text != raw and text.startswith(raw)
    return "cumulative" if extends and text != partial else "delta"


def _append(message: _Message, piece: str) -> tuple[str, bool, list[ActionTag]]:
    message.raw += piece
    shown, tags = message.filter.feed(piece)
    message.shown += shown
    return shown, False, tags


def _replace(message: _Message, text: str) -> tuple[str, bool, list[ActionTag]]:
    message.filter = TagFilter()
    message.raw = text
    message.shown, tags = message.filter.feed(text)
    # Tags are counted from the start again: those told before are not told twice.
    return message.shown, True, tags[message.actions :]


def _finish(message: _Message, chunk: ResponseChunk) -> tuple[str, bool, list[ActionTag]]:
    """The last chunk: its text, when there is any, is the whole message (rule 3)."""
    text, before = chunk.text, message.shown
    if not text:
        piece, replaces, tags = _append(message, chunk.partial or "")
    elif text.startswith(message.raw):
        piece, replaces, tags = _append(message, text[len(message.raw) :])
    else:
        piece, replaces, tags = _replace(message, text)
    tail = message.filter.flush()
    message.shown += tail
    piece += tail
    if replaces and message.shown.startswith(before):
        # Same start after all (only tags differed): no need to take anything back.
        piece, replaces = message.shown[len(before) :], False
    return piece, replaces, tags


def _actions(
    message: _Message, tags: list[ActionTag], message_id: str
) -> tuple[CharacterAction, ...]:
    if not tags:
        return ()
    message.actions += len(tags)
    return tuple(CharacterAction(tag.name, dict(tag.params), message_id) for tag in tags)
