"""A conversation in Qt's event loop: its socket, its timer, and no thread."""

import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtNetwork import QSslSocket

from estuary_proto import (
    Client,
    Connected,
    ConnectFailed,
    Dial,
    EstuaryConfig,
    EstuaryError,
    ReplyEnded,
    ReplyPart,
    SendText,
    WebSocketLink,
)


class Talk:
    """Connects, asks, prints the answer as it comes, and leaves."""

    def __init__(self, config: EstuaryConfig, question: str) -> None:
        self.client, self.question = Client(config), question
        self.error: EstuaryError | None = None
        self.client.connect(now=monotonic())
        dial = self.client.next_command()
        assert isinstance(dial, Dial)
        life = self.client.life(dial.link)
        self.link = WebSocketLink(life, host=dial.authority, target=dial.target)
        self.link.start(now=monotonic())
        self.timer = QTimer(singleShot=True)
        self.timer.timeout.connect(self.slot(self.client.handle_timeout))
        self.socket = QSslSocket()
        self.socket.connected.connect(self.settle)
        self.socket.readyRead.connect(self.slot(self.read))
        self.socket.errorOccurred.connect(self.slot(self.link.receive_eof))  # An end is one, too.
        connect = self.socket.connectToHostEncrypted if dial.secure else self.socket.connectToHost
        connect(dial.host, dial.port)

    def read(self, now: float) -> None:
        self.link.receive_data(self.socket.readAll().data(), now=now)

    def slot(self, call: Callable[..., None]) -> Callable[..., None]:
        """What a signal of Qt calls: this input of the core, and then what follows from it."""

        def called(*_: Any) -> None:
            call(now=monotonic())
            self.settle()

        return called

    def settle(self) -> None:
        """After any input: heed the events, write, set the timer, see whether that was all."""
        for event in iter(self.client.next_event, None):
            match event:
                case Connected():
                    self.client.ask(SendText(self.question), now=monotonic())
                case ReplyPart(part=piece):
                    print(piece, end="", flush=True)
                case ReplyEnded():
                    print()
                    self.client.disconnect(now=monotonic())
                case ConnectFailed(error=error):
                    self.error = error
        while out := self.link.data_to_send():
            self.socket.write(out)
        if deadline := self.client.deadline:
            self.timer.start(max(0, round(1000 * (deadline.at - monotonic()))))
        if self.client.next_command() is not None:  # Drop: this connection is over.
            self.socket.disconnectFromHost()
            QCoreApplication.quit()


if __name__ == "__main__":
    app = QCoreApplication()
    talk = Talk(EstuaryConfig.from_env(auto_reconnect=False), sys.argv[1])
    app.exec()
    sys.exit(str(talk.error) if talk.error else 0)
