"""`client.generate`: characters of pictures, and their 3D models (seed 000)."""

from __future__ import annotations

import secrets
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import anyio

from estuary_proto.errors import LocalProtocolError, WaitTimeout
from estuary_proto.rest import generation as calls
from estuary_proto.rest.errors import RestError
from estuary_proto.rest.forms import image_file
from estuary_proto.rest.polling import ModelWatch

from .files import contents
from .runner import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from estuary_proto.models.generation import GeneratedCharacter, ModelStarted, ModelStatus

    from .files import Contents
    from .runner import Runner


class GenerateClient:
    """Generation; no connection is needed.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def image_to_character(
        self,
        image: Contents | None = None,
        mime_type: str | None = None,
        *,
        image_base64: str | None = None,
        idempotency_key: str | None = None,
        tts_provider: str | None = None,
        appearance_prompt: str | None = None,
        voice_prompt: str | None = None,
        persona_prompt: str | None = None,
        use_default_voice: bool | None = None,
        timeout: float | None = TIMEOUT,
    ) -> GeneratedCharacter:
        """Make a character of a picture: bytes, base64 text, or a path as `os.PathLike`.

        Without `mime_type` the picture's own first bytes tell. Raises UploadFailedError when every
        attempt failed; its `idempotency_key`, given here again, makes sure that the character is
        made once.
        """
        given = image_base64 if image is None else image
        if given is None or (image is not None and image_base64 is not None):
            raise LocalProtocolError("image: give one picture, as image or as image_base64")
        file = image_file(await contents(given), mime_type)
        key = secrets.token_hex(16) if idempotency_key is None else idempotency_key
        boundary = secrets.token_hex(16)
        return await self._runner.run(
            lambda _: calls.image_to_character(
                file,
                idempotency_key=key,
                boundary=boundary,
                tts_provider=tts_provider,
                appearance_prompt=appearance_prompt,
                voice_prompt=voice_prompt,
                persona_prompt=persona_prompt,
                use_default_voice=use_default_voice,
            ),
            timeout,
        )

    async def generate_model(
        self, agent_id: str, *, rigged: bool = False, timeout: float | None = TIMEOUT
    ) -> ModelStarted:
        """Begin to make a 3D model, with a skeleton if `rigged`. Raises Conflict while one is."""
        return await self._runner.run(
            lambda _: calls.generate_model(agent_id, rigged=rigged), timeout
        )

    async def get_model_status(
        self, agent_id: str, *, timeout: float | None = TIMEOUT
    ) -> ModelStatus:
        """How far the 3D model is."""
        return await self._runner.run(lambda _: calls.get_model_status(agent_id), timeout)

    async def wait_for_model(
        self,
        agent_id: str,
        *,
        poll_interval: float = 2.0,
        timeout: float = 300.0,
        on_progress: Callable[[ModelStatus], Any] | None = None,
    ) -> ModelStatus:
        """Wait until the 3D model is complete or has failed: see `is_usable` of what it returns.

        The interval grows by half to 10 s. `on_progress`, a function or a coroutine function, is
        told what is new. A failed poll is survived, the third in a row is not. Raises WaitTimeout
        after `timeout` seconds, and EstuaryError when no model was begun.
        """
        watch = ModelWatch(poll_interval)
        with anyio.move_on_after(timeout) as scope:
            while True:
                if await self._poll(agent_id, watch, on_progress):
                    break
                await anyio.sleep(watch.delay)
        if watch.latest is None or not watch.is_over:
            assert scope.cancelled_caught
            seen = watch.latest.to_dict() if watch.latest else {}
            raise WaitTimeout(f"the 3D model was not complete within {timeout:g} s", seen)
        return watch.latest

    async def _poll(
        self,
        agent_id: str,
        watch: ModelWatch,
        on_progress: Callable[[ModelStatus], Any] | None,
    ) -> bool:
        """Look once; True when it is over."""
        try:
            status = await self.get_model_status(agent_id)
        except RestError as error:
            watch.missed(error)
            return False
        if watch.saw(status) and on_progress is not None:
            told = on_progress(status)
            if isawaitable(told):
                await told
        return watch.is_over
