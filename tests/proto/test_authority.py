"""Hosts and ports as URLs and the Host header write them."""

from __future__ import annotations

import pytest

from estuary_proto.authority import authority


@pytest.mark.parametrize(
    ("host", "port", "secure", "written"),
    [
        ("server.test", 80, False, "server.test"),
        ("server.test", 443, False, "server.test:443"),
        ("server.test", 443, True, "server.test"),
        ("server.test", 80, True, "server.test:80"),
        ("server.test", 80, None, "server.test:80"),
        ("server.test", 443, None, "server.test:443"),
        ("127.0.0.1", 4001, False, "127.0.0.1:4001"),
        ("::1", 80, False, "[::1]"),
        ("::1", 4001, None, "[::1]:4001"),
    ],
)
def test_authority(host: str, port: int, secure: bool | None, written: str) -> None:
    assert authority(host, port, secure=secure) == written
