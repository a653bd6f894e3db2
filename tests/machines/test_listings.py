"""Models that only another server has: listed with their place, drawn there alone, gone with it."""

import asyncio
import shutil

import pytest

from imagine.asking.model_choice import default_model
from imagine.cli.disk import on_disk
from imagine.dispatch.process import ProcessWorker
from imagine.files.shipped import FIRST
from imagine.library import creating
from imagine.machines import peer_life
from imagine.machines.listings import entry_from, listed_from
from imagine.machines.parting import Lie
from imagine.machines.wire import ListedModels
from imagine.messages import message
from imagine.registry.registry import Registry
from imagine.server.hosting.session import listings_of
from imagine.words.entry import Entry
from imagine.words.errors import ModelNotFound, PartNotFound
from imagine.words.frames import WorkerSettings
from imagine.words.sizes import Sizes, Weight
from tests.machines.peering import ToldHost, at_work, changed, of_peers, peers, told_by
from tests.machines.test_peers import generate
from tests.registry import declared
from tests.server.openai.painting import PaintingWorker
from tests.server.served import PATIENCE, add_model

DEER = Entry(
    name="deer", path="/home/host/deer.safetensors", kind="checkpoint", family="stable_diffusion", digest="d" * 64,
    size=5, metadata={"modelspec.description": "x"}, has_vae=True,
)  # fmt: skip
FAR = entry_from(changed(DEER, path=""), "box:5000")


def add_deer(folder):
    """A model that is no other's copy."""
    return declared.write(folder / "models/deer.safetensors", declared.tiny(), metadata={"called": "deer"})


async def listed(client, *names):
    """Waits until it lists these models."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with client.get("/models") as answer:
                told = await answer.json()
            if sorted(told["models"]) == sorted(names):
                return told
            await asyncio.sleep(0)


def test_a_server_without_models_lists_those_of_another_and_has_them_drawn_there(tmp_path):
    async def go():
        add_deer(tmp_path / "host0")
        async with peers(tmp_path, PaintingWorker(), models=("fox",)) as (guest, (served,)):
            await at_work(guest, files=2)
            told = await listed(guest, "deer", "fox")
            (worker,) = of_peers(guest)
            places = {each["name"]: each.get("place") for each in told["details"]}
            assert places == {"deer": worker.place, "fox": None}, "its own is its own"
            async with guest.get("/v1/models") as answer:
                owners = {each["id"]: each["owned_by"] for each in (await answer.json())["data"]}
            assert (owners["deer"], owners["fox"]) == (worker.place, "imagine")
            status, answer = await generate(guest, model="deer", seed=7, num_steps=2)
            assert (status, answer["meta"]["model"]) == (200, "deer")
            assert [job.models[0].main.path for job in served.worker.seen] == [
                str(tmp_path / "host0/models/deer.safetensors")
            ]
            assert guest.worker.seen == []
            async with guest.get("/library") as answer:
                assert "deer" not in [each["name"] for each in (await answer.json())["files"]]
            worker._list([])
            await listed(guest, "fox")
            status, answer = await generate(guest, model="deer")
            assert status == 404

    asyncio.run(go())


def test_what_comes_to_this_machine_is_its_own_from_then_on(tmp_path):
    async def go():
        deer = add_deer(tmp_path / "host0")
        async with peers(tmp_path, {"worker": PaintingWorker(), "models": ()}, models=()) as (guest, _):
            await at_work(guest)
            await listed(guest, "deer")
            model = await guest.gateway.configured(await guest.gateway.to_draw("deer"))
            assert (model.main.path, model.main.files) == ("", ())
            assert not ProcessWorker(WorkerSettings()).holds(model.components)
            shutil.copy(deer, (tmp_path / "guest/models").mkdir() or tmp_path / "guest/models/own.safetensors")
            await guest.gateway.entries()
            await guest.gateway.to_draw("own")
            await listed(guest, "own")

    asyncio.run(go())


def test_what_is_here_hides_what_is_elsewhere(tmp_path):
    registry = Registry([tmp_path / "models"])
    registry.list_elsewhere("box:5000", [FAR, changed(FAR, name="doe", digest="e" * 64)])
    registry.list_elsewhere("attic:5000", [changed(FAR, place="attic:5000", digest="f" * 64)])
    registry.refresh()
    assert [(entry.name, entry.place) for entry in registry.models()] == [("deer", "box:5000"), ("doe", "box:5000")]
    assert registry.find_alike("Deer") is registry.find("deer")
    assert registry.still(registry.find("deer"))
    add_model(tmp_path, "deer")
    registry.refresh()
    assert [(entry.name, entry.place) for entry in registry.models()] == [("deer", ""), ("doe", "box:5000")]
    registry.list_elsewhere("box:5000", [])
    with pytest.raises(ModelNotFound):
        registry.find("doe")
    assert registry.files() == [registry.find("deer")]


def test_what_is_here_is_meant_before_what_is_elsewhere_and_a_name_keeps_its_place(tmp_path):
    add_model(tmp_path, "Deer")
    registry = Registry([tmp_path / "models"])
    registry.refresh()
    doe, other = (
        changed(FAR, name="doe", digest="e" * 64),
        changed(FAR, name="doe", place="attic:5000", digest="f" * 64),
    )
    registry.list_elsewhere("box:5000", [FAR, doe])
    registry.list_elsewhere("attic:5000", [other])
    registry.list_elsewhere("box:5000", [doe, FAR])
    assert registry.find_alike("deer").place == ""
    assert registry.find("doe") is doe, "another's word doesn't make it another model"
    with pytest.raises(PartNotFound):
        creating._file(registry, "from", "doe", "checkpoint")


def test_a_server_that_comes_changes_no_choice_that_was_settled_here():
    own, ship = changed(FAR, name="own", place=""), changed(FAR, name=FIRST, place="", shipped=True)
    other = changed(FAR, name="doe")
    chosen = {
        ("own", FIRST, "deer", "doe"): "own",
        (FIRST, "deer", "doe"): FIRST,
        (FIRST, "deer"): "deer",
        ("deer", "doe"): None,
    }
    known = {each.name: each for each in (own, ship, FAR, other)}
    assert {names: default_model([known[each] for each in names], None) for names in chosen} == chosen
    told = [{"name": "own", "size": 5}, {"name": "deer", "size": 7, "place": "box:5000"}]
    assert on_disk(told) == 5


def test_a_list_of_several_frames_counts_once_it_is_whole():
    many = [changed(DEER, name=f"deer {number}") for number in range(33)]
    heard = []

    async def act(worker):
        said = peer_life.PeerHeard(print, print, print, heard.append)
        life = peer_life.PeerLife(worker.peer, worker._terms, said)
        for frame in listings_of(many, {DEER.digest}):
            assert heard == []
            life._take_listed(frame)
        life.kill(message("lost.stopped"))
        await life.ended

    async def go():
        async with told_by(ToldHost()) as worker:
            await act(worker)

    asyncio.run(go())
    assert [each.name for each in heard[0]] == [each.name for each in many]


def test_nothing_of_where_it_lies_crosses_and_only_what_can_be_asked_for():
    others = [
        changed(DEER, kind="safety"),
        changed(DEER, digest=""),
        changed(DEER, digest="e" * 64),
        changed(DEER, shipped=True),
        changed(DEER, problem=message("unfit.pickle")),
        changed(DEER, triggers=("x" * 1000,)),
    ]
    (crossing,) = listed_from([DEER, *others], {DEER.digest})
    assert (crossing.path, crossing.metadata, crossing.files, crossing.name) == ("", {}, (), "deer")


LIES = [
    {"name": ""},
    {"name": "x" * 201},
    {"name": "deer\n"},
    {"name": "\u202edeer"},
    {"kind": "safety"},
    {"family": "../x"},
    {"digest": "D" * 64},
    {"size": -1},
    {"modified": float("nan")},
    {"resolution": 2**70},
    {"triggers": ("x",) * 65},
    {"triggers": ("x" * 200,) * 64, "bundled": ("y" * 200,) * 64},
    {"variant": "x\x1b[2J"},
    {"sizes": Sizes(vae=Weight(-1, 0))},
]


@pytest.mark.parametrize("lie", LIES)
def test_what_no_server_lists_ends_the_connection(lie):
    with pytest.raises(Lie):
        entry_from(changed(FAR, **lie), "box:5000")


def test_what_a_host_says_of_an_entry_beside_that_is_not_believed():
    told = changed(DEER, path="/etc/passwd", shipped=True, problem=message("unfit.pickle"), place="elsewhere:1")
    assert entry_from(told, "box:5000") == changed(FAR, place="box:5000")


def test_a_list_without_end_is_a_lie():
    many = tuple(changed(FAR, place="", name=f"deer {number}") for number in range(32))
    host = ToldHost(*(ListedModels(entries=many, is_first=not number) for number in range(129)))

    async def go():
        async with told_by(host) as worker, asyncio.timeout(PATIENCE):
            assert await worker.rests.get() == 30.0
            assert "what can't be" in str(worker.broken)

    asyncio.run(go())
