"""Starts the processes of a measurement and gathers what they print."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from .clients import CAPTURED

if TYPE_CHECKING:
    from .cases import Carries

ROOT = Path(__file__).parents[2]
Figures = dict[str, float]
DISTRIBUTIONS = (
    "estuary-anyio", "estuary-sdk", "python-socketio", "aiohttp", "anyio", "trio", "uvloop",
    "wsproto", "pybase64",
)  # fmt: skip


class MeasurementError(Exception):
    """A child process failed; carries the end of what it wrote."""


@dataclass(frozen=True)
class Load:
    """What goes over the wire: with each of ``sessions`` clients ``events`` events (of ``size``
    bytes of PCM, if it is sound), ``rate`` a second (0: as fast as the sockets take them), over TLS
    or plainly; ``mic_rate`` is the microphone's rate in Hz, for the library that takes one."""

    carries: Carries
    sessions: int
    events: int
    rate: float = 0.0
    size: int = 0
    mic_rate: int = 16000
    tls: bool = False


def _child(module: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def write_certificate(path: Path) -> None:
    """A certificate for 127.0.0.1 with its key, good for a day, by the openssl command."""
    name = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    usage = ("-addext", "keyUsage=critical,digitalSignature,keyCertSign")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    command = ["openssl", "req", "-x509", "-days", "1", *curve, *name, *usage, "-batch"]
    command += ["-keyout", "-", "-out", "-"]
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)


def measure(flavour: str, load: Load) -> Figures:
    """One measurement: a fresh server, a fresh process of clients."""
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder, "bench.pem")
        if load.tls:
            write_certificate(pem)
        return _measure(flavour, load, str(pem), folder)


def _measure(flavour: str, load: Load, pem: str, folder: str) -> Figures:
    shape: list[object] = ["--carries", load.carries, "--sessions", load.sessions]
    shape += ["--events", load.events, "--rate", load.rate, "--size", load.size]
    serving = ["--cert", pem] if load.tls else []
    server = _child("server", *shape, *serving)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        shape += ["--port", port, "--mic-rate", load.mic_rate]
        if flavour.endswith(CAPTURED):
            shape += ["--capture", folder]
        flavour = flavour.removesuffix(CAPTURED)
        if load.tls:
            client = _child("clients", flavour, *shape, "--tls", SSL_CERT_FILE=pem)
        else:
            client = _child("clients", flavour, *shape)
        out, errors = client.communicate()
        if client.returncode:
            raise MeasurementError(errors.strip()[-1200:] or f"exit code {client.returncode}")
        result: Figures = json.loads(out)
        result |= json.loads(server.communicate(timeout=20)[0])
    finally:
        server.kill()
        server.communicate()
    return result


def live(flavour: str, case: str, sessions: int) -> Figures:
    """One measurement of clients that only live (`lives`): a fresh server, a fresh process."""
    server = _child("server", "--carries", "text", "--sessions", 1, "--events", 0)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        client = _child("lives", case, flavour, "--port", port, "--sessions", sessions)
        out, errors = client.communicate()
        if client.returncode:
            raise MeasurementError(errors.strip()[-1200:] or f"exit code {client.returncode}")
        result: Figures = json.loads(out)
    finally:
        server.kill()
        server.communicate()
    return result


def medians(rounds: list[Figures]) -> Figures:
    """The median of each figure over all rounds, and the range of the total."""
    result = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    totals = [one["total"] for one in rounds if "total" in one]
    return result | ({"total_min": min(totals), "total_max": max(totals)} if totals else {})


def import_cost(statement: str, rounds: int) -> float:
    """Median CPU seconds of one import statement, each time in a fresh interpreter."""
    code = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"

    def once() -> float:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise MeasurementError(done.stderr.strip()[-1200:])
        return float(done.stdout)

    once()  # writes the byte code
    return statistics.median(once() for _ in range(rounds))


def machine() -> str:
    """One line: cores, load, Python and the versions that matter."""
    versions = []
    for name in DISTRIBUTIONS:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
    return f"{system}; Python {platform.python_version()}; {', '.join(versions)}"
