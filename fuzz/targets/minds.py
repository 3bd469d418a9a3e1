"""The gateway's mind under a client that sends whatever it likes."""

from __future__ import annotations

from dataclasses import replace

from estuary_proto.gateway import Outside, ServerConfig
from estuary_proto.testing.choosing import FromBytes, flag, pick
from estuary_proto.testing.minds import SERVER, MindRun
from estuary_proto.testing.operations import GATEWAY, operations


def server_config(choose: FromBytes) -> ServerConfig:
    """A configuration of the gateway."""
    return replace(
        SERVER,
        word_interval=pick(choose, (0.0, 0.025)),
        voice=pick(choose, ("auto", "always", "never")),
        barge_in=flag(choose),
        hears=pick(choose, ((), ("hello there", "stop"))),
        session_idle=pick(choose, (None, 30.0)),
        voice_idle=pick(choose, (None, 5.0)),
        voice_terminator=flag(choose),
    )


def outside(choose: FromBytes) -> Outside:
    """Who lives outside."""
    return Outside(recogniser=flag(choose), live=flag(choose), voice=flag(choose))


def gateway(data: bytes) -> None:
    """A client that sends whatever it likes, and outsiders that answer or do not."""
    choose = FromBytes(data)
    config, who = server_config(choose), outside(choose)
    external, kind = flag(choose), choose.below(16)
    if kind > 7:
        who = replace(who, rooms="wss://rooms")
    wanted = operations(choose, GATEWAY)
    logs = []
    for _ in range(2):
        run = MindRun(
            config, external=external, outside=who, recalls=kind % 4 == 3, faithful=kind % 8 > 5
        )
        for operation in wanted:
            run.do(operation)
        run.finish()
        logs.append(run.log)
    assert logs[0] == logs[1]
