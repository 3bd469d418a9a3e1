"""Memories and players over REST: pages, order, search, timelines, the graph, changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto.gateway import ServerConfig

from .gateway import ADA, DEMO, Clock, gateway_client

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.anyio


async def say(client: httpx.AsyncClient, *texts: str, player: str = "ada") -> None:
    for text in texts:
        answer = await client.post(f"{DEMO}/turn", json={"message": text, "playerId": player})
        assert answer.status_code == 200


async def test_pages_filters_and_order() -> None:
    clock = Clock()
    async with gateway_client(clock=clock) as client:
        for number, kind in enumerate(("fact", "event", "fact")):
            body = {"content": f"m{number}", "memoryType": kind, "confidence": 1 - number / 4}
            made = (await client.post(ADA, json=body)).json()
            assert (made["memoryType"], made["status"]) == (kind, "active")
            clock.now += 60

        async def contents(**query: Any) -> list[str]:
            page = (await client.get(ADA, params=query)).json()
            return [memory["content"] for memory in page["memories"]]

        assert await contents() == ["m2", "m1", "m0"]
        assert await contents(sortOrder="asc", limit=2) == ["m0", "m1"]
        assert await contents(sortBy="confidence") == ["m0", "m1", "m2"]
        assert await contents(memoryType="fact", offset=1) == ["m0"]
        assert await contents(status="superseded") == []
        page = (await client.get(ADA, params={"limit": 1, "nonsense": "x"})).json()
        assert (page["total"], page["limit"], page["offset"]) == (3, 1, 0)


async def test_search_ranks_and_counts() -> None:
    async with gateway_client() as client:
        for content in ("Tea in the morning", "Tea, tea and more tea", "Coffee", "Crème brûlée"):
            await client.post(ADA, json={"content": content})
        found = (await client.post(f"{ADA}/search", json={"query": "teas"})).json()
        assert [r["content"] for r in found["results"]] == [
            "Tea, tea and more tea", "Tea in the morning"
        ]  # fmt: skip
        for score in ("similarity", "score", "similarityScore"):
            best, second = (result[score] for result in found["results"])
            assert 1 >= best > second > 0
        assert found["results"][0]["memory"]["id"] == found["results"][0]["memoryId"]
        assert (found["total"], found["query"]) == (2, "teas")
        one = (await client.post(f"{ADA}/search", json={"query": "tea coffee", "limit": 1})).json()
        assert one["total"] == 1
        plain = (await client.post(f"{ADA}/search", json={"query": "CREME"})).json()
        assert [r["content"] for r in plain["results"]] == ["Crème brûlée"]
        listed = (await client.get(ADA, params={"sortOrder": "asc"})).json()["memories"]
        counts = [memory["accessCount"] for memory in listed]
        assert counts[3] == 1
        assert sum(counts) == 4
        assert listed[3]["lastAccessedAt"] is not None


@pytest.mark.parametrize(
    "query", ['"', "* OR NEAR(", "tea AND", "content:tea", "'; DROP TABLE memories; --", "^", "🫖"]
)
async def test_no_query_is_an_expression(query: str) -> None:
    async with gateway_client() as client:
        await client.post(ADA, json={"content": "tea"})
        answer = await client.post(f"{ADA}/search", json={"query": query})
        assert answer.status_code == 200
        assert (await client.get(ADA)).json()["total"] == 1


async def test_timelines() -> None:
    clock = Clock()
    async with gateway_client(clock=clock) as client:
        for day in (0, 0, 3, 27):  # 2, 2, 5 and 29 January 2026
            await client.post(ADA, json={"content": f"day {day}"})
            clock.now += 1
            clock.now = 1767355200.0 + 86400 * day + clock.now % 60 + 1
        await client.post(ADA, json={"content": "last"})

        async def periods(**query: str) -> list[tuple[str, int]]:
            told = (await client.get(f"{ADA}/timeline", params=query)).json()
            assert told["groupBy"] == query.get("groupBy", "day")
            assert told["totalMemories"] == sum(len(e["memories"]) for e in told["timeline"])
            return [(entry["date"], len(entry["memories"])) for entry in told["timeline"]]

        days = [("2026-01-02", 3), ("2026-01-05", 1), ("2026-01-29", 1)]
        assert await periods() == days
        weeks = [("2026-W01", 3), ("2026-W02", 1), ("2026-W05", 1)]
        assert await periods(groupBy="week") == weeks
        assert await periods(groupBy="month") == [("2026-01", 5)]
        assert await periods(startDate="2026-01-05") == days[1:]
        assert await periods(endDate="2026-01-05") == days[:2]
        assert await periods(endDate="2026-01-05T00:00:00+02:00") == days[:1]
        assert await periods(startDate="0001-01-01T00:00:00+14:00", endDate="9999-12-31") == days
        wrong = await client.get(f"{ADA}/timeline", params={"startDate": "yesterday"})
        assert wrong.status_code == 422
        assert wrong.json()["detail"][0]["loc"] == ["query", "startDate"]


async def test_the_graph_of_what_was_remembered() -> None:
    async with gateway_client() as client:
        await say(client, "My name is Ada. I have a cat called Miso. I like tea. I live in Oslo.")
        await client.post(ADA, json={"content": "I am Wren", "memoryType": "character_self"})
        graph = (await client.get(f"{ADA}/graph")).json()
        by_type: dict[str, list[dict[str, Any]]] = {}
        for node in graph["nodes"]:
            by_type.setdefault(node["type"], []).append(node)
        assert [node["label"] for node in by_type["user"]] == ["Ada"]
        assert {n["label"]: n["memoryCount"] for n in by_type["cluster"]} == {
            "Facts": 2, "Relationships": 1, "Preferences": 1
        } == graph["stats"]["clusters"]  # fmt: skip
        assert {(n["name"], n["entityType"]) for n in by_type["entity"]} == {
            ("Miso", "being"), ("tea", "thing"), ("Oslo", "place")
        }  # fmt: skip
        ids = {node["id"] for node in graph["nodes"]}
        assert all({edge["source"], edge["target"]} <= ids for edge in graph["edges"])
        relations = {e["target"]: e["label"] for e in graph["edges"] if e["type"] == "relationship"}
        assert relations == {"entity:miso": "cat", "entity:tea": "likes", "entity:oslo": "lives"}
        query = {"includeEntities": "false", "includeCharacterMemories": "true"}
        other = (await client.get(f"{ADA}/graph", params=query)).json()
        assert {node["type"] for node in other["nodes"]} == {"user", "cluster", "memory"}
        assert other["stats"]["totalMemories"] == graph["stats"]["totalMemories"] + 1 == 5


async def test_facts_and_stats() -> None:
    async with gateway_client() as client:
        await say(client, "My name is Ada. My favourite tea is mint. I like rain.", "Call me Bea.")
        facts = (await client.get(f"{ADA}/core-facts")).json()["coreFacts"]
        assert [(fact["factKey"], fact["factValue"]) for fact in facts] == [
            ("favourite_tea", "mint"), ("name", "Bea")
        ]  # fmt: skip
        stats = (await client.get(f"{ADA}/stats")).json()
        assert stats == {
            "totalActive": 3, "totalSuperseded": 1, "totalDecayed": 0, "coreFacts": 2,
            "byType": {"preference": 2, "fact": 1},
        }  # fmt: skip


async def test_changing_and_forgetting() -> None:
    async with gateway_client() as client:
        one = (await client.post(ADA, json={"content": "one"})).json()["id"]
        changed = await client.patch(f"{ADA}/{one}", json={"content": "uno", "importance": 0.5})
        assert changed.json()["content"] == "uno"
        assert (await client.post(f"{ADA}/search", json={"query": "one"})).json()["total"] == 0
        assert (await client.post(f"{ADA}/search", json={"query": "uno"})).json()["total"] == 1
        assert (await client.delete(f"{ADA}/{one}")).json()["message"] == "Memory deleted"
        assert (await client.delete(f"{ADA}/{one}")).status_code == 404
        kept = (await client.get(ADA, params={"status": "deleted"})).json()
        assert [memory["id"] for memory in kept["memories"]] == [one]
        two = (await client.post(ADA, json={"content": "two"})).json()["id"]
        await client.delete(f"{ADA}/{two}", params={"hard": "true"})
        assert (await client.get(ADA, params={"status": "deleted"})).json()["total"] == 1
        assert (await client.delete(ADA)).status_code == 422
        assert (await client.delete(ADA, params={"confirm": "false"})).status_code == 422
        await client.post(ADA, json={"content": "three"})
        gone = (await client.delete(ADA, params={"confirm": "true"})).json()
        assert gone == {"message": "1 memories deleted", "deletedCount": 1}
        assert (await client.get(ADA, params={"status": "deleted"})).json()["total"] == 0


async def test_players_are_listed_sorted_searched_and_deleted() -> None:
    clock = Clock()
    async with gateway_client(ServerConfig(word_interval=0), clock=clock) as client:
        for player, count in (("ada", 1), ("bea", 3), ("Cleo/1", 2)):
            await say(client, *["Hello"] * count, player=player)
            clock.now += 60

        async def ids(**query: Any) -> list[str]:
            page = (await client.get(f"{DEMO}/players", params=query)).json()
            return [each["playerId"] for each in page["conversations"]]

        assert await ids() == ["Cleo/1", "bea", "ada"]
        assert await ids(sortBy="message_count") == ["bea", "Cleo/1", "ada"]
        assert await ids(sortBy="player_id", sortOrder="asc") == ["Cleo/1", "ada", "bea"]
        assert await ids(playerSearch="LEO") == ["Cleo/1"]
        assert await ids(playerSearch="%") == []
        assert await ids(minMessages=4, limit=1, offset=1) == ["bea"]
        stats = (await client.get(f"{DEMO}/players/stats")).json()
        assert (stats["totalConversations"], stats["totalMessages"]) == (3, 12)
        assert stats["firstActivity"] == "2026-01-02T12:00:00.000000Z"
        first = await client.get(f"{DEMO}/players/Cleo%2F1/messages", params={"limit": 3})
        assert first.json()["pagination"] == {"page": 1, "limit": 3, "total": 4, "hasMore": True}
        last = (await client.get(f"{DEMO}/players/Cleo%2F1/messages?limit=3&page=2")).json()
        assert [each["role"] for each in last["messages"]] == ["assistant"]
        assert not last["pagination"]["hasMore"]

        gone = await client.delete(f"{DEMO}/players/Cleo%2F1")
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await client.delete(f"{DEMO}/players/Cleo%2F1")).status_code == 404
        assert (await client.get(f"{DEMO}/players/Cleo%2F1")).status_code == 404
        assert await ids() == ["bea", "ada"]


async def test_there_must_be_a_character() -> None:
    async with gateway_client() as client:
        base = "/api/v1/characters/nobody/players"
        for path in ("", "/stats", "/ada", "/ada/messages", "/ada/memories", "/ada/memories/graph"):
            answer = await client.get(base + path)
            assert answer.status_code == 404
            assert answer.json() == {"detail": "Character not found"}
