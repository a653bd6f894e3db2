"""`imagine train` from outside: its own process, its files, Ctrl-C."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from imagine.cli.main import main
from imagine.cli.training_folder import pictures_in
from imagine.words.errors import BadRequest, ImagineError
from tests.assistant.fake_models import modelled, says
from tests.checkpoints import write_checkpoint
from tests.daemon import CLI, PATIENCE, environment


@pytest.fixture
def folder(tmp_path) -> Path:
    pictures = tmp_path / "мои фото"
    pictures.mkdir()
    for name in ("one.png", "two.JPG", "three.webp"):
        Image.new("RGB", (64, 64), "red").save(pictures / name)
    return pictures


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_words_come_from_files_where_there_are_any(folder):
    pictures, unread = pictures_in(folder, "fido", None)
    assert [picture.caption for picture in pictures] == ["fido"] * 3
    (folder / "one.txt").write_text("a dog\non grass")
    (folder / "two.txt").write_text("Fido asleep")
    (folder / "four.heic").write_bytes(b"x")
    (folder / ".hidden.png").write_bytes(b"x")
    (folder / "more").mkdir()
    pictures, unread = pictures_in(folder, "fido", None)
    assert {Path(p.path).name: p.caption for p in pictures} == {
        "one.png": "fido, a dog on grass", "two.JPG": "Fido asleep", "three.webp": "fido"
    }  # fmt: skip
    assert [path.name for path in unread] == ["four.heic", "more"]
    assert {picture.caption for picture in pictures_in(folder, "fido", "word")[0]} == {"fido"}


def test_a_folder_that_does_not_do_is_refused(folder, tmp_path):
    with pytest.raises(BadRequest, match="no picture"):
        pictures_in(tmp_path, "fido", None)
    with pytest.raises(BadRequest, match=r"\.txt"):
        pictures_in(folder, "fido", "files")
    with pytest.raises(BadRequest, match="can't be read"):
        pictures_in(tmp_path / "nowhere", "fido", None)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["../x"], "can't be a file's name"), (["x", "--steps", "0"], "--steps"), (["x", "--rank", "999"], "--rank"),
        (["x", "--rate", "2"], "--rate"), (["x", "-m", "nothing"], "nothing"),
        (["x", "--assistant", "http://127.0.0.1:9"], "--caption-by assistant"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_is_begun(folder, typed, why, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    assert run("train", *typed, "--from", folder) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


@pytest.fixture
def home(tmp_path) -> Path:
    models = tmp_path / ".imagine" / "models"
    models.mkdir(parents=True)
    write_checkpoint(models / "tiny.safetensors", metadata={"modelspec.resolution": "64x64"})
    return tmp_path


def interrupted(home: Path, command: list[str]) -> tuple[int, str, str]:
    """Exit status and words of what gets a Ctrl-C amid its steps; anew where it was done before that came."""
    for _ in range(5):
        with subprocess.Popen(
            command, env=environment(home), cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        ) as process:  # fmt: skip
            while not (said := process.stderr.readline()).startswith("step"):
                assert said, process.wait(PATIENCE)
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            break
        Path(out.strip()).unlink()
    return process.returncode, out, err


@pytest.mark.slow  # two processes with torch
def test_ctrl_c_keeps_what_was_learned_and_the_same_command_goes_on(home, folder):
    asked = ["--from", str(folder), "-m", "tiny", "--steps", "20", "--rank", "2", "--samples", "0"]
    command = [*CLI, "train", "fido", *asked]
    status, out, err = interrupted(home, command)
    assert (status, out) == (130, "")
    assert "the same command goes on" in err
    other = subprocess.run(
        [*command, "--flip"], env=environment(home), cwd=home, capture_output=True, text=True, check=False
    )
    assert (other.returncode, other.stdout) == (2, "")
    assert "--force begins anew" in other.stderr
    done = subprocess.run(
        command, env=environment(home), cwd=home, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert " done. " in done.stderr
    made = Path(done.stdout.strip())
    assert made == home / ".imagine" / "models" / "loras" / "fido.safetensors"
    assert made.is_file()
    again = subprocess.run(command, env=environment(home), cwd=home, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (2, "")
    assert "is there already" in again.stderr


def test_the_assistant_writes_the_words_that_are_missing_and_changes_none(folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    Image.new("RGB", (64, 64), "blue").save(folder / "two.JPG", "JPEG")
    Image.new("RGB", (64, 64), "green").save(folder / "three.png")
    (folder / "four.png").write_bytes(b"no picture")
    (folder / "one.TXT").write_text("on grass")
    seen = {
        "subjects": [{"name": "dog", "count": 2, "colours": ["brown"], "position": "left [1]"}], "background": "sofa",
        "composition": {"shot": "wide", "angle": "", "layout": ""}, "lighting": "soft", "palette": ["brown"],
        "style": "photo", "people": False,
    }  # fmt: skip
    asked = []

    async def act():
        async with modelled("ollama", says(seen)) as fake:
            made = await asyncio.to_thread(pictures_in, folder, "fido", "assistant", fake.url)
            asked.append(len(fake.asked))
            await asyncio.to_thread(pictures_in, folder, "fido", "assistant", fake.url)
            asked.append(len(fake.asked))
            return made

    pictures, _ = asyncio.run(act())
    words = "fido, 2 brown dog, left 1, sofa background, wide shot, soft, photo"
    assert {Path(p.path).name: p.caption for p in pictures} == {
        "four.png": "fido", "one.png": "fido, on grass", "three.png": words, "three.webp": words, "two.JPG": words,
    }  # fmt: skip
    assert sorted(path.name for path in folder.glob("*.[tT]*")) == ["one.TXT", "three.txt", "two.txt"]
    assert (folder / "one.TXT").read_text() == "on grass"
    assert asked == [2, 2], "only of what has none, once, and once of a name"
    assert "four.png gets no words" in capfd.readouterr().err
    (folder / "two.txt").unlink()
    with pytest.raises(ImagineError, match=r"can't be reached.*goes on with the rest"):
        pictures_in(folder, "fido", "assistant", "http://127.0.0.1:9")
    monkeypatch.delenv("IMAGINE_ASSISTANT", raising=False)
    with pytest.raises(BadRequest, match="--assistant or IMAGINE_ASSISTANT"):
        pictures_in(folder, "fido", "assistant")


def test_what_says_nothing_as_a_caption_is_no_file(folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))

    async def act():
        async with modelled("ollama", says({"palette": ["red"], "composition": {"layout": "flat"}})) as fake:
            return await asyncio.to_thread(pictures_in, folder, "fido", "assistant", fake.url)

    pictures, _ = asyncio.run(act())
    assert [picture.caption for picture in pictures] == ["fido"] * 3
    assert not list(folder.glob("*.txt"))
    assert capfd.readouterr().err.count("gets no words: the assistant saw nothing in it") == 3
