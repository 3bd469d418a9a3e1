"""The process in which espeak-ng's library speaks: text in, a WAV file out, as it is made.

It is run as a file, `espeak_child.py PLACE VOICE [WORDS_A_MINUTE]`, and needs nothing
but espeakng_loader in PLACE.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from struct import pack
from typing import Any

_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_RATE = 1
_TAKES = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def main() -> int:
    """The process. Returns its status."""
    place, voice, *pace = sys.argv[1:]
    out = os.dup(1)
    os.dup2(2, 1)  # Whatever the library prints is no sound.
    sys.path.append(place)
    loader: Any = importlib.import_module("espeakng_loader")
    library = ctypes.CDLL(loader.get_library_path())
    data = loader.get_data_path().encode()
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DO_NOT_EXIT)
    if rate <= 0 or library.espeak_SetVoiceByName(voice.encode()):
        return 1
    for words in pace:
        library.espeak_SetParameter(_RATE, int(words), 0)

    def take(samples: Any, count: int, events: Any) -> int:
        if samples and count:
            os.write(out, ctypes.string_at(samples, 2 * count))
        return 0

    endless = 0x7FFFF000
    form = pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    os.write(out, pack("<4sI4s", b"RIFF", endless, b"WAVE") + form + pack("<4sI", b"data", endless))
    keep = _TAKES(take)  # As long as the library may call it.
    library.espeak_SetSynthCallback(keep)
    text = sys.stdin.buffer.read() + b"\0"
    failed: int = library.espeak_Synth(text, len(text), 0, 0, 0, _UTF8, None, None)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
