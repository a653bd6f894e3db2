"""`imagine pull`, `cp`, `rename`, `rm`, `verify-models`: what a user reads, and what is on the disk then."""

import asyncio
import io
import json
import threading

import pytest

from imagine.cli.main import main
from imagine.library.catalogue import CATALOGUE
from tests.library.fake_sites import FakeSites, weights
from tests.registry import declared

MODEL = weights(3, declared.tiny())


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home without models, of which no server knows."""
    monkeypatch.setattr("imagine.cli.reach.named", lambda _: None)
    monkeypatch.setattr("imagine.cli.reach.running", lambda _=None: None)
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    monkeypatch.delenv("IMAGINE_MODELS", raising=False)
    return tmp_path


@pytest.fixture
def hub(monkeypatch):
    """A fake hub on a thread, which the environment names."""
    ready, done, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    fake = FakeSites()
    fake.direct, fake.repositories = True, {"owner/owl": {"owl.safetensors": MODEL}}

    async def go():
        async with fake:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(go(),))
    thread.start()
    assert ready.wait(240)
    monkeypatch.setenv("HF_ENDPOINT", fake.hub)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield fake
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()


class Terminal(io.StringIO):
    """Somebody is there."""

    def isatty(self):
        return True


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code


def add(home, name, data=MODEL):
    path = home / "models" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_model_is_pulled(home, hub, capfd):
    hub.cards["owner/owl"] = {"license": "mit"}
    assert run("pull", "owner/owl", "--yes") == 0
    said = capfd.readouterr()
    assert said.out == "owl\n"
    lines = said.err.splitlines()
    assert lines[:2] == [f"hf:owner/owl, {hub.hub}/owner/owl", "licence: mit"]
    assert lines[3].split() == ["owl.safetensors", "27", "KB", "checkpoint"]
    assert lines[-1] == "owl.safetensors: 27 KB, checked"
    assert (home / "models/owner--owl/owl.safetensors").read_bytes() == MODEL


def test_a_pull_as_json(home, hub, capfd):
    assert run("pull", "hf:owner/owl", "--yes", "--json") == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["status"] for line in lines if line["status"] not in ("pulling", "verifying")] == [
        "planning", "planned", "file", "placed", "done",
    ]  # fmt: skip
    assert lines[-1] == {"status": "done", "model": "owl"}


def test_nobody_is_asked_without_a_terminal(home, hub, capfd):
    assert run("pull", "owner/owl") == 2
    assert "--yes agrees to the licence and the size" in capfd.readouterr().err
    assert not (home / "models/owner--owl/owl.safetensors").exists()


def test_offline_nothing_is_asked(home, hub, capfd):
    assert run("pull", "owner/owl", "--yes", "--offline") == 1
    assert hub.asked == []
    assert "it was said to stay offline" in capfd.readouterr().err


def test_the_catalogue_is_shown(home, capfd):
    assert run("pull") == 0
    assert [line.split()[0] for line in capfd.readouterr().out.splitlines()[1:]] == list(CATALOGUE)


@pytest.mark.parametrize("way", ["link", "copy", "move"])
def test_a_file_of_this_machine_is_taken_in(home, tmp_path, capfd, way):
    mine = tmp_path / "downloads" / "owl.safetensors"
    mine.parent.mkdir()
    mine.write_bytes(MODEL)
    assert run("pull", str(mine), *([] if way == "link" else [f"--{way}"])) == 0
    taken = home / "models/owl.safetensors"
    assert (taken.read_bytes(), taken.is_symlink(), mine.exists()) == (MODEL, way == "link", way != "move")
    assert capfd.readouterr().out == "owl\n"


def test_what_is_no_model_is_not_taken_in(home, tmp_path, capfd):
    for name, data in (("a.ckpt", b"PK"), ("b.safetensors", b"<html>"), ("c.png", b"")):
        (tmp_path / name).write_bytes(data)
        assert run("pull", f"file:{tmp_path / name}") == 2
    told = capfd.readouterr().err
    assert [word in told for word in ("is a pickle", "no file of weights that can be used", "holds no weights")] == [
        True
    ] * 3
    assert not (home / "models").exists()


def test_a_second_name_shares_its_bytes(home, capfd):
    first = add(home, "owl")
    first.with_suffix(".yaml").write_text("num_steps: 3\n")
    assert run("cp", "owl", "second") == 0
    second = home / "models/second.safetensors"
    assert first.samefile(second)
    assert second.with_suffix(".yaml").read_text() == "num_steps: 3\n"
    assert run("rm", "owl", "--yes") == 0
    assert not first.exists()
    assert second.read_bytes() == MODEL
    assert run("cp", "second", "../out") == 2
    assert run("cp", "second", "second") == 2
    assert "is the name of another file" in capfd.readouterr().err


def test_a_model_gets_another_name(home, hub, capfd):
    run("pull", "owner/owl", "--yes")
    assert run("rename", "owl", "barn owl") == 0
    names = {path.name for path in (home / "models/owner--owl").iterdir()}
    assert names == {"barn owl.safetensors", "barn owl.safetensors.imagine.json"}


def test_removing_leaves_nothing_of_it(home, hub, capfd):
    run("pull", "owner/owl", "--yes")
    assert run("rm", "owl") == 2, "nobody is there to be asked"
    assert run("rm", "owl", "-y") == 0
    assert list((home / "models").iterdir()) == []
    assert run("rm", "owl", "-y") == 2
    assert "model 'owl' not found" in capfd.readouterr().err


def test_parts_go_with_the_last_model_that_uses_them(home, capfd):
    from imagine.library.record import PullRecord, note_record
    from tests.library.test_pull import DENOISER

    shapes = {f"model.diffusion_model.{name}": shape for name, shape in DENOISER.items()}
    holes = {"clip_l": declared.clip_text(), "vae": declared.vae()}
    parts = [declared.write(home / "models" / f"{name}.safetensors", shapes) for name, shapes in holes.items()]
    for name in ("fox", "owl"):
        add(home, name, weights(ord(name[0]), shapes))
    note_record(parts[0], PullRecord("hf:owner/clip"))
    assert run("rm", "fox", "-y") == 0
    assert all(part.exists() for part in parts)
    assert run("rm", "owl", "-y") == 0
    assert [part.exists() for part in parts] == [False, True], "the owner brought the VAE"
    assert "with it goes clip_l" in capfd.readouterr().err


def test_damage_is_found(home, hub, capfd):
    run("pull", "owner/owl", "--yes")
    capfd.readouterr()
    assert run("verify-models") == 0
    path = home / "models/owner--owl/owl.safetensors"
    path.write_bytes(MODEL[:-1] + b"?")
    add(home, "mine")
    assert run("verify-models", "--json", "owl", "mine") == 1
    states = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    assert [(each["name"], each["state"]) for each in states] == [("owl", "damaged"), ("mine", "unknown")]


def test_what_a_pull_comes_to_is_asked_at_a_terminal(home, hub, capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert run("pull", "owner/owl") == 130
    assert not (home / "models/owner--owl/owl.safetensors").exists()


IMAGEFILE = """FROM owl
LORA ./ink.safetensors 0.8
PARAMETER steps 8
SAMPLE pictures/owl.json
"""


@pytest.fixture
def imagefile(home):
    """An Imagefile in a folder of its own, with what it names by a path."""
    add(home, "owl")
    folder = home / "mine"
    declared.write(folder / "ink.safetensors", declared.kohya_lora(768))
    (folder / "pictures").mkdir()
    (folder / "pictures/owl.json").write_text(json.dumps({"meta": {"prompt": "an owl", "seed": 7, "model": "owl"}}))
    path = folder / "Imagefile"
    path.write_text(IMAGEFILE)
    return path


def test_a_model_is_made_as_an_imagefile_says_and_shown_as_one(home, imagefile, capfd):
    assert run("create", "inky", "-f", str(imagefile)) == 0
    assert capfd.readouterr() == ("inky\n", "ink.safetensors is linked to among the models\n")
    first = (home / "models/inky.imagine.yaml").read_bytes()
    assert run("show", "inky", "--imagefile") == 0
    shown = capfd.readouterr().out
    assert shown.splitlines()[:3] == ["FROM owl", "LORA ink 0.8", "PARAMETER num_steps 8"]
    assert '"prompt": "an owl"' in shown
    imagefile.write_text(shown)
    assert run("create", "inky:again", "-f", str(imagefile)) == 0
    assert (home / "models/inky:again.imagine.yaml").read_bytes() == first
    assert run("show", "inky") == 0
    assert "LORA ink 0.8" in capfd.readouterr().out


def test_what_is_wrong_with_an_imagefile_is_said_of_its_line(home, imagefile, capfd):
    imagefile.write_text(IMAGEFILE.replace("./ink.safetensors", "inc"))
    assert run("create", "inky", "-f", str(imagefile)) == 2
    assert capfd.readouterr().err == "Error: line 2: loras is 'inc', which isn't among the models\n"
    imagefile.write_text(IMAGEFILE.replace("./ink", "./none"))
    assert run("create", "inky", "-f", str(imagefile)) == 2
    assert "none.safetensors" in capfd.readouterr().err
    assert run("create", "owl", "-f", str(imagefile)) == 2
    assert not list((home / "models").glob("*.yaml"))


def test_a_model_is_packed_and_unpacked(home, imagefile, capfd, monkeypatch):
    run("create", "inky", "-f", str(imagefile))
    run("tag", "inky", "inky:v1")
    packed = home / "inky.imagine.tar"
    assert run("save", "inky:v1", "-o", str(packed)) == 0
    assert run("save", "inky:v1", "-o", str(packed)) == 2
    assert run("rm", "-y", "owl") == 1
    assert "is what inky, inky:v1 is made of" in capfd.readouterr().err
    assert run("rm", "-y", "inky", "inky:v1", "owl") == 0
    monkeypatch.setenv("IMAGINE_HOME", str(home / "other"))
    capfd.readouterr()
    assert run("load", str(packed)) == 0
    assert capfd.readouterr().out == "inky:v1\n"
    assert (home / "other/models/owl.safetensors").read_bytes() == MODEL
    packed.write_bytes(packed.read_bytes()[:-4096])
    assert run("load", str(packed)) == 2


def test_a_preset_that_isnt_there_is_said_of_its_line(home, imagefile, capfd):
    imagefile.write_text("FROM owl\nPRESET sketsh\n")
    assert run("create", "inky", "-f", str(imagefile)) == 2
    assert capfd.readouterr().err.startswith("Error: line 2: preset 'sketsh'")
    assert not list((home / "models").glob("*.yaml"))


def test_what_a_model_is_asked_for_is_listed_without_a_server(home, imagefile, capfd):
    (home / "models/owl.yaml").write_text("parameters: {guidance: 3}\n")
    run("create", "inky", "-f", str(imagefile))
    capfd.readouterr()
    assert run("list", "inky", "--json") == 0
    (told,) = json.loads(capfd.readouterr().out)
    assert (told["defaults"]["num_steps"], told["defaults"]["guidance"]) == (8, 3)


def test_who_names_a_server_is_told_that_it_isnt_asked(home, capfd, monkeypatch):
    add(home, "owl")
    monkeypatch.setenv("IMAGINE_HOST", "elsewhere:1")
    assert run("tag", "owl", "owl:v1") == 0
    assert capfd.readouterr() == (
        "owl:v1\n", "this is about the models of this machine: IMAGINE_HOST isn't asked\n"
    )  # fmt: skip


def test_a_preset_that_doesnt_come_with_a_model_is_told(home, imagefile, capfd, monkeypatch):
    (home / "presets.yaml").write_text("mine: of mine\n")
    imagefile.write_text("FROM owl\nPRESET mine\n")
    assert run("create", "inky", "-f", str(imagefile)) == 0
    assert run("save", "inky", "-o", str(home / "x.tar")) == 0
    monkeypatch.setenv("IMAGINE_HOME", str(home / "other"))
    capfd.readouterr()
    assert run("load", str(home / "x.tar")) == 0
    assert "Warning: its preset doesn't come with it: preset 'mine'" in capfd.readouterr().err
