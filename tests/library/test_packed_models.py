"""Named models made, packed and unpacked: whole elsewhere, and nothing of a hostile tar among the models."""

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagine.library import keeping
from imagine.library.creating import create, tag
from imagine.library.packing import PackedContents, PackedFile, PackedPart, pack
from imagine.library.tar import END, TarMember, header_of, padding_of
from imagine.library.unpacking import unpack
from imagine.registry.registry import Registry
from imagine.words.errors import BadRequest, ImagineError, UnusableModel
from imagine.words.named_model import NamedLora, NamedModel
from tests.registry import declared
from tests.registry.listing import listed

INKY = NamedModel(base="fox", loras=(NamedLora(name="ink", weight=0.8),), prompt_prefix="ink drawing of ")


@pytest.fixture
def models(tmp_path):
    root = tmp_path / "models"
    declared.write(root / "fox.safetensors", declared.tiny())
    declared.write(root / "ink.safetensors", declared.kohya_lora(768), metadata={"is": "ink"})
    declared.write(root / "big.safetensors", declared.kohya_lora(2048), metadata={"is": "big"})
    return root


def test_what_is_made_is_listed_by_digests_and_made_again_in_its_place(models):
    registry = listed(models)
    create(registry, "inky:latest", INKY)
    made = registry.find("inky").made
    assert made.digest == registry.with_digest(registry.find("fox")).digest
    assert made.loras[0].digest
    tag(registry, registry.find("inky"), "inky:v1")
    create(registry, "inky", NamedModel(base="fox", negative="red"))
    assert (registry.find("inky").made.negative, registry.find("inky:v1").made) == ("red", made)
    assert registry.find("inky:v1").made.prompt_prefix == "ink drawing of "


@pytest.mark.parametrize(
    ("name", "made", "field", "says"),
    [
        ("../x", INKY, "model", "must be NAME or NAME:TAG"),
        ("fox", INKY, "model", "is the name of another file"),
        ("inky", NamedModel(base="wolf"), "from", "'wolf', which isn't among the models"),
        ("inky", NamedModel(base="../../fox"), "from", "isn't among the models"),
        ("inky", NamedModel(base="fox", loras=(NamedLora(name="inc"),)), "loras", "there is ink"),
        ("inky", NamedModel(base="fox", loras=(NamedLora(name="big"),)), "loras", "big"),
        ("inky", NamedModel(base="fox", vae="sharp"), "vae", "'sharp'"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(models, name, made, field, says):
    before = sorted(models.rglob("*"))
    with pytest.raises(BadRequest, match=says) as refused:
        create(listed(models), name, made)
    assert refused.value.note.field == field
    assert sorted(models.rglob("*")) == before


def test_what_a_named_model_is_made_of_stays_while_it_is_there(models):
    registry = listed(models)
    create(registry, "inky", INKY)
    for name in ("fox", "ink"):
        with pytest.raises(UnusableModel, match="is what inky is made of"):
            keeping.removal_of(keeping.find(registry, name), registry)
        with pytest.raises(UnusableModel, match="is what inky is made of"):
            keeping.rename(keeping.find(registry, name), "other", registry)
    assert keeping.called(keeping.copy(registry.find("inky"), "second", registry)) == "second"
    for name in ("inky", "second"):
        registry.refresh()
        keeping.remove(keeping.removal_of(registry.find(name), registry), registry.roots)
    assert {path.name for path in models.iterdir()} == {"fox.safetensors", "ink.safetensors", "big.safetensors"}


@pytest.mark.parametrize("weights", [True, False])
def test_a_packed_model_is_the_same_elsewhere(models, tmp_path, weights):
    registry, packed = listed(models), tmp_path / "inky.imagine.tar"
    create(registry, "inky", INKY)
    create(registry, "inkier", NamedModel(base="inky", negative="red"))
    pack(registry, registry.find("inkier"), packed, weights=weights)
    other = Registry([tmp_path / "other"])
    other.refresh()
    if not weights:
        with pytest.raises(BadRequest, match="is made of fox"):
            unpack(other, packed)
        other = registry
        keeping.remove(keeping.removal_of(registry.find("inkier"), registry), registry.roots)
    assert unpack(other, packed) == "inkier"
    assert other.find("inkier").made == registry.find("inkier").made
    assert other.find("inky").made == registry.find("inky").made
    again = {path.name: path.read_bytes() for path in other.roots[0].glob("*.safetensors")}
    assert all((models / name).read_bytes() == data for name, data in again.items())
    assert unpack(other, packed) == "inkier", "once more is the same"
    with tarfile.open(packed) as theirs:
        assert theirs.getnames()[0] == "imagine.json"


def test_a_file_of_that_name_which_is_another_stays(models, tmp_path):
    registry, packed = listed(models), tmp_path / "inky.imagine.tar"
    create(registry, "inky", INKY)
    pack(registry, registry.find("inky"), packed, weights=True)
    mine = declared.write(tmp_path / "other/fox.safetensors", declared.tiny(), metadata={"is": "mine"})
    before, other = mine.read_bytes(), listed(tmp_path / "other")
    unpack(other, packed)
    assert mine.read_bytes() == before
    assert other.find("inky").made.base == "inky/fox"
    assert other.find("inky").made.digest == registry.find("inky").made.digest


def packed(*members, parts=(), **said):
    """A tar of one's own: a manifest of these parts, and these files as a name with its bytes, or raw bytes."""
    manifest = msgspec.json.encode(msgspec.structs.replace(PackedContents(1, (), tuple(parts)), **said))
    out = io.BytesIO()
    for each in [("imagine.json", manifest), *members]:
        if isinstance(each, bytes):
            out.write(each)
        else:
            name, data = each
            out.write(header_of(TarMember(name, len(data))) + data + padding_of(len(data)))
    return out.getvalue() + END


def foreign(kind, name="files/0.safetensors", link="/etc/passwd"):
    told = tarfile.TarInfo(name)
    told.type, told.linkname = kind, link
    return told.tobuf(tarfile.GNU_FORMAT)


PART = PackedPart("fox", "checkpoint", "a" * 64, files=(PackedFile("fox.safetensors", "b" * 64, 3),))
FILE = ("files/0.safetensors", b"abc")


def part(path, **said):
    return msgspec.structs.replace(PART, files=(PackedFile(path, "b" * 64, 3),), **said)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "ends before it is whole"),
        (b"x" * 2000, "no tar"),
        (packed(parts=[PART]), "ends before it is whole"),
        (packed(FILE, parts=[PART])[:-1536], "ends before it is whole"),
        (packed(FILE, parts=[PART]), "has the SHA-256"),
        (packed(FILE, FILE, parts=[PART]), "SHA-256"),
        (packed(("files/1.safetensors", b"abc"), parts=[PART]), "holds 'files/1"),
        (packed(("files/0.safetensors", b"abcd"), parts=[PART]), "holds 'files/0"),
        (packed(("../x", b"abc"), parts=[PART]), "holds '../x'"),
        (packed(foreign(tarfile.SYMTYPE), parts=[PART]), "holds 'files/0"),
        (packed(foreign(tarfile.LNKTYPE), parts=[PART]), "holds 'files/0"),
        (packed(foreign(tarfile.XHDTYPE), parts=[PART]), "holds 'files/0"),
        (packed(foreign(tarfile.GNUTYPE_SPARSE), parts=[PART]), "holds 'files/0"),
        (packed(foreign(tarfile.DIRTYPE), parts=[PART]), "holds 'files/0"),
        (packed(parts=[part("../fox.safetensors")]), "makes no sense"),
        (packed(parts=[part("/fox.safetensors")]), "makes no sense"),
        (packed(parts=[part("fox.ckpt")]), "makes no sense"),
        (packed(parts=[part("a/../../fox.json", folder=True)]), "makes no sense"),
        (packed(parts=[part(".fox.safetensors")]), "makes no sense"),
        (packed(parts=[PART, PART]), "makes no sense"),
        (
            packed(parts=[msgspec.structs.replace(PART, files=(PackedFile("f.gguf", "b" * 64, 2**60),))]),
            "there is room",
        ),
        (packed(parts=[PART], format=2), "of the format 2"),
        (packed(), "makes no sense"),
    ],
)
def test_a_hostile_tar_is_harmless(models, tmp_path, data, says):
    path = tmp_path / "x.imagine.tar"
    path.write_bytes(data)
    before = {each: each.read_bytes() for each in models.iterdir()}
    with pytest.raises(ImagineError, match=says):
        unpack(listed(models), path)
    assert {each: each.read_bytes() for each in models.iterdir() if each.name != ".blobs"} == before
    assert [*(models / ".blobs").glob("*")] == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_spoilt_tar_is_refused_or_the_same(models, tmp_path, data):
    registry, whole = listed(models), tmp_path / "inky.imagine.tar"
    if not whole.exists():
        create(registry, "inky", INKY)
        pack(registry, registry.find("inky"), whole, weights=True)
        registry.refresh()
    spoilt = bytearray(whole.read_bytes()[: 4 * 2**10])
    at = data.draw(st.integers(0, len(spoilt) - 1))
    spoilt[at] ^= data.draw(st.integers(1, 255))
    path, root = tmp_path / "spoilt.tar", tmp_path / "elsewhere"
    path.write_bytes(bytes(spoilt))
    with pytest.raises(ImagineError):
        unpack(Registry([root]), path)
    assert [*root.rglob("*.safetensors")] == []


def test_of_two_who_make_the_same_at_once_one_has_it_whole(models):
    registry = listed(models)
    ways = [NamedModel(base="fox", negative=name * 1000) for name in "ab"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda way: create(registry, "inky", way), ways * 8))
    registry.refresh()
    assert registry.find("inky").made.negative in {way.negative for way in ways}
    assert [path.name for path in models.iterdir() if path.name.startswith(".")] == []
