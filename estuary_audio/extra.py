"""The libraries of the extra `[audio]`, loaded when first used, and what to do without them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from estuary_proto.errors import ErrorCode, EstuaryError

INSTALL = "pip install 'estuary-anyio[audio]'"


def missing(name: str) -> EstuaryError:
    """What is told when a package of the extra is not installed."""
    return EstuaryError(
        f"sound needs the extra [audio], and {name} is not installed: {INSTALL}",
        ErrorCode.AUDIO_UNAVAILABLE,
        {"missing": name, "extra": "audio"},
    )


def no_portaudio(problem: object) -> EstuaryError:
    """What is told when the system has no PortAudio, which sounddevice stands on."""
    return EstuaryError(
        f"the system's PortAudio cannot be used ({problem}): apt-get install libportaudio2 "
        "(Debian, Ubuntu), dnf install portaudio (Fedora), brew install portaudio (macOS)",
        ErrorCode.AUDIO_UNAVAILABLE,
        {"missing": "portaudio", "reason": str(problem)},
    )


class Late:
    """A package of the extra that stands for itself, and is imported when it is first used.

    Using it raises EstuaryError AUDIO_UNAVAILABLE when it is not there.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        try:
            package = import_module(self._name)
        except ImportError:
            raise missing(self._name) from None
        found = getattr(package, attribute)
        self.__dict__[attribute] = found
        return found


numpy: Any = Late("numpy")
soxr: Any = Late("soxr")


def sound_card() -> Any:
    """The module `sounddevice`, with PortAudio running."""
    try:
        return import_module("sounddevice")
    except ImportError:
        raise missing("sounddevice") from None
    except Exception as error:
        # No library at all is an OSError; one that does not start, PortAudioError, has no name yet.
        raise no_portaudio(error) from None


def require() -> None:
    """Raise AUDIO_UNAVAILABLE unless all of the extra is there, PortAudio included."""
    for package, attribute in ((numpy, "ndarray"), (soxr, "ResampleStream")):
        getattr(package, attribute)
    sound_card()
