"""A server in a thread that speaks the native protocol: what it was asked is kept, what it answers is given."""

import base64
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import SimpleNamespace
from urllib.parse import unquote

from PIL import Image


def png(colour: tuple[int, int, int] = (200, 30, 30), side: int = 8) -> bytes:
    data = BytesIO()
    Image.new("RGB", (side, side), colour).save(data, "PNG")
    return data.getvalue()


def picture(data: bytes, status: str = "final", **more: object) -> dict:
    line = {"img": base64.b64encode(data).decode(), "seed": "7", "status": status, "step": 1, "steps": 2}
    final = {"meta": {"model": "m", "prompt": "p", "seed": "7"}, "timings": {}, "warnings": []}
    return line | (final if status == "final" else {}) | more


class _Http(ThreadingHTTPServer):
    """Who hangs up in the middle of an answer is no news: of that nothing is printed into what a test reads."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class FakeServer:
    """`lines` is what `/generate` answers; a callable among them is called in its place; bytes are sent as they are."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.languages: list[str | None] = []
        self.unloaded: list[str] = []
        self.lines: list = [picture(png())]
        self.refusal: tuple[int, str] | None = None
        self.code = ""
        self.refuse = lambda body: self.refusal
        self.health: dict = {"name": "imagine", "devices": [{"device": "cpu"}]}
        self.models: list[dict] = [
            {"name": "dreamshaper_8", "family": "sd1", "size": 2_132_000_000, "modified": 1.0, "shipped": False}
            | {"defaults": {}, "loaded": None}
        ]
        self.others: list[dict] = []
        self.aliases: list[str] = []
        self.plan: dict = {"prompt": "a blue house", "request": {"prompt": "a blue house"}}
        self.presets = [{"name": "soft", "prompt_suffix": "soft light", "neg": "harsh", "shipped": False}]
        self.order: dict = {"id": "one", "state": "queued", "position": 2, "created": time.time(), "pictures": [{}]}
        self.events: list[list[dict]] = []
        """Of that order: what each connection is told before it breaks."""
        self.resumed: list[str] = []
        self.hung_up = threading.Event()
        self._http = _Http(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> "FakeServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: C901, N805 - a table; and the handler's own self is another
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def _json(self, value: object, status: int = 200) -> None:
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _events(self, after: str) -> None:
                outer.resumed.append(after)
                self.send_response(200)
                self.end_headers()
                for line in outer.events.pop(0):
                    self.wfile.write(json.dumps(line).encode() + b"\n")

            def _picture(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(png())

            def do_GET(self) -> None:
                if self.path.startswith("/pictures/"):
                    self._picture()
                    return
                if self.path.startswith("/jobs/one/events"):
                    self._events(self.path.partition("?after=")[2])
                    return
                path, _, digest = self.path.partition("?digest=")
                models = [one for one in outer.models if not digest or digest in one.values()]
                listed = {"models": [], "details": models, "others": outer.others, "aliases": outer.aliases}
                answers = {"/health": outer.health, "/models": listed}
                answers |= {f"/models/{one['name']}": one for one in outer.models}
                answers["/presets"] = {"presets": outer.presets}
                orders = {"detached": [outer.order]}
                answers |= {"/jobs": orders, "/jobs?all=1": orders, "/jobs/one": outer.order}
                self._json(answers[path])

            def do_DELETE(self) -> None:
                outer.unloaded.append(self.path)
                if self.path.startswith("/jobs/"):
                    self._json(outer.order | {"cancelled": "one"})
                    return
                self._json({"unloaded": unquote(self.path[len("/models/") : -len("/loaded")])})

            def do_POST(self) -> None:
                outer.languages.append(self.headers["Accept-Language"])
                outer.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if refusal := outer.refuse(outer.asked[-1]):
                    self._json({"error": refusal[1], "code": outer.code}, refusal[0])
                    return
                if self.path == "/assist":
                    self._json(outer.plan)
                    return
                if self.path == "/jobs":
                    self._json(outer.order, 202)
                    return
                self.send_response(200)
                self.end_headers()
                for line in outer.lines:
                    if callable(line):
                        line(SimpleNamespace(socket=self.connection, hung_up=outer.hung_up))
                    else:
                        self.wfile.write(json.dumps(line).encode() + b"\n")

        return Handler
