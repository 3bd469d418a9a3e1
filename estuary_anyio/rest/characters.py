"""`client.characters`: characters, their motives, pictures and tools (seed 000)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from estuary_proto.rest import characters as calls
from estuary_proto.rest.forms import image_file, model_file

from .files import contents
from .pages import Pages
from .runner import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from estuary_proto.models.characters import Character, CharacterListResponse, Motive
    from estuary_proto.rest.characters import CharacterChanges, CharacterFields
    from estuary_proto.rest.paging import Cursor

    from .files import Contents
    from .runner import Runner


class CharactersClient:
    """All characters that the key may see; no connection is needed.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def create(
        self, name: str, *, timeout: float | None = TIMEOUT, **fields: Unpack[CharacterFields]
    ) -> Character:
        """A new character; `name` has 1 to 255 characters. For the fields see CharacterFields.

        Raises TypeError for a field that there is not.
        """
        return await self._runner.run(lambda _: calls.create(name, fields), timeout)

    async def list(
        self, limit: int = 20, offset: int = 0, *, timeout: float | None = TIMEOUT
    ) -> CharacterListResponse:
        """A page of characters: `limit` 1 to 100."""
        return await self._runner.run(lambda _: calls.list_characters(limit, offset), timeout)

    def iter_characters(
        self, *, page_size: int = 20, timeout: float | None = TIMEOUT
    ) -> Pages[Character]:
        """All characters, page by page; `timeout` is for each page."""

        async def fetch(cursor: Cursor[Character]) -> tuple[Sequence[Character], bool | None]:
            page = await self.list(page_size, cursor.offset, timeout=timeout)
            return page.characters, cursor.more(page.total, len(page.characters))

        return Pages(fetch, page_size)

    async def get(self, character_id: str, *, timeout: float | None = TIMEOUT) -> Character:
        """One character."""
        return await self._runner.run(lambda _: calls.get(character_id), timeout)

    async def update(
        self,
        character_id: str,
        *,
        timeout: float | None = TIMEOUT,
        **changes: Unpack[CharacterChanges],
    ) -> Character:
        """Change a character; what is not given stays. Raises TypeError for an unknown field."""
        return await self._runner.run(lambda _: calls.update(character_id, changes), timeout)

    async def delete(self, character_id: str, *, timeout: float | None = TIMEOUT) -> dict[str, Any]:
        """Delete a character."""
        return await self._runner.run(lambda _: calls.delete(character_id), timeout)

    async def transfer(
        self,
        character_id: str,
        destination: str,
        *,
        org_id: str | None = None,
        timeout: float | None = TIMEOUT,
    ) -> dict[str, Any]:
        """Give a character away."""
        return await self._runner.run(
            lambda _: calls.transfer(character_id, destination, org_id=org_id), timeout
        )

    async def get_motive(
        self,
        character_id: str,
        player_id: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> Motive:
        """What drives a character towards a player, or the configured one; for its owner only."""
        return await self._runner.run(
            lambda player: calls.get_motive(character_id, _or(player_id, player)), timeout
        )

    async def set_motive(
        self,
        character_id: str,
        motive: str,
        player_id: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> Motive:
        """Let this drive a character towards a player, or the configured one."""
        return await self._runner.run(
            lambda player: calls.set_motive(character_id, _or(player_id, player), motive), timeout
        )

    async def clear_motive(
        self,
        character_id: str,
        player_id: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> dict[str, Any]:
        """Let nothing in particular drive it."""
        return await self._runner.run(
            lambda player: calls.clear_motive(character_id, _or(player_id, player)), timeout
        )

    async def set_avatar(
        self,
        character_id: str,
        image: Contents,
        mime_type: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> dict[str, Any]:
        """Give it a picture: bytes, base64 text or a path."""
        file = image_file(await contents(image), mime_type)
        boundary = secrets.token_hex(16)
        return await self._runner.run(
            lambda _: calls.set_avatar(character_id, file, boundary=boundary), timeout
        )

    async def set_model(
        self,
        character_id: str,
        model: Contents,
        mime_type: str | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> dict[str, Any]:
        """Give it a 3D model of your own, GLB unless `mime_type` says else: bytes, base64 text or
        a path."""
        file = model_file(await contents(model), mime_type)
        boundary = secrets.token_hex(16)
        return await self._runner.run(
            lambda _: calls.set_model(character_id, file, boundary=boundary), timeout
        )

    async def test_api_endpoint(
        self,
        character_id: str,
        endpoint: Mapping[str, Any],
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> dict[str, Any]:
        """Try a tool (name, description, url, parameters) before the character may use it."""
        return await self._runner.run(
            lambda _: calls.try_api_endpoint(character_id, endpoint, arguments), timeout
        )


def _or(given: str | None, configured: str) -> str:
    return configured if given is None else given
