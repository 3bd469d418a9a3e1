"""What the doctor makes of package metadata."""

from __future__ import annotations

import io
import platform
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from estuary_anyio.cli.doctor import installed
from estuary_anyio.cli.doctor.findings import Finding, Sheet, Verdict, duration
from estuary_anyio.cli.doctor.installed import Wanted, wanted
from estuary_anyio.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_requirements_are_read() -> None:
    here = platform.system()
    assert wanted(
        [
            "anyio>=4.9",
            'hypercorn<0.19,>=0.17; extra == "gateway"',
            "estuary-anyio[audio]; extra == 'livekit'",
            'python-socketio[asyncio-client]>=5.11; extra == "dev"',
            f"uvloop>=0.21; platform_system != '{here}' and extra == 'dev'",
            "odd one out here",
        ]
    ) == [
        Wanted("anyio", "", ">=4.9"),
        Wanted("hypercorn", "gateway", "<0.19,>=0.17"),
        Wanted("python-socketio", "dev", ">=5.11"),
    ]


@pytest.mark.parametrize(
    ("bounds", "version", "fits"),
    [
        (">=4.9", "4.10.0", True),
        (">=4.9", "4.8.9", False),
        ("<2,>=1.2", "2.0", False),
        ("<2,>=1.2", "1.2.0rc1", True),
        ("==1.16.0", "1.16", True),
        ("==1.16.0", "1.16.1", False),
        ("!=1.5", "1.5", False),
        ("<=3", "3.0", True),
        (">3", "3.0", False),
        ("~=1.4.2", "1.4.9", True),
        ("~=1.4.2", "1.5.0", False),
        ("~=1.4.2", "1.4.1", False),
        ("", "0.1", True),
    ],
)
def test_bounds(bounds: str, version: str, fits: bool) -> None:
    assert Wanted("x", "", bounds).fits(version) is fits


def looked(
    monkeypatch: pytest.MonkeyPatch, requires: list[str], have: Mapping[str, str]
) -> dict[str, Finding]:
    monkeypatch.setattr(metadata, "requires", lambda _: requires)
    monkeypatch.setattr(installed, "version_of", have.get)
    sheet = Sheet(Screen(io.StringIO(), io.StringIO()), as_json=False)
    installed.look(sheet)
    return {one.stage: one for one in sheet.findings}


REQUIRES = [
    "anyio>=4.9",
    "click>=8; extra == 'cli'",
    "numpy>=1.26; extra == 'audio'",
    "soxr>=0.5; extra == 'audio'",
    "trio>=0.29; extra == 'trio'",
    "espeakng-loader; extra == 'speech-gpl'",
]


def test_one_command_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    have = {"anyio": "4.9", "click": "8.1", "numpy": "1.2", "espeakng-loader": "1"}
    found = looked(monkeypatch, REQUIRES, have)
    assert found["[cli]"].verdict is Verdict.OK
    assert (found["[audio]"].verdict, found["[audio]"].text) == (
        Verdict.WARN,
        "soxr is missing; numpy 1.2 is not >=1.26",
    )
    assert found["mend"].mend == "pip install 'estuary-anyio[audio]'"
    assert found["[trio]"].verdict is Verdict.SKIP
    assert found["more"].mend == "pip install 'estuary-anyio[trio]'"


def test_what_nothing_runs_without(monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked(monkeypatch, REQUIRES, {"anyio": "4.0"})
    assert found["library"].verdict is Verdict.FAIL
    assert found["library"].status == 2
    assert found["mend"].mend == "pip install 'estuary-anyio'"
    assert "speech-gpl" not in found["more"].mend


def test_from_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: str) -> list[str]:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", nobody)
    sheet = Sheet(Screen(io.StringIO(), io.StringIO()), as_json=True)
    installed.look(sheet)
    assert [one.verdict for one in sheet.findings] == [Verdict.OK, Verdict.WARN]
    assert sheet.status == 0


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "LEAST_PYTHON", (9, 9))
    found = looked(monkeypatch, [], {})
    assert (found["python"].verdict, found["python"].mend) == (
        Verdict.FAIL,
        "install Python 9.9 or newer",
    )


def test_no_secret_is_told() -> None:
    out = io.StringIO()
    sheet = Sheet(Screen(out, io.StringIO()), as_json=False, secrets=["", "a-secret-word"])
    sheet.begin("network", "http://a-secret-word@x")
    sheet.add(
        "key", Verdict.FAIL, "it is a-secret-word", mend="not a-secret-word", x=["a-secret-word"]
    )
    assert "secret" not in out.getvalue()
    assert "secret" not in str(sheet.findings)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.00012, "0.1 ms"), (0.0456, "46 ms"), (2.25, "2.2 s")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
