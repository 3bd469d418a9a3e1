"""How LiveKit's threads are parted from an interpreter that ends, piece by piece."""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from estuary_audio import parting


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is to be done at the end of this interpreter, which is not to be done twice."""
    found: list[Any] = []
    monkeypatch.setattr(parting, "_prepared", False)
    monkeypatch.setattr(atexit, "register", lambda *what: found.append(what))
    return found


def test_it_is_prepared_once(registered: list[Any]) -> None:
    parting.prepare()
    parting.prepare()
    # The package has registered its own before, when it was new here.
    assert [what[0] for what in registered].count(parting._part) == 1
    assert registered[-1][0] is parting._part


def test_without_the_package_nothing_is_to_be_done(
    registered: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc._ffi_client", None)
    parting.prepare()
    assert registered == []


def test_a_fork_has_no_threads_of_livekit() -> None:
    parting._part(SimpleNamespace(_pid=os.getpid() + 1))  # It has nothing else to be asked for.


def test_another_release_of_the_package_ends_no_program(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "estuary_audio"):
        parting._part(SimpleNamespace(_pid=os.getpid()))
    assert "may still call" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="makes a thread with pthread_create")
def test_calls_that_have_begun_are_waited_for() -> None:
    began, ends = threading.Event(), threading.Event()

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # type: ignore[untyped-decorator]
    def ffi_event_callback(_: object) -> None:
        began.set()
        ends.wait(20)

    library, number = ctypes.CDLL(None), ctypes.c_ulong()
    assert library.pthread_create(ctypes.byref(number), None, ffi_event_callback, None) == 0
    assert began.wait(20)
    assert parting._calls()
    waiting = threading.Thread(target=parting._until_returned)
    waiting.start()
    ends.set()
    waiting.join()
    assert not parting._calls()
    library.pthread_join(number, None)
