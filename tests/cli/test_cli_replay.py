"""`--capture`, `estuary replay` and `estuary capture`: from a session to a failing test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from estuary_proto.capture import read, replay
from tests.cli.conftest import ROOT
from tests.cli.wavs import write_wav

if TYPE_CHECKING:
    from collections.abc import Callable

    Ended = Callable[..., tuple[int, str, str]]

CAPTURES = ROOT / "tests" / "captures"
OLD = CAPTURES / "format-1.jsonl"


@pytest.fixture
def bug(ended: Ended, tmp_path: Path) -> Path:
    """The capture of a short chat."""
    file = tmp_path / "bug.jsonl"
    assert ended("chat", "--once", "Hello", "--capture", str(file))[0] == 0
    return file


def test_a_chat_is_captured_and_unfolds_again(ended: Ended, bug: Path) -> None:
    status, out, err = ended("replay", str(bug), "--speed", "10")
    assert (status, err) == (0, "connected\nthe connection is over (client)\n")
    assert out.startswith("you > Hello\ndemo > Hello")
    assert replay(bug.read_text(encoding="utf-8").splitlines()).difference is None


def test_a_whole_demonstration_unfolds(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "demo.jsonl"
    assert ended("demo", "--capture", str(file))[0] == 0
    status, out, err = ended("replay", str(file), "--speed", "max")
    assert status == 0
    assert "  the app is called: wave(" in out
    assert "you (aloud) > What is my name?\n" in out
    assert "interrupted\n" in err
    assert "reconnecting: attempt 1 in" in err


def test_a_talk_is_captured_without_its_sound(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "talk.jsonl"
    wav = write_wav(tmp_path / "in.wav", b"\x00\x40\x00\xc0" * 8000)
    options = ("--capture", str(file), "--no-capture-audio", "--timeout", "1")
    ended("talk", "--input-wav", wav, *options)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["audio"] is False
    assert "«pcm " in "".join(lines)
    assert replay(lines).difference is None


def test_every_event_for_people_and_for_programs(ended: Ended) -> None:
    status, out, _ = ended("replay", str(OLD), "--speed", "max", "--events")
    assert status == 0
    assert "BotResponse(text='Hello'" in out
    status, out, _ = ended("replay", str(OLD), "--speed", "max", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    kinds = [one["event"]["is"] for one in told]
    assert status == 0
    assert kinds[0] == "StateChanged"
    assert kinds.count("ReplyEnded") == 3
    lines = OLD.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[told[0]["line"] - 1])["got"] == told[0]["event"]


def test_a_check_says_only_whether_it_is_equal(ended: Ended, tmp_path: Path) -> None:
    text = OLD.read_text(encoding="utf-8")
    count = text.count("\n") - 1
    assert ended("replay", str(OLD), "--check") == (0, f"equal to the byte: {count} lines\n", "")
    other = tmp_path / "other.jsonl"
    other.write_text(text.replace('"library":"', '"library":"0.0.', 1), encoding="utf-8")
    said = f"equal event for event (another version made it): {count} lines\n"
    assert ended("replay", str(other), "--check") == (0, said, "")
    other.write_text(text.replace('"text":"Hello","partial":"lo"', '"text":"Help"', 1))
    status, out, err = ended("replay", str(other), "--check")
    assert (status, err) == (1, "estuary: the replay is not what the capture says\n")
    assert '"text":"Help"' in out.split("expected  ")[1]
    assert '"text":"Hello"' in out.split("actual    ")[1]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file or directory"),
        (b"\xff\xfe", "it is not text in UTF-8"),
        (b"{}", "line 1 of the capture: not the header of a capture"),
        (b'{"estuary_capture":2,"config":null}', "line 1 of the capture: the header lacks"),
    ],
)
def test_what_is_no_capture(
    ended: Ended, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    file = tmp_path / "x.jsonl"
    if content is not None:
        file.write_bytes(content)
    for command in (("replay",), ("capture", "export"), ("capture", "import")):
        if b"config" in (content or b"") and command != ("replay",):
            continue  # Nobody else needs one.
        if command[-1] == "import" and content == b"{}":
            problem = "the HAR: there are no log.entries"
        status, out, err = ended(*command, str(file))
        assert (status, out) == (2, "")
        assert problem in err


def test_wrong_usage(ended: Ended, tmp_path: Path, bug: Path) -> None:
    nowhere, same = str(tmp_path / "nowhere" / "x"), str(CAPTURES / "chromium.har")
    for args, problem in (
        (("replay", str(OLD), "--events", "--json"), "give one of --events, --json, --check"),
        (("chat", "--no-capture-audio"), "--no-capture-audio needs --capture"),
        (("chat", "--once", "x", "--capture", nowhere), f"--capture {nowhere}: No such file"),
        (("capture", "export", str(OLD), "-o", nowhere), "No such file"),
        (("capture", "test", str(bug), "--at", "none such", "--expect", "1"), "no line holds"),
        (("capture", "test", str(bug), "--at", "3", "--expect", "{"), "--expect: not JSON"),
        (("capture", "test", str(bug), "--at", "1", "--expect", "1"), f"{bug}: line 1 of the"),
        (("capture", "test", str(bug), "--at", "9" * 5000, "--expect", "1"), "no line holds"),
        (("capture", "test", str(bug), "--at", "3", "--expect", "1", "-o", "t.jsonl"), "with .py"),
        (("capture", "export", str(bug), "-o", str(bug)), "take the place of what is read"),
        (("capture", "import", same, "-o", same), "take the place of"),
        (("capture", "export", "."), "is a directory"),
        (("timeline", "."), "is a directory"),
    ):
        status, _, err = ended(*args)
        assert (status, problem in err) == (2, True), err
    broken = tmp_path / "broken.har"
    broken.write_text("{")
    assert "not JSON" in ended("capture", "import", str(broken))[2]


def test_there_and_back_by_har(ended: Ended, bug: Path, tmp_path: Path) -> None:
    status, out, _ = ended("capture", "export", str(bug))
    har = bug.with_suffix(".har")
    assert (status, out) == (0, f"{har}: 1 connection(s), 0 REST call(s)\n")
    back = tmp_path / "back.jsonl"
    status, out, _ = ended("capture", "import", str(har), "-o", str(back))
    assert status == 0
    assert "3 of 3 frames of that client are as ours\n" in out
    before = har.read_bytes(), bug.read_bytes()
    for command, file in (("export", bug), ("import", har)):
        status, _, err = ended("capture", command, str(file))
        assert (status, "is there already: give -o" in err) == (2, True)
    assert (har.read_bytes(), bug.read_bytes()) == before
    assert ended("replay", "--check", str(back))[0] == 0


def test_half_a_pair_goes_out_as_json_writes_it(ended: Ended, bug: Path, tmp_path: Path) -> None:
    text = bug.read_text(encoding="utf-8")
    bug.write_text(text.replace('"frame":"2"', '"frame":"2\\ud800"').replace("Hello", "\\ud800"))
    out = tmp_path / "bug.har"
    assert ended("capture", "export", str(bug))[0] == 0
    assert "\\ud800" in out.read_text(encoding="utf-8")
    json.loads(out.read_text(encoding="utf-8"))


def test_a_har_with_a_bom_on_a_terminal_of_ascii(
    ended: Ended, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment["PYTHONIOENCODING"] = "ascii"
    har = tmp_path / "browser.har"
    text = (CAPTURES / "chromium.har").read_text(encoding="utf-8").replace("is Ada", "ist Ädà")
    har.write_text(text, encoding="utf-8-sig")
    status, out, err = ended("capture", "import", str(har))
    assert (status, err) == (0, "")
    assert "My name ist ?d?." in out


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_ctrl_c_ends_a_long_check(start: Callable[..., Any], bug: Path, tmp_path: Path) -> None:
    """Of a replay that never waits for its clock."""
    header, *rest = bug.read_text(encoding="utf-8").splitlines(keepends=True)
    pipe = tmp_path / "endless.jsonl"
    os.mkfifo(pipe)
    process = start("replay", str(pipe), "--check")
    nothing = '{"t":1.0,"pull":"event","got":null}\n'
    with suppress(BrokenPipeError), pipe.open("w", encoding="utf-8") as writing:
        writing.writelines([header, *rest])
        writing.flush()
        process.send_signal(signal.SIGINT)
        while process.poll() is None:
            writing.write(nothing)
    assert process.wait(20) == 130


def test_a_browsers_session_comes_in(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "browser.jsonl"
    status, out, _ = ended("capture", "import", str(CAPTURES / "chromium.har"), "-o", str(file))
    assert status == 0
    assert "3 of 5 frames of that client are as ours\n" in out
    assert '  ours    42/sdk,["text",{"text":"My name is Ada.","textOnly":true}]\n' in out
    assert "you > My name is Ada.\n" in ended("replay", str(file), "--speed", "max")[1]


def test_from_a_bug_to_a_failing_test(ended: Ended, bug: Path, tmp_path: Path) -> None:
    """Three commands; the third is pytest, which fails until it is mended."""
    made = tmp_path / "test_bug.py"
    command = ("capture", "test", str(bug), "--at", '"is":"ReplyEnded"', "--expect", "null")
    status, out, _ = ended(*command)
    lines = list(read((tmp_path / "test_bug.jsonl").read_text(encoding="utf-8").splitlines()))
    assert status == 0
    assert out.startswith(f"{made} replays test_bug.jsonl, which ends at line {lines[-1].line}:")
    run: dict[str, Any] = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60}
    run["env"] = {**os.environ, "PYTHONPATH": str(ROOT)}
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(made)]
    done = subprocess.run(pytest_command, check=False, **run)
    assert done.returncode == 1
    assert f"AssertionError: line {lines[-1].line}" in done.stdout
    # A core that does as is expected passes it.
    (tmp_path / "conftest.py").write_text(
        "from estuary_proto.client import Client\n"
        "from estuary_proto.events import ReplyEnded\n"
        "before = Client.next_event\n"
        "def mended(self):\n"
        "    event = before(self)\n"
        "    return None if isinstance(event, ReplyEnded) else event\n"
        "Client.next_event = mended\n"
    )
    done = subprocess.run(pytest_command, check=False, **run)
    assert done.returncode == 0, done.stdout
    again = ended(*command)
    assert (again[0], "is there already" in again[2]) == (2, True)
    other = ended(*command, "-o", str(tmp_path / "bug.py"))
    assert "would take the place of" in other[2]
    assert Path(bug).exists()
