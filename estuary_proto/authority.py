"""Hosts and ports as URLs and the Host header write them (RFC 3986, 3.2; RFC 9110, 7.2)."""

from __future__ import annotations


def bracketed(host: str) -> str:
    """A host name or address; one of IPv6 in brackets, since it has colons of its own."""
    return f"[{host}]" if ":" in host else host


def authority(host: str, port: int, *, secure: bool | None = None) -> str:
    """`host:port`; the port is left out where it goes without saying: 80, or 443 if `secure`.

    None writes every port.
    """
    usual = None if secure is None else 443 if secure else 80
    return bracketed(host) if port == usual else f"{bracketed(host)}:{port}"
