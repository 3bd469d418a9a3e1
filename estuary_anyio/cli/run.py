"""A command's life: its event loop, its signals, and one line for whatever goes wrong."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.errors import ErrorCode, EstuaryError

from .exits import Exit, Stop, need, one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup, TaskStatus

    Job = Callable[[TaskGroup, anyio.CancelScope], Awaitable[int]]
    OnSignal = Callable[[signal.Signals], int | None]


def run(job: Job, backend: str, on_signal: OnSignal) -> int:
    """Run `job` on `backend` and return the exit status.

    `job` gets a task group for what runs beside it and ends with it, and a scope to enter around
    what a signal cuts short: inside a client, so that it still says goodbye. `on_signal` decides
    what SIGINT and SIGTERM do: a status ends the command with it, None goes on.
    """
    if backend == "trio":
        need("trio", "trio")
    warnings.showwarning = _show_warning
    try:
        return anyio.run(_guarded, job, on_signal, backend=backend)
    except BaseException as error:
        return _status_of(_only(error))


def interrupted(number: signal.Signals) -> int:
    """The usual answer to a signal: the program ends, and its status tells."""
    return 128 + number


async def _guarded(job: Job, on_signal: OnSignal) -> int:
    scope = anyio.CancelScope()
    ended: int | None = None

    async def watch(*, task_status: TaskStatus[None]) -> None:
        nonlocal ended
        try:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                task_status.started()
                async for number in signals:
                    if ended is not None:
                        # The goodbye takes too long for somebody.
                        os._exit(ended)
                    ended = on_signal(number)
                    if ended is not None:
                        scope.cancel()
        except NotImplementedError:  # A loop on Windows: Ctrl-C is KeyboardInterrupt there.
            task_status.started()

    finished: int = Exit.FAILED
    async with anyio.create_task_group() as tasks:
        await tasks.start(watch)
        finished = await job(tasks, scope)
        tasks.cancel_scope.cancel()
    return finished if ended is None else ended


def _only(error: BaseException) -> BaseException:
    """The error in a task group's group; Ctrl-C before all others."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    found = [_only(one) for one in error.exceptions]
    return next((one for one in found if isinstance(one, KeyboardInterrupt)), found[0])


def _status_of(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has left. Python's last flush must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    if isinstance(error, EstuaryError):
        raise Stop(explain(error), status_of(error)) from error
    raise error


def status_of(error: EstuaryError) -> Exit:
    """A wrong setting is wrong usage, and so is sound where there is none; anything else is a
    conversation that failed."""
    return Exit.USAGE if error.code in _USAGE else Exit.FAILED


_USAGE = (ErrorCode.CONFIG_INVALID, ErrorCode.AUDIO_UNAVAILABLE)


def explain(error: EstuaryError) -> str:
    """An error for people at a command line: one line, with the way out where there is one."""
    status: int = getattr(error, "status", None) or 0
    _, answered, words = error.message.partition(f" answered {status}: ")
    if answered:
        # Which route it was is for programmers.
        return f"the server answers {status}: {one_line(words)}{_STATUS_HINTS.get(status, '')}"
    text = one_line(error.message)
    hint = _HINTS.get(error.code, "")
    return f"{text}{hint}"


_HINTS = {
    ErrorCode.AUTH_FAILED: " (check the key and --character)",
    ErrorCode.CONNECTION_TIMEOUT: " (is --url right?)",
    ErrorCode.TIMEOUT: " (--timeout waits longer)",
}

_STATUS_HINTS = {401: " (check the key)"}


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"estuary: warning: {one_line(str(message))}", file=sys.stderr)
