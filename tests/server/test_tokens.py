"""How long a prompt is to a model, counted without loading it; the lists that one may name; what a model is told in."""

from imagine.asking.presets import Preset
from tests.registry import declared
from tests.server.served import ask

LONG = "a (red fox:1.2) in the snow" + ", soft light, tall trees" * 15
EXAMPLES = '{"ru": ["красный дом"], "en": ["a red house"]}'


async def told(client, status=200, **body):
    async with client.post("/tokens", json=body) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


def test_a_prompt_is_counted_in_chunks_and_nothing_is_loaded(tmp_path):
    async def act(client):
        made = await told(client, prompt=f"{LONG} <lora:ink:0.8>", neg="ugly AND bad", model="fox")
        assert (made["model"], made["chunk"], made["most"]) == ("fox", 75, None)
        assert made["neg"] == {"tokens": 3, "chunks": [3], "cut": 0, "behind": [], "unread": []}
        prompt = made["prompt"]
        assert prompt["chunks"] == [75, 21]
        assert prompt["behind"] == ["tall trees, soft light, tall trees, so"]
        assert (await told(client, prompt="a fox BREAK snow"))["prompt"]["chunks"] == [2, 1]
        assert (await told(client, prompt="a fox AND a bear in snow"))["prompt"]["tokens"] == 4
        assert (await told(client, prompt="a fox", preset="soft"))["prompt"]["tokens"] == 5
        assert (await told(client, prompt="[a:a red fox:0.5]"))["prompt"]["tokens"] == 3
        assert client.worker.loaded == client.worker.seen == []
        first = client.gateway.counter.pid
        assert (await told(client, prompt=""))["prompt"]["tokens"] == 0
        assert client.gateway.counter.pid == first

    ask(tmp_path, act, presets=(Preset(name="soft", prompt_suffix="soft light"),))


def test_what_the_model_was_never_taught_is_said_with_it(tmp_path):
    declared.write(tmp_path / "models/bear.safetensors", declared.tiny(), metadata={"imagine.examples": EXAMPLES})

    async def act(client):
        assert (await told(client, prompt="красный дом", model="fox"))["prompt"]["unread"] == ["CYRILLIC"]
        assert (await told(client, prompt="красный дом", model="bear"))["prompt"]["unread"] == []
        async with client.get("/models") as answer:
            details = {each["name"]: each["languages"] for each in (await answer.json())["details"]}
        assert details == {"fox": ["en"], "bear": ["en", "ru"]}

    ask(tmp_path, act)


def test_what_cannot_be_counted_is_refused_by_its_field(tmp_path):
    async def act(client):
        assert (await told(client, 400, prompt="x" * 32_001))["field"] == "prompt"
        assert (await told(client, 400))["field"] == "prompt"
        assert (await told(client, 404, prompt="a", model="owl"))["field"] == "model"
        assert (await told(client, 400, prompt="a", preset="owl"))["field"] == "preset"
        assert (await told(client, prompt="a", colour="red"))["warnings"] == ["unknown and left out: 'colour'"]

    ask(tmp_path, act)


def test_one_that_ended_is_started_again(tmp_path):
    async def act(client):
        counter = client.gateway.counter
        await told(client, prompt="a")
        first = counter.pid
        counter._process.kill()
        await counter._process.wait()
        assert (await told(client, prompt="a fox"))["prompt"]["tokens"] == 2
        assert counter.pid != first
        await counter.stop()
        await told(client, 503, prompt="a")

    ask(tmp_path, act)


def test_lists_are_named(tmp_path):
    (tmp_path / "lists/animals").mkdir(parents=True)
    for name in ("colour", "animals/wild"):
        (tmp_path / f"lists/{name}.txt").write_text("red\n")

    async def act(client):
        async with client.get("/wildcards") as answer:
            return (await answer.json())["wildcards"]

    assert ask(tmp_path, act, wildcards=tmp_path / "lists") == ["animals/wild", "colour"]
    assert ask(tmp_path, act) == []
