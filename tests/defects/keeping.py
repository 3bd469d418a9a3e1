"""Claims about secrets, logging, configuration and packaging (items 80 to 84)."""

from __future__ import annotations

import importlib.resources
import io
import logging

from tests.anyio.server import KEY, serving

from .claims import Subject, claim, raising


@claim("80", "the key does not show in repr(config)", fails="AssertionError: the key shows")
async def the_key_in_repr(subject: Subject) -> None:
    async with serving() as server:
        assert KEY not in repr(subject.config(server, api_key=KEY)), "the key shows"


@claim("80", "the key does not show in a debug log", fails="AssertionError: the key shows")
async def the_key_in_the_log(subject: Subject) -> None:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in ("engineio.client", "socketio.client"):
        # A client that came before it in this process may have set its level, for good.
        logging.getLogger(name).setLevel(logging.NOTSET)
    try:
        async with serving() as server:
            async with subject.client(server, api_key=KEY, debug=True) as client:
                await client.connect()
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    assert text.getvalue(), "nothing was logged"
    assert KEY not in text.getvalue(), "the key shows"


@claim(
    "81",
    "a client leaves the application's logging alone",
    fails="AssertionError: the level is",
)
async def logging_is_the_applications(subject: Subject) -> None:
    logger = logging.getLogger(subject.library.__name__)
    before = logger.level, list(logger.handlers)
    logger.setLevel(logging.DEBUG)
    try:
        async with serving() as server:
            subject.client(server, debug=False)
            assert logger.level == logging.DEBUG, f"the level is {logger.level}"
            subject.client(server, debug=True)
            assert logger.handlers == before[1], f"handlers: {logger.handlers}"
    finally:
        logger.setLevel(before[0])
        logger.handlers[:] = before[1]


@claim(
    "82",
    "a wrong configuration is told at once",
    fails="AssertionError: nothing was raised",
)
async def wrong_configuration(subject: Subject) -> None:
    for changes in (
        {"server_url": "not a url"},
        {"character_id": ""},
        {"audio_sample_rate": -1},
    ):
        async with serving() as server:
            with raising(subject.EstuaryError) as found:
                subject.config(server, **changes)
            assert next(iter(changes)) in str(found[0])


@claim(
    "82",
    "a configuration does not change under a running client",
    fails="AssertionError: it changed",
)
async def configuration_is_frozen(subject: Subject) -> None:
    async with serving() as server:
        config = subject.config(server)
        try:
            config.api_key = "est_other"
        except AttributeError:
            return
        raise AssertionError("it changed")


@claim("84", "type checkers use its annotations", fails="AssertionError: there is no py.typed")
async def it_is_typed(subject: Subject) -> None:
    files = importlib.resources.files(subject.library)
    assert files.joinpath("py.typed").is_file(), "there is no py.typed"


@claim(
    "84",
    "applications can be tested offline: a server comes with it",
    fails="ModuleNotFoundError: .*gateway",
)
async def a_server_comes_with_it(subject: Subject) -> None:
    gateway = importlib.import_module(f"{subject.library.__name__}.gateway")
    async with gateway.serve_gateway() as gw:
        config = subject.library.EstuaryConfig(gw.url, gw.api_key, gw.character_id, "me")
        async with subject.EstuaryClient(config) as client:
            await client.connect()
            assert (await client.send_text_and_wait("hello")).text
