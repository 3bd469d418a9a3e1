"""A small LiveKit server for the tests: rooms, signalling of both versions, sound passed on.

    python -m tests.livekit.sfu [v0]     writes its URL, and serves until its input ends

v1 has a single peer connection (`/rtc/v1`), v0 two (`/rtc`); with `v0` it knows that one only. It
speaks as much of LiveKit's API as the tests use of a real server (`/twirp/livekit.RoomService/…`);
`/test/…` is its own.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import logging
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web
from livekit import api
from livekit.protocol import models, rtc
from livekit.protocol import room as service

from tests.livekit.keys import KEY, SECRET
from tests.livekit.peers import Forward, Peer, Published

if TYPE_CHECKING:
    from collections.abc import Callable

PING = 5

_numbers = itertools.count(1)
logger = logging.getLogger("sfu")


def _sid(prefix: str) -> str:
    return f"{prefix}_{next(_numbers):012}"


class Member:
    """A participant and its connection."""

    def __init__(self, room: Room, claims: Any, socket: Any, single: bool) -> None:
        self.room = room
        self.socket = socket
        self.single = single
        self.tracks: dict[str, Published] = {}
        """By what the client calls them."""
        self.hears: list[Forward] = []
        video = claims.video or api.VideoGrants()
        self.info = models.ParticipantInfo(
            sid=_sid("PA"),
            identity=claims.identity,
            name=claims.name,
            state=models.ParticipantInfo.ACTIVE,
            joined_at=int(time.time()),
            attributes=claims.attributes or {},
            permission=models.ParticipantPermission(
                can_subscribe=True,
                can_publish=True,
                can_publish_data=True,
                can_update_metadata=bool(video.can_update_own_metadata),
            ),
        )
        self.publisher = Peer(self._arrived)
        self.subscriber = self.publisher if single else Peer(self._arrived)
        self._changing = asyncio.Lock()

    async def send(self, **message: Any) -> None:
        """Tell the client."""
        if not self.socket.closed:
            await self.socket.send_bytes(rtc.SignalResponse(**message).SerializeToString())

    def _arrived(self, called: str, source: Any) -> None:
        track = self.tracks.get(called)
        if track is not None:
            track.begin(source)

    def identify(self) -> Any:
        """What others are told about it."""
        del self.info.tracks[:]
        self.info.tracks.extend(track.info for track in self.tracks.values())
        self.info.is_publisher = bool(self.tracks)
        return self.info

    async def invite(self) -> None:
        """Offer the connection that what it hears comes in, before there is anything."""
        async with self._changing:
            self.subscriber.pc.createDataChannel("_reliable")
            await self.send(offer=await self.subscriber.offer())

    async def hear(self, track: Published, owner: Member) -> None:
        """Subscribe to a track, once."""
        if any(one.track == track.info.sid for one in self.hears):
            return
        forward = Forward(track.info.sid, owner.info.sid)
        track.forwards.append(forward)
        self.hears.append(forward)
        if self.single:
            await self.send(media_sections_requirement=rtc.MediaSectionsRequirement(num_audios=1))
            return
        async with self._changing:
            await self.subscriber.send_by_offer(forward)
            await self.send(offer=await self.subscriber.offer())
        await self.flows(forward)

    async def flows(self, forward: Forward) -> None:
        """Tell who publishes that it is heard, once it is."""
        forward.told = True
        owner = next(one for one in self.room.members.values() if one.info.sid == forward.owner)
        await self.subscriber.connected.wait()
        await owner.publisher.connected.wait()
        await owner.send(track_subscribed=rtc.TrackSubscribed(track_sid=forward.track))

    async def unhear(self, track: Published) -> None:
        """A track has gone."""
        for forward in [one for one in self.hears if one.track == track.info.sid]:
            self.hears.remove(forward)
            self.subscriber.drop(forward)
        if not self.single:
            async with self._changing:
                await self.send(offer=await self.subscriber.offer())

    async def answer(self, offer: Any) -> None:
        """Take an offer of the client's."""
        async with self._changing:
            forwards = self.hears if self.single else []
            answer, left = await self.publisher.answer(offer, forwards)
            await self.send(answer=answer)
        for forward in forwards:
            if forward not in left and not forward.told:
                self.room.soon(self.flows(forward))
        if left:
            wish = rtc.MediaSectionsRequirement(num_audios=len(left))
            await self.send(media_sections_requirement=wish)

    async def close(self) -> None:
        """Hang up."""
        for track in self.tracks.values():
            await track.end()
        await self.publisher.close()
        await self.subscriber.close()


class Room:
    """Who is there."""

    def __init__(self, name: str, soon: Callable[[Any], None]) -> None:
        self.info = models.Room(sid=_sid("RM"), name=name, creation_time=int(time.time()))
        self.members: dict[str, Member] = {}
        self.soon = soon
        self._telling = asyncio.Lock()

    def others(self, member: Member) -> list[Member]:
        """All but one."""
        return [one for one in self.members.values() if one is not member]

    async def tell(self, about: Member) -> None:
        """Everybody learns what has become of a participant."""
        # In order: that who has come back is gone would be believed for good.
        async with self._telling:
            info = about.identify()
            for member in list(self.members.values()):
                await member.send(update=rtc.ParticipantUpdate(participants=[info]))

    async def enter(self, member: Member) -> None:
        """A participant comes; one of the same name goes."""
        before = self.members.pop(member.info.identity, None)
        if before is not None:
            await dismiss(before, models.DUPLICATE_IDENTITY)
        async with self._telling:
            self.members[member.info.identity] = member
            info = member.identify()
            for other in self.others(member):
                await other.send(update=rtc.ParticipantUpdate(participants=[info]))

    async def leave(self, member: Member) -> None:
        """A participant goes."""
        if self.members.get(member.info.identity) is member:
            del self.members[member.info.identity]
            member.info.state = models.ParticipantInfo.DISCONNECTED
            # First, since what follows waits for others, and this one may be back by then.
            await self.tell(member)
            for other in self.others(member):
                for track in member.tracks.values():
                    await other.unhear(track)
        for other in self.others(member):
            for track in other.tracks.values():
                track.forwards = [one for one in track.forwards if one not in member.hears]
        await member.close()


async def dismiss(member: Member, reason: Any) -> None:
    """End a participant's stay."""
    action = rtc.LeaveRequest.DISCONNECT
    await member.send(leave=rtc.LeaveRequest(reason=reason, action=action))
    await member.socket.close()


class Server:
    """All rooms."""

    def __init__(self, *, old: bool = False) -> None:
        self._old = old
        self.rooms: dict[str, Room] = {}
        self.unready: dict[str, set[web.WebSocketResponse]] = {}
        """Rooms in which nothing is said, and who waits there."""
        self.seen: list[str] = []
        """Which way the clients came."""
        self._tasks: set[asyncio.Task[None]] = set()

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application()
        add = application.router.add_route
        for path in ("/rtc",) if self._old else ("/rtc", "/rtc/v1"):
            add("GET", f"{path}/validate", self.validate)
            add("GET", path, self.connect)
        add("POST", "/twirp/livekit.RoomService/{method}", self.service)
        add("POST", "/test/{method}", self.test)
        return application

    # The API

    async def service(self, request: web.Request) -> web.Response:
        """Delete a room, remove a participant, say who is there."""
        method = request.match_info["method"]
        if self._claims(request) is None:
            return web.Response(status=401)
        body = await request.read()
        answer: Any = service.DeleteRoomResponse()
        if method == "DeleteRoom":
            room = self.rooms.pop(service.DeleteRoomRequest.FromString(body).room, None)
            for member in list(room.members.values()) if room else []:
                await dismiss(member, models.ROOM_DELETED)
        elif method == "RemoveParticipant":
            who = service.RoomParticipantIdentity.FromString(body)
            member = self.rooms[who.room].members[who.identity]
            await dismiss(member, models.PARTICIPANT_REMOVED)
            answer = service.RemoveParticipantResponse()
        elif method == "ListParticipants":
            room = self.rooms.get(service.ListParticipantsRequest.FromString(body).room)
            there = [one.identify() for one in room.members.values()] if room else []
            answer = service.ListParticipantsResponse(participants=there)
        else:
            return web.Response(status=404)
        body = answer.SerializeToString()
        return web.Response(body=body, content_type="application/protobuf")

    async def test(self, request: web.Request) -> web.Response:
        """What a real server does by itself: `unready`, `hang_up`, `cut`; and what it saw."""
        method, query = request.match_info["method"], request.query
        if method == "unready":
            self.unready[query["room"]] = set()
        elif method == "hang_up":
            for socket in list(self.unready[query["room"]]):
                await socket.close()
        elif method == "cut":
            member = self.rooms[query["room"]].members[query["identity"]]
            member.socket._writer.transport.abort()
        elif method == "seen":
            return web.json_response(self.seen)
        elif method == "muted":
            member = self.rooms[query["room"]].members[query["identity"]]
            return web.json_response([track.loud_while_muted for track in member.tracks.values()])
        elif method == "loud":
            member = self.rooms[query["room"]].members[query["identity"]]
            return web.json_response([track.loud_at for track in member.tracks.values()])
        return web.Response()

    # Signalling

    def _claims(self, request: web.Request) -> Any:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or request.query.get("access_token", "")
        try:
            return api.TokenVerifier(KEY, SECRET, leeway=timedelta()).verify(token)
        except Exception as problem:
            logger.info("refused: %r", problem)
            return None

    async def validate(self, request: web.Request) -> web.Response:
        """Why a connection was refused, as a client asks."""
        if self._claims(request) is None:
            return web.Response(status=401, text="invalid token")
        return web.Response(text="success")

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """A participant's connection, for as long as it lasts."""
        claims = self._claims(request)
        if claims is None or claims.video is None or not claims.video.room_join:
            return web.Response(status=401, text="invalid token")
        self.seen.append(request.path)
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        name = claims.video.room
        if name in self.unready:
            self.unready[name].add(socket)
            async for _ in socket:
                pass
            self.unready[name].discard(socket)
            return socket
        wrapped = request.query.get("join_request")
        join = _unwrapped(wrapped) if wrapped else None
        if request.query.get("reconnect") == "1" or (join is not None and join.reconnect):
            # Whoever lost the connection starts afresh.
            action = rtc.LeaveRequest.RECONNECT
            await socket.send_bytes(
                rtc.SignalResponse(leave=rtc.LeaveRequest(action=action)).SerializeToString()
            )
            await socket.close()
            return socket
        room = self.rooms.setdefault(name, Room(name, self._soon))
        member = Member(room, claims, socket, join is not None)
        try:
            await self._stay(member, join)
        finally:
            await asyncio.shield(room.leave(member))
        return socket

    async def _stay(self, member: Member, join: Any) -> None:
        room = member.room
        await room.enter(member)
        others = room.others(member)
        await member.send(
            join=rtc.JoinResponse(
                room=room.info,
                participant=member.info,
                other_participants=[other.identify() for other in others],
                server_version="1.9.0",
                subscriber_primary=not member.single,
                ping_timeout=3 * PING,
                ping_interval=PING,
                server_info=models.ServerInfo(version="1.9.0", protocol=16),
                enabled_publish_codecs=[models.Codec(mime="audio/opus")],
            )
        )
        if join is not None:
            for wish in join.add_track_requests:
                await self._publish(member, wish)
            if join.publisher_offer.sdp:
                await member.answer(join.publisher_offer)
        else:
            await member.invite()
        for other in others:
            for track in other.tracks.values():
                self._soon(member.hear(track, other))
        async for message in member.socket:
            if message.type is WSMsgType.BINARY:
                if not await self._heard(member, rtc.SignalRequest.FromString(message.data)):
                    return

    def _soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Somebody left in the middle of it.
            logger.info("not done: %r", task.exception())

    async def _heard(self, member: Member, request: Any) -> bool:
        """Take a message; whether the participant stays."""
        kind = request.WhichOneof("message")
        match kind:
            case "offer":
                self._soon(member.answer(request.offer))
            case "answer":
                await member.subscriber.answered(request.answer)
            case "trickle":
                ours = request.trickle.target == rtc.SUBSCRIBER
                peer = member.subscriber if ours else member.publisher
                self._soon(peer.trickle(request.trickle.candidateInit))
            case "add_track":
                await self._publish(member, request.add_track)
            case "mute":
                for track in member.tracks.values():
                    if track.info.sid == request.mute.sid:
                        track.info.muted = request.mute.muted
                await member.room.tell(member)
            case "update_metadata":
                await self._update(member, request.update_metadata)
            case "ping":
                await member.send(pong=int(time.time() * 1000))
            case "ping_req":
                stamp = request.ping_req.timestamp
                pong = rtc.Pong(last_ping_timestamp=stamp, timestamp=int(time.time() * 1000))
                await member.send(pong_resp=pong)
            case "leave":
                return False
        return True

    async def _publish(self, member: Member, wish: Any) -> None:
        track = Published(
            models.TrackInfo(
                sid=_sid("TR"),
                type=wish.type,
                name=wish.name,
                muted=wish.muted,
                source=wish.source,
                mime_type="audio/opus",
            )
        )
        member.tracks[wish.cid] = track
        published = rtc.TrackPublishedResponse(cid=wish.cid, track=track.info)
        await member.send(track_published=published)
        await member.room.tell(member)
        for other in member.room.others(member):
            self._soon(other.hear(track, member))

    async def _update(self, member: Member, wish: Any) -> None:
        answer = rtc.RequestResponse(request_id=wish.request_id)
        if member.info.permission.can_update_metadata:
            for key, value in wish.attributes.items():
                if value:
                    member.info.attributes[key] = value
                else:
                    member.info.attributes.pop(key, None)
            await member.room.tell(member)
        else:
            answer.reason = rtc.RequestResponse.NOT_ALLOWED
        await member.send(request_response=answer)


def _unwrapped(text: str) -> Any:
    """A join request as v1 carries it in the URL."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    wrapped = rtc.WrappedJoinRequest.FromString(data)
    inner = wrapped.join_request
    if wrapped.compression == rtc.WrappedJoinRequest.GZIP:
        inner = gzip.decompress(inner)
    return rtc.JoinRequest.FromString(inner)


async def serve() -> None:
    """Serve on a free port until nobody is there to write to us."""
    server = Server(old="v0" in sys.argv[1:])
    runner = web.AppRunner(server.application(), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    print(f"ws://127.0.0.1:{port}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(serve())
