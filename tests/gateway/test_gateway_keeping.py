"""What is said and learnt is kept: told by REST, found again in the next session and process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import Gateway, serve_gateway
from estuary_proto.gateway import ServerConfig
from estuary_proto.models import MemoryUpdatedEvent

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

QUICK = ServerConfig(word_interval=0)


def client_of(gateway: Gateway, player: str = "ada", *, tells: bool = False) -> EstuaryClient:
    config = EstuaryConfig(gateway.url, gateway.api_key, gateway.character_id, player)
    return EstuaryClient(replace(config, realtime_memory=tells))


async def ask(client: EstuaryClient, text: str) -> str:
    return (await client.send_text_and_wait(text, text_only=True)).text


async def test_talk_list_search_history_forget() -> None:
    async with serve_gateway(server=QUICK) as gateway:
        async with client_of(gateway, tells=True) as client:
            await client.connect()
            async with client.events(MemoryUpdatedEvent) as news:
                answer = await ask(client, "My favourite tea is mint. I like rain.")
                told = await anext(news)
            assert "mint" in answer

            listed = await client.memory.get_memories()
            assert [m.content for m in listed.memories] == [
                "You like rain.", "Your favourite tea is mint."
            ]  # fmt: skip
            assert {m.id for m in listed.memories} == {m.id for m in told.new_memories}
            assert listed.memories[0].source_quote == "My favourite tea is mint. I like rain."
            found = await client.memory.search("which TEA?")
            assert [r.memory.content for r in found.results] == ["Your favourite tea is mint."]
            assert found.results[0].score == 1
            assert 0 < found.results[0].similarity_score < 1

            said = await client.players.get_messages("ada")
            assert [(m.role, m.content) for m in said.messages] == [
                ("user", "My favourite tea is mint. I like rain."), ("assistant", answer)
            ]  # fmt: skip
            player = await client.players.get("ada")
            assert (player.message_count, player.id) == (2, said.messages[0].conversation_id)
            assert client.session is not None
            assert client.session.conversation_id == player.id

            assert "mint" in await ask(client, "What is my favourite tea?")
            gone = await client.memory.delete_all()
            assert gone.deleted_count == 2
            assert "mint" not in await ask(client, "What is my favourite tea?")
            assert (await client.memory.get_memories()).total == 0


async def test_what_was_said_comes_back_after_a_restart(tmp_path: Path) -> None:
    async with serve_gateway(server=QUICK, data=tmp_path / "new" / "house") as gateway:
        async with client_of(gateway) as client:
            first = await client.connect()
            await ask(client, "My favourite tea is mint.")
    async with serve_gateway(server=QUICK, data=tmp_path / "new" / "house") as gateway:
        async with client_of(gateway) as client:
            again = await client.connect()
            assert again.conversation_id == first.conversation_id
            assert again.session_id != first.session_id
            assert "mint" in await ask(client, "What is my favourite tea?")
            assert (await client.players.get("ada")).message_count == 4
        async with client_of(gateway, "bob") as other:
            await other.connect()
            assert "mint" not in await ask(other, "What is my favourite tea?")


async def test_what_rest_changes_the_conversation_knows() -> None:
    async with serve_gateway(server=QUICK) as gateway, client_of(gateway) as client:
        await client.connect()
        made = await client.memory.create("The password is swordfish.", memory_type="fact")
        assert "swordfish" in await ask(client, "What is the password?")
        await client.memory.update(made.id, content="The password is halibut.")
        answer = await ask(client, "What is the password?")
        assert "halibut" in answer
        assert "swordfish" not in answer
        await client.memory.delete(made.id)
        assert "halibut" not in await ask(client, "What is the password?")

        await ask(client, "My name is Ada.")
        await client.players.delete("ada")
        assert "Ada" not in await ask(client, "What is my name?")
        assert (await client.players.get_messages("ada")).pagination.total == 2


async def test_two_sessions_of_one_player_share_what_is_known() -> None:
    async with serve_gateway(server=QUICK) as gateway:
        async with client_of(gateway) as one, client_of(gateway) as two:
            await one.connect()
            await two.connect()
            await ask(one, "My name is Ada.")
            assert "Ada" in await ask(two, "What is my name?")
            await ask(two, "Forget everything.")
            assert "Ada" not in await ask(one, "What is my name?")
            kept = await one.memory.get_memories(status="deleted")
            assert [m.content for m in kept.memories] == ["Your name is Ada."]


async def test_a_correction_supersedes_and_too_much_decays() -> None:
    config = ServerConfig(word_interval=0, max_facts=2)
    async with serve_gateway(server=config) as gateway, client_of(gateway) as client:
        await client.connect()
        await ask(client, "My name is Ada.")
        await ask(client, "My name is Bea.")
        await ask(client, "I like tea. I like rain.")
        everything = await client.memory.get_memories(sort_by="created_at", sort_order="asc")
        assert [(m.content, m.status) for m in everything.memories] == [
            ("Your name is Ada.", "superseded"),
            ("Your name is Bea.", "decayed"),
            ("You like tea.", "active"),
            ("You like rain.", "active"),
        ]
        stats = await client.memory.get_stats()
        assert (stats.total_active, stats.total_superseded, stats.total_decayed) == (2, 1, 1)
        assert stats.by_type == {"preference": 2}
        assert stats.core_facts == 0
