"""REST calls that are waited for, the groups of them by name (seed 000)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from estuary_proto.rest.paging import HasId
from estuary_proto.rest.turns import TurnEvent

from ..rest import characters, generate, memory, pages, players, shares, turns
from .iterators import Iterating, Leavable
from .twin import Twin, twin

if TYPE_CHECKING:
    from estuary_proto.models.turns import TurnResult

H = TypeVar("H", bound=HasId)


class Pages(Iterating[H], of=pages.Pages):
    """The items of a list: `for memory in client.memory.iter_memories()`.

    It holds a page at most and asks for the next one when that is used up. It may be left at any
    time. An error leaves it where it was: going on asks for the same page again.
    """


class TurnStream(Leavable[TurnEvent], of=turns.TurnStream):
    """A turn as it is spoken: `for event in client.turn("Hi", stream=True)`.

    Gives TurnText for each piece, ApiEndpointResult for what a tool found, UnknownEvent for what a
    newer server says, and at last the TurnResult. Ending without one raises TurnFailed, whose
    `partial` is the text that had come. It is sent at the first step, and never twice. Who may
    leave early writes `with client.turn(…, stream=True) as events:`.
    """

    _source: turns.TurnStream

    @property
    def text(self) -> str:
        """Everything said so far."""
        return self._source.text

    @property
    def result(self) -> TurnResult | None:
        """The whole turn, when it is complete."""
        return self._source.result


class MemoryClient(Twin[memory.MemoryClient], of=memory.MemoryClient):
    """Memories of the configured character and player; no connection is needed.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    get_memories: Final = twin(memory.MemoryClient.get_memories)
    iter_memories: Final = twin(memory.MemoryClient.iter_memories)
    get_timeline: Final = twin(memory.MemoryClient.get_timeline)
    get_stats: Final = twin(memory.MemoryClient.get_stats)
    get_core_facts: Final = twin(memory.MemoryClient.get_core_facts)
    get_graph: Final = twin(memory.MemoryClient.get_graph)
    search: Final = twin(memory.MemoryClient.search)
    create: Final = twin(memory.MemoryClient.create)
    update: Final = twin(memory.MemoryClient.update)
    delete: Final = twin(memory.MemoryClient.delete)
    delete_all: Final = twin(memory.MemoryClient.delete_all)


class PlayersClient(Twin[players.PlayersClient], of=players.PlayersClient):
    """Players of the configured character; no connection is needed.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    list: Final = twin(players.PlayersClient.list)
    iter_players: Final = twin(players.PlayersClient.iter_players)
    get: Final = twin(players.PlayersClient.get)
    get_messages: Final = twin(players.PlayersClient.get_messages)
    iter_messages: Final = twin(players.PlayersClient.iter_messages)
    get_stats: Final = twin(players.PlayersClient.get_stats)
    delete: Final = twin(players.PlayersClient.delete)


class CharactersClient(Twin[characters.CharactersClient], of=characters.CharactersClient):
    """All characters that the key may see; no connection is needed.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    create: Final = twin(characters.CharactersClient.create)
    list: Final = twin(characters.CharactersClient.list)
    iter_characters: Final = twin(characters.CharactersClient.iter_characters)
    get: Final = twin(characters.CharactersClient.get)
    update: Final = twin(characters.CharactersClient.update)
    delete: Final = twin(characters.CharactersClient.delete)
    transfer: Final = twin(characters.CharactersClient.transfer)
    get_motive: Final = twin(characters.CharactersClient.get_motive)
    set_motive: Final = twin(characters.CharactersClient.set_motive)
    clear_motive: Final = twin(characters.CharactersClient.clear_motive)
    set_avatar: Final = twin(characters.CharactersClient.set_avatar)
    set_model: Final = twin(characters.CharactersClient.set_model)
    test_api_endpoint: Final = twin(characters.CharactersClient.test_api_endpoint)


class GenerateClient(Twin[generate.GenerateClient], of=generate.GenerateClient):
    """Generation; no connection is needed.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    image_to_character: Final = twin(generate.GenerateClient.image_to_character)
    generate_model: Final = twin(generate.GenerateClient.generate_model)
    get_model_status: Final = twin(generate.GenerateClient.get_model_status)
    wait_for_model: Final = twin(generate.GenerateClient.wait_for_model)


class SharesClient(Twin[shares.SharesClient], of=shares.SharesClient):
    """Shares; no connection is needed. Opening and exchanging send no key.

    Every method raises RestError or a subclass when the call fails, LocalProtocolError for wrong
    arguments. `timeout` is in seconds, for the whole call; None is no limit.
    """

    create_share: Final = twin(shares.SharesClient.create_share)
    open_share: Final = twin(shares.SharesClient.open_share)
    exchange_share_token: Final = twin(shares.SharesClient.exchange_share_token)
    list_character_shares: Final = twin(shares.SharesClient.list_character_shares)
    revoke_share_token: Final = twin(shares.SharesClient.revoke_share_token)
    bulk_revoke_by_api_key: Final = twin(shares.SharesClient.bulk_revoke_by_api_key)


class EncountersClient(Twin[turns.EncountersClient], of=turns.EncountersClient):
    """Meetings of two characters; what they say comes as `encounter_message` events."""

    start: Final = twin(turns.EncountersClient.start)
