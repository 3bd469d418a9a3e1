"""`estuary demo`: the library at work against the gateway in this program, every step checked."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import anyio

from estuary_anyio.client import EstuaryClient
from estuary_anyio.gateway import serve_gateway
from estuary_proto.config import EstuaryConfig
from estuary_proto.errors import ConnectionLost, EstuaryError, ReplyInterrupted
from estuary_proto.events import Connected, Disconnected, Reconnecting

from .exits import Exit, Stop
from .figures import Counted, Wrong, check, show_figures
from .running import explain, interrupted, run
from .screen import Screen

if TYPE_CHECKING:
    import signal
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from anyio.abc import TaskGroup

    from estuary_anyio.gateway import Brain, Gateway

NAME: Final = "Ada"
STEP_WITHIN: Final = 15.0
"""Seconds after which a step has failed."""

_CUT_AT: Final = 12
"""The piece of an answer at which it is interrupted, or the connection cut."""


def run_demo(backend: str, capture: Path | None, *, brain: str | Brain = "rules") -> int:
    """Run the command; `brain` is who answers. Returns the exit status, raises Stop."""
    demo = Demo(Screen(), backend, brain=brain)
    try:
        # Opened first: that it cannot be written is better known before than after.
        with nullcontext() if capture is None else capture.open("w", encoding="utf-8") as file:
            try:
                status = run(demo.run, backend, demo.signalled)
            finally:
                if file is not None:
                    file.writelines(demo.lines)
    except OSError as error:
        raise Stop(f"--capture {capture}: {error.strerror or error}", Exit.USAGE) from None
    if capture is not None:
        demo.screen.say(f"the capture is in {capture}", "dim")
    return status


class Demo:
    """One run of the demonstration; `lines` is its capture."""

    def __init__(self, screen: Screen, backend: str, *, brain: str | Brain) -> None:
        self.screen = screen
        self._backend = backend
        self._brain = brain
        self.lines: list[str] = []
        self._counted = Counted()
        self._faults: list[EstuaryError] = []
        self._label = ""

    async def run(self, tasks: TaskGroup, scope: anyio.CancelScope) -> int:
        """All steps, in order. Raises Stop for the first that fails, and says which."""
        began = anyio.current_time()
        self.screen.say(f"estuary demo: an offline character, on {self._backend}", "bold")
        async with serve_gateway(brain=self._brain) as gateway:
            self._label = f"  {gateway.character_id} > "
            config = EstuaryConfig(
                gateway.url, gateway.api_key, gateway.character_id, "visitor", reconnect_delay=0.8
            )
            async with EstuaryClient(config, capture=self.lines.append) as client:
                client.on("interrupt", self._counted.confirmed.append)
                client.on("error", self._faults.append)
                with scope:
                    await self._converse(client, config, gateway)
        if scope.cancelled_caught:
            return Exit.INTERRUPTED
        await self._step(6, "the summary, computed from the capture", self._summary)
        took = anyio.current_time() - began
        self.screen.say(f"\nall 6 steps passed, in {took:.1f} s", "bold green")
        return Exit.DONE

    async def _converse(
        self, client: EstuaryClient, config: EstuaryConfig, gateway: Gateway
    ) -> None:
        await self._step(1, "connect", lambda: self._connect(client, config))
        await self._step(2, "a streamed answer", lambda: self._stream(client))
        await self._step(3, "a remembered fact", lambda: self._remember(client))
        await self._step(4, "an interruption", lambda: self._interrupt(client))
        await self._step(5, "a dropped connection", lambda: self._drop(client, gateway))

    def signalled(self, number: signal.Signals) -> int:
        """Ctrl-C ends the demonstration."""
        self.screen.break_off()
        return interrupted(number)

    async def _step(self, number: int, title: str, step: Callable[[], Awaitable[str]]) -> None:
        """Run one step, which returns what it has shown or raises what went wrong."""
        self.screen.say(f"\n{number}. {title}", "bold cyan")
        try:
            with anyio.fail_after(STEP_WITHIN):
                shown = await step()
        except EstuaryError as error:
            problem = explain(error)
        except TimeoutError:
            problem = f"it took longer than {STEP_WITHIN:g} s"
        except Wrong as error:
            problem = str(error)
        else:
            self._passed(shown)
            return
        raise Stop(f"step {number} ({title}) failed: {problem}")

    def _passed(self, shown: str) -> None:
        mark = "\u2713" if self.screen.can_show("\u2713") else "ok:"
        self.screen.say(f"  {mark} {shown}", "green")

    # --- the steps -----------------------------------------------------------------------------

    async def _connect(self, client: EstuaryClient, config: EstuaryConfig) -> str:
        began = anyio.current_time()
        session = await client.connect()
        took = (anyio.current_time() - began) * 1000
        check(session.character_id == config.character_id, f"met {session.character_id!r}")
        return f"connected to {config.server_url} in {took:.0f} ms"

    async def _stream(self, client: EstuaryClient) -> str:
        before = self._counted.pieces
        text = await self._ask(client, "Tell me a story.")
        pieces = self._counted.pieces - before
        check(pieces > 1, "the answer came in one piece")
        return f"{len(text)} characters came in {pieces} pieces"

    async def _remember(self, client: EstuaryClient) -> str:
        await self._ask(client, f"Hello! My name is {NAME}.")
        await self._ask(client, "I live in a small house by the sea.")
        return await self._recall(client)

    async def _recall(self, client: EstuaryClient) -> str:
        text = await self._ask(client, "What is my name?")
        check(re.search(rf"\b{NAME}\b", text) is not None, f"{NAME!r} is not in {text!r}")
        return f'"{NAME}" is in the answer'

    async def _interrupt(self, client: EstuaryClient) -> str:
        async def interrupt() -> None:
            client.interrupt()

        try:
            await self._ask(client, "Tell me another story.", interrupt)
        except ReplyInterrupted as error:
            said = len(error.partial.split())
        else:
            raise Wrong("the answer went on to its end")
        check(len(self._counted.confirmed) == 1, "the server did not confirm it")
        return f"the character stopped after {said} words, and the server confirmed it"

    async def _drop(self, client: EstuaryClient, gateway: Gateway) -> str:
        before = client.session
        fell = 0.0

        async def cut() -> None:
            nonlocal fell
            fell = anyio.current_time()
            await gateway.drop_connections()

        async with client.events(Disconnected, Reconnecting, Connected) as events:
            try:
                await self._ask(client, "Tell me one more story.", cut)
            except ConnectionLost:
                pass
            else:
                raise Wrong("the answer went on to its end")
            async for event in events:
                if isinstance(event, Disconnected):
                    self.screen.say(f"  the connection is lost ({event.reason})", "yellow")
                elif isinstance(event, Reconnecting):
                    text = f"  reconnecting: attempt {event.attempt} in {event.delay:.1f} s"
                    self.screen.say(text, "yellow")
                else:
                    break
        away = anyio.current_time() - fell
        self._counted.reconnects += 1
        check(client.is_connected and client.session != before, "there is no new session")
        self._passed(f"connected again after {away:.1f} s")
        return await self._recall(client) + ", after all that"

    async def _summary(self) -> str:
        check(not self._faults, "; ".join(map(explain, self._faults)))
        return show_figures(self.screen, self.lines, self._counted)

    async def _ask(
        self,
        client: EstuaryClient,
        text: str,
        midway: Callable[[], Awaitable[None]] | None = None,
    ) -> str:
        """Ask, show the answer as it comes, and do `midway` in the middle of it."""
        self.screen.say(f"  you > {text}")
        flow = self.screen.answer(self._label, always=True)
        reply = client.ask(text, timeout=STEP_WITHIN)
        self._counted.turns += 1
        seen = 0
        try:
            async for piece in reply:
                self._counted.pieces += 1
                flow.add(piece.text)
                seen += 1
                if seen == _CUT_AT and midway is not None:
                    await midway()
        except EstuaryError:
            self.screen.close(flow, "...")
            raise
        self.screen.close(flow)
        whole = await reply.final()
        check(whole.text == reply.partial, "the pieces are not the whole answer")
        return whole.text
