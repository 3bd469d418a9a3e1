"""Where public sources contradict each other (PROTOCOL 0), and what a server's behaviour says.

Each judge looks at events as they stood on the wire and names a side, "A" or "B" as the table of
PROTOCOL 0 has them, "both", or None where what came says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Topic(NamedTuple):
    """One row of the table; `untried` says why no question is asked about it."""

    about: str
    a: str = ""
    b: str = ""
    untried: str = ""


TOPICS: Final = {
    "C1": Topic(
        "pieces of a text",
        "each piece is only what is new",
        "each piece repeats the text before it",
    ),
    "C2": Topic("`partial` of a piece", "true or false", "the new piece as text"),
    "C3": Topic(
        "rate of the microphone",
        untried="no field tells it, and it takes spoken words at two rates to hear the difference",
    ),
    "C4": Topic(
        "`audio_sample_rate`",
        "the rate that the character speaks at",
        "something else: the voice does not follow it",
    ),
    "C5": Topic("`interrupted_at`", "a text (ISO 8601)", "a number"),
    "C6": Topic("`error` events", "a message alone", "a code beside the message"),
    "C7": Topic("rate where none is asked for", "24 kHz", "16 kHz"),
    "C8": Topic(
        "LiveKit for `auto`",
        "the server offers a room in session_info",
        "it offers none: voice goes over the WebSocket",
    ),
    "C9": Topic(
        "type of a picture",
        untried="a picture would go to a vision model, and a field that is not known is ignored",
    ),
    "C10": Topic(
        "memory search",
        "by POST, {memoryId, similarity, content}",
        "by GET, {memory, score}",
    ),
    "C11": Topic(
        "image of a new character", untried="it would make a character, which costs and stays"
    ),
    "C12": Topic(
        "handlers, sync or async", untried="it is a matter of the client: this one takes both"
    ),
    "C13": Topic(
        "voice where `textOnly` is left out",
        "the answer is spoken",
        "the answer is text only",
    ),
    "C14": Topic(
        "scope that a key lacks",
        "`requiredScope`, a text",
        "`requiredScopes`, a list",
    ),
    "C15": Topic(
        "`device_pose`", untried="it would move a world model, which this library has not"
    ),
}


def pieces(responses: Sequence[Any]) -> str | None:
    """C1, by the `bot_response` events of one message."""
    texts = [
        str(one.get("text") or "")
        for one in responses
        if isinstance(one, dict) and not one.get("is_final")
    ]
    texts = [text for text in texts if text]
    if len(texts) < 2:
        return None
    grows = [after.startswith(before) for before, after in zip(texts, texts[1:], strict=False)]
    # Two equal pieces in a row ("ha", "ha") begin with each other by chance; all of them do not.
    return "B" if all(grows) and len(texts[-1]) > len(texts[0]) else "A"


def partial(responses: Sequence[Any]) -> str | None:
    """C2, by the same."""
    kinds = {
        type(one["partial"])
        for one in responses
        if isinstance(one, dict) and one.get("partial") is not None
    }
    if kinds == {bool}:
        return "A"
    if kinds == {str}:
        return "B"
    return "both" if {bool, str} <= kinds else None


class Voice(NamedTuple):
    """What was heard of one line: its bytes of PCM, and the rates that its pieces named."""

    size: int
    rates: frozenset[int]


def spoken_rate(asked: Mapping[int, Voice]) -> str | None:
    """C4, by the same line at two rates."""
    if len(asked) < 2 or not all(voice.size for voice in asked.values()):
        return None
    if all(voice.rates for voice in asked.values()):
        return "A" if all(voice.rates == {rate} for rate, voice in asked.items()) else "B"
    low, high = min(asked), max(asked)
    ratio = asked[high].size / asked[low].size
    # A voice is not twice the same to the sample: it is nearer to this or to 1.
    return "A" if ratio > (1 + high / low) / 2 else "B"


def default_rate(unasked: Voice, asked: Mapping[int, Voice]) -> str | None:
    """C7, by the same line with no rate asked for."""
    if not unasked.size:
        return None
    if len(unasked.rates) == 1:
        return {24000: "A", 16000: "B"}.get(next(iter(unasked.rates)))
    if spoken_rate(asked) != "A" or not {24000, 16000} <= set(asked):
        return None
    middle = (asked[24000].size + asked[16000].size) / 2
    return "A" if unasked.size > middle else "B"


def moment(interrupt: Any) -> str | None:
    """C5, by an `interrupt` event."""
    at = interrupt.get("interrupted_at") if isinstance(interrupt, dict) else None
    if isinstance(at, str):
        return "A"
    return "B" if isinstance(at, (int, float)) and not isinstance(at, bool) else None


def error(data: Any) -> str | None:
    """C6, by an `error` event."""
    if not isinstance(data, dict):
        return None
    if data.get("error"):
        return "B"
    return "A" if data.get("message") else None


def room(session: Any) -> str | None:
    """C8, by `session_info`."""
    if not isinstance(session, dict):
        return None
    return "A" if session.get("livekitUrl") or session.get("livekitToken") else "B"


def search(post: int, get: int, found: Any) -> str | None:
    """C10, by the statuses of both ways, and what the first of them gave."""
    results = found.get("results") if isinstance(found, dict) else None
    first = results[0] if isinstance(results, list) and results else None
    if isinstance(first, dict):
        shaped = "A" if "memoryId" in first or "content" in first else "B"
        return "both" if shaped == "A" and 200 <= get < 300 and 200 <= post < 300 else shaped
    good = (200 <= post < 300, 200 <= get < 300)
    return {(True, False): "A", (False, True): "B", (True, True): "both"}.get(good)


def scope(detail: Any) -> str | None:
    """C14, by the `detail` of an answer 403."""
    if not isinstance(detail, dict):
        return None
    sides = [
        side
        for side, name, kind in (("A", "requiredScope", str), ("B", "requiredScopes", list))
        if isinstance(detail.get(name), kind)
    ]
    return "both" if len(sides) == 2 else (sides[0] if sides else None)


def told(number: str, side: str | None) -> str:
    """What a side means, in words."""
    topic = TOPICS[number]
    if side == "both":
        return f"{topic.about}: both ({topic.a}; {topic.b})"
    return f"{topic.about}: {topic.a if side == 'A' else topic.b} (side {side})"
