"""The doors of the packages: short, complete, and loaded on first use."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import estuary_anyio
import estuary_proto
from estuary_anyio.names import NAMES
from estuary_proto.events import Event
from estuary_proto.messages import UnknownEvent, all_messages
from estuary_proto.states import Role

CORE = """
Ack AckDue AckSettled Admit Client Closed ConnectFailed Connected Connection Deadline Dial
Disconnected Drop ErrorCode EstuaryConfig EstuaryError Fault HangUp Interrupt JoinRequested Life
LocalProtocolError Open Outcome Ready Reconnecting Recorder Refuse RemoteProtocolError ReplyEnded
ReplyPart ReplyStarted RetryConfig Role SayLine SendBlocked SendText SessionCapabilities Settled
StateChanged TextPiece Timer UnknownEvent WebSocketLink Writable __version__ from_har
replay to_har
"""


def test_the_core_offers_just_this() -> None:
    assert sorted(estuary_proto.__all__) == sorted(CORE.split())


@pytest.mark.parametrize("name", ["estuary_proto", "estuary_anyio", "estuary_proto.models"])
def test_every_name_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert set(module.__all__) <= set(dir(module))
    for each in module.__all__:
        assert getattr(module, each) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        module.nonsense  # noqa: B018


def test_the_seeds_names_are_at_the_top() -> None:
    wanted = "EstuaryClient EstuaryConfig ConnectionState VoiceMode ErrorCode EstuaryError"
    assert set(wanted.split()) <= set(estuary_anyio.__all__)


def test_importing_a_door_loads_nothing_behind_it() -> None:
    code = (
        "import sys, estuary_proto, estuary_anyio\n"
        "print([m for m in sys.modules if m.startswith('estuary') and m.count('.')],"
        " 'wsproto' in sys.modules, 'anyio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False False\n"


def test_the_client_knows_the_name_of_every_event() -> None:
    told = {cls.NAME for sender, cls in all_messages() if sender is Role.SERVER}
    told |= {getattr(cls, "NAME", "") for cls in Event.__subclasses__()} - {""}
    told |= {UnknownEvent.NAME}
    assert told <= NAMES
    # Those that a later layer makes of what it is told: sound, playback, rooms, tags.
    made = "bot_audio_level character_action"
    assert NAMES - told == {*made.split()}
