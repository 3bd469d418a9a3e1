"""`estuary chat`: a conversation in a terminal, in a pipe, or of one turn."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from estuary_proto.errors import EstuaryError, ReplyInterrupted
from estuary_proto.events import Connected, Fault
from estuary_proto.models.conversation import BotResponse

from .connection import ConnectionNews
from .exits import Exit
from .run import explain, interrupted, run
from .screen import Screen
from .stdin import typed_lines

if TYPE_CHECKING:
    import signal
    from typing import Any

    from anyio.abc import TaskGroup

    from estuary_anyio.client import EstuaryClient
    from estuary_anyio.reply import Reply

    from .place import Place

PROMPT = "you > "


def chat(place: Place, backend: str, once: str | None, timeout: float) -> int:
    """Run the command; `timeout` is seconds for one answer. Returns the exit status."""
    talk = Chat(place, Screen(), once=once, timeout=timeout)
    return run(talk.run, backend, talk.signalled)


class Chat:
    """One conversation. `once` is the only thing to say; without it, lines come from stdin."""

    def __init__(self, place: Place, screen: Screen, *, once: str | None, timeout: float) -> None:
        self._place = place
        self._screen = screen
        self._once = once
        self._timeout = timeout
        self._typing = once is None and sys.stdin is not None and sys.stdin.isatty()
        self._label = ""
        self._reply: Reply | None = None
        self._stopped = False
        self._connection: ConnectionNews | None = None
        self._moved: anyio.Event | None = None
        self._said: EstuaryError | None = None

    async def run(self, tasks: TaskGroup, scope: anyio.CancelScope) -> int:
        """The conversation, from connecting to its exit status."""
        self._place.announce(self._screen)
        async with self._place.open() as config:
            # One turn is all or nothing: there is no use in coming back without it.
            config = replace(config, auto_reconnect=self._once is None)
            async with self._place.client(config) as client:
                self._connection = ConnectionNews(client, self._screen, scope)
                client.on("*", self._tell)
                self._label = f"{config.character_id} > " if self._once is None else ""
                with scope:
                    await client.connect()
                    if self._once is not None:
                        return await self._turn(client, self._once)
                    return await self._converse(client, tasks)
        if self._connection.failure is not None:
            self._screen.error(self._connection.failure)
        return Exit.FAILED

    # --- turns ---------------------------------------------------------------------------------

    async def _converse(self, client: EstuaryClient, tasks: TaskGroup) -> int:
        screen, typing = self._screen, self._typing
        if typing:
            screen.notice("connected; Ctrl-C interrupts an answer, Ctrl-D ends the conversation")
            screen.prompt(PROMPT)
        worst: int = Exit.DONE
        async for line in typed_lines(tasks):
            if typing:
                screen.typed()
                self._stopped = False
            if line.strip():
                status = await self._turn(client, line.strip())
                worst = max(worst, 0 if typing else status)
            if typing:
                screen.prompt(PROMPT)
        screen.break_off()
        return worst

    async def _turn(self, client: EstuaryClient, text: str) -> int:
        """Say `text` and show the answer; what goes wrong is told, and ends this turn only."""
        while not client.is_connected:
            self._moved = anyio.Event()
            await self._moved.wait()
        try:
            self._reply = client.ask(text, timeout=self._timeout)
            await self._show(self._reply)
        except ReplyInterrupted as error:
            if not self._stopped:
                self._screen.error(explain(error))
                return Exit.FAILED
            self._screen.notice("interrupted")
            return Exit.DONE if self._once is None else Exit.INTERRUPTED
        except EstuaryError as error:
            if not self._is_told(error):
                self._screen.error(explain(error))
            return Exit.FAILED
        finally:
            self._reply = None
        return Exit.DONE

    def _is_told(self, error: EstuaryError) -> bool:
        news = self._connection
        assert news is not None
        return error is self._said or news.is_lost or news.failure is not None

    async def _show(self, reply: Reply) -> None:
        screen = self._screen
        if self._once is not None and not screen.terminal:
            # A program reads it: the whole answer, or nothing.
            screen.close(screen.answer(), (await reply.final()).text)
            return
        flow = screen.answer(self._label)
        try:
            async for piece in reply:
                if piece.replaces:
                    screen.close(flow)
                    flow = screen.answer(self._label)
                flow.add(piece.text)
        except EstuaryError:
            if screen.terminal:
                screen.break_off()
            elif reply.partial:
                screen.close(flow)
            raise
        screen.close(flow)

    # --- what happens meanwhile ----------------------------------------------------------------

    def signalled(self, number: signal.Signals) -> int | None:
        """The first Ctrl-C interrupts the character, the next one ends the program."""
        reply = self._reply
        if number.name == "SIGINT" and reply is not None and not self._stopped:
            try:
                reply.interrupt()
            except EstuaryError:
                pass  # The connection is gone, and the answer with it.
            else:
                self._stopped = True
                return None
        self._screen.break_off()
        return interrupted(number)

    def _tell(self, event: Any) -> None:
        assert self._connection is not None
        if isinstance(event, Fault):
            self._said = event.error
        self._connection.tell(event, amid="the answer" if self._reply is not None else "")
        if isinstance(event, Connected):
            if self._moved is not None:
                self._moved.set()
        elif isinstance(event, BotResponse) and event.is_interjection and event.is_final:
            if self._once is None:
                self._screen.close(self._screen.answer(self._label), event.text)
