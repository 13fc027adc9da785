"""A way to a server that can be cut."""

import itertools
import socket
import threading
import time
from contextlib import suppress


class Proxy:
    """Passes connections on to a server, until it is closed; then it can be opened again."""

    passes_answers = True
    """Else a connection ends where the server has answered, and the answer is lost."""

    refuses = b""
    """A connection on which this is asked ends there; once."""

    refuses_after = 0.0
    """Seconds until it ends; a database that is busy takes some to say no."""

    def __init__(self, url: str) -> None:
        self.refused = 0
        self._target = ("127.0.0.1", int(url.split(":")[2].split("/")[0]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs: list[socket.socket] = []
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                ends = [listener.accept()[0], socket.create_connection(self._target)]
                self._pairs += ends
                for one, other in itertools.permutations(ends):
                    is_answer = one is ends[1]
                    threading.Thread(
                        target=self._pump, args=(one, other, is_answer), daemon=True
                    ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while (data := source.recv(1 << 16)) and (self.passes_answers or not is_answer):
                if not is_answer and self.refuses and self.refuses in data:
                    self.refuses = b""
                    self.refused += 1
                    time.sleep(self.refuses_after)
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._pairs:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()
