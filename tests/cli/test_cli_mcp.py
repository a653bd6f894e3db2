"""`imagine mcp`: lines carried to a server and back, and the files that an agent may name."""

import base64
import json
import threading

import pytest

from imagine.cli.mcp_bridge import Bridge
from imagine.cli.mcp_folders import AgentFolders
from imagine.messages import in_english
from imagine.words.errors import ImagineError

PATIENCE = 600


class Server:
    """Answers as a server does, once it may."""

    def __init__(self, result=None, error=None):
        self.asked = []
        self.result = result or {}
        self.error = error
        self.go = threading.Event()
        self.go.set()

    def converse(self, message, connected=lambda sock: None):
        self.asked.append(message)
        connected(self)
        assert self.go.wait(PATIENCE)
        if self.error:
            raise self.error
        if message["method"] == "resources/read":
            contents = [{"uri": "u", "mimeType": "image/webp", "blob": base64.b64encode(b"whole").decode()}]
            yield {"jsonrpc": "2.0", "id": message["id"], "result": {"contents": contents}}
            return
        yield {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
        yield {"jsonrpc": "2.0", "id": message["id"], "result": json.loads(json.dumps(self.result))}

    def shutdown(self, how):
        self.error = ImagineError(in_english("hung up"))
        self.go.set()


class Agent:
    """The other end: what it says, and what it is told, a line at a time."""

    def __init__(self, server, folders=()):
        self.told, self.news = [], threading.Condition()
        self.bridge = Bridge(lambda: server, AgentFolders(folders), self._hear)

    def _hear(self, line):
        with self.news:
            self.told.append(json.loads(line))
            self.news.notify_all()

    def say(self, *messages):
        """Says each and hears until each of them that wants one has its answer."""
        wanted = {each["id"] for each in messages if "id" in each}

        def lines():
            yield from (json.dumps(each).encode() + b"\n" for each in messages)
            with self.news:
                assert self.news.wait_for(lambda: wanted <= {each.get("id") for each in self.told}, PATIENCE)

        self.bridge.serve(lines())
        return self.told


def edits(**arguments):
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "edit_image", "arguments": arguments}}


def test_lines_are_carried_and_progress_comes_on_the_way():
    server = Server({"tools": []})
    listing = {"jsonrpc": "2.0", "id": "a", "method": "tools/list"}
    told = Agent(server).say({"jsonrpc": "2.0", "method": "notifications/initialized"}, listing)
    assert [each.get("method") or each["result"] for each in told] == ["notifications/progress", {"tools": []}]
    assert server.asked == [listing]


def test_what_goes_wrong_is_answered():
    told = []
    bridge = Bridge(lambda: Server(), AgentFolders(()), lambda line: told.append(json.loads(line)))
    bridge.serve([b"no json\n", b"[1]\n", b"\n", b'{"method": "notifications/cancelled", "params": []}\n'])
    assert [each["error"]["code"] for each in told] == [-32700, -32700]
    (gone,) = Agent(Server(error=ImagineError(in_english("no server")))).say({"id": 5, "method": "ping"})
    assert (gone["id"], gone["error"]["message"]) == (5, "no server")


def test_who_cancels_hangs_up_and_hears_no_more():
    server = Server({"content": []})
    server.go.clear()
    agent, shut = Agent(server), threading.Event()
    server.shutdown = lambda how: (shut.set(), Server.shutdown(server, how))

    def lines():
        yield json.dumps(edits(prompt="x", image="QUJD")).encode() + b"\n"
        yield b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}\n'
        assert shut.wait(PATIENCE) or server.go.wait(PATIENCE)
        assert agent.say({"id": 2, "method": "ping"})[-1]["id"] == 2

    agent.bridge.serve(lines())
    assert {each.get("id") for each in agent.told} == {2}


def test_files_are_opened_and_saved_in_the_folders_only(tmp_path):
    shared, other = tmp_path / "shared", tmp_path / "other"
    shared.mkdir()
    other.mkdir()
    (shared / "fox.png").write_bytes(b"fox")
    (other / "secret.png").write_bytes(b"secret")
    (shared / "link.png").symlink_to(other / "secret.png")
    drawn = {
        "content": [{"type": "text", "text": "drawn"}],
        "structuredContent": {"pictures": [{"uri": "u", "seed": "7"}]},
    }
    for named in ("fox.png", str(shared / "fox.png"), (shared / "fox.png").as_uri()):
        server = Server(drawn)
        (*_, answer) = Agent(server, [shared]).say(edits(prompt="a ../fox", image=named))
        assert server.asked[0]["params"]["arguments"]["image"] == base64.b64encode(b"fox").decode()
        path = answer["result"]["structuredContent"]["pictures"][0]["path"]
        assert answer["result"]["content"][-1]["text"] == f"saved as {path}"
    assert sorted(each.name for each in shared.iterdir() if each.suffix == ".webp") == [
        "a_.._fox_7-2.webp", "a_.._fox_7-3.webp", "a_.._fox_7.webp",
    ]  # fmt: skip
    for named in ("../other/secret.png", str(other / "secret.png"), "link.png", "~nobody-there/x.png", "/etc/\\0.png"):
        server = Server(drawn)
        (answer,) = Agent(server, [shared]).say(edits(prompt="a fox", image=named))
        assert answer["result"]["isError"], named
        assert f"only files in {shared} may be named" in answer["result"]["content"][0]["text"]
        assert server.asked == []
    with pytest.raises(ImagineError, match="there is no --folder"):
        AgentFolders(()).with_pictures({"image": str(shared / "fox.png")})
    kept = {"image": "/9j/AAAA", "mask": "imagine://pictures/1-x.png", "prompt": "fox.png"}
    assert AgentFolders(()).with_pictures(kept) == kept
