"""The REST questions of a probe: they only read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from estuary_anyio.rest.pool import NoAnswer, Pool
from estuary_proto.rest import memory
from estuary_proto.rest.call import Identity, prefix_of
from estuary_proto.rest.http import HttpRequest

from .way import Failed

if TYPE_CHECKING:
    from estuary_proto.config import EstuaryConfig
    from estuary_proto.rest.http import HttpResponse


@dataclass
class Answers:
    """The statuses of both ways to search, what was found, and the `detail` of a 403."""

    post: int
    get: int
    found: Any = None
    refusal: Any = None


async def ask_memories(config: EstuaryConfig, within: float) -> Answers:
    """Search the memories by POST and by GET. Raises Failed."""
    call = memory.search(config.character_id, config.player_id, "name", 1)
    me = Identity(
        "estuary-anyio", prefix_of(config.server_url), config.api_key, player_id=config.player_id
    )
    post = call.request(me)
    headers = tuple(one for one in post.headers if one[0] != "Content-Type")
    get = HttpRequest("GET", post.route, f"{post.target}?q=name&limit=1", headers, b"")
    pool = Pool(config, http_client=None, headers=(), tls=None, proxy=None)
    try:
        with anyio.fail_after(within):
            answers = [await (await pool.open(one, anonymous=False)).whole() for one in (post, get)]
    except TimeoutError:
        raise Failed(f"the REST API did not answer within {within:g} s") from None
    except NoAnswer as error:
        raise Failed(str(error)) from None
    finally:
        await pool.close()
    seen = Answers(answers[0].status, answers[1].status)
    for answer in answers:
        said = _json(answer)
        if answer.status == 403 and isinstance(said, dict):
            seen.refusal = seen.refusal or said.get("detail")
        elif answer.is_success and seen.found is None:
            seen.found = said
    return seen


def _json(answer: HttpResponse) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None
