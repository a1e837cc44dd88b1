"""The real server of `ttpo pick` in a thread of the test, for requests that are spelt by hand and for a browser."""

import http.client
import json
import threading
from contextlib import contextmanager

from ttpo_cli.pick_page.access import Gate
from ttpo_cli.pick_page.ports import listen

TOKEN = "token-of-the-tests"


class Served:
    """What answers at `address`, and a client that sends exactly what it is given."""

    def __init__(self, gate):
        self.gate = gate
        self.host = f"127.0.0.1:{gate.port}"
        self.address = f"http://{self.host}/?token={gate.token}"

    def ask(self, path, method="GET", body=None, token=True, host=None, **headers):
        """(status, headers, body). The path goes out as it is, escapes and steps upwards included."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gate.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = {"host": self.host if host is None else host, **headers}
        if token:
            sent["cookie"] = f"{self.gate.cookie}={self.gate.token}"
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            sent = {"content-type": "application/json", "origin": f"http://{self.host}", "content-length": str(len(data)), **sent}
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        answered = (answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return answered

    def json(self, path, **named):
        """(status, what the JSON says)."""
        status, _, body = self.ask(path, **named)
        return status, json.loads(body)


@contextmanager
def served(root):
    """The server at work for as long as the context lasts."""
    from ttpo_cli.pick_page.server import web_server

    with listen("127.0.0.1", 0) as listener:
        gate = Gate(TOKEN, "127.0.0.1", listener.getsockname()[1])
        server = web_server(root, gate)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield Served(gate)
        finally:
            server.should_exit = True
            thread.join(20)
