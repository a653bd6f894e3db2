"""Who decides whether pixels are marked: the owner for all, a request for itself, and never against the owner."""

import json

import pytest

from tests.server.served import PromptedWorker, ask


class Seen(PromptedWorker):
    """Keeps what it was to make."""


def asked(folder, path, body, **settings):
    """The mark that the worker was told of, and the warnings of the answer."""

    async def act(client):
        async with client.post(path, json=body) as answer:
            assert answer.status == 200, await answer.text()
            said = json.loads((await answer.text()).splitlines()[-1])
            return client.worker.seen[-1].params.watermark, said.get("warnings", [])

    return ask(folder, act, worker=Seen(), **settings)


@pytest.mark.parametrize(
    ("owner", "said", "mark"),
    [(False, None, None), (False, False, None), (False, True, "tiles"), (False, "tiles", "tiles"),
     (True, None, "tiles"), (True, True, "tiles"), (True, False, "tiles")],
)  # fmt: skip
def test_a_request_may_ask_for_the_mark_and_not_take_it_off(tmp_path, owner, said, mark):
    told, warnings = asked(tmp_path, "/generate", {"prompt": "a fox", "watermark": said}, watermark=owner)
    assert told == mark
    ignored = "watermark is false, which has no effect: this server marks all pictures"
    assert (ignored in warnings) == (owner and said is False)


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/images/generations", {"prompt": "a fox", "size": "256x256"}),
     ("/api/generate", {"model": "fox", "prompt": "a fox", "stream": False})],
)  # fmt: skip
def test_what_the_owner_wants_holds_in_every_dialect(tmp_path, path, body):
    assert asked(tmp_path, path, body, watermark=True)[0] == "tiles"


def test_what_is_no_mark_is_refused(tmp_path):
    async def act(client):
        async with client.post("/generate", json={"prompt": "a fox", "watermark": "stripes"}) as answer:
            return answer.status, (await answer.json())["field"]

    assert ask(tmp_path, act) == (400, "watermark")
