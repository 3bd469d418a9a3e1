"""A recogniser that hears what is being said: what it is given, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from estuary_proto.gateway import Expect, Follow, Outside, ServerConfig, StopFollowing, Transcribe
from estuary_proto.gateway.mic import MAX_PENDING
from estuary_proto.intents import StartVoice, StopVoice
from estuary_proto.models.conversation import BotResponse, SttResponse
from estuary_proto.models.session import ErrorEvent

from .sounds import RATE, SPEECH, at_once, silence, stream, tone

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Pair

    Join = Callable[..., Pair]

LIVE = Outside(recogniser=True, live=True)
TURN = {"turn_mode": "push_to_talk"}


def open_ear(join: Join, turn_mode: str | None = None, **options: Any) -> Pair:
    pair = join(outside=LIVE, **options)
    pair.send(StartVoice(turn_mode))
    assert pair.commands() == [Expect()]
    return pair


def test_a_detector_finds_it(join: Join) -> None:
    rates: list[int] = []

    def detector(rate: int) -> Callable[[bytes], float]:
        rates.append(rate)
        return lambda pcm: float(any(pcm))

    outside = Outside(recogniser=True, detector=detector)
    pair = join(outside=outside)
    pair.send(StartVoice())
    stream(pair, silence(0.5), tone(0.2, level=50), silence(0.7))  # Too soft for an energy.
    assert [type(c) for c in pair.commands()] == [Transcribe]
    assert rates == [RATE]


def transcripts(pair: Pair) -> list[tuple[str, bool]]:
    return [(stt.text, stt.is_final) for stt in pair.of(SttResponse)]


def test_it_is_given_what_is_said_while_it_is_said(join: Join) -> None:
    pair = open_ear(join)
    stream(pair, silence(0.3), tone(0.5))
    follows = pair.commands()
    assert {(type(f), f.turn, f.rate) for f in follows} == {(Follow, 0, RATE)}
    heard = b"".join(f.pcm for f in follows)
    assert heard == silence(0.28) + tone(0.5)
    assert transcripts(pair) == [("…", False)]
    pair.server.heard(0, "my name", now=pair.now, is_final=False)
    pair.move()
    stream(pair, tone(0.5)[-8000:], silence(0.7))
    *more, whole = pair.commands()
    assert isinstance(whole, Transcribe)
    assert whole.turn == 0
    assert whole.pcm.startswith(heard + b"".join(f.pcm for f in more))
    pair.server.heard(0, "my name is Ada", now=pair.now)
    pair.advance(5)
    assert transcripts(pair) == [("…", False), ("my name", False), ("my name is Ada", True)]
    assert "Ada" in pair.of(BotResponse)[-1].text


def test_what_came_at_once_is_only_to_be_transcribed(join: Join) -> None:
    pair = open_ear(join)
    at_once(pair, SPEECH)
    (whole,) = pair.commands()
    assert isinstance(whole, Transcribe)


def test_who_leaves_in_the_middle_is_followed_no_longer(join: Join) -> None:
    pair = open_ear(join, "push_to_talk")
    stream(pair, tone(0.5))
    assert {type(c) for c in pair.commands()} == {Follow}
    pair.server.heard(0, "so", now=pair.now, is_final=False)
    # Another one's start would be a new ear; the session's end is the end of this one.
    pair.server.close(now=pair.now)
    assert StopFollowing(0) in pair.commands()
    pair.server.heard(0, "so what", now=pair.now)
    pair.move()
    assert ("so what", True) not in transcripts(pair)


def test_another_mode_begins_anew(join: Join) -> None:
    pair = open_ear(join)
    stream(pair, tone(0.5))
    pair.commands()
    pair.send(StartVoice("push_to_talk"))
    assert pair.commands() == [StopFollowing(0), Expect()]
    stream(pair, tone(0.5))
    assert {f.turn for f in pair.commands()} == {1}
    pair.send(StopVoice())
    (*_, whole) = pair.commands()
    assert (type(whole), whole.turn) == (Transcribe, 1)


def test_so_many_utterances_and_no_more(join: Join) -> None:
    pair = open_ear(join)
    for turn in range(MAX_PENDING):
        stream(pair, SPEECH)
        assert {c.turn for c in pair.commands()} == {turn}
    stream(pair, SPEECH)
    assert pair.commands() == []
    (error,) = pair.of(ErrorEvent)
    assert error.error == "recogniser_busy"
    pair.server.heard(0, "", now=pair.now)
    stream(pair, SPEECH)
    assert {c.turn for c in pair.commands()} == {MAX_PENDING + 1}


def test_a_recogniser_that_failed_in_the_middle_is_given_all_of_it(join: Join) -> None:
    pair = open_ear(join)
    stream(pair, tone(0.5))
    pair.commands()
    pair.server.hearing_failed(0, "It crashed", now=pair.now)
    stream(pair, tone(0.3))
    assert pair.commands() == []
    stream(pair, silence(0.7))
    (whole,) = pair.commands()
    assert isinstance(whole, Transcribe)
    assert len(whole.pcm) / 2 / RATE > 1.2
    pair.server.heard(0, "hello", now=pair.now)
    pair.advance(1)
    assert [text for text, final in transcripts(pair) if final] == ["", "hello"]


def test_a_client_that_does_not_read_misses_what_was_so_far(join: Join) -> None:
    pair = open_ear(join, config=ServerConfig(word_interval=0))
    stream(pair, tone(0.5))
    pair.reading = False
    full = 0
    while pair.server.wants_read and full < 5000:
        pair.server.heard(0, f"word {full} " + "x" * 5000, now=pair.now, is_final=False)
        full += 1
    assert full == 5000
    pair.reading = True
    pair.move()
    assert 0 < len(pair.of(SttResponse)) < full
