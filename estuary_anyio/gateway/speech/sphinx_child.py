"""The process in which pocketsphinx listens: it holds the interpreter for too long for ours.

In: frames of a kind, the number of the utterance, the length of what follows, and that: `P` a piece
of PCM16 mono at 16 kHz, `E` the end of it, `X` nobody wants to know. Out: one line of JSON for each
piece and each end, with `id`, `text` and `final`; `{"ready": true}` before all of them.

While an utterance comes it is decoded as far as it goes, by the open vocabulary. At its end it is
decoded as a whole, which knows the loudness of all of it, by what people say to the character
(`domain`), and, if that is not clearly likelier, by the open vocabulary once more: the likelier of
the two is it. The second takes up to a second, and is seldom needed. What is expected, and one word
away from a sentence, is that sentence.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from struct import Struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from . import domain
from .arpa import arpa

if TYPE_CHECKING:
    from collections.abc import Callable

FRAME: Final = Struct(">cII")
PIECE: Final = b"P"
END: Final = b"E"
ABANDON: Final = b"X"

MOST: Final = 3200
"""Bytes at a time: pocketsphinx 5.1.1 may crash over some seconds (`cmn_live`)."""

SURE: Final = 0.05
"""By how much likelier the domain must be than what was heard on the way. Measured: all of 144
sentences come out as they would with the second look; of the 96 that are expected 91 need none."""

_OPEN: Final = "_default"
_DOMAIN: Final = "domain"


class Ear:
    """A decoder and the utterance that it is at."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder: Any = Decoder(loglevel="FATAL")
        self._cmn: str = self._decoder.get_cmn(False)
        self._pcm = bytearray()
        self._open = False
        self._known = domain.Known()
        self._expect()

    def _expect(self) -> None:
        from pocketsphinx import NGramModel

        decoder = self._decoder

        def known(sentence: str) -> bool:
            return all(decoder.lookup_word(word) is not None for word in sentence.split())

        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "domain.lm")
            with open(path, "w", encoding="ascii") as file:
                file.write(arpa((text, weight) for text, weight in domain.said() if known(text)))
            model = NGramModel(decoder.config, decoder.logmath, path)
        decoder.add_lm(_DOMAIN, model)

    def piece(self, pcm: bytes) -> str:
        """What is said so far."""
        if not self._open:
            # Whoever spoke last has nothing to do with this voice's level.
            self._decoder.set_cmn(self._cmn)
            self._decoder.activate_search(_OPEN)
            self._decoder.start_utt()
            self._open = True
        self._pcm += pcm
        for begin in range(0, len(pcm), MOST):
            self._decoder.process_raw(pcm[begin : begin + MOST], False, False)
        return self._told()[0]

    def end(self) -> str:
        """What was said."""
        pcm = bytes(self._pcm)
        self.abandon()
        if not pcm:
            return ""
        _, so_far = self._told()
        expected, likely = self._whole(pcm, _DOMAIN)
        if likely < so_far + SURE:
            found, likelier = self._whole(pcm, _OPEN)
            if likelier > likely:
                return found
        return self._known.meant(expected)

    def abandon(self) -> None:
        """Forget it."""
        if self._open:
            self._decoder.end_utt()
        self._open = False
        self._pcm.clear()

    def _whole(self, pcm: bytes, search: str) -> tuple[str, float]:
        decoder = self._decoder
        decoder.activate_search(search)
        decoder.start_utt()
        decoder.process_raw(pcm, False, True)
        decoder.end_utt()
        return self._told()

    def _told(self) -> tuple[str, float]:
        found = self._decoder.hyp()
        return (found.hypstr, found.score) if found is not None else ("", -1.0)


def listen(source: BinaryIO, tell: Callable[[dict[str, Any]], None]) -> None:
    """Answer what comes until there is no more."""
    ear, current = Ear(), -1
    tell({"ready": True})
    while len(head := source.read(FRAME.size)) == FRAME.size:
        kind, number, size = FRAME.unpack(head)
        data = source.read(size)
        if number != current:
            ear.abandon()
            current = number
        if kind == PIECE:
            tell({"id": number, "text": ear.piece(data), "final": False})
        elif kind == END:
            tell({"id": number, "text": ear.end(), "final": True})
        else:
            ear.abandon()


def main() -> None:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the gateway, which ends us.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as told:
        os.dup2(2, 1)  # Whatever a library prints is no answer.

        def tell(answer: dict[str, Any]) -> None:
            told.write(json.dumps(answer) + "\n")
            told.flush()

        try:
            listen(sys.stdin.buffer, tell)
        except BrokenPipeError:
            os._exit(0)  # Nobody listens any more.
