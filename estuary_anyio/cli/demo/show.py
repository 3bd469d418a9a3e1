"""`estuary demo`: the library at work against the gateway in this program, every step checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from estuary_anyio.client import EstuaryClient
from estuary_anyio.gateway import serve_gateway
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import EstuaryError
from estuary_proto.gateway import Script, ServerConfig

from ..exits import Exit, Stop, one_line
from ..replay import lines_of
from ..run import explain, interrupted, run
from ..screen import Screen
from ..sound import made, read_wav
from . import acts, aloud, network, written
from .figures import Wrong, check, show_figures
from .stage import STEP_WITHIN, Stage

if TYPE_CHECKING:
    import signal
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from anyio.abc import TaskGroup

    from estuary_anyio.gateway import Brain

    from ..sound import Sound

STEPS: tuple[tuple[str, Callable[[Stage], Awaitable[str]]], ...] = (
    ("connect", network.connect),
    ("a streamed answer", written.stream),
    ("a remembered fact", written.remember),
    ("an interruption", written.interrupt),
    ("an action", acts.wave),
    ("a picture", acts.look),
    ("two characters", acts.two),
    ("speech, both ways", aloud.speak),
    ("an interruption, aloud", aloud.hush),
    ("scripted lines", aloud.lines),
    ("a dropped connection", network.drop),
)

WORD_INTERVAL = 0.01
"""Seconds from word to word: nobody should wait for the end of a story."""


def run_demo(
    backend: str,
    capture: Path | None,
    wav: Path | None = None,
    *,
    brain: str | Brain = "rules",
    voice: str = "auto",
    rules: Sequence[Any] = (),
) -> int:
    """Run the command. Returns the exit status, raises Stop.

    `brain` is who answers, `voice` and `rules` are more settings of the gateway, and of its script.
    """
    sound = made() if wav is None else read_wav(wav)
    server = ServerConfig(
        mic_rate=sound.rate,
        hears=(sound.words,) if sound.words else (),
        voice=voice,
        word_interval=WORD_INTERVAL,
        script=Script.read([aloud.FAR_AWAY, *rules]),
    )
    if capture is not None:
        # That it cannot be written is better known before than after.
        try:
            capture.open("w").close()
        except OSError as error:
            problem = error.strerror or error
            raise Stop(f"--capture {capture}: {problem}", Exit.USAGE) from None
    demo = Demo(Screen(), backend, sound, server, brain, capture)
    status = run(demo.run, backend, demo.signalled)
    if capture is not None:
        demo.screen.say(f"the capture is in {capture}", "dim")
    return status


class Demo:
    """One run of the demonstration; `lines` is its capture."""

    def __init__(
        self,
        screen: Screen,
        backend: str,
        sound: Sound,
        server: ServerConfig,
        brain: str | Brain,
        capture: Path | None = None,
    ) -> None:
        self.screen = screen
        self._backend = backend
        self._sound = sound
        self._server = server
        self._brain = brain
        self._capture = capture
        self.lines: list[str] = []

    async def run(self, tasks: TaskGroup, scope: anyio.CancelScope) -> int:
        """All steps, in order. Raises Stop for the first that fails, and says which."""
        began = anyio.current_time()
        self.screen.say(f"estuary demo: an offline character, on {self._backend}", "bold")
        # The same everywhere, whatever is installed.
        served = serve_gateway(brain=self._brain, server=self._server, stt="none", tts="tone")
        async with served as gateway:
            config = EstuaryConfig(
                gateway.url,
                gateway.api_key,
                gateway.character_id,
                "visitor",
                mic_sample_rate=self._sound.rate,
                reconnect_delay=0.5,
            )
            async with EstuaryClient(config, capture=self._capture or self.lines.append) as client:
                stage = Stage(self.screen, client, gateway, self._sound)
                with scope:
                    for number, (title, step) in enumerate(STEPS, 1):
                        await self._step(number, title, step, stage)
        if scope.cancelled_caught:
            return Exit.INTERRUPTED
        last = len(STEPS) + 1
        await self._step(last, "the summary, computed from the capture", self._summary, stage)
        took = anyio.current_time() - began
        self.screen.say(f"\nall {last} steps passed, in {took:.1f} s", "bold green")
        return Exit.DONE

    def signalled(self, number: signal.Signals) -> int:
        """Ctrl-C ends the demonstration."""
        self.screen.break_off()
        return interrupted(number)

    async def _step(
        self, number: int, title: str, step: Callable[[Stage], Awaitable[str]], stage: Stage
    ) -> None:
        """Run one step, which returns what it has shown or raises what went wrong."""
        self.screen.say(f"\n{number}. {title}", "bold cyan")
        try:
            with anyio.fail_after(STEP_WITHIN):
                shown = await step(stage)
        except EstuaryError as error:
            problem = explain(error)
        except TimeoutError:
            problem = f"it took longer than {STEP_WITHIN:g} s"
        except Wrong as error:
            problem = str(error)
            if stage.faults:
                problem += f" ({one_line(stage.faults[-1].message)})"
        else:
            stage.passed(shown)
            return
        raise Stop(f"step {number} ({title}) failed: {problem}")

    async def _summary(self, stage: Stage) -> str:
        check(not stage.faults, "; ".join(map(explain, stage.faults)))
        if self._capture is not None:
            self.lines = list(lines_of(self._capture))
        rates = {"mic_rate": self._sound.rate, "rate": stage.rate}
        return show_figures(self.screen, self.lines, stage.counted, **rates)
