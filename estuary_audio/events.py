"""What a recorder and a player tell while they run.

Times `at` are monotonic seconds (`time.monotonic`), of the moment at which it is heard or was said.
"""

from __future__ import annotations

from typing import ClassVar

from estuary_proto.events import Event, event


class SoundEvent(Event):
    """What all of these have in common: a name."""

    __slots__ = ()
    NAME: ClassVar[str]


@event
class PlaybackStarted(SoundEvent):
    """The first sample of a message is heard."""

    NAME: ClassVar[str] = "playback_started"
    message_id: str
    at: float


@event
class PlaybackComplete(SoundEvent):
    """The last sample of a message has been heard, `seconds` in all; 0 when it had no sound.

    Not `whole` when its last piece never came and it was given up for what came after it.
    """

    NAME: ClassVar[str] = "playback_complete"
    message_id: str
    at: float
    seconds: float
    whole: bool = True


@event
class PlaybackInterrupted(SoundEvent):
    """A message was stopped; `seconds` of it have been heard by then."""

    NAME: ClassVar[str] = "playback_interrupted"
    message_id: str
    at: float
    seconds: float


@event
class PlaybackDropped(SoundEvent):
    """Sound that will not be heard, and why.

    `late`: a piece of a message that had ended. `full`: more waits than the queue holds.
    """

    NAME: ClassVar[str] = "playback_dropped"
    message_id: str
    seconds: float
    reason: str


@event
class Underrun(SoundEvent):
    """A message was silent for `seconds` in its middle, since its next piece came too late."""

    NAME: ClassVar[str] = "playback_underrun"
    message_id: str
    at: float
    seconds: float


@event
class Damaged(SoundEvent):
    """A piece of a message was not what it should be; what could be used of it was."""

    NAME: ClassVar[str] = "audio_damaged"
    message_id: str
    problem: str


@event
class CaptureDropped(SoundEvent):
    """The microphone was not listened to in time: the oldest `seconds` are gone."""

    NAME: ClassVar[str] = "capture_dropped"
    seconds: float


@event
class DeviceChanged(SoundEvent):
    """The sound goes another way than wished, or than before.

    `direction` is "input" or "output", `lost` the device that cannot be used (None: there was no
    default), `device` the one that is used now (None: none is left; it is tried again each second),
    `reason` what was wrong.
    """

    NAME: ClassVar[str] = "audio_device_changed"
    direction: str
    lost: str | None
    device: str | None
    reason: str
