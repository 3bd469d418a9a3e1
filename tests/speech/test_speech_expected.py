"""What the recogniser expects: the language model of it, and that it helps and does not harm."""

from __future__ import annotations

from math import log10

import pytest

from estuary_anyio.gateway.speech.arpa import DISCOUNT, arpa
from estuary_anyio.gateway.speech.domain import SENTENCES, SLOTS, Known, said
from estuary_anyio.gateway.speech.sphinx_child import FRAME, Ear, listen
from estuary_proto.gateway import RulesBrain, wishes
from estuary_proto.gateway.memory import Memory

from .flite import says, silence, words, wrong_words


def test_the_model_of_two_sentences() -> None:
    text = arpa([("a b", 3.0), ("a c", 1.0)])
    assert "ngram 1=5\nngram 2=5\nngram 3=4\n" in text
    lines = {parts[1]: parts for line in text.splitlines() if len(parts := line.split("\t")) > 1}
    backoff = f"{log10(DISCOUNT):.4f}"
    assert lines["a b"] == [f"{log10(0.75 * (1 - DISCOUNT)):.4f}", "a b", backoff]
    assert lines["<s>"] == ["-99.0000", "<s>", backoff]
    assert lines["</s>"] == [f"{log10(4 / 12):.4f}", "</s>"]
    assert lines["<s> a c"] == [f"{log10(0.25 * (1 - DISCOUNT)):.4f}", "<s> a c"]


def test_every_sentence_weighs_the_same() -> None:
    found = list(said())
    assert sum(weight for _, weight in found) == pytest.approx(len(SENTENCES))
    assert dict(found)["my name is ada"] == pytest.approx(1 / len(SLOTS["name"].split()))
    assert all("{" not in sentence for sentence, _ in found)
    assert len(set(SENTENCES)) == len(SENTENCES)


def test_what_is_expected_is_what_the_character_understands() -> None:
    """Of questions and requests: none gets an answer that would fit anything."""
    wants = ("what", "where", "who", "tell", "how old", "do you know my")
    odd = []
    vague = RulesBrain(0, "Wren").reply("what is the capital of norway?", Memory(10), 0)
    for sentence, _ in said():
        if sentence.startswith(wants) and not wishes.wants_a_look(sentence):
            answer = RulesBrain(0, "Wren").reply(sentence, Memory(10), 0)
            if answer == vague:
                odd.append(sentence)
    assert odd == []


class Frames:
    """What a process would read."""

    def __init__(self, *frames: tuple[bytes, int, bytes]) -> None:
        self.data = b"".join(FRAME.pack(k, n, len(data)) + data for k, n, data in frames)

    def read(self, size: int) -> bytes:
        piece, self.data = self.data[:size], self.data[size:]
        return piece


def test_what_the_process_answers() -> None:
    pytest.importorskip("pocketsphinx")
    pcm = silence(0.3) + says("Tell me a joke.") + silence(0.3)
    told: list[dict[str, object]] = []
    half = len(pcm) // 4 * 2
    source = Frames(
        (b"P", 1, pcm[:half]), (b"P", 1, pcm[half:]), (b"E", 1, b""),
        (b"P", 2, pcm), (b"X", 2, b""),
        (b"P", 3, pcm), (b"P", 4, b""), (b"E", 4, b""), (b"E", 5, b""),
    )  # fmt: skip
    listen(source, told.append)  # type: ignore[arg-type]
    assert told[0] == {"ready": True}
    assert [(t["id"], t["final"]) for t in told[1:]] == [
        (1, False), (1, False), (1, True), (2, False), (3, False), (4, False), (4, True), (5, True),
    ]  # fmt: skip
    assert told[3]["text"] == "tell me a joke"
    assert (told[7]["text"], told[8]["text"]) == ("", "")


EXPECTED = (
    "My name is Ada.",
    "Who are you?",
    "Please wave.",
    "My cat is called Luna.",
    "Who am I?",
)


def test_what_nobody_says_is_what_one_says() -> None:
    """A first word that was spoken over, mistaken, added or lost, and one sentence is near."""
    known = Known()
    for heard, meant in (
        ("when is my favorite movie", "what is my favorite movie"),
        ("tell are you today", "how are you today"),
        ("what i really like trains", "i really like trains"),
        ("favorite kind is tea", "favorite kind is tea"),
        ("do you remember about me", "what do you remember about me"),
        # A sentence by itself, though others are near; too short; near to more than one; far away.
        ("hello my name is max", "hello my name is max"),
        ("tell story", "tell story"),
        ("my name is tea", "my name is tea"),
        ("the weather is nice today", "the weather is nice today"),
        ("", ""),
    ):
        assert known.meant(heard) == meant


VOICES = ("slt", "rms", "awb")
OTHERS = ("My computer is very slow today.", "The museum opens at nine on Sunday.",
          "I like the way you tell stories.")  # fmt: skip


@pytest.mark.timeout(300)
def test_it_understands_more_of_what_it_expects_and_no_less_of_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pocketsphinx")
    ear = Ear()

    found: dict[str, str] = {}
    whole = ear._whole

    def noted(pcm: bytes, search: str) -> tuple[str, float]:
        said = whole(pcm, search)
        found[search] = said[0]
        return said

    monkeypatch.setattr(ear, "_whole", noted)

    def wrong(sentences: tuple[str, ...]) -> tuple[int, int]:
        """Words, as it hears them, and by the open vocabulary alone."""
        biased = plain = 0
        for sentence in sentences:
            for voice in VOICES:
                found.clear()
                pcm = silence(0.3) + says(sentence, voice) + silence(0.4)
                ear.piece(pcm)
                biased += wrong_words(sentence, ear.end())
                plain += wrong_words(sentence, found.get("_default") or whole(pcm, "_default")[0])
        return biased, plain

    biased, plain = zip(wrong(EXPECTED), wrong(OTHERS), strict=True)
    total = [3 * sum(len(words(s)) for s in one) for one in (EXPECTED, OTHERS)]
    print(f"wrong words of {total}, as expected: {biased}, with the open vocabulary: {plain}")
    assert biased[0] < plain[0] / 2
    assert biased[1] <= plain[1] + 2


@pytest.mark.timeout(300)
def test_what_is_expected_is_seldom_listened_to_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which takes most of the time between the end of a turn and its transcript."""
    pytest.importorskip("pocketsphinx")
    ear = Ear()
    asked: list[str] = []
    whole = ear._whole

    def noted(pcm: bytes, search: str) -> tuple[str, float]:
        asked.append(search)
        return whole(pcm, search)

    monkeypatch.setattr(ear, "_whole", noted)

    def again(sentences: tuple[str, ...]) -> int:
        asked.clear()
        for sentence in sentences:
            for voice in VOICES:
                ear.piece(silence(0.3) + says(sentence, voice) + silence(0.4))
                ear.end()
        return asked.count("_default")

    assert again(OTHERS) == 3 * len(OTHERS)
    assert again(EXPECTED) <= len(EXPECTED)
