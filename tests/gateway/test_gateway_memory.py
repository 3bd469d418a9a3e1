"""What is worth remembering."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.gateway.memory import Memory, MemoryStore, learn, mirror

TABLE = [
    ("my name is Ada", [("name", "Ada", "Your name is Ada.")]),
    (
        "My name's Ada Lovelace, nice to meet you",
        [("name", "Ada Lovelace", "Your name is Ada Lovelace.")],
    ),
    ("my name is ada lovelace", [("name", "Ada Lovelace", "Your name is Ada Lovelace.")]),
    ("Hi! I\u2019m Ada.", [("name", "Ada", "Your name is Ada.")]),
    ("actually, call me Al", [("name", "Al", "Your name is Al.")]),
    ("You can call me Grace from now on", [("name", "Grace", "Your name is Grace.")]),
    ("my name is Zoë btw", [("name", "Zoë", "Your name is Zoë.")]),
    ("My name is not Ada", []),
    ("i'm fine", []),
    ("is my name Ada? I wonder", []),
    ("do you know my name is Ada?", []),
    (
        "I'm Ada and I live in Paris, but I am from Lyon.",
        [
            ("name", "Ada", "Your name is Ada."),
            ("home", "in Paris", "You live in Paris."),
            ("origin", "Lyon", "You come from Lyon."),
        ],
    ),
    ("I just moved to Oslo", [("home", "Oslo", "You live in Oslo.")]),
    (
        "my favorite COLOR is teal!",
        [("favourite colour", "teal", "Your favourite colour is teal.")],
    ),
    ("My favourite tea's mint", [("favourite tea", "mint", "Your favourite tea is mint.")]),
    (
        "I really love hiking with my dog",
        [("taste hiking with my dog", "hiking with my dog", "You like hiking with your dog.")],
    ),
    ("I like tea because it is warm", [("taste tea", "tea", "You like tea.")]),
    ("I don't like spinach anymore", [("taste spinach", "spinach", "You dislike spinach.")]),
    ("I'm a big fan of jazz", [("taste jazz", "jazz", "You like jazz.")]),
    ("I love you", []),
    ("I like , and that", []),
    ("I'm 36", [("age", "36", "You are 36 years old.")]),
    ("I am 36 years old", [("age", "36", "You are 36 years old.")]),
    ("I'm 100% sure", []),
    ("I work as a baker", [("job", "baker", "You are a baker.")]),
    ("I'm an engineer", [("job", "engineer", "You are an engineer.")]),
    ("I'm a bit tired", []),
    ("I'm a person who rarely says anything of note", []),
    ("I work at the harbour", [("workplace", "at the harbour", "You work at the harbour.")]),
    ("my birthday is on May 3rd", [("birthday", "May 3rd", "Your birthday is May 3rd.")]),
    ("I have a black cat called Miso", [("name of cat", "Miso", "Your cat is called Miso.")]),
    ("my dog is named Rex and my best friend's name is Eva", [
        ("name of dog", "Rex", "Your dog is called Rex."),
        ("name of best friend", "Eva", "Your best friend is called Eva."),
    ]),
    ("remember that the key is under my mat", [
        ("note the key is under my mat", "the key is under my mat", "The key is under your mat."),
    ]),
    ("Please remember that my name is Bob", [("name", "Bob", "Your name is Bob.")]),
    ("please remember: and", []),
    ("", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "facts"), TABLE)
def test_plain_statements_teach(text: str, facts: list[tuple[str, str, str]]) -> None:
    assert [(fact.key, fact.value, fact.text) for fact in learn(text)] == facts


def test_kinds_are_those_of_the_wire() -> None:
    kinds = {fact.kind for text, _ in TABLE for fact in learn(text)}
    assert kinds == {"fact", "preference", "relationship"}


def test_a_correction_takes_the_place_of_what_was_known() -> None:
    memory = Memory()
    assert memory.learn("My name is Ada. I like tea.")
    assert memory.learn("My name is Ada") == []
    (fact,) = memory.learn("My name is Bea")
    assert fact.value == "Bea"
    assert memory.get("name") == fact
    memory.learn("I hate tea")
    assert [fact.text for fact in memory] == ["Your name is Bea.", "You dislike tea."]
    memory.clear()
    assert len(memory) == 0
    assert memory.get("name") is None


def test_the_oldest_facts_go_first() -> None:
    memory = Memory(limit=2)
    memory.learn("I like tea. I like rain. I like jazz.")
    assert [fact.value for fact in memory] == ["rain", "jazz"]
    memory.learn("I hate rain.")  # Told again, it is young again.
    memory.learn("I like tea.")
    assert [fact.value for fact in memory] == ["rain", "tea"]


def test_memories_are_kept_for_each_pair_and_bounded() -> None:
    store = MemoryStore(players=2, facts=5)
    store.of("a", "1").learn("my name is Ada")
    store.of("b", "1")
    assert len(store.of("b", "1")) == 0
    assert store.of("a", "1").get("name") is not None
    store.of("c", "1")
    assert len(store) == 2
    assert store.of("a", "1").get("name") is not None
    assert len(store.of("b", "1")) == 0
    assert store.of("c", "1") is store.of("c", "1")


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("my cat and I", "your cat and you"),
        ("you hurt me", "I hurt you"),
        ("I was late and it was dark", "you were late and it was dark"),
        ("I'm here", "you're here"),
    ],
)
def test_mirror(said: str, heard: str) -> None:
    assert mirror(said) == heard


@given(st.text(max_size=300))
def test_any_text_is_safe_and_facts_are_short(text: str) -> None:
    for fact in learn(text):
        assert fact.key
        assert 0 < len(fact.text) <= 300


@pytest.mark.parametrize(
    "text",
    [" " * 8000, "my " * 2600, "i like " * 1200, "a." * 4000, "and " * 2000, "I am " + "x" * 8000,
     "my name is " + "A " * 4000, "so, " * 2000, "tell me a " * 800, "\n" * 8000],
)  # fmt: skip
def test_long_texts_are_quick(text: str) -> None:
    began = time.process_time()
    learn(text)
    assert time.process_time() - began < 0.5


def test_a_flood_of_statements_is_bounded() -> None:
    assert len(learn(" ".join(f"I like thing{n}." for n in range(1000)))) == 20
