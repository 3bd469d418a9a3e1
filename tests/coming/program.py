"""Greet a character, be remembered, watch it write and act, look up what it knows, leave."""

import asyncio
import os

from estuary_anyio import BotResponse, EstuaryClient, EstuaryConfig, EstuaryError


async def main() -> None:
    """All that a user sees is printed."""
    server, key = os.environ["ESTUARY_SERVER_URL"], os.environ["ESTUARY_API_KEY"]
    client = EstuaryClient(EstuaryConfig(server, key, "demo", os.environ["ESTUARY_PLAYER_ID"]))
    whole: asyncio.Queue[str] = asyncio.Queue()
    pieces: list[str] = []
    states: list[str] = []

    async def written(response: BotResponse) -> None:
        if response.is_final:
            whole.put_nowait(response.text)
        else:
            pieces.append(response.partial)

    client.on("bot_response", written)
    client.on("connection_state_changed", lambda state: states.append(state.value))
    session = await client.connect()
    print("as", session.player_id, "with", session.character_id, client.is_connected)
    client.send_text("My name is Ada.")
    print("character:", await asyncio.wait_for(whole.get(), 10))
    client.send_text("tell me a joke", text_only=True)
    joke = await asyncio.wait_for(whole.get(), 10)
    print("joke:", joke, "".join(pieces).endswith(joke), len(pieces) > 5)
    client.say_line("Mind the step.", text_only=True)
    print("line:", await asyncio.wait_for(whole.get(), 10))
    answer = await client.send_text_and_wait("What is my name?", timeout=10)
    print("answer:", answer.text, answer.is_final)
    stats = await client.players.get_stats()
    print("conversations:", stats.total_conversations, "messages:", stats.total_messages)
    for character in (await client.characters.list()).characters:
        print("one may talk to", character.name)
    await client.disconnect()
    try:
        client.send_text("Are you there?")
    except EstuaryError as error:
        print("not sent:", error.code.value)
    print("it was", ", ".join(states))


if __name__ == "__main__":
    asyncio.run(main())
