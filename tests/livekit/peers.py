"""The media half of the test SFU: peer connections on aiortc, and sound passed on between them."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.sdp import SessionDescription, candidate_from_sdp
from livekit.protocol import rtc

if TYPE_CHECKING:
    from collections.abc import Callable

    from av import AudioFrame

# LiveKit's client uses no loopback interface of its own, yet takes a server that is there.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

WAITING = 25
"""Frames of 20 ms that may wait for a subscriber."""

LOUD = 1000

CONNECTED_WITHIN = 10.0
"""Seconds until a client that does not connect is not waited for."""


class Forward(MediaStreamTrack):
    """A published track, as one subscriber gets it."""

    kind = "audio"

    def __init__(self, track: str, owner: str) -> None:
        super().__init__()
        self.track = track
        self.owner = owner
        self.told = False
        self._frames: asyncio.Queue[AudioFrame] = asyncio.Queue(WAITING)

    def feed(self, frame: AudioFrame) -> None:
        """Pass a frame on; the oldest goes when the subscriber is behind."""
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(frame)

    async def recv(self) -> AudioFrame:
        """The next frame, for aiortc's sender."""
        return await self._frames.get()


class Published:
    """A track that a participant publishes: read once, fed to everybody who subscribed."""

    def __init__(self, info: Any) -> None:
        self.info = info
        self.forwards: list[Forward] = []
        self.loud_while_muted = 0.0
        """Seconds of sound that came although the client had said that it is muted."""
        self.loud_at = 0.0
        """When sound came last (monotonic seconds, which all processes share)."""
        self._pump: asyncio.Task[None] | None = None

    def begin(self, source: MediaStreamTrack) -> None:
        """Its sound has arrived."""
        if self._pump is None:
            self._pump = asyncio.ensure_future(self._pass_on(source))

    async def _pass_on(self, source: MediaStreamTrack) -> None:
        try:
            while True:
                frame: Any = await source.recv()
                if abs(frame.to_ndarray()).max() > LOUD:
                    self.loud_at = time.monotonic()
                    if self.info.muted:
                        self.loud_while_muted += frame.samples / frame.sample_rate
                for forward in self.forwards:
                    forward.feed(frame)
        except MediaStreamError:
            return

    async def end(self) -> None:
        """Nobody hears it any more."""
        for forward in self.forwards:
            forward.stop()
        self.forwards.clear()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)


class Peer:
    """A peer connection, and what its transceivers send."""

    def __init__(self, arrived: Callable[[str, MediaStreamTrack], None]) -> None:
        self.pc = RTCPeerConnection()
        self.pc.on("connectionstatechange", self._changed)
        self.connected = asyncio.Event()
        self._arrived = arrived
        self._free = asyncio.Event()  # No offer of ours is under way.
        self._free.set()
        self._offers = 0
        self._early: list[Any] = []  # Candidates that came before what they belong to.
        self._taken: set[int] = set()  # Sections; what has carried a track carries no other.

    def _changed(self) -> None:
        if self.pc.connectionState == "connected":
            self.connected.set()

    async def trickle(self, candidate: str) -> None:
        """A candidate of the client's."""
        parts = json.loads(candidate)
        if not parts.get("candidate"):
            return
        found = candidate_from_sdp(parts["candidate"].removeprefix("candidate:"))
        found.sdpMid = parts.get("sdpMid")
        found.sdpMLineIndex = parts.get("sdpMLineIndex")
        if self.pc.remoteDescription is None:
            self._early.append(found)
        else:
            await self.pc.addIceCandidate(found)

    async def _steady(self) -> None:
        """Wait for the connection, once there are descriptions of one.

        Sections that are agreed on while aiortc shakes hands never flow: what would begin them
        finds a transport that is neither new nor connected, and is not called again.
        """
        if self.pc.remoteDescription is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.connected.wait(), CONNECTED_WITHIN)

    async def _described(self, sdp: str, kind: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, kind))
        while self._early:
            await self.pc.addIceCandidate(self._early.pop())

    async def close(self) -> None:
        """Hang up."""
        await self.pc.close()

    # Dual connection: the server offers what it sends.

    async def send_by_offer(self, forward: Forward) -> None:
        """A new section that carries the track; `offer` tells the client."""
        # Before it is added, since nothing is connected while there is one to be agreed on.
        await self._free.wait()
        await self._steady()
        transceiver = self.pc.addTransceiver(forward, "sendonly")
        _name(transceiver.sender, forward)

    def drop(self, forward: Forward) -> None:
        """The section that carries the track falls silent."""
        for transceiver in self.pc.getTransceivers():
            if transceiver.sender.track is forward:
                transceiver.sender.replaceTrack(None)
                transceiver.direction = "inactive"

    async def offer(self) -> Any:
        """Our offer, once the one before it is answered."""
        await self._free.wait()
        self._free.clear()
        await self._steady()
        self._offers += 1
        await self.pc.setLocalDescription(await self.pc.createOffer())
        sdp = self.pc.localDescription.sdp
        return rtc.SessionDescription(type="offer", sdp=sdp, id=self._offers)

    async def answered(self, answer: Any) -> None:
        """The client's answer to our offer."""
        await self._described(answer.sdp, "answer")
        self._free.set()

    # The client offers: what it publishes and, with one connection, sections for us to send in.

    async def answer(self, offer: Any, forwards: list[Forward]) -> tuple[Any, list[Forward]]:
        """Our answer, and what found no section to be sent in."""
        await self._steady()
        await self._described(offer.sdp, "offer")
        for media in SessionDescription.parse(offer.sdp).media:
            for transceiver in self.pc.getTransceivers():
                if transceiver.mid == media.rtp.muxId and media.msid and transceiver.receiver.track:
                    # aiortc would hold back 80 ms, in case packets overtake each other.
                    receiver: Any = transceiver.receiver
                    receiver._RTCRtpReceiver__jitter_buffer._prefetch = 0
                    self._arrived(media.msid.split()[-1], transceiver.receiver.track)
        mids: dict[str, str] = {}
        sent = {id(t.sender.track): t.mid for t in self.pc.getTransceivers() if t.sender.track}
        spare = [
            t
            for t in self.pc.getTransceivers()
            if t.kind == "audio" and t._offerDirection == "sendonly" and id(t) not in self._taken
        ]
        left = []
        for forward in forwards:
            if id(forward) not in sent and not spare:
                left.append(forward)
                continue
            if id(forward) not in sent:
                transceiver = spare.pop(0)
                self._taken.add(id(transceiver))
                transceiver.direction = "sendonly"
                transceiver.sender.replaceTrack(forward)
                _name(transceiver.sender, forward)
                sent[id(forward)] = transceiver.mid
            mids[str(sent[id(forward)])] = forward.track
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        answer = rtc.SessionDescription(
            type="answer", sdp=self.pc.localDescription.sdp, id=offer.id, mid_to_track_id=mids
        )
        return answer, left


def _name(sender: Any, forward: Forward) -> None:
    # aiortc has no public way to say which stream and track a sender's sound belongs to.
    sender._stream_id = f"{forward.owner}|{forward.track}"
    sender._track_id = forward.track
