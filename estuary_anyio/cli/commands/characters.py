"""`estuary characters`: who there is to talk to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..exits import Exit, Stop
from ..options import (
    EPILOG,
    JSON,
    YES,
    ListByDefault,
    backend_option,
    pages_options,
    place_options,
    sure,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..place import Place

FIELDS: Final[dict[str, tuple[Any, str]]] = {
    "tagline": (str, "A line about it."),
    "personality": (str, "What it is like."),
    "background": (str, "Where it comes from."),
    "system_prompt": (str, "What its model is told."),
    "description": (str, "For its developers."),
    "llm_provider": (str, "Whose model thinks for it."),
    "llm_model": (str, "Which model."),
    "llm_temperature": (click.FloatRange(0, 2), "0 to 2."),
    "llm_max_tokens": (click.IntRange(1, 4096), "1 to 4096."),
    "llm_verbosity": (click.Choice(["short", "medium", "long"]), "How much it says."),
    "tts_provider": (str, "Whose voice it has."),
    "tts_model": (str, "Which model of voice."),
    "tts_voice": (str, "Which voice."),
    "tts_speed": (click.FloatRange(0.5, 2), "0.5 to 2."),
    "tts_delivery_mode": (click.Choice(["STABLE", "BALANCED", "CREATIVE"]), "How it speaks."),
    "stt_provider": (str, "Whose recogniser hears you."),
    "stt_language": (str, "In which language."),
    "vad_sensitivity": (click.FloatRange(0, 1), "0 to 1."),
    "vad_min_speech_duration_ms": (click.IntRange(0), "Milliseconds."),
    "vlm_model": (str, "The model that sees."),
    "avatar": (str, "The address of a picture."),
    "text_only": (bool, "It does not speak."),
    "verbose": (bool, "It says more than it must."),
    "actions": (click.Path(path_type=Path), "A JSON file with a list of what it can do."),
    "is_public": (bool, "Others may talk to it."),
}
"""What may be said of a character besides its name, as `CharacterFields` has it."""


def field_options(command: Callable[..., int]) -> Callable[..., int]:
    """Each of FIELDS as an option; None is not given."""
    for name, (kind, says) in reversed(FIELDS.items()):
        option = "--" + name.replace("_", "-")
        if kind is bool:
            option = f"{option}/--no-{option[2:]}"
        command = click.option(option, name, type=kind, default=None, help=says)(command)
    return command


@click.group(cls=ListByDefault, epilog=EPILOG)
def characters() -> None:
    """Who there is to talk to; without a command: `list`."""


@characters.command("list")
@place_options
@backend_option
@pages_options
@JSON
def list_characters(place: Place, backend: str, most: int | None, as_json: bool) -> int:
    """All characters."""
    from ..characters import list_characters as run_list_characters

    return run_list_characters(place, backend, most, as_json)


@characters.command()
@click.argument("character_id", metavar="[ID]", required=False)
@place_options
@backend_option
@JSON
def show(place: Place, backend: str, character_id: str | None, as_json: bool) -> int:
    """One character, whole: ID, or the one of --character."""
    from ..characters import show as run_show

    return run_show(place, backend, character_id or place.whom, as_json)


@characters.command()
@click.argument("name")
@place_options
@backend_option
@field_options
@JSON
def create(place: Place, backend: str, name: str, as_json: bool, **fields: Any) -> int:
    """A new character called NAME."""
    from ..characters import create as run_create

    return run_create(place, backend, name, given(fields), as_json)


@characters.command()
@click.argument("character_id", metavar="ID")
@place_options
@backend_option
@click.option("--name", help="What it is called.")
@field_options
@JSON
def update(place: Place, backend: str, character_id: str, as_json: bool, **fields: Any) -> int:
    """Change a character; what is not given stays."""
    changes = given(fields)
    if not changes:
        raise click.UsageError("nothing is to be changed: give an option such as --tagline")
    from ..characters import update as run_update

    return run_update(place, backend, character_id, changes, as_json)


@characters.command()
@click.argument("character_id", metavar="ID")
@place_options
@backend_option
@YES
def delete(place: Place, backend: str, character_id: str, yes: bool) -> int:
    """Delete a character with all that it knows."""
    sure(f"Delete {character_id} with all that it knows?", yes)
    from ..characters import delete as run_delete

    return run_delete(place, backend, character_id)


def given(fields: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; the file of actions is read."""
    found = {name: value for name, value in fields.items() if value is not None}
    if "actions" in found:
        found["actions"] = _actions(found["actions"])
    return found


def _actions(path: Path) -> list[Any]:
    import json

    try:
        actions = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Stop(f"--actions {path}: {error.strerror}", Exit.USAGE) from None
    except ValueError:
        raise Stop(f"--actions {path}: it is no JSON", Exit.USAGE) from None
    if not isinstance(actions, list):
        raise Stop(f"--actions {path}: it is no list", Exit.USAGE)
    return actions
