"""`imagine inspect` and `imagine provenance`, and pictures that a command encodes itself, which are signed again."""

import base64
import io
import json
import stat
from pathlib import Path

import pytest
from PIL import Image

from imagine.cli.main import main
from imagine.pictures.canonical import halves
from imagine.pictures.looking.inspection import inspected
from imagine.provenance.identity import IdentityPlace, keep_first, stored
from tests.cli.fake_server import FakeServer
from tests.cli.fake_server import picture as line
from tests.provenance.signing import picture, read, sign, somebody


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home/provenance"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_inspect_says_where_each_file_comes_from(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("strange.jpg").write_bytes(sign(picture("image/jpeg"), who=somebody("a stranger")))
    Path("plain.png").write_bytes(plain())
    Path("text.png").write_text("no picture")
    assert run("inspect", "strange.jpg", "plain.png", "text.png", "none.png") == 1
    out, err = capsys.readouterr()
    assert "strange.jpg: signed as made by Imagine elsewhere" in out
    assert "    signature      valid" in out
    assert "plain.png: doesn't say where it comes from" in out
    assert [text.partition(":")[0] for text in err.splitlines()] == ["text.png", "none.png can't be read"]
    assert run("inspect", "plain.png", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["file"], told["origin"], told["signature"]) == ("plain.png", "unknown", "none")
    assert not home.exists(), "who only looks makes no key"


def plain() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def test_a_key_is_made_shown_rotated_and_exported(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def shown() -> dict:
        assert run("provenance", "show", "--json") == 0
        return json.loads(capsys.readouterr().out)

    first = shown()
    signed = sign(picture(), who=stored(IdentityPlace(home)))
    assert (first["subject"], first["before"]) == ("CN=Imagine local key,O=Imagine", 0)
    assert stat.S_IMODE((home / "identity.pem").stat().st_mode) == 0o600
    assert shown() == first
    assert run("provenance", "rotate") == 0
    capsys.readouterr()
    second = shown()
    assert (second["sha256"] != first["sha256"], second["before"]) == (True, 1)
    assert inspected(signed, stored(IdentityPlace(home)).roots).origin == "here", "made before, and still known"
    assert run("provenance", "export", "public.pem") == 0
    assert "PRIVATE" not in Path("public.pem").read_text()
    assert read(sign(picture(), who=stored(IdentityPlace(home))), roots=Path("public.pem").read_text())[1] == "Trusted"
    assert run("provenance", "export", "public.pem") == 1, "what is there stays"
    assert run("provenance", "rotate", "public.pem") == 2


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_a_signed_picture_saved_in_another_format_is_signed_again(server: FakeServer, home: Path, suffix: str) -> None:
    made = sign(picture(), who=somebody("a server"))
    server.lines = [line(made)]
    assert run("run", "p", "-o", f"x.{suffix}") == 0
    saved = Path(f"x.{suffix}").read_bytes()
    told = inspected(saved, stored(IdentityPlace(home)).roots)
    assert (told.origin, told.actions, told.model) == ("here", ("opened", "transcoded"), "m")
    assert (told.sources[0].signed, told.sources[0].source_type) == (True, "trainedAlgorithmicMedia")


def test_what_the_server_did_not_sign_is_not_signed_here(server: FakeServer, home: Path) -> None:
    server.lines = [line(picture())]
    assert run("run", "p", "-o", "x.jpg") == 0
    assert not halves(Path("x.jpg").read_bytes()).cuts
    assert not home.exists()


def test_a_sheet_of_signed_pictures_is_signed(server: FakeServer, home: Path) -> None:
    server.lines = [line(sign(picture()), index=0), line(sign(picture(seed=8)), index=1)]
    assert run("run", "p", "-o", "x.png", "--count", "2") == 0
    assert inspected(Path("x-sheet.png").read_bytes()).source_type == "compositeWithTrainedAlgorithmicMedia"
    assert Path("x-1.png").read_bytes() == sent_by(server, 0), "a PNG is as the server sent it"


def sent_by(server: FakeServer, index: int) -> bytes:
    return base64.b64decode(server.lines[index]["img"])


def test_a_damaged_key_is_told_and_rotated(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir(parents=True)
    (home / "identity.pem").write_text("garbage")
    Path("plain.png").write_bytes(plain())
    assert run("provenance", "show") == 1
    assert "holds no key with its certificates; imagine provenance rotate" in capsys.readouterr().err
    assert run("inspect", "plain.png") == 0, "others' pictures can still be told"
    assert run("provenance", "rotate") == 0
    assert run("provenance", "show") == 0


def test_own_certificates_come_with_their_key_and_are_read_at_the_start(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    me = somebody()
    Path("chain.pem").write_text(me.certificates)
    Path("key.pem").write_text("none")
    assert run("serve", "--provenance-key", "key.pem") == 2
    assert "provenance_key and provenance_certificates go together" in capsys.readouterr().err
    assert run("serve", "--provenance-key", "key.pem", "--provenance-certificates", "chain.pem") == 2
    assert "chain.pem holds no key with its certificates" in capsys.readouterr().err


def test_a_key_is_kept_where_no_links_are_and_the_first_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    for refused in (False, True):
        folder = home / str(refused)
        with monkeypatch.context() as patched:
            if refused:
                patched.setattr("os.link", no_links)
            for who in (somebody("first"), somebody("second")):
                keep_first(folder, (who.key + who.certificates).encode())
        assert stored(IdentityPlace(folder)).key == somebody("first").key
        assert [path.name for path in folder.iterdir()] == ["identity.pem"]
