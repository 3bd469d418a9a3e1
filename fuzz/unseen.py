"""Bugs that were chosen by reading the code alone, before any target had been taught to find them.

They said what the fuzzer is worth where nobody knows the answer: `python -m fuzz planted --unseen`.
They stay as they are. Rules have been added since by those who knew what was missed (README), so a
new list is necessary for a figure that is blind.
"""

from __future__ import annotations

from typing import Final

from .planted import Bug

UNSEEN: Final = (
    Bug("false is read as the number zero", "engineio.py",
        "fields.get(name) == 0 and fields[name] is not False", "fields.get(name) == 0",
        "engine_io"),
    Bug("milliseconds taken for seconds", "engineio.py",
        "return milliseconds / 1000", "return milliseconds", "engine_io"),
    Bug("bytes of former packets count on", "socketio.py",
        "self._packet, self._pieces, self._bytes = None, [], 0",
        "self._packet, self._pieces = None, []", "socket_io"),
    Bug("a query stays in the namespace", "socketio.py",
        'if "?" in namespace:', 'if namespace.endswith("?"):', "socket_io"),
    Bug("text behind the value is let pass", "jsontext.py",
        "if end != len(text) and text[end:].strip(_SPACE):",
        "if end != len(text) and text[end : end + 1].strip(_SPACE):", "json_text"),
    Bug("the newest makes room, not the oldest", "transcript.py",
        "del self._open[next(iter(self._open))]", "del self._open[key]", "transcript"),
    Bug("actions are told twice", "transcript.py",
        "return message.shown, True, tags[message.actions :]",
        "return message.shown, True, tags", "transcript"),
    Bug("what was held back is kept", "actions.py",
        'text, self._held = self._held + piece, ""', "text = self._held + piece",
        "action_tags"),
    Bug("the century turns a year late", "rest/dates.py",
        "year < 70 else", "year <= 70 else", "http_date"),
    Bug("a wait of less than nothing", "rest/dates.py",
        "return float(max(0, then - now))", "return float(then - now)", "http_date"),
    Bug("the last line is swallowed", "rest/turns.py",
        "        if self.result is None:\n            yield from self._event(line)\n        if",
        "        if", "turn_stream"),
    Bug("NaN gets into a model", "models/reading.py",
        "return number if isfinite(number) else None", "return number", "any_model"),
    Bug("fragments count into the next message", "websocket.py",
        "self._size = 0 if head.final else self._size + head.length",
        "self._size += head.length", "websocket"),
    Bug("a ping is answered again and again", "websocket.py",
        "            out.append(self._ws.send(Pong(self._pong)))\n            self._pong = None\n",
        "            out.append(self._ws.send(Pong(self._pong)))\n", "websocket"),
    Bug("a time of the far future raises", "capture/entries.py",
        "except OverflowError:", "except ZeroDivisionError:", "capture"),
    Bug("milliseconds are not recognised", "capture/har_reading.py",
        "        at /= 1000\n", "        pass\n", "har"),
    Bug("dropped audio still fills the buffer", "outbox.py",
        "            self._bytes -= unit.size\n            self._audio -= unit.seconds\n",
        "            self._audio -= unit.seconds\n", "client_connection"),
    Bug("a renewed session is not told", "connection.py",
        "            if again:\n                self.events.append(message)\n", "",
        "client_connection"),
    Bug("a heartbeat is never stopped", "connection.py",
        "            self._timers.stop(Timer.HEARTBEAT)\n            self._timers.start(Timer.PING",
        "            self._timers.start(Timer.PING", "server_connection"),
    Bug("time runs backwards", "client.py",
        "self._now = max(self._now, now)", "self._now = now", "client"),
    Bug("half a sample is lost", "voice.py",
        "        self._odd = whole[end:]\n        return receipt",
        '        self._odd = b""\n        return receipt', "client"),
    Bug("a goodbye outlives the next connect", "client.py",
        "        self._leaving = False\n        if self._timers.at(Timer.RETRY)",
        "        if self._timers.at(Timer.RETRY)", "client"),
    Bug("voice runs out when it has been closed", "gateway/limits.py",
        "        if isinstance(message, (StopVoice, LiveKitLeave)):\n"
        "            self._listening = None\n", "", "gateway"),
    Bug("an old answer's end stops the new one", "gateway/conversation.py",
        'if self._voicing is not None and message_id in (None, "", self._voicing.message_id):',
        "if self._voicing is not None:", "talk"),
)  # fmt: skip
