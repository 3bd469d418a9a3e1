"""The offline brain: pleasant, quick, and the same every time for the same seed.

It answers from rules, in the order of `_INTENTS`: questions about what it was told first, then what
it has just been told, then small talk, and at last it turns the words around and asks. It never
makes facts up. `reply` is a function of the seed, the text, the memory and the number of the turn;
two turns in a row never get the same wording for the same kind of thing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from . import lines
from .memory import Fact, Memory, learn, mirror, topic


@dataclass(frozen=True, slots=True)
class _Moment:
    """What an intent may look at."""

    brain: RulesBrain
    text: str
    found: re.Match[str]
    memory: Memory
    turn: int

    def say(self, choices: Sequence[str], **words: str) -> str:
        """The wording of this turn, with the name of whom we talk to where it fits."""
        known = self.memory.get("name")
        name = f", {known.value}" if known is not None else ""
        return self.brain.pick(choices, self.turn).format(name=name, me=self.brain.name, **words)

    def tell(self, fact: Fact | None) -> str:
        """The fact, or that it is not known."""
        return fact.text if fact is not None else self.say(lines.UNKNOWN_FACT)


class RulesBrain:
    """A conversation partner made of rules; `name` is who it says it is, `about` what it says of
    itself."""

    __slots__ = ("_orders", "_seed", "about", "name")

    def __init__(self, seed: int = 0, name: str = "Wren", about: str = "") -> None:
        self.name: str = name
        self.about: str = about
        self._seed = seed
        self._orders: dict[Sequence[str], list[str]] = {}

    def pick(self, choices: Sequence[str], turn: int) -> str:
        """One of `choices`: in the seed's order, the next one each turn."""
        order = self._orders.get(choices)
        if order is None:
            # Seeded with text: the same on every machine and in every process.
            chance = random.Random(f"{self._seed}:{choices[0]}")
            order = self._orders[choices] = chance.sample(choices, len(choices))
        return order[turn % len(order)]

    def reply(self, text: str, memory: Memory, turn: int) -> str:
        """The answer to `text` in turn number `turn` (0, 1, …). Never empty."""
        said = " ".join(text.replace("\u2019", "'").split())
        matches = ((answer, pattern.search(said)) for pattern, answer in _INTENTS)
        answers = (answer(_Moment(self, said, m, memory, turn)) for answer, m in matches if m)
        return next(words for words in answers if words is not None)


def pieces(text: str) -> list[str]:
    """`text` in the pieces that a reply streams: words with the blanks behind them."""
    return _PIECE.findall(text)


_PIECE: Final = re.compile(r"\s*\S{1,24}\s*|\s+")

_Answer = Callable[[_Moment], str | None]


def _plain(choices: Sequence[str]) -> _Answer:
    return lambda moment: moment.say(choices)


def _recall(key: str) -> _Answer:
    return lambda moment: moment.tell(moment.memory.get(key))


def _my_name(moment: _Moment) -> str:
    fact = moment.memory.get("name")
    return fact.text if fact is not None else moment.say(lines.UNKNOWN_NAME)


def _who_are_you(moment: _Moment) -> str:
    brain = moment.brain
    return f"I'm {brain.name}. {brain.about}" if brain.about else moment.say(lines.WHO_ARE_YOU)


def _favourite(moment: _Moment) -> str:
    what = topic(moment.found["what"])
    fact = moment.memory.get(f"favourite {what}")
    if fact is None:
        return f"You haven't told me your favourite {what} yet. What is it?"
    return fact.text


def _named(moment: _Moment) -> str | None:
    who = " ".join(moment.found["who"].lower().split())
    return moment.tell(moment.memory.get(f"name of {who}"))


def _tastes(moment: _Moment) -> str:
    verb = "dislike" if moment.found["verb"].lower() in ("hate", "dislike") else "like"
    told = [fact.text for fact in moment.memory if fact.text.startswith(f"You {verb} ")]
    return " ".join(told) or moment.say(lines.UNKNOWN_FACT)


def _everything(moment: _Moment) -> str:
    told = [fact.text for fact in moment.memory]
    if not told:
        return moment.say(lines.NOTHING_KNOWN)
    return "Here is what I remember. " + " ".join(told[-20:])


def _notes(moment: _Moment) -> str:
    told = [fact.text for fact in moment.memory if fact.key.startswith("note ")]
    return " ".join(told) or "You haven't asked me to remember anything yet."


def _forget(moment: _Moment) -> str:
    moment.memory.clear()
    return moment.say(lines.FORGOTTEN)


_COMMON: Final = frozenset(
    "what where when which who whose how why is are was were do does did can could would should"
    " have has had you your i me my mine am the a an of to in on at for it that this and or with"
    " about"
    " know remember tell please name called".split()
)


def _search(moment: _Moment) -> str | None:
    """A question about something that was told in other words: the fact that shares the most."""
    asked = _content(moment.text)
    best, most = None, 0
    for fact in moment.memory:
        shared = len(asked & _content(fact.text))
        if shared > most:
            best, most = fact, shared
    # One word in common is a coincidence when the question holds many others.
    return best.text if best is not None and most * 2 >= len(asked) else None


def _content(text: str) -> set[str]:
    words = re.findall(r"[\w']+", text.lower())
    return {word.removesuffix("'s") for word in words} - _COMMON


def _taught(moment: _Moment) -> str | None:
    facts = learn(moment.text)
    if not facts:
        return None
    names = [fact for fact in facts if fact.key == "name"]
    rest = " ".join(fact.text for fact in facts if fact.key != "name")
    if names:
        return " ".join(filter(None, (moment.say(lines.NICE_TO_MEET, value=names[-1].value), rest)))
    return moment.say(lines.NOTED, fact=rest)


def _mood(choices: Sequence[str]) -> _Answer:
    return lambda moment: moment.say(choices, mood=moment.found["mood"].lower())


def _otherwise(moment: _Moment) -> str:
    facts = list(moment.memory)
    if facts and moment.turn % 4 == 3:
        return moment.say(lines.RECALLING, fact=facts[moment.turn % len(facts)].text)
    said = _turned(moment.text)
    if said is None or moment.turn % 3 == 2:
        return moment.say(lines.FOLLOW)
    return moment.say(lines.REFLECT, said=said)


def _turned(text: str) -> str | None:
    """The last sentence, as the listener would say it; None when it is long or says no "I"."""
    last = re.split(r"[.!?]+\s+", text.strip(" .!?"))[-1]
    words = last.split()
    if (
        len(words) > 16
        or len(last) > 200
        or not re.match(r"(?:i|i'm|i've|my|you|your|you're|we|it|it's)\b", last, re.I)
    ):
        return None
    return mirror(last).rstrip(",:;")


_RELATION: Final = r"(?:dog|cat|pet|\w+)"
_SPEC: Final[tuple[tuple[str, _Answer], ...]] = (
    (r"^\W*$", _plain(lines.BLANK)),
    (r"\bforget (?:everything|all (?:of )?(?:that|this|it)|about me|me)\b", _forget),
    (
        r"\b(?:what(?:'s| is| was)|(?:know|remember|tell me|say)) my (?:own )?name\b|\bwho am i\b",
        _my_name,
    ),
    (r"\bmy favou?rite (?P<what>[\w -]{1,40}?)(?: is| again| then)?\?", _favourite),
    (
        r"\b(?:what(?:'s| is| are)|know|remember|tell me) my favou?rite (?P<what>[\w -]{1,40})",
        _favourite,
    ),
    (
        r"\bwhat (?:else )?(?:do|can|did) you (?:know|remember|learn)(?: about me)?\b"
        r"(?! about (?!me))"
        r"|\b(?:tell|remind) me (?:what you know )?about (?:me|myself)\b"
        r"|\bwhat (?:have|did) i (?:told|tell) you\b(?! to)",
        _everything,
    ),
    (r"\bwhat (?:did|have) i (?:ask|asked|tell|told) you to remember\b", _notes),
    (r"\bwhere (?:do i live|is my home|am i living)\b", _recall("home")),
    (r"\bwhere (?:do i come from|am i from)\b", _recall("origin")),
    (r"\bwhere do i work\b", _recall("workplace")),
    (r"\bhow old am i\b|\bwhat(?:'s| is) my age\b", _recall("age")),
    (
        r"\b(?:what(?:'s| is) my job|what do i do(?: for (?:a living|work))?\b(?! (?:if|when)))",
        _recall("job"),
    ),
    (r"\b(?:when(?:'s| is)|what day is) my birthday\b", _recall("birthday")),
    (r"\bwhat (?:things )?do i (?:really )?(?P<verb>like|love|enjoy|hate|dislike)\b", _tastes),
    (rf"\bwhat(?:'s| is) my (?P<who>{_RELATION}(?: \w+)??)(?:'s name| called| named)\b", _named),
    (rf"\bwhat(?:'s| is) the name of my (?P<who>{_RELATION})\b", _named),
    (r"\?\s*$", _search),
    (r"", _taught),
    (r"\b(?:tell|say|know|read)\b.{0,60}\bstory\b|^(?:a |another )?story\b", _plain(lines.STORIES)),
    (r"\bjoke\b|\bmake me laugh\b|\bsomething funny\b", _plain(lines.JOKES)),
    (r"\b(?:who|what) are you\b|\byour name\b|\babout yourself\b", _who_are_you),
    (
        r"\bhow (?:are|do) you (?:doing|feel|feeling|today)\b|\bhow are you\b"
        r"|\bhow's it going\b|\bwhat's up\b",
        _plain(lines.HOW_ARE_YOU),
    ),
    (r"\bwhat can (?:you|i|we) do\b|^\W*help\b|\bhow does this work\b", _plain(lines.HELP)),
    (r"\b(?:good ?bye|bye|see you|farewell|good night)\b", _plain(lines.GOODBYES)),
    (r"\b(?:thanks|thank you|thx|cheers)\b", _plain(lines.THANKS)),
    (
        r"^\W*(?:hi|hello|hey|hiya|greetings|howdy|good (?:morning|afternoon|evening|day))\b",
        _plain(lines.GREETINGS),
    ),
    (r"\bi(?:'m| am| feel| am feeling|'m feeling) (?:so |very |really |a bit |a little |quite )*"
     r"(?P<mood>sad|tired|lonely|down|angry|upset|worried|anxious|afraid|scared|stressed|unhappy|sick|bored)\b",
     _mood(lines.SAD)),
    (r"\bi(?:'m| am| feel| am feeling|'m feeling) (?:so |very |really |quite )*"
     r"(?P<mood>happy|glad|great|good|fine|excited|cheerful|well|wonderful|better)\b",
     _mood(lines.GLAD)),
    (r"^\W*(?:yes|yeah|yep|sure|of course|ok|okay|right)\W*$", _plain(lines.YES)),
    (r"^\W*(?:no|nope|nah|not really)\W*$", _plain(lines.NO)),
    (r"\?\s*$", _plain(lines.ASKED)),
    (r"", _otherwise),
)  # fmt: skip
_INTENTS: Final = tuple((re.compile(source, re.IGNORECASE), answer) for source, answer in _SPEC)
