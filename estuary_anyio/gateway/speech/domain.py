"""What people say to the offline character, for a recogniser to expect."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from string import Formatter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOTS: Final[dict[str, str]] = {
    "name": (
        "ada adam alan albert alex alice amy andrew angela anna anne anthony barbara ben betty "
        "brian carl carol catherine charles chris claire daniel david diana edward elizabeth ellen "
        "emily emma eric eva frank fred george grace hannah harry helen henry ian jack jacob james "
        "jane jason jennifer jim joan joe john jonathan joseph julia karen kate kevin laura linda "
        "lisa louis lucy maria marie mark martin mary matthew max michael michelle mike nancy "
        "nicholas nick oliver oscar pamela patrick paul peter philip rachel rebecca richard robert "
        "roger ruth sam samuel sarah simon sophie stephen steve susan thomas tim tom victor "
        "victoria walter william"
    ),
    "pet": "rex bello max luna molly charlie bella daisy lucky rocky kitty tiger felix milo buddy",
    "place": (
        "london paris berlin rome madrid vienna boston chicago dublin tokyo sydney moscow athens "
        "amsterdam hamburg munich york oxford cambridge edinburgh glasgow geneva zurich oslo "
        "stockholm copenhagen helsinki brussels lisbon warsaw prague budapest seattle toronto "
        "california texas germany france england scotland ireland italy spain america canada "
        "australia india china japan"
    ),
    "colour": "red green blue yellow black white orange purple pink brown grey gray silver gold",
    "kind": "color food book movie song animal season sport drink game number band",
    "thing": (
        "coffee tea music books chocolate pizza cats dogs swimming running reading cooking dancing "
        "singing hiking football tennis chess painting movies flowers trains mountains snow rain "
        "apples bread cheese fish gardening cycling sailing traveling"
    ),
    "animal": "dog cat horse bird rabbit brother sister mother father friend wife husband son "
    "daughter boss teacher",
    "job": "teacher doctor nurse engineer student lawyer writer musician painter farmer pilot "
    "programmer scientist cook driver carpenter baker",
    "mood": "sad tired lonely angry upset worried happy glad great good fine excited well bored "
    "afraid sick stressed",
    "number": "twenty thirty forty fifty sixty eighteen sixteen twenty-five",
}

SENTENCES: Final = """
hello
hi
hey
hello there
hi there
good morning
good evening
good afternoon
hello {name}
how are you
how are you today
how are you doing
how do you feel
how's it going
what's up
what is my name
what's my name
do you know my name
do you remember my name
who am i
who are you
what are you
what is your name
what's your name
tell me about yourself
my name is {name}
i'm {name}
i am {name}
call me {name}
my name's {name}
hello my name is {name}
what do you know about me
what do you remember about me
what did i tell you
what have i told you
tell me what you know about me
where do i live
where am i from
where do i come from
where do i work
how old am i
what is my job
what do i do for a living
when is my birthday
what do i like
what do i love
what do i hate
what is my favorite {kind}
what's my favorite {kind}
my favorite {kind} is {thing}
my favorite color is {colour}
i live in {place}
i am from {place}
i'm from {place}
i come from {place}
i work in {place}
i was born in {place}
i moved to {place}
i like {thing}
i love {thing}
i hate {thing}
i enjoy {thing}
i don't like {thing}
i really like {thing}
i am a {job}
i'm a {job}
i work as a {job}
i am {number} years old
i'm {number}
i have a {animal}
i have a {animal} called {pet}
my {animal} is called {pet}
my {animal}'s name is {pet}
my {animal}'s name is {name}
my {animal} is called {name}
what is my {animal}'s name
what is my {animal} called
what is the name of my {animal}
i am {mood}
i'm {mood}
i feel {mood}
i'm so {mood}
i am very {mood}
i am feeling {mood}
tell me a joke
tell me another joke
tell me a story
tell me another story
tell me a story please
tell me a long story
do you know a joke
do you know a story
can you tell me a joke
can you tell me a story
make me laugh
say something funny
what can you do
help
can you help me
how does this work
wave
please wave
wave to me
can you wave
dance
dance for me
please dance
nod
bow
take a bow
look at this
have a look
what do you see
what can you see
can you see me
can you see this
forget everything
forget me
forget all that
remember that i like {thing}
please remember that i live in {place}
thank you
thanks
thank you very much
thanks a lot
yes
yes please
no
no thank you
okay
sure
of course
not really
stop
stop it
goodbye
bye
good night
see you
see you later
""".strip().splitlines()


def said() -> Iterator[tuple[str, float]]:
    """Every sentence with each filling of its slots. However many fillings there are, a sentence
    weighs the same."""
    for sentence in SENTENCES:
        slots = [name for _, name, _, _ in Formatter().parse(sentence) if name]
        fillings = list(product(*(SLOTS[slot].split() for slot in slots)))
        for filling in fillings:
            filled = sentence.format(**dict(zip(slots, filling, strict=True)))
            yield filled, 1 / len(fillings)


FEW: Final = 3
"""Words from which on a sentence is known by all but one of them."""


class Known:
    """The sentences, and what is meant by words that are nearly one of them.

    A recogniser that expects words in threes makes "when is my favorite movie" of a first word that
    was spoken over: nobody says that, and only one sentence is a word away.
    """

    def __init__(self) -> None:
        self._all: set[tuple[str, ...]] = set()
        # The place of a word, and all others -> the sentences.
        self._without: dict[tuple[int, tuple[str, ...]], set[tuple[str, ...]]] = defaultdict(set)
        for text, _ in said():
            sentence = tuple(text.split())
            self._all.add(sentence)
            for place in range(len(sentence)):
                rest = sentence[:place] + sentence[place + 1 :]
                self._without[place, rest].add(sentence)

    def meant(self, text: str) -> str:
        """The one sentence from which this differs by a word, or the text as it is."""
        heard = tuple(text.split())
        if len(heard) < FEW or heard in self._all:
            return text
        found: set[tuple[str, ...]] = set()
        for place in range(len(heard) + 1):
            found |= self._without.get((place, heard), set())  # One is missing.
        for place in range(len(heard)):
            rest = heard[:place] + heard[place + 1 :]
            found |= self._without.get((place, rest), set())  # One is another.
            found |= {rest} & self._all  # One is too many.
        return " ".join(found.pop()) if len(found) == 1 else text
