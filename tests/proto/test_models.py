"""The models: what a peer may get wrong, what a caller may, and what neither ever sees."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from typing import Any, ClassVar

import pytest
from hypothesis import example, given

from estuary_proto import models
from estuary_proto.errors import LocalProtocolError
from estuary_proto.messages import all_messages
from estuary_proto.models import (
    AgentTurnVoice,
    BotResponse,
    BotVoice,
    InterruptData,
    LiveKitError,
    LiveKitToken,
    Model,
    SessionInfo,
    VoiceError,
    VoiceMode,
    decode_pcm,
    encode_pcm,
)
from estuary_proto.models.base import model, wire
from estuary_proto.models.extras import DelegationUpdate
from estuary_proto.testing import strategies
from estuary_proto.testing.rules import lasts

HUGE = 10**5000


@model
class Inner(Model):
    """A model inside another."""

    count: int = 0


@model
class Sample(Model):
    """A field of every kind."""

    text: str = "?"
    whole: int = 7
    real: float = 0.5
    flag: bool = True
    off: bool = False
    anything: Any = None
    maybe: str | None = None
    maybe_inner: Inner | None = None
    inner: Inner = field(default_factory=lambda: Inner(9))
    inners: list[Inner] = field(default_factory=list)
    words: list[str] = field(default_factory=lambda: ["default"])
    things: list[Any] = field(default_factory=list)
    point: tuple[float, ...] = (0.0,)
    table: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    renamed_field: str = wire("other_name", default="", aliases=("oldName", "older"))


@model
class Demanding(Model):
    """Fields without defaults, which a caller must give and a peer may still leave out."""

    text: str
    whole: int
    real: float
    flag: bool
    maybe: str | None
    words: list[str]
    table: dict[str, int]
    point: tuple[float, ...]


def title(value: object) -> str:
    """A short name for a test; a number of 5,000 digits has no text."""
    return value if isinstance(value, str) and len(value) < 20 else type(value).__name__


READABLE: list[tuple[str, object, object]] = [
    ("text", "a", "a"),
    ("text", "", ""),
    ("text", 5, "5"),
    ("text", 1.5, "1.5"),
    ("text", VoiceMode.CONTINUOUS, VoiceMode.CONTINUOUS),
    ("whole", 3, 3),
    ("whole", -3.0, -3),
    ("whole", "12", 12),
    ("whole", " -12 ", -12),
    ("whole", "+4", 4),
    ("real", 2, 2.0),
    ("real", 2.5, 2.5),
    ("real", "2.5", 2.5),
    ("real", "-1e3", -1000.0),
    ("flag", False, False),
    ("flag", 0, False),
    ("flag", 1, True),
    ("off", 1, True),
    ("off", "true", True),
    ("flag", 0.0, False),
    ("flag", "false", False),
    ("flag", " False ", False),
    ("flag", "TRUE", True),
    ("anything", [None, {"a": 1}], [None, {"a": 1}]),
    ("anything", False, False),
    ("maybe", "x", "x"),
    ("maybe", 4, "4"),
    ("maybe_inner", {"count": 2}, Inner(2)),
    ("inner", {"count": "2"}, Inner(2)),
    ("inner", {}, Inner(0)),
    ("inners", [{"count": 1}, None, "x", {}, []], [Inner(1), Inner(0)]),
    ("words", ["a", None, 1, True, [], {}, "b"], ["a", "1", "b"]),
    ("words", [], []),
    ("things", [None, 1, {}], [None, 1, {}]),
    ("point", [1, 2.5, "3"], (1.0, 2.5, 3.0)),
    ("point", [], ()),
    ("table", {"a": [1], "b": None, 3: 4}, {"a": [1], "b": None}),
    ("counts", {"a": 1, "b": "2", "c": "x", "d": None, 3: 4}, {"a": 1, "b": 2}),
]
UNREADABLE: list[tuple[str, object]] = [
    ("text", None),
    ("text", True),
    ("text", []),
    ("text", {}),
    ("text", float("nan")),
    ("text", HUGE),
    ("whole", True),
    ("whole", 1.5),
    ("whole", float("inf")),
    ("whole", "1.0"),
    ("whole", "1_0"),
    ("whole", "٣"),
    ("whole", "-"),
    ("whole", ""),
    ("whole", "9" * 5000),
    ("whole", []),
    ("real", True),
    ("real", "x"),
    ("real", "1_0"),
    ("real", "nan"),
    ("real", "-inf"),
    ("real", float("nan")),
    ("real", HUGE),
    ("real", None),
    ("real", {}),
    ("flag", None),
    ("flag", 2),
    ("off", 2),
    ("off", 0.5),
    ("flag", "yes"),
    ("flag", []),
    ("maybe", None),
    ("maybe", True),
    ("maybe", {}),
    ("maybe_inner", None),
    ("maybe_inner", [1]),
    ("maybe_inner", "x"),
    ("inner", None),
    ("inner", "x"),
    ("inners", {"count": 1}),
    ("words", "abc"),
    ("words", None),
    ("point", [1, None]),
    ("point", "12"),
    ("point", [1, float("nan")]),
    ("table", []),
    ("table", None),
    ("counts", "x"),
]


@pytest.mark.parametrize(("name", "value", "read"), READABLE, ids=title)
def test_a_value_that_can_be_read(name: str, value: object, read: object) -> None:
    made = Sample.from_dict({name: value})
    assert getattr(made, name) == read
    assert type(getattr(made, name)) is type(read)
    expected: dict[str, Any] = {name: read}
    assert made == replace(Sample(), **expected)


@pytest.mark.parametrize(("name", "value"), UNREADABLE, ids=title)
def test_a_value_that_cannot_be_read_leaves_the_default(name: str, value: object) -> None:
    assert Sample.from_dict({name: value}) == Sample()


@pytest.mark.parametrize("data", [None, {}, [], "x", 5, True, 1.5, b"x", object(), [{"text": 1}]])
def test_what_is_no_object_reads_as_an_empty_one(data: object) -> None:
    assert Sample.from_dict(data) == Sample()
    assert Demanding.from_dict(data) == Demanding("", 0, 0.0, False, None, [], {}, ())


@example(DelegationUpdate(task={"any": "thing"}, result=["thing"]))
@given(strategies.models())
def test_what_is_done_to_the_written_form_is_not_done_to_the_model(made: Model) -> None:
    lasts(made)


def test_unknown_keys_are_ignored() -> None:
    assert Sample.from_dict({"text": "a", "new": {"deep": [1]}, 5: 6}) == Sample("a")


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ({"other_name": "a"}, "a"),
        ({"renamed_field": "a"}, "a"),
        ({"renamedField": "a"}, "a"),
        ({"oldName": "a"}, "a"),
        ({"older": "a"}, "a"),
        ({"older": "b", "oldName": "a"}, "a"),
        ({"older": "b", "other_name": "a"}, "a"),
        ({"other_name": None, "older": "b"}, "b"),
        ({"other_name": [], "renamedField": True, "older": "b"}, "b"),
        ({"other_name": [], "oldName": None, "older": {}}, ""),
    ],
)
def test_the_first_spelling_that_can_be_read_counts(data: dict[str, Any], read: str) -> None:
    assert Sample.from_dict(data).renamed_field == read


def test_defaults_are_never_shared() -> None:
    first, second = Sample.from_dict({}), Sample.from_dict({})
    first.words.append("mine")
    assert second.words == ["default"]
    data: dict[str, Any] = {"table": {"a": 1}, "things": [1]}
    made = Sample.from_dict(data)
    made.table["b"] = 2
    made.things.append(2)
    assert data == {"table": {"a": 1}, "things": [1]}


def test_a_field_of_a_type_that_json_has_not_is_a_mistake_of_ours() -> None:
    @model
    class Odd(Model):
        """A set."""

        things: set[str] = field(default_factory=set)

    with pytest.raises(TypeError, match="set"):
        Odd.from_dict({})


def test_to_dict_writes_json_types_in_the_wire_spelling() -> None:
    made = Sample(
        text="a",
        maybe_inner=Inner(1),
        inners=[Inner(2)],
        point=(1.0, 2.0),
        table={"k": [1]},
        renamed_field="r",
    )
    written = made.to_dict()
    assert written == {
        "text": "a",
        "whole": 7,
        "real": 0.5,
        "flag": True,
        "off": False,
        "maybe_inner": {"count": 1},
        "inner": {"count": 9},
        "inners": [{"count": 2}],
        "words": ["default"],
        "things": [],
        "point": [1.0, 2.0],
        "table": {"k": [1]},
        "counts": {},
        "other_name": "r",
    }
    written["table"]["x"] = 1
    written["words"].append("x")
    assert made.table == {"k": [1]}
    assert made.words == ["default"]
    assert Sample.from_dict(made.to_dict()) == made


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("text", 5, "Sample.text must be str, not int"),
        ("text", None, "Sample.text must be str, not NoneType"),
        ("whole", "5", "Sample.whole must be int, not str"),
        ("whole", True, "Sample.whole must be int, not bool"),
        ("real", "5", "Sample.real must be a finite number, not str"),
        ("real", True, "Sample.real must be a finite number, not bool"),
        ("real", float("nan"), "Sample.real must be a finite number, not float"),
        ("real", HUGE, "Sample.real must be a finite number, not int"),
        ("flag", 1, "Sample.flag must be bool, not int"),
        ("maybe", 1, "Sample.maybe must be str or None, not int"),
        ("maybe_inner", {}, "Sample.maybe_inner must be Inner or None, not dict"),
        ("maybe_inner", Inner("1"), "Inner.count must be int, not str"),  # type: ignore[arg-type]
        ("inner", None, "Sample.inner must be Inner, not NoneType"),
        ("inners", [Inner(), 1], "Sample.inners must be a list of Inner, not list"),
        ("words", ("a",), "Sample.words must be a list of str, not tuple"),
        ("words", ["a", 1], "Sample.words must be a list of str, not list"),
        ("point", [1.0], "Sample.point must be a tuple of a finite number, not list"),
        ("table", [], "Sample.table must be a dict of str to anything, not list"),
        ("table", {1: 2}, "Sample.table must be a dict of str to anything, not dict"),
        ("counts", {"a": "b"}, "Sample.counts must be a dict of str to int, not dict"),
    ],
    ids=title,
)
def test_check_names_the_callers_mistake(name: str, value: Any, says: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        replace(Sample(), **{name: value}).check()
    assert caught.value.message == says


def test_check_passes_what_is_right() -> None:
    made = Sample(
        text=VoiceMode.PUSH_TO_TALK,
        real=3,
        anything=object(),
        maybe="x",
        maybe_inner=Inner(),
        inners=[Inner()],
        things=[None],
        point=(1, 2.0),
        table={"a": object()},
        counts={"a": 1},
    )
    assert made.check() is True
    assert Sample().check() is True


def test_models_compare_by_class_and_fields() -> None:
    assert Inner(1) == Inner(1)
    assert Inner(1) != Inner(2)
    assert Inner(1) != (1,)
    assert LiveKitError("a") != VoiceError("a")  # the same fields, another meaning
    replacing = BotResponse("a")
    object.__setattr__(replacing, "replaces", True)
    assert replacing == BotResponse("a")
    assert hash(Inner(1)) == hash(Inner(1))
    assert {Inner(1): "x"}[Inner(1)] == "x"
    with pytest.raises(TypeError):
        hash(Sample())  # lists in it


def test_models_are_values() -> None:
    made = SessionInfo("s", "c", "k", "p", livekit_token="t")
    with pytest.raises(FrozenInstanceError):
        made.session_id = "x"  # type: ignore[misc]
    assert copy.copy(made) == copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made
    assert replace(made, session_id="x").session_id == "x"
    assert asdict(Inner(3)) == {"count": 3}
    match made:
        case SessionInfo(session_id=found):
            assert found == "s"


@pytest.mark.parametrize("cls", [cls for _, cls in all_messages()], ids=lambda cls: cls.__name__)
def test_every_message_is_frozen_named_and_documented(cls: type[Model]) -> None:
    made = cls.from_dict(None)
    assert cls.WIRE
    assert cls.__doc__
    assert not hasattr(made, "__dict__")
    for part in fields(made):
        with pytest.raises(FrozenInstanceError):
            setattr(made, part.name, None)


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (SessionInfo(livekit_token="SECRET"), "livekit_room=None"),
        (LiveKitToken("SECRET", "wss://x"), "url='wss://x'"),
        (BotVoice("SECRET", "m"), "message_id='m'"),
        (AgentTurnVoice("a", "SECRET"), "agent_id='a'"),
    ],
)
def test_secrets_and_long_values_do_not_show(made: Model, shown: str) -> None:
    assert "SECRET" not in repr(made)
    assert "SECRET" not in str(made)
    assert shown in repr(made)
    assert repr(made).startswith(f"{type(made).__name__}(")


def test_repr_reads_like_the_call() -> None:
    made = InterruptData("m", None, "now")
    assert repr(made) == "InterruptData(message_id='m', reason=None, interrupted_at='now')"
    assert eval(repr(made)) == made


def test_a_field_that_never_travels_has_its_default_after_reading() -> None:
    read = BotResponse.from_dict({"text": "a", "replaces": True})
    assert read.replaces is False
    assert repr(read) == repr(BotResponse("a"))
    assert "replaces" not in read.to_dict()


# -- audio ------------------------------------------------------------------------------------


def test_audio_is_decoded_once_on_receipt() -> None:
    pcm = bytes(range(8))
    for voice in (BotVoice.from_dict({"audio": encode_pcm(pcm)}), BotVoice(encode_pcm(pcm))):
        assert voice.pcm == pcm
        assert voice.pcm is voice.pcm
        assert not voice.damaged
        assert "pcm" not in voice.to_dict()
    assert AgentTurnVoice("a", encode_pcm(memoryview(pcm))).pcm == pcm


@pytest.mark.parametrize(
    "audio", ["!!!!", "AAA", "AA==AA==", "AA AA", "AAAA\n", "é", "data:audio/pcm;base64,AAAA", "="]
)
def test_damaged_audio_is_empty_and_says_so(audio: str) -> None:
    voice = BotVoice.from_dict({"audio": audio})
    assert voice.pcm == b""
    assert voice.damaged
    assert voice.audio == audio
    with pytest.raises(ValueError, match=r"."):
        decode_pcm(audio)


@pytest.mark.parametrize("data", [None, {}, {"audio": None}, {"audio": ""}, {"is_final": True}])
def test_no_audio_is_not_damaged(data: object) -> None:
    voice = BotVoice.from_dict(data)
    assert voice.pcm == b""
    assert not voice.damaged


def test_a_caller_who_gives_bytes_as_audio_is_told() -> None:
    voice = BotVoice(b"AAAA")  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match=r"BotVoice\.audio must be str, not bytes"):
        voice.check()
    assert BotVoice(5).pcm == b""  # type: ignore[arg-type]


def test_pcm_is_no_part_of_the_value() -> None:
    assert {part.name: (part.init, part.compare, part.repr) for part in fields(BotVoice)}[
        "pcm"
    ] == (False, False, False)


# -- the door -------------------------------------------------------------------------------------


def test_the_package_offers_every_model() -> None:
    for name in models.__all__:
        assert getattr(models, name).__name__ == name
    assert set(models.__all__) <= set(dir(models))
    assert list(models.__all__) == sorted(models.__all__)
    with pytest.raises(AttributeError, match=r"estuary_proto\.models.*BotResponze"):
        _ = models.BotResponze


def test_every_model_of_a_theme_is_offered() -> None:
    for home, names in models._THEMES.items():
        module = sys.modules[f"estuary_proto.models.{home}"]
        defined = {
            name
            for name, value in vars(module).items()
            if isinstance(value, type)
            and value.__module__ == module.__name__
            and not name.startswith("_")
        }
        if home not in ("base", "pcm"):
            assert defined == set(names)


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("import estuary_proto.models", set()),
        ("from estuary_proto.models import BotVoice", {"base", "conversation", "pcm"}),
    ],
)
def test_themes_load_on_first_use(statement: str, loaded: set[str]) -> None:
    script = (
        f"{statement}\nimport sys\n"
        "print(*(name for name in sys.modules if name.startswith('estuary_proto.models.')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=None
    )
    found = {name.rpartition(".")[2] for name in run.stdout.split()}
    assert found - {"reading", "writing"} >= loaded
    assert not found & ({"session", "voice", "memory", "agents", "extras"} - loaded)


class _Named(Model):
    """Nothing but names, to see that the defaults of the names are empty."""

    __slots__ = ()
    CAMEL: ClassVar[bool] = True


def test_a_model_is_no_message_by_itself() -> None:
    assert (_Named.NAME, _Named.WIRE, _Named.BARE, _Named.BLANK) == ("", "", "", False)
