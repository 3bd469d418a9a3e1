"""Which ears and which voice a gateway has: what was asked for, or the best that is there."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from estuary_proto.config import invalid
from estuary_proto.errors import ErrorCode, EstuaryError

from . import programs
from .endpoints import OpenAIRecogniser, OpenAIVoice, SpeechEndpoint
from .silero import detector
from .sphinx import Sphinx

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from estuary_proto.gateway.activity import Detector

    from ..senses import Recogniser, Voice

STT: Final = ("auto", "pocketsphinx", "openai", "none")
TTS: Final = ("auto", "flite", "espeak", "openai", "tone")


@dataclass(frozen=True)
class Speech:
    """What was chosen: `recogniser` and `voice`, each None for none (a stand-in, a tone), with
    their names for people; `detector` as `GatewayApp` takes it."""

    recogniser: Recogniser | None = None
    voice: Voice | None = None
    detector: Callable[[int], Detector] | None = None
    ears: str = "none"
    tongue: str = "tone"
    opened: tuple[Sphinx | OpenAIRecogniser | OpenAIVoice, ...] = ()

    def closes(self, stack: AsyncExitStack) -> None:
        """Close with this stack what was opened for it; an object that was given stays open."""
        for one in self.opened:
            stack.push_async_callback(one.aclose)


def check(stt: Any, tts: Any, stt_endpoint: Any, tts_endpoint: Any) -> None:
    """Raise CONFIG_INVALID for names that are none, and for endpoints that are missing or of no
    use."""
    for field, given, names, endpoint in (
        ("stt", stt, STT, stt_endpoint),
        ("tts", tts, TTS, tts_endpoint),
    ):
        if not isinstance(given, str):
            continue
        if given not in names:
            raise invalid(field, f"there is none called {given!r}", f"give {', '.join(names)}")
        if given == "openai" and endpoint is None:
            raise invalid(f"{field}_endpoint", "there is none", "say where the endpoint is")
        if endpoint is not None and given not in ("auto", "openai"):
            raise invalid(
                f"{field}_endpoint",
                f"{given} has no endpoint",
                f'leave it out, or {field}="openai"',
            )


def choose(
    stt: str | Recogniser,
    tts: str | Voice,
    stt_endpoint: SpeechEndpoint | None,
    tts_endpoint: SpeechEndpoint | None,
) -> Speech:
    """The ears and the voice of these names. What was asked for by name and is not there raises
    EstuaryError, which says how to get it."""
    recogniser, ears = _recogniser(stt, stt_endpoint)
    voice, tongue = _voice(tts, tts_endpoint)
    finds = None
    if isinstance(stt, str) and recogniser is not None:
        try:
            finds = detector()
        except ImportError:  # Its energy does.
            pass
    opened = tuple(
        one
        for one, given in ((recogniser, stt), (voice, tts))
        if isinstance(given, str) and isinstance(one, (Sphinx, OpenAIRecogniser, OpenAIVoice))
    )
    return Speech(recogniser, voice, finds, ears, tongue, opened)


def _recogniser(
    stt: str | Recogniser, endpoint: SpeechEndpoint | None
) -> tuple[Recogniser | None, str]:
    if not isinstance(stt, str):
        return stt, type(stt).__name__
    if endpoint is not None:
        return OpenAIRecogniser(endpoint), "openai"
    if stt == "none":
        return None, "none"
    if importlib.util.find_spec("pocketsphinx") is None:
        if stt == "pocketsphinx":
            raise _missing("stt", "pocketsphinx", "pip install 'estuary-anyio[speech]'")
        return None, "none"
    return Sphinx(), "pocketsphinx"


def _voice(tts: str | Voice, endpoint: SpeechEndpoint | None) -> tuple[Voice | None, str]:
    if not isinstance(tts, str):
        return tts, type(tts).__name__
    if endpoint is not None:
        return OpenAIVoice(endpoint), "openai"
    found = None
    if tts in ("auto", "flite"):
        found = programs.flite()
    if tts in ("auto", "espeak") and found is None:
        found = programs.espeak() or programs.espeak_library()
    if found is not None:
        return found, found.name
    if tts == "flite":
        raise _missing("tts", "flite", "install it with the system's packages (apt install flite)")
    if tts == "espeak":
        raise _missing(
            "tts", "espeak-ng", "install it with the system's packages (apt install espeak-ng), or "
            "pip install 'estuary-anyio[speech-gpl]'"
        )  # fmt: skip
    return None, "tone"


def _missing(field: str, what: str, way: str) -> EstuaryError:
    return EstuaryError(
        f"{field}: {what} is not installed: {way}", ErrorCode.CONFIG_INVALID, {"field": field}
    )
