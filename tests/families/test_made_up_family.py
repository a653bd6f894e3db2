"""CONTRIBUTING's recipe for a family, followed from outside: a row, an engine file, a tiny checkpoint."""

import ast
import io
import sys
from base64 import b64decode
from pathlib import Path

import pytest
from PIL import Image

from imagine.dispatch.process import ProcessWorker
from imagine.engine.families.table import OPENERS
from imagine.families.table import FAMILIES
from imagine.registry.registry import Registry
from imagine.words.frames import WorkerSettings
from tests.families.made_up import checkpoint
from tests.families.made_up.facts import ROW
from tests.server.served import ask

FOLDER = Path(__file__).parent / "made_up"
WORKER = [sys.executable, "-m", "tests.families.made_up.worker"]


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder with a checkpoint of the family, and in this process the table that has its row."""
    (tmp_path / "models").mkdir()
    checkpoint.write(tmp_path / "models" / "daub.safetensors")
    monkeypatch.setitem(FAMILIES, ROW.name, ROW)
    return tmp_path


def serve(folder, act):
    return ask(folder, act, models=(), worker=ProcessWorker(WorkerSettings(device="cpu"), command=WORKER))


async def generated(client, **request):
    async with client.post("/generate", json={"model": "daub", "prompt": "a boat", "seed": 1} | request) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


def picture(answer):
    return Image.open(io.BytesIO(b64decode(answer["img"])))


def test_it_is_listed_and_shown(models):
    entry = Registry([models / "models"]).refresh().added[0]
    assert (entry.name, entry.kind, entry.family, entry.problem) == ("daub", "checkpoint", "made-up", None)
    assert (entry.resolution, entry.prediction, entry.has_vae, entry.needs) == (96, "epsilon", True, ())

    async def shown(client):
        async with client.get("/models/daub") as answer:
            return await answer.json()

    detail = ask(models, shown, models=())
    assert (detail["family"], detail["resolution"], detail["multiple"]) == ("made-up", 96, 32)
    assert detail["components"] == {"text_encoder": ["letters"], "vae": ["made-up"]}
    assert detail["defaults"] == {"num_steps": 3, "guidance": 2.0, "sampler": "euler"}


@pytest.mark.slow  # a worker process: torch takes its seconds
def test_it_is_resolved_opened_and_drawn(models):
    async def drawn(client):
        plain = await generated(client)
        again = await generated(client)
        other = await generated(client, prompt="a tree")
        sized = await generated(client, width=150, num_steps=2, neg="fog")
        edited = await generated(client, img=plain["img"], strength=0.5)
        async with client.get("/models/daub") as answer:
            return plain, again, other, sized, edited, (await answer.json())["loaded"]

    plain, again, other, sized, edited, loaded = serve(models, drawn)
    assert picture(plain).size == (96, 96)
    assert (plain["meta"]["num_steps"], plain["meta"]["guidance"], plain["meta"]["sampler"]) == (3, 2.0, "euler")
    assert plain["img"] == again["img"]
    assert plain["img"] != other["img"]
    assert len(picture(plain).convert("RGB").getcolors(2**16)) > 20, "something is on it"
    assert picture(sized).size == (160, 96)
    assert any("multiples of 32" in warning for warning in sized["warnings"]), sized["warnings"]
    assert picture(edited).size == (96, 96)
    assert loaded["dtype"] == "float32"


@pytest.mark.slow  # as above
def test_a_family_without_an_opener_is_refused_by_name(models):
    """What a row alone is worth: the worker says whose models it doesn't open."""

    async def refused(client):
        async with client.post("/generate", json={"model": "daub", "prompt": "a boat"}) as answer:
            return answer.status, await answer.text()

    plain = ProcessWorker(WorkerSettings(device="cpu"))
    status, text = ask(models, refused, models=(), worker=plain)
    assert status == 422, text
    assert "made-up" in text


def test_every_family_that_is_drawn_from_a_file_has_its_opener_and_no_other():
    assert {name for name, facts in FAMILIES.items() if facts.single_file} == set(OPENERS)
    assert all(facts.needs and facts.native for facts in FAMILIES.values() if facts.single_file)


def test_the_recipe_takes_a_row_an_engine_file_and_a_checkpoint_and_nothing_else():
    """Its worker extends the two tables, and nothing of src is patched, subclassed or scanned for."""
    assert {path.name for path in FOLDER.glob("*.py")} == {"facts.py", "family.py", "checkpoint.py", "worker.py"}
    changed = [
        ast.unparse(target)
        for node in ast.walk(ast.parse((FOLDER / "worker.py").read_text()))
        if isinstance(node, ast.Assign)
        for target in node.targets
    ]
    assert changed == ["FAMILIES[ROW.name]", "OPENERS[ROW.name]"]
    known = {
        node.module
        for node in ast.walk(ast.parse((FOLDER / "facts.py").read_text()))
        if isinstance(node, ast.ImportFrom)
    }
    assert known == {"imagine.families.facts"}
