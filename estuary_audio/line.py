"""One direction of sound over the devices that serve it: opened, watched, mended.

When a device vanishes, the next candidate takes over, and that is told. When none is left, all are
tried again each second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from anyio import to_thread

from estuary_audio.devices import Device, Direction, candidates, list_devices, read_anew
from estuary_audio.events import DeviceChanged
from estuary_audio.stream import DeviceStream, open_first
from estuary_proto.errors import EstuaryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_audio.stream import Call

WATCH = 0.1
"""Seconds between two looks at a device."""

RETRY = 1.0
"""Seconds between two tries when no device works."""


class Line:
    """The device in use for one direction, and what to do when it is lost."""

    def __init__(
        self,
        direction: Direction,
        rate: int,
        wanted: str | int | None,
        latency: float | str,
        call: Call,
        stir: Callable[[], None],
        tell: Callable[[DeviceChanged], None],
    ) -> None:
        self.stream: DeviceStream | None = None
        self._direction = direction
        self._rate = rate
        self._wanted = wanted
        self._latency = latency
        self._call = call
        self._stir = stir
        self._tell = tell
        self.resting: bool = False
        """Whether it lets go of the device, at the next `mend`, for as long as it is resting."""
        self._opened = False
        self._rested = False
        self._retry_at = 0.0

    @property
    def device(self) -> Device | None:
        """The device in use."""
        return self.stream.device if self.stream is not None else None

    @property
    def is_open(self) -> bool:
        """Opened and not closed, whether or not a device works at the moment."""
        return self._opened

    async def open(self) -> None:
        """Open the wanted device, or the next that works.

        Raises EstuaryError AUDIO_UNAVAILABLE when there is no such device, or none works.
        """
        failed = await to_thread.run_sync(self._open_any, None)
        self._opened = True
        assert self.device is not None
        if failed:
            lost, reason = failed[0]
            self._changed(lost.name, reason)
        elif self._wanted is None and not self.device.is_default(self._direction):
            self._changed(None, f"the system names no default {self._direction.noun}")

    async def close(self, *, gently: bool = False) -> None:
        """Let go of the device; `gently` plays what it has taken to the end."""
        self._opened = False
        stream, self.stream = self.stream, None
        if stream is not None:
            await to_thread.run_sync(stream.close, gently)

    async def mend(self) -> bool:
        """Look at the device, and replace it if it is lost. True when another one is in use now."""
        stream = self.stream
        if self.resting:
            if stream is not None:
                self._rested, self.stream = True, None
                await to_thread.run_sync(stream.close)
            return False
        if stream is None:
            return self._opened and time.monotonic() >= self._retry_at and await self._retry()
        reason = stream.trouble()
        if reason is None:
            return False
        lost, self.stream = stream.device, None
        await to_thread.run_sync(stream.close)
        try:
            await to_thread.run_sync(self._open_any, lost)
        except EstuaryError as error:
            self._retry_at = time.monotonic() + RETRY
            reason = f"{reason}; {error.message}"
        self._changed(lost.name, reason)
        return self.stream is not None

    async def _retry(self) -> bool:
        try:
            await to_thread.run_sync(self._open_any, None)
        except EstuaryError:
            self._retry_at = time.monotonic() + RETRY
            return False
        rested, self._rested = self._rested, False
        if not rested:
            self._changed(None, "a device works again")
        return True

    def _open_any(self, lost: Device | None) -> list[tuple[Device, str]]:
        """In a thread: open the first candidate that works, the one that was lost last of all."""
        read_anew()
        devices = candidates(list_devices(), self._direction, self._wanted)
        if lost is not None:
            devices.sort(key=lambda device: device.name == lost.name)
        arguments = (self._direction, self._rate, self._latency, self._call, self._stir)
        self.stream, failed = open_first(devices, *arguments)
        return failed

    def _changed(self, lost: str | None, reason: str) -> None:
        name = self.device.name if self.device is not None else None
        self._tell(DeviceChanged(self._direction.value, lost, name, reason))
