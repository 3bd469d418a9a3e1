"""Base64, by the compiled codec and by the standard library: one and the same."""

from __future__ import annotations

import subprocess
import sys
from binascii import a2b_base64, b2a_base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estuary_proto.models import pcm

NEARLY = st.text("ABab01+/=\n -_\u00e9\ud800\0", max_size=24)


def strict(text: str) -> bytes | None:
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        return None


def ours(text: str) -> bytes | None:
    try:
        return pcm.decode_pcm(text)
    except ValueError:
        return None


@given(data=st.binary(max_size=2000))
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_is_written(kind: type, data: bytes) -> None:
    assert "pybase64" in sys.modules  # It comes with [dev].
    text = pcm.encode_pcm(kind(data))
    assert text == b2a_base64(data, newline=False).decode()
    assert pcm.decode_pcm(text) == data


@given(text=NEARLY)
def test_what_is_read(text: str) -> None:
    assert ours(text) == strict(text)


@given(data=st.binary(max_size=60), at=st.integers(0, 80), odd=NEARLY)
def test_what_is_damaged(data: bytes, at: int, odd: str) -> None:
    text = b2a_base64(data, newline=False).decode()
    text = text[:at] + odd + text[at:]
    assert ours(text) == strict(text)


def test_without_it() -> None:
    program = (
        "import sys; sys.modules['pybase64'] = None\n"
        "from estuary_proto.models import pcm\n"
        "assert pcm._compiled is None\n"
        "assert pcm.encode_pcm(memoryview(b'abcd')) == 'YWJjZA=='\n"
        "assert pcm.decode_pcm('YWJjZA==') == b'abcd'\n"
        "assert pcm.decode_or_empty('YW JjZA==') == b''\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
