"""An SMTP server whose answers a test chooses."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# The answer to a command, such as `RCPT TO:<ada@acme.example>`; None for the usual one.
Answer = Callable[[str], str | None]


@dataclass
class SmtpServer:
    port: int = 0
    # The recipients of the mails that were accepted.
    accepted: list[str] = field(default_factory=list)
    answer: Answer = lambda command: None
    # Accepts connections and never says a word.
    is_silent: bool = False
    connections: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server: SmtpServer = self.server.state  # type: ignore[attr-defined]
        server.connections += 1
        if server.is_silent:
            server._stopped.wait(120)
            return
        recipient = ""
        self._say(server.answer("CONNECT") or "220 ready")
        for line in self.rfile:
            verb, _, rest = line.decode().strip().partition(" ")
            command = f"{verb.upper()} {rest}".strip()
            answer = server.answer(command)
            if command.startswith("RCPT") and not answer:
                recipient = command.partition("<")[2].partition(">")[0]
            if command == "DATA" and not answer:
                self._say("354 go on")
                while self.rfile.readline().strip() != b".":
                    pass
                answer = server.answer("END OF DATA")
                if not answer:
                    server.accepted.append(recipient)
            self._say(answer or ("221 bye" if command == "QUIT" else "250 fine"))
            if command == "QUIT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def run_smtp_server() -> Iterator[SmtpServer]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        state = SmtpServer(port=server.server_address[1])
        server.state = state  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield state
        state._stopped.set()
        server.shutdown()
        thread.join()
