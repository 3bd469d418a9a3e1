"""The OpenAPI document of the gateway, made of the same tables that check its requests."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from ... import models
from ...models.reading import hints_of, is_model, wire_key, without_none
from ...version import __version__
from .access import Door
from .routes import ROUTES

if TYPE_CHECKING:
    from .routes import Route

_PLAIN: Final = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
}
_REASONS: Final = {
    400: "The request cannot be read",
    401: "The credentials are missing, unknown or have lapsed",
    403: "The credentials may not do this",
    404: "There is no such thing",
    409: "It is being done already",
    413: "The body is too large",
    415: "The body is of another type",
    422: "A field is wrong or unknown",
    429: "Too many requests",
    502: "The brain failed",
    504: "The brain took too long",
}
_SECURITY: Final[dict[Door, list[dict[str, list[str]]]]] = {
    Door.ANYBODY: [],
    Door.PLAYER: [{"key": []}, {"bearer": []}],
    Door.DEVELOPER: [{"key": []}, {"bearer": []}],
    Door.BEARER: [{"bearer": []}],
}


def document() -> dict[str, Any]:
    """The whole document, OpenAPI 3.1."""
    known: dict[str, Any] = {"Refusal": _REFUSAL}
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, known)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The local gateway of estuary-anyio",
            "version": __version__,
            "description": "Independent; not the vendor's document.",
        },
        "paths": paths,
        "components": {
            "schemas": known,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


_REFUSAL: Final = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "anyOf": [
                {"type": "string"},
                {"type": "object"},
                {"type": "array", "items": {"type": "object"}},
            ]
        }
    },
}


def _operation(route: Route, known: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.about,
        "tags": [route.scope.partition(":")[0] or "shares"],
        "security": _SECURITY[route.door],
        "parameters": [
            *(_parameter(name, "path", _ID, needed=True) for name in route.names),
            *(
                _parameter(name, "query", each.schema(), needed=name in route.needed)
                for name, each in route.query.items()
            ),
        ],
        "responses": _responses(route, known),
    }
    if content := _content(route):
        made["requestBody"] = {"required": route.body_needed, "content": content}
    return made


_ID: Final = {"type": "string", "minLength": 1}


def _parameter(name: str, place: str, schema: dict[str, Any], *, needed: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": needed, "schema": schema}


def _content(route: Route) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if route.body is not None:
        content["application/json"] = {"schema": route.body.schema()}
    if route.form is not None:
        fields = {name: each.schema() for name, each in route.form.fields.items()}
        schema = {
            "type": "object",
            "properties": {**fields, route.file: {"type": "string", "format": "binary"}},
            "required": [route.file],
            "additionalProperties": False,
        }
        content["multipart/form-data"] = {"schema": schema}
    return content


def _responses(route: Route, known: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = {"description": route.about}
    if route.status != 204:
        schema = {"type": "object"} if not route.answer else _schema_of(route.answer, known)
        done["content"] = {"application/json": {"schema": schema}}
        if route.operation == "turn":
            done["content"]["application/x-ndjson"] = {"schema": {"type": "string"}}
    statuses = {400, 422, 429, *route.statuses}
    if route.door is not Door.ANYBODY:
        statuses |= {401, 403}
    if route.body is not None or route.form is not None:
        statuses |= {413, 415}
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    answers = {str(route.status): done}
    for status in sorted(statuses):
        answers[str(status)] = {"description": _REASONS[status], "content": refused}
    return answers


def _schema_of(name: str, known: dict[str, Any]) -> dict[str, Any]:
    return _of(getattr(models, name), known)


_FLAT: Final = {
    "memoryId": {"type": "string"},
    "similarity": {"type": "number"},
    "content": {"type": "string"},
}
"""The v1 shape of a find, which the model reads as well (PROTOCOL C10)."""


def _of(hint: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field's type. What a model leaves out is absent, never null."""
    hint = without_none(hint)
    if is_model(hint):
        name = hint.__name__
        if name not in known:
            known[name] = {}  # A model may hold itself.
            hints = hints_of(hint)
            known[name] |= {
                "type": "object",
                "properties": {wire_key(hint, p): _of(hints[p.name], known) for p in fields(hint)},
                "additionalProperties": False,
            }
            if name == "MemorySearchResult":
                known[name]["properties"] |= _FLAT
        return {"$ref": f"#/components/schemas/{name}"}
    origin, args = get_origin(hint), get_args(hint)
    if origin in (list, tuple):
        return {"type": "array", "items": _of(args[0], known)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(args[1], known)}
    return dict(_PLAIN.get(hint, {}))
