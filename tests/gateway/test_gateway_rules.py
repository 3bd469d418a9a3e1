"""The offline brain."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.gateway import lines
from estuary_proto.gateway.memory import Memory
from estuary_proto.gateway.rules import RulesBrain, pieces

TOLD = (
    "My name is Ada. My favourite colour is teal. I live in Paris. I come from Lyon. I'm a baker. "
    "I work at the harbour. I'm 36. My birthday is May 3rd. I like tea. I hate rain. "
    "I have a cat called Miso. Remember that the spare key is under the mat."
)


def knowing(text: str = TOLD) -> Memory:
    memory = Memory()
    memory.learn(text)
    return memory


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is my name?", "Your name is Ada."),
        ("what's my name", "Your name is Ada."),
        ("Do you remember my name?", "Your name is Ada."),
        ("who am I?", "Your name is Ada."),
        ("What\u2019s my favorite color?", "Your favourite colour is teal."),
        ("do you know my favourite colour", "Your favourite colour is teal."),
        ("Is teal my favourite colour?", "Your favourite colour is teal."),
        ("Where do I live?", "You live in Paris."),
        ("Where am I from?", "You come from Lyon."),
        ("What do I do for a living?", "You are a baker."),
        ("Where do I work?", "You work at the harbour."),
        ("How old am I?", "You are 36 years old."),
        ("When is my birthday?", "Your birthday is May 3rd."),
        ("What do I like?", "You like tea."),
        ("what do I dislike?", "You dislike rain."),
        ("What's my cat's name?", "Your cat is called Miso."),
        ("what is my cat called?", "Your cat is called Miso."),
        ("What is the name of my cat?", "Your cat is called Miso."),
        ("What did I ask you to remember?", "The spare key is under the mat."),
        ("Where is the spare key?", "The spare key is under the mat."),
    ],
)
def test_recall(question: str, answer: str) -> None:
    assert RulesBrain().reply(question, knowing(), 0) == answer


def test_recall_of_everything() -> None:
    answer = RulesBrain().reply("What do you know about me?", knowing(), 0)
    for word in ("Ada", "teal", "Paris", "Lyon", "baker", "36", "tea", "rain", "Miso", "key"):
        assert word in answer


@pytest.mark.parametrize(
    ("question", "choices"),
    [
        ("What is my name?", lines.UNKNOWN_NAME),
        ("Where do I live?", lines.UNKNOWN_FACT),
        ("What do I like?", lines.UNKNOWN_FACT),
        ("What's my dog's name?", lines.UNKNOWN_FACT),
        ("What do you know about me?", lines.NOTHING_KNOWN),
        ("Where is the spare key?", lines.ASKED),
        ("Why is the sky blue?", lines.ASKED),
        ("", lines.BLANK),
        ("...", lines.BLANK),
        ("Hello there", lines.GREETINGS),
        ("Good morning!", lines.GREETINGS),
        ("bye!", lines.GOODBYES),
        ("thank you", lines.THANKS),
        ("How are you?", lines.HOW_ARE_YOU),
        ("Who are you?", lines.WHO_ARE_YOU),
        ("what can you do?", lines.HELP),
        ("Tell me a joke", lines.JOKES),
        ("tell me a story", lines.STORIES),
        ("yes", lines.YES),
        ("no", lines.NO),
    ],
)
def test_small_talk(question: str, choices: tuple[str, ...]) -> None:
    plain = [line.format(name="", me="Wren") for line in choices]
    assert RulesBrain().reply(question, Memory(), 0) in plain


@pytest.mark.parametrize(("said", "mood"), [("I'm so sad", "sad"), ("I feel great", "great")])
def test_moods_are_met(said: str, mood: str) -> None:
    brain = RulesBrain()
    replies = {brain.reply(said, Memory(), turn) for turn in range(3)}
    assert any(mood in reply for reply in replies)


def test_what_is_told_is_acknowledged() -> None:
    brain = RulesBrain()
    assert "Ada" in brain.reply("My name is Ada", knowing("My name is Ada"), 0)
    both = "My name is Ada and I live in Rome"
    assert brain.reply(both, knowing(both), 0).endswith("You live in Rome.")
    assert "You like tea." in brain.reply("I like tea", knowing("I like tea"), 0)


def test_what_was_asked_wrong_is_said_kindly() -> None:
    brain = RulesBrain()
    assert "favourite food" in brain.reply("What's my favourite food?", Memory(), 0)
    assert "asked me to remember" in brain.reply("What did I tell you to remember?", Memory(), 0)


def test_one_word_in_common_is_no_answer() -> None:
    memory = knowing("I like tea")
    question = "Where did the old captain hide the tea last winter?"
    assert RulesBrain().reply(question, memory, 0) != "You like tea."
    assert RulesBrain().reply("Do I drink tea?", memory, 0) == "You like tea."


def test_forgetting() -> None:
    memory = knowing()
    assert RulesBrain().reply("Forget everything", memory, 0) in lines.FORGOTTEN
    assert len(memory) == 0


def test_anything_else_is_turned_around() -> None:
    brain = RulesBrain()
    replies = [brain.reply("I went to my garden", Memory(), turn) for turn in range(12)]
    assert any("you went to your garden" in reply for reply in replies)
    assert any("garden" not in reply for reply in replies)
    assert len(set(replies)) >= 5
    # What is no sentence about somebody is not turned, and what is long is not either.
    follow = [line.format(name="") for line in lines.FOLLOW]
    for said in ("the weather", "I " + "really " * 20 + "know", "I " + "x" * 250):
        assert brain.reply(said, Memory(), 0) in follow


def test_remembered_facts_come_up_again() -> None:
    brain, memory = RulesBrain(), knowing("I like tea")
    assert "You like tea." in brain.reply("I went out", memory, 3)


def test_the_name_is_used() -> None:
    brain, memory = RulesBrain(), knowing("my name is Ada")
    assert any("Ada" in brain.reply("hello", memory, turn) for turn in range(4))


def test_two_turns_in_a_row_differ() -> None:
    brain = RulesBrain(seed=3)
    for question in ("hello", "tell me a joke", "tell me a story", "why?"):
        said = [brain.reply(question, Memory(), turn) for turn in range(10)]
        assert all(one != two for one, two in zip(said, said[1:], strict=False))


def test_seeds_decide() -> None:
    def jokes(seed: int) -> list[str]:
        return [RulesBrain(seed).reply("a joke", Memory(), turn) for turn in range(6)]

    assert jokes(5) == jokes(5)
    assert sorted(jokes(5)) == sorted(lines.JOKES)
    assert len({tuple(jokes(seed)) for seed in range(10)}) > 3


@pytest.mark.parametrize("story", lines.STORIES)
def test_stories_are_long_enough_to_interrupt(story: str) -> None:
    assert len(story.split()) >= 120


def test_braces_are_words_like_any_other() -> None:
    brain, memory = RulesBrain(), Memory()
    for text in ("my name is A{0}B", "I like {name} and {me}", "I saw {said}"):
        memory.learn(text)
        for turn in range(8):
            assert brain.reply(text, memory, turn)


@given(st.text(max_size=200), st.text(max_size=200), st.integers(0, 1000))
def test_it_always_answers_with_something(told: str, said: str, turn: int) -> None:
    memory = Memory()
    memory.learn(told)
    memory.learn(said)
    assert RulesBrain().reply(said, memory, turn).strip()


@given(st.text(max_size=300))
def test_pieces_are_the_text(text: str) -> None:
    parts = pieces(text)
    assert "".join(parts) == text
    assert all(parts)


def test_pieces_are_words() -> None:
    assert pieces("Hello you  there") == ["Hello ", "you  ", "there"]


@pytest.mark.parametrize(
    "text", ["tell " * 1600, "my favourite " * 600 + "?", "what " * 1600 + "?", "x" * 8000]
)
def test_long_texts_are_quick(text: str) -> None:
    began = time.process_time()
    RulesBrain().reply(text, knowing(), 0)
    assert time.process_time() - began < 0.5
