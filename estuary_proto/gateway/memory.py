"""What is worth remembering of what people say, and where it is kept.

`learn` reads plain statements ("my name is Ada", "I love tea", "remember that the key is under the
mat") and says which facts are in them; questions teach nothing. A fact has a key, and a later fact
with the same key takes its place: that is how corrections work.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAX_VALUE: Final = 120
_MAX_CLAUSES: Final = 20
_MAX_SENTENCE: Final = 300


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about a player: `key` says what about, `value` what, `text` the sentence to
    tell it with ("Your name is Ada."), `kind` a memory type of PROTOCOL 7.2."""

    key: str
    value: str
    text: str
    kind: str = "fact"


class Memory:
    """What one character knows about one player; at most `limit` facts, the oldest go first."""

    __slots__ = ("__weakref__", "_facts", "_limit", "motive")

    def __init__(self, limit: int = 200) -> None:
        self.motive: str = ""
        """What drives the character towards the player now, "" for nothing in particular."""
        self._facts: dict[str, Fact] = {}
        self._limit = limit

    def learn(self, text: str) -> list[Fact]:
        """Keep the facts in `text`; returns those that were new or changed."""
        fresh = [fact for fact in learn(text) if self._facts.get(fact.key) != fact]
        for fact in fresh:
            self.put(fact)
        return fresh

    def put(self, fact: Fact) -> None:
        """Keep this fact, in the place of what was known under its key."""
        self._facts.pop(fact.key, None)
        self._facts[fact.key] = fact
        if len(self._facts) > self._limit:
            del self._facts[next(iter(self._facts))]

    def drop(self, key: str) -> None:
        """Forget what is known under this key."""
        self._facts.pop(key, None)

    def get(self, key: str) -> Fact | None:
        """The fact about `key`, if one is known."""
        return self._facts.get(key)

    def clear(self) -> None:
        """Forget everything."""
        self._facts.clear()

    def __iter__(self) -> Iterator[Fact]:
        return iter(tuple(self._facts.values()))

    def __len__(self) -> int:
        return len(self._facts)


class MemoryStore:
    """The memories of a gateway, one per (character, player); the longest unused go first."""

    __slots__ = ("_limit", "_memories", "_players")

    def __init__(self, players: int = 1000, facts: int = 200) -> None:
        self._memories: OrderedDict[tuple[str, str], Memory] = OrderedDict()
        self._players = players
        self._limit = facts

    def of(self, character_id: str, player_id: str) -> Memory:
        """The memory of this pair; an empty one the first time."""
        pair = (character_id, player_id)
        memory = self._memories.setdefault(pair, Memory(self._limit))
        self._memories.move_to_end(pair)
        if len(self._memories) > self._players:
            self._memories.popitem(last=False)
        return memory

    def __len__(self) -> int:
        return len(self._memories)


def learn(text: str) -> list[Fact]:
    """The facts stated in `text`, in order. Pure, and quick on any input."""
    found = (_read(clause) for clause in _clauses(text))
    return [fact for fact in found if fact is not None and len(fact.text) <= _MAX_SENTENCE]


_SENTENCES: Final = re.compile(r"[^.!?;\n]+(?:\.(?=\w)[^.!?;\n]*)*[.!?;\n]*")
_AND: Final = re.compile(
    r",?\s+(?:and|but|though)\s+"
    r"(?=(?:i|i'm|i've|my [\w' ]{1,40}?(?:'s| is| are)|you can call me)\b)",
    re.I,
)
_FILLERS: Final = re.compile(
    r"^(?:(?:well|so|actually|oh|hey|hi|hello|no|yes|ok|okay|also|and|but|by the way|btw|please"
    r"|sorry|you know|listen|look|true|now)\b[\s,:-]*)+",
    re.I,
)


def _clauses(text: str) -> Iterator[str]:
    count = 0
    # Blanks are made single first: no pattern below is slow on a long run of them.
    lines = "\n".join(" ".join(line.split()) for line in text.splitlines())
    for sentence in _SENTENCES.findall(lines.replace("\u2019", "'")):
        if "?" in sentence:
            continue
        for clause in _AND.split(sentence.strip(' .!?;\n"')):
            count += 1
            if count > _MAX_CLAUSES:
                return
            yield _FILLERS.sub("", clause.strip(" ,"))


_NAME: Final = (
    r"(?P<name>(?!not\b)[^\W\d_][\w'-]*(?: (?!and\b|but\b|from\b|by\b|btw\b)[^\W\d_][\w'-]*){0,3})"
    r"(?=$|,| (?:and|but|from|by|btw)\b)"
)
_VALUE: Final = r"(?P<value>\S.*)"


def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE)


def _tidy(value: str) -> str:
    value = re.split(r",\s*(?:and|but|because|so)\b|\s+(?:because|but)\s", value, maxsplit=1)[0]
    value = re.sub(
        r"\s+(?:any ?more|now|too|as well|a lot|very much|the most)$", "", value.strip(" ,")
    )
    return value.strip(' ,"')[:_MAX_VALUE]


def _person(name: str) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in name.split())


def _name(found: re.Match[str]) -> Fact | None:
    name = _person(found["name"])
    return Fact("name", name, f"Your name is {name}.")


def _favourite(found: re.Match[str]) -> Fact | None:
    what, value = topic(found["what"]), _tidy(found["value"])
    return Fact(f"favourite {what}", value, f"Your favourite {what} is {value}.", "preference")


def topic(words: str) -> str:
    """A favourite's topic in one spelling: "Favorite COLOR" and "favourite colour" are one."""
    return re.sub(r"\bcolor", "colour", " ".join(words.lower().split()))


_VAGUE: Final = frozenset(
    {"you", "it", "that", "this", "them", "him", "her", "to", "when", "how", "what"}
)


def _taste(verb: str) -> Callable[[re.Match[str]], Fact | None]:
    def make(found: re.Match[str]) -> Fact | None:
        value = _tidy(found["value"])
        if not value or value.lower().split()[0] in _VAGUE:
            return None
        said = mirror(value)
        return Fact(f"taste {value.lower()}", value, f"You {verb} {said}.", "preference")

    return make


def _simple(key: str, sentence: str) -> Callable[[re.Match[str]], Fact | None]:
    def make(found: re.Match[str]) -> Fact | None:
        value = _tidy(found["value"])
        return Fact(key, value, sentence.format(mirror(value)))

    return make


_MOODS: Final = frozenset(
    {"bit", "little", "lot", "mess", "wreck", "big", "huge", "fan", "failure"}
)


def _job(found: re.Match[str]) -> Fact | None:
    value = _tidy(found["value"])
    words = value.lower().split()
    if not words or words[0] in _MOODS or len(words) > 4:
        return None
    return Fact("job", value, f"You are {found['article'].lower()} {value}.")


def _age(found: re.Match[str]) -> Fact | None:
    return Fact("age", found["value"], f"You are {int(found['value'])} years old.")


def _relation(found: re.Match[str]) -> Fact | None:
    who, name = " ".join(found["who"].lower().split()), _person(found["name"])
    return Fact(f"name of {who}", name, f"Your {who} is called {name}.", "relationship")


def _note(found: re.Match[str]) -> Fact | None:
    inner = _FILLERS.sub("", found["value"].strip())
    fact = _read(inner, notes=False)
    if fact is not None:
        return fact
    value = inner[:_MAX_VALUE]
    said = mirror(value)
    return Fact(f"note {value.lower()}", value, f"{said[:1].upper()}{said[1:]}.") if value else None


_RULES: Final = (
    (
        _pattern(rf"^(?:my name is|my name's|i am called|i'm called|(?:you can )?call me) {_NAME}"),
        _name,
    ),
    (_pattern(r"^(?:i'm|i am) (?P<name>(?-i:[A-Z])[a-z'-]+(?: (?-i:[A-Z])[\w'-]+){0,2})$"), _name),
    (_pattern(rf"^my favou?rite (?P<what>\w[\w -]{{0,40}}?)(?: is| are|'s) {_VALUE}"), _favourite),
    (_pattern(r"^(?:i'm|i am) (?P<value>\d{1,3})(?: years old| years)?\b(?! ?%)(?:$|,)"), _age),
    (
        _pattern(r"^i(?: now| currently)? live (?P<value>(?:in|near|by|at|on) .+)"),
        _simple("home", "You live {}."),
    ),
    (
        _pattern(rf"^i(?:'ve| have)? (?:just )?moved to {_VALUE}"),
        _simple("home", "You live in {}."),
    ),
    (
        _pattern(rf"^(?:i'm|i am|i come) (?:originally )?from {_VALUE}"),
        _simple("origin", "You come from {}."),
    ),
    (_pattern(rf"^i work as (?P<article>an?|the) {_VALUE}"), _job),
    (_pattern(rf"^(?:i'm|i am|my job is being) (?P<article>an?) {_VALUE}"), _job),
    (_pattern(r"^i work (?P<value>(?:at|for|in) .+)"), _simple("workplace", "You work {}.")),
    (_pattern(rf"^my birthday is (?:on )?{_VALUE}"), _simple("birthday", "Your birthday is {}.")),
    (
        _pattern(rf"^(?:i have|i've got|i own) an? (?:\w+ )?(?P<who>\w+) (?:named|called) {_NAME}"),
        _relation,
    ),
    (_pattern(rf"^my (?P<who>\w+(?: \w+)?)(?:'s name is| is called| is named) {_NAME}"), _relation),
    (
        _pattern(
            rf"^i (?:really |just |also |absolutely |truly )*(?:like|love|enjoy|adore) {_VALUE}"
        ),
        _taste("like"),
    ),
    (_pattern(rf"^(?:i'm|i am) a (?:big |huge )?fan of {_VALUE}"), _taste("like")),
    (
        _pattern(
            rf"^i (?:really |just |also |absolutely )*"
            rf"(?:hate|dislike|can't stand|(?:don't|do not) (?:really )?(?:like|love|enjoy))"
            rf" {_VALUE}"
        ),
        _taste("dislike"),
    ),
)
_REMEMBER: Final = _pattern(rf"^remember(?: that|:)? {_VALUE}")


def _read(clause: str, *, notes: bool = True) -> Fact | None:
    for pattern, make in _RULES:
        found = pattern.match(clause)
        if found is not None and (fact := make(found)) is not None:
            return fact
    found = _REMEMBER.match(clause) if notes else None
    return _note(found) if found is not None else None


_MIRROR: Final = {
    "i": "you", "i'm": "you're", "i've": "you've", "i'd": "you'd", "i'll": "you'll", "me": "you",
    "my": "your", "mine": "yours", "myself": "yourself", "am": "are", "was": "were",
    "you": "I", "your": "my", "yours": "mine", "yourself": "myself", "you're": "I'm",
    "you've": "I've", "you'd": "I'd", "you'll": "I'll",
}  # fmt: skip
_WORD: Final = re.compile(r"[\w']+")


def mirror(text: str) -> str:
    """`text` as the other one would say it: "my cat and I" becomes "your cat and you"."""
    words = text.replace("\u2019", "'")
    # "was" changes only behind "I"; elsewhere it belongs to somebody else.
    words = re.sub(r"\b(?<!i )was\b", "w\0as", words, flags=re.IGNORECASE)
    return _WORD.sub(lambda m: _MIRROR.get(m[0].lower(), m[0]), words).replace("w\0as", "was")
