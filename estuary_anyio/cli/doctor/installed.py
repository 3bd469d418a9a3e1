"""What is installed: Python, this library, and the packages of each extra."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final

from estuary_proto.version import __version__

from ..exits import Exit
from .findings import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .findings import Sheet

DISTRIBUTION: Final = "estuary-anyio"
LEAST_PYTHON: Final = (3, 11)
EXTRAS: Final = {
    "cli": "this command line",
    "trio": "the other event loop",
    "gateway": "the local gateway, REST calls",
    "audio": "microphone and loudspeaker",
    "livekit": "voice over LiveKit, echo cancellation",
    "speech": "ears of the local gateway",
    "speech-gpl": "a voice of the local gateway",
    "fuzz": "strategies for fuzzing",
    "otel": "OpenTelemetry",
    "capture": "captures that cost less",
}
"""The extras that people choose among, and what for."""

_REQUIREMENT: Final = re.compile(
    r"([A-Za-z0-9._-]+)(\[[^\]]*\])?\s*\(?((?:[<>=!~][^;)]*)?)\)?\s*(?:;(.*))?"
)
_EXTRA: Final = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_PLATFORM: Final = re.compile(r"platform_system\s*!=\s*['\"](\w+)['\"]")
_BOUND: Final = re.compile(r"(>=|<=|==|!=|<|>|~=)\s*([0-9][^,\s]*)")


@dataclass(frozen=True)
class Wanted:
    """A package that an extra ("" for the library itself) asks for; `bounds` are those of its
    version."""

    name: str
    extra: str
    bounds: str

    def fits(self, version: str) -> bool:
        """Whether a version is within the bounds."""
        have = _release(version)
        return all(
            _holds(have, sign, _release(bound)) for sign, bound in _BOUND.findall(self.bounds)
        )


def _release(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _holds(have: tuple[int, ...], sign: str, bound: tuple[int, ...]) -> bool:
    size = max(len(have), len(bound))
    mine, other = (one + (0,) * (size - len(one)) for one in (have, bound))
    if sign == "~=":
        return mine >= other and have[: len(bound) - 1] == bound[:-1]
    return {
        ">=": mine >= other,
        "<=": mine <= other,
        "==": mine == other,
        "!=": mine != other,
        "<": mine < other,
        ">": mine > other,
    }[sign]


def wanted(requirements: Iterable[str]) -> list[Wanted]:
    """What the metadata of this library ask for, on this platform."""
    found = []
    for line in requirements:
        parts = _REQUIREMENT.fullmatch(line.strip())
        if parts is None or parts[1].lower().replace("_", "-") == DISTRIBUTION:
            continue
        marker = parts[4] or ""
        elsewhere = _PLATFORM.search(marker)
        if elsewhere is not None and elsewhere[1] == platform.system():
            continue
        extra = _EXTRA.search(marker)
        found.append(Wanted(parts[1], "" if extra is None else extra[1], parts[3].strip()))
    return found


def version_of(package: str) -> str | None:
    """The version that is installed; None for none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def look(sheet: Sheet) -> None:
    """Report what is installed."""
    sheet.begin("installation")
    _python(sheet)
    try:
        asked = wanted(metadata.requires(DISTRIBUTION) or ())
    except metadata.PackageNotFoundError:
        sheet.add(
            "library",
            Verdict.WARN,
            f"{DISTRIBUTION} {__version__} runs from its source and is not installed, so nobody "
            "knows what its extras need",
            mend="pip install -e '.[all]' in its folder",
            version=__version__,
        )
        return
    broken = _extra(sheet, "", "", [one for one in asked if not one.extra])
    faults, absent = ([], []) if not broken else ([""], [])
    for extra, purpose in EXTRAS.items():
        those = [one for one in asked if one.extra == extra]
        if those:
            state = _extra(sheet, extra, purpose, those)
            if state is None:
                absent.append(extra)
            elif state:
                faults.append(extra)
    _mend(sheet, faults, absent)


def _python(sheet: Sheet) -> None:
    name = f"{platform.python_implementation()} {platform.python_version()}"
    where = f"{platform.system()} {platform.machine()}"
    old = sys.version_info < LEAST_PYTHON
    sheet.add(
        "python",
        Verdict.FAIL if old else Verdict.OK,
        f"{name} on {where}",
        mend="install Python {}.{} or newer".format(*LEAST_PYTHON) if old else "",
        status=Exit.USAGE,
        version=platform.python_version(),
    )


def _extra(sheet: Sheet, extra: str, purpose: str, those: list[Wanted]) -> bool | None:
    """Report one extra: whether something is wrong with it, None when none of it is there."""
    have = {one.name: version_of(one.name) for one in those}
    missing = [name for name, version in have.items() if version is None]
    unfit = [
        f"{one.name} {have[one.name]} is not {one.bounds}"
        for one in those
        if (version := have[one.name]) is not None and not one.fits(version)
    ]
    stage = f"[{extra}]" if extra else "library"
    if extra and len(missing) == len(those):
        sheet.add(stage, Verdict.SKIP, f"not installed ({purpose})", packages=have)
        return None
    there = ", ".join(f"{name} {version}" for name, version in have.items() if version)
    if not missing and not unfit:
        text = there if extra else f"{DISTRIBUTION} {__version__}, {there}"
        sheet.add(stage, Verdict.OK, text, packages=have)
        return False
    text = "; ".join([*(f"{name} is missing" for name in missing), *unfit])
    # Without these nothing runs, or this command would not.
    needed = extra in ("", "cli")
    verdict = Verdict.FAIL if needed else Verdict.WARN
    sheet.add(stage, verdict, text, status=Exit.USAGE, packages=have)
    return True


def _mend(sheet: Sheet, faults: list[str], absent: list[str]) -> None:
    """The one command that mends it all, and the one for what is not there."""
    if faults:
        names = ",".join(filter(None, faults))
        what = f"{DISTRIBUTION}[{names}]" if names else DISTRIBUTION
        sheet.add("mend", Verdict.WARN, "packages are missing or do not fit", mend=_pip(what))
    if absent:
        free = [extra for extra in absent if extra != "speech-gpl"]
        if free:
            text = "what is not installed comes with"
            sheet.add("more", Verdict.SKIP, text, mend=_pip(f"{DISTRIBUTION}[{','.join(free)}]"))


def _pip(what: str) -> str:
    return f"pip install '{what}'"
