"""What would be published: built once, looked into, and installed where nothing else is."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from email import message_from_bytes
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
from trove_classifiers import classifiers, deprecated_classifiers

from estuary_proto import __version__
from tests.judges.outside import lacking
from tests.test_readme import README

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

PACKAGES = ("estuary_proto", "estuary_audio", "estuary_anyio")
MOST = 900_000
"""Bytes that the wheel may have."""


def run(*command: object) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist, and the wheel that was made of it."""
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation: what builds it comes with [dev], and nothing is fetched.
    done = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, README.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(f"{_info(wheel)}/METADATA"))


def _info(wheel: Path) -> str:
    return f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"


def test_an_index_would_take_it(built: Path) -> None:
    done = run(sys.executable, "-m", "twine", "check", "--strict", *sorted(built.iterdir()))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_the_wheel_has_the_packages_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"estuary_anyio-{__version__}-py3-none-any.whl"
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.partition("/")[0] for name in names} == {*PACKAGES, _info(wheel)}
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert f"{_info(wheel)}/licenses/LICENSE" in names
    kept = {
        str(file.relative_to(README.parent))
        for package in PACKAGES
        for file in (README.parent / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if not name.startswith(_info(wheel))} == kept


def test_the_wheel_is_small(wheel: Path) -> None:
    assert 100_000 < wheel.stat().st_size < MOST


def test_the_sdist_can_be_tested(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "PKG-INFO"}
    assert wanted <= names
    assert {"tests/conftest.py", "fuzz/README.md", "estuary_proto/py.typed"} <= names
    tops = {name.partition("/")[0] for name in names}
    assert tops - wanted == {"tests", "fuzz", *PACKAGES, ".gitignore"}


def test_what_it_says_of_itself(metadata: Message) -> None:
    said = metadata.get_all("Classifier") or []
    assert set(said) <= classifiers - set(deprecated_classifiers)
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    plain = [one for one in metadata.get_all("Requires-Dist") or [] if "extra ==" not in one]
    assert sorted(one.partition(">")[0] for one in plain) == ["anyio", "wsproto"]
    # What has not been tried (README) is not claimed.
    assert [one for one in said if one.startswith("Programming Language :: Python :: 3.")] == [
        "Programming Language :: Python :: 3.11"
    ]


def installed(wheel: Path, folder: Path, extras: str) -> Path:
    """The programs of a new environment that has this wheel and what it asks for."""
    assert run(sys.executable, "-m", "venv", folder).returncode == 0
    programs = folder / "bin"
    done = run(programs / "python", "-m", "pip", "install", "-q", f"{wheel}{extras}")
    if done.returncode:
        lacking(f"what it depends on could not be fetched: {done.stderr.strip()[-200:]}")
    return programs


TALK = """
import trio
from estuary_anyio import EstuaryClient, EstuaryConfig
from estuary_anyio.gateway import serve_gateway

async def main():
    async with serve_gateway() as gw:
        config = EstuaryConfig(gw.url, gw.api_key, gw.character_id, "me")
        async with EstuaryClient(config) as client:
            await client.connect()
            await client.send_text_and_wait("my name is Ada")
            print((await client.send_text_and_wait("what is my name?")).text)

trio.run(main)
"""


@pytest.mark.timeout(400)  # It may have to fetch.
@pytest.mark.parametrize("extras", ["", "[cli,gateway,trio]"])
def test_it_works_where_nothing_else_is(wheel: Path, tmp_path: Path, extras: str) -> None:
    programs = installed(wheel, tmp_path / "environment", extras)
    code = f"import sys, {', '.join(PACKAGES)}; print(estuary_anyio.__file__)"
    done = run(programs / "python", "-I", "-W", "error", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(tmp_path))
    doors = f"import {', '.join(PACKAGES[::2])} as a; [getattr(a, name) for name in a.__all__]"
    done = run(programs / "python", "-I", "-W", "error", "-c", doors)
    assert (done.returncode, done.stderr) == (0, "")
    helped = run(programs / "estuary", "--help")
    if extras:
        assert helped.returncode == 0
        assert "gateway" in helped.stdout
        talked = run(programs / "python", "-I", "-W", "error", "-c", TALK)
        assert (talked.returncode, talked.stdout, talked.stderr) == (0, "Your name is Ada.\n", "")
    else:
        assert helped.returncode == 2
        assert "pip install" in helped.stderr
        assert "[cli]" in helped.stderr
