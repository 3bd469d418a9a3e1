"""Bugs of different kinds to be planted, one at a time (`planted`).

Each list was chosen by reading the code alone. The targets have been taught what was missed of it
afterwards: a figure that is blind needs a new list.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Bug(NamedTuple):
    """`old` in `file` (of estuary_proto) becomes `new`; `targets` are asked to find it."""

    kind: str
    file: str
    old: str
    new: str
    target: str


FIRST: Final = (
    Bug("a frame loses its outer blanks", "engineio.py",
        "Packet(kind, frame[1:])", "Packet(kind, frame[1:].strip())", "engine_io"),
    Bug("milliseconds are cut off", "engineio.py",
        "round(opened.ping_timeout * 1000)", "int(opened.ping_timeout) * 1000", "engine_io"),
    Bug("attachments in the wrong places", "socketio.py",
        'pieces[value["num"]]', 'pieces[-1 - value["num"]]', "socket_io"),
    Bug("an id is read one digit short", "socketio.py",
        "return int(text[at:end]), end", "return int(text[at:end]) % 10**12, end", "socket_io"),
    Bug("nesting is not bounded", "jsontext.py",
        "_has_many_brackets(text, start) and _is_deep(value)", "False", "json_text"),
    Bug("half a surrogate pair in a key", "jsontext.py",
        "{_mend(key): _mend(item)", "{key: _mend(item)", "json_text"),
    Bug("infinity raises", "models/reading.py",
        "int(value) if value.is_integer() else None", "int(value)", "any_model"),
    Bug("a wrong type inside a list", "models/reading.py",
        "return [read for read in map(item, value) if read is not None]",
        "return list(map(item, value))", "any_model"),
    Bug("a held tag is shown too early", "actions.py",
        r'_START = re.compile(r"<(?:[aA/]|\Z)")', '_START = re.compile(r"<[aA/]")', "action_tags"),
    Bug("memory without bound", "transcript.py",
        "if len(self._redacted) > MAX_OPEN:", "if len(self._redacted) > 10**9:", "transcript"),
    Bug("a length written too long is taken", "websocket.py",
        "                if length < 126:\n                    break\n", "", "websocket"),
    Bug("told after the end", "websocket.py",
        "elif phase is not _Phase.ENDING and phase is not _Phase.CLOSED:",
        "elif phase is not _Phase.ENDING:", "websocket"),
    Bug("a day that no month has", "rest/dates.py",
        "except ValueError:", "except KeyError:", "http_date"),
    Bug("a search that goes on too far", "rest/turns.py",
        "            self._seen = 0\n            self._measure", "            self._measure",
        "turn_stream"),
    Bug("a secret in an error", "rest/exchange.py",
        "            error.conceal(secret)\n", "            pass\n", "answer"),
    Bug("control without bound", "outbox.py",
        "if len(self._control) >= MAX_CONTROL:", "if len(self._control) >= 10**9:",
        "client_connection"),
    Bug("an acknowledgement settles twice", "connection.py",
        "self._acks.pop(packet.id, None) is not None", "self._acks.get(packet.id) is not None",
        "client_connection"),
    Bug("receipts that never settle", "connection.py",
        "        self.events.extend(self._outbox.lose())\n"
        "        self._goodbye(ending, now, HangUp())",
        "        self._outbox.lose()\n        self._goodbye(ending, now, HangUp())",
        "server_connection"),
    Bug("a due timer is left waiting", "timers.py",
        "deadline.at > now", "deadline.at >= now", "server_connection"),
    Bug("late words of a dead socket", "client.py",
        "        if link == self.link and self._connection is not None:\n"
        "            now = self._tick(now)\n            self._connection.receive_eof(",
        "        if self._connection is not None:\n"
        "            now = self._tick(now)\n            self._connection.receive_eof(", "client"),
    Bug("a request that is forgotten", "voice.py",
        "            self._out.tell(VoiceSettled(request, error))",
        "            error and self._out.tell(VoiceSettled(request, error))", "client"),
    Bug("a replay that differs", "capture/recorder.py",
        "(batch or None) if frame is None else frame", "frame or batch or None", "client"),
    Bug("the gateway trips over a blank", "gateway/session.py",
        'self.allows(message.text or "")', "self.allows(message.text.strip())", "gateway"),
    Bug("somebody enters who has left", "gateway/session.py",
        "if who is not None and self._gone_by is None and self._waits_to_enter:",
        "if who is not None:", "gateway"),
)  # fmt: skip

SECOND: Final = (
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

THIRD: Final = (
    Bug(
        "upper-case escapes of surrogates not mended",
        "jsontext.py",
        r"""    if "\\" in text and ("\\ud" in text or "\\uD" in text):""",
        r"""    if "\\" in text and "\\ud" in text:""",
        "json_text",
    ),
    Bug(
        "lower bound of a limit dropped",
        "engineio.py",
        "max_payload=max(LEAST_PAYLOAD, int(size)),",
        "max_payload=int(size),",
        "engine_io",
    ),
    Bug(
        "off by one in the digits of an id",
        "socketio.py",
        "if end - at > MAX_ID_DIGITS:",
        "if end - at >= MAX_ID_DIGITS:",
        "socket_io",
    ),
    Bug(
        "one cache for both senders",
        "messages/__init__.py",
        "known = _from_server if sender is Role.SERVER else _from_client",
        "known = _from_server",
        "message",
    ),
    Bug(
        "secret with a capital letter in its key shown",
        "messages/unknown.py",
        r"""_?url)s?\Z", re.IGNORECASE""",
        r'''_?url)s?\Z"''',
        "message",
    ),
    Bug(
        "unreadable alias gives None in place of the default",
        "models/reading.py",
        """                        value = convert(value)
                        if value is not None:
                            break
""",
        """                        value = convert(value)
                        break
""",
        "any_model",
    ),
    Bug(
        "written dict is the model's own",
        "models/writing.py",
        """    if origin is dict:
        return dict
""",
        """    if origin is dict:
        return None
""",
        "any_model",
    ),
    Bug(
        "empty text taken for missing",
        "actions.py",
        "m[2] if m[2] is not None else m[3] for m",
        "m[2] or m[3] for m",
        "action_tags",
    ),
    Bug(
        "held tail of a final message lost in its piece",
        "transcript.py",
        """    message.shown += tail
    piece += tail
""",
        """    message.shown += tail
""",
        "transcript",
    ),
    Bug(
        "limit asked of each fragment alone",
        "websocket.py",
        "elif not head.control and self._size + head.length > self._max_message_size:",
        "elif not head.control and head.length > self._max_message_size:",
        "websocket",
    ),
    Bug(
        "looked one byte too little back",
        "websocket.py",
        "max(0, fresh - 2)",
        "max(0, fresh - 1)",
        "handshake",
    ),
    Bug(
        "outer code wins over the inner one",
        "rest/errors.py",
        'details.setdefault("code", code)',
        'details["code"] = code',
        "answer",
    ),
    Bug(
        "day padded with a blank not read",
        "rest/dates.py",
        r"(?P<day>[ \d]\d)",
        r"(?P<day>\d{{1,2}})",
        "http_date",
    ),
    Bug(
        "decoding error not caught",
        "rest/turns.py",
        "except (UnicodeDecodeError, RemoteProtocolError):",
        "except RemoteProtocolError:",
        "turn_stream",
    ),
    Bug(
        "what waited is kept over the end of a connection",
        "capture/sums.py",
        """            self._waiting.clear()
            if self.since is not None:
""",
        """            if self.since is not None:
""",
        "capture",
    ),
    Bug(
        "second name of a kind forgotten",
        "capture/entries.py",
        'elif self.name in ("frame", "batch"):',
        'elif self.name == "frame":',
        "capture",
    ),
    Bug(
        "not put in order",
        "capture/har_reading.py",
        "return sorted(found, key=lambda socket: socket.at)",
        "return found",
        "har",
    ),
    Bug(
        "stale cache of the earliest deadline",
        "timers.py",
        """        self._at[timer] = at
        self._find_next()
""",
        """        self._at[timer] = at
        if self.next is None or at < self.next.at:
            self.next = Deadline(at, timer)
""",
        "client_connection",
    ),
    Bug(
        "latest in place of earliest",
        "connection.py",
        "min(self._acks.values())",
        "max(self._acks.values())",
        "server_connection",
    ),
    Bug(
        "counter of losses never reset",
        "client.py",
        """            self._events.append(Fault(error))
            self._lost = 0
""",
        """            self._events.append(Fault(error))
""",
        "client",
    ),
    Bug(
        "kept sound sent backwards",
        "voice.py",
        "pcm, seconds = turn.kept.popleft()",
        "pcm, seconds = turn.kept.pop()",
        "client",
    ),
    Bug(
        "one more than the quota",
        "gateway/limits.py",
        "if used >= limit:",
        "if used > limit:",
        "gateway",
    ),
    Bug(
        "seat of a share never given back",
        "gateway/session.py",
        """            self._registry.leave_seat(self._pass.share)
            self._pass = None
""",
        """            self._pass = None
""",
        "gateway",
    ),
    Bug(
        "interruption of what only sounds not confirmed",
        "gateway/conversation.py",
        "if self._speech is not None or self.sounds(now):",
        "if self._speech is not None:",
        "talk",
    ),
)

LISTS: Final = {"1": FIRST, "2": SECOND, "3": THIRD}
