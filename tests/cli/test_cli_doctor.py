"""`imagine doctor`: what it finds of facts, what it says, and how it ends."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from imagine.cli import doctor, doctor_checks
from imagine.cli.main import main
from imagine.dispatch.process import ProcessWorker
from imagine.settings.settings import Settings
from imagine.words.frames import Room, WorkerSettings
from tests.registry import declared

ROOT = Path(__file__).parents[2]
NO_GPU, NVIDIA = {"NVIDIA": False, "AMD": False}, {"NVIDIA": True, "AMD": False}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of which no server knows, with a worker around an engine that only plays."""
    monkeypatch.setattr("imagine.cli.reach.running", lambda _=None: None)
    monkeypatch.setattr(doctor_checks, "gpus_there", lambda: NO_GPU)  # whatever this machine has
    monkeypatch.setattr(doctor_checks, "_LEAST_DISK", 0)
    monkeypatch.setattr(doctor_checks, "_LEAST_MEMORY", 0)
    for name in ("IMAGINE_MODELS", "IMAGINE_CONFIG", "IMAGINE_DEVICE", "IMAGINE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    command = [sys.executable, str(ROOT / "tests/worker/fake_worker.py")]
    monkeypatch.setattr(
        "imagine.server.gateway.own_worker.own_workers", lambda _: [ProcessWorker(WorkerSettings(), command=command)]
    )
    (tmp_path / "models").mkdir()
    return tmp_path


def findings(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return ended.value.code, {(each["about"], each["state"]): each for each in lines}


def test_all_that_is_well(home, capsys):
    declared.write(home / "models" / "fox.safetensors", declared.tiny())
    status, found = findings(capsys)
    assert status == 0, found
    assert {about for about, state in found if state != "wrong"} >= {"versions", "folder", "models", "memory", "server"}
    assert found["models", "ok"]["what"].startswith("1 model to draw with")
    assert any(about == "device" for about, _ in found)


def test_what_is_wrong_ends_it_with_one(home, capsys):
    (home / "models" / "torn.safetensors").write_bytes(b"torn")
    (home / "models" / "gone.safetensors").symlink_to(home / "nowhere.safetensors")
    (home / "models" / "big.safetensors.partial").write_bytes(b"half")
    status, found = findings(capsys)
    assert status == 1
    assert "torn can't be used" in found["models", "wrong"]["what"]
    assert "imagine rm torn" in found["models", "wrong"]["advice"]
    assert "1 link to what is gone, such as gone.safetensors" in found["folder", "wrong"]["what"]
    assert "1 file on the way" in found["folder", "note"]["what"]


def test_what_no_model_took_is_told(tmp_path):
    declared.write(tmp_path / ".blobs/sha256-0", declared.tiny())
    assert "1 file that no model took" in [*doctor_checks.folders(tmp_path, [tmp_path])][-1].what


def test_settings_that_cant_be_are_told(home, capsys, monkeypatch):
    monkeypatch.setenv("IMAGINE_PORT", "door")
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    out = capsys.readouterr().out
    assert ended.value.code == 1
    assert "WRONG  settings    IMAGINE_PORT is 'door'" in out
    assert "→ change it there" in out


def test_a_device_that_isnt_there_is_told(home, capsys, monkeypatch):
    async def none(_):
        return "cuda", None, "device is 'cuda', which this machine does not have"

    monkeypatch.setattr(doctor, "_found_device", none)
    status, found = findings(capsys)
    assert (status, found["device", "wrong"]["what"]) == (1, "device is 'cuda', which this machine does not have")


@pytest.mark.parametrize(
    ("there", "torch", "state", "said"),
    [
        (NO_GPU, "2.9.0", "note", "no GPU"),
        (NVIDIA, "2.9.0+cpu", "wrong", "this torch is for CPUs"),
        (NVIDIA, "2.9.0", "wrong", "can't use it"),
    ],
)
def test_a_cpu_beside_a_gpu_is_wrong(there, torch, state, said):
    found = doctor_checks.device("cpu", "x86_64", torch, there)
    assert (found.state, said in found.what, bool(found.advice)) == (state, True, state == "wrong")
    assert doctor_checks.device("cuda:0", "H200", torch, NVIDIA).state == "ok"


def test_versions_are_held_against_what_is_needed():
    required = ["some_thing<3,>=2.10", "other>=1", "of-an-extra>=9; extra == 'binary'"]
    missing, old = doctor_checks.versions(required, {"some-thing": "2.9.3"})
    assert (missing.state, old.state) == ("wrong", "wrong")
    assert {missing.what, old.what} == {"some_thing 2.9.3 is too old", "other isn't installed"}
    (well,) = doctor_checks.versions(required, {"some-thing": "2.10.0+cpu", "other": "1.0", "torch": "2.9.0"})
    assert (well.state, "torch 2.9.0" in well.what) == ("ok", True)
    needed, installed = doctor_checks.requirements(), doctor_checks.installed_versions()
    assert needed
    assert [each.state for each in doctor_checks.versions(needed, installed)] == ["ok"]


def test_which_models_fit():
    known = [
        doctor_checks.FittingModel("small", "all", 10**9), doctor_checks.FittingModel("other", "all", 10**9),
        doctor_checks.FittingModel("wide", "layers", 4 * 10**9), doctor_checks.FittingModel("huge", None, 9 * 10**9),
    ]  # fmt: skip
    said = [each.what for each in doctor_checks.fits(known, 6 * 10**9)]
    assert said == [
        "small, other: all of it stays in 6.0 GB for weights",
        "wide: layer by layer, slowly in 6.0 GB for weights",
        "huge doesn't fit in 6.0 GB for weights: it needs 9.0 GB or more",
    ]


def test_what_could_be_brought_is_told_by_how_it_would_fit():
    room = Room(memory=6 * 2**30, left=2**30)
    said = {each.what.partition(":")[0]: each.what for each in doctor_checks.would_fit([*doctor._published(room)])}
    assert "Stable Diffusion 1.5" in said["all of it stays"]
    assert "FLUX.1 in Q4_K, T5 in fp8" in said["layer by layer, slowly"]
    assert "Stable Diffusion 1.5" in next(doctor_checks.would_fit([*doctor._published(Room(memory=0))])).what


def test_a_server_of_another_version_is_told():
    health = {"version": "0.0.0", "problem": None, "status": "ready", "running": 0, "waiting": 0}
    (other,) = doctor_checks.server(health)
    assert (other.state, "imagine 0.0.0" in other.what) == ("wrong", True)
    told = [*doctor_checks.server(health | {"problem": "no device"})]
    assert ["no device" in each.what for each in told] == [True, False]


def test_little_memory_is_told():
    states = [doctor_checks.main_memory(total, free).state for total, free in ((2**31, 2**30), (2**35, 2**30))]
    assert [*states, doctor_checks.main_memory(2**35, 2**34).state] == ["wrong", "note", "ok"]


def test_the_worker_is_asked_for_its_device(home):
    ((place, ready, why),) = asyncio.run(doctor._found_devices(Settings(home=home)))
    assert (place, ready.device, why) == ("fake", "fake", "")


def test_of_several_devices_each_is_told_and_a_cpu_beside_a_gpu_is_no_mistake():
    found = [("cuda:0", "H200", ""), ("cpu", "x86_64", ""), ("cuda:9", "", "device is 'cuda:9', which isn't here")]
    told = [*doctor._devices(found, "2.9.0", "cuda:0,cpu,cuda:9")]
    assert [each.state for each in told] == ["ok", "note", "wrong"]
    assert "cuda:9" in told[2].what
    assert told[2].advice.endswith("(it is cuda:0,cpu,cuda:9 now)")


def test_a_proxy_that_nothing_goes_through_is_told():
    (found,) = doctor_checks.proxies({"https_proxy": "http://proxy:3128"})
    assert (found.state, "HTTPS_PROXY is set" in found.what) == ("note", True)
    assert [*doctor_checks.proxies({"HTTPS_PROXY": ""})] == []
