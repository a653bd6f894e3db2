"""Named models made, packed and unpacked: whole elsewhere, and nothing of a hostile tar among the models."""

import hashlib
import io
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagine.asking.named_models import made_from
from imagine.files.yaml_text import read_yaml
from imagine.library import keeping, unpacking
from imagine.library.blobs import sweep_blobs
from imagine.library.creating import check_free, create, place, tag, yaml_of
from imagine.library.packing import PackedContents, PackedFile, PackedModel, PackedPart, pack
from imagine.library.tar import END, TarMember, header_of, padding_of
from imagine.registry.made import made_alone
from imagine.registry.registry import Registry
from imagine.words.errors import BadRequest, ImagineError, UnusableModel
from imagine.words.named_model import NamedLora, NamedModel
from tests.library.fake_sites import weights
from tests.library.model_shapes import SHAPES, add_shaped
from tests.registry import declared
from tests.registry.listing import listed

unpack = partial(unpacking.unpack, check=made_from)
INKY = NamedModel(base="fox", loras=(NamedLora(name="ink", weight=0.8),), prompt_prefix="ink drawing of ")


def nested(depth):
    """An object in an object, so deep."""
    return {"a": nested(depth - 1)} if depth else {}


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
        ("fox.imagine", INKY, "model", "must be NAME or NAME:TAG"),
        ("inky", NamedModel(base="fox", license="漢" * 100_000), None, "it can be 262144 at most"),
        ("inky", NamedModel(base="fox", sample=nested(400)), "sample", "no recipe in JSON"),
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


@settings(max_examples=12)
@given(st.text(), st.text(), st.dictionaries(st.text(), st.text() | st.booleans() | st.floats(-1e9, 1e9)))
def test_what_is_written_of_a_model_reads_as_the_same(text, name, sample):
    made = NamedModel(base=f"x{name}", loras=(NamedLora(name=name),), negative=text, license=text * 9, sample=sample)
    assert made_alone("x", read_yaml(yaml_of(made).decode())) == made


def test_a_file_that_was_sent_is_one_models_alone_and_takes_nobodys_name(tmp_path):
    blob = declared.write(tmp_path / ".blobs/sha256-0", declared.tiny())
    place(blob, tmp_path / "fox.safetensors")
    with pytest.raises(BadRequest, match="wasn't sent"):
        place(blob, tmp_path / "owl.safetensors")
    declared.write(blob, declared.tiny())
    for sidecar in (b"", b"negative: red"):
        (tmp_path / "fox" / "x").mkdir(parents=True, exist_ok=True)
        with pytest.raises(BadRequest, match="'fox' is the name of another file"):
            place(blob, tmp_path / "fox.safetensors", sidecar)
    declared.write(tmp_path / "sub/hen.safetensors", declared.tiny())
    with pytest.raises(BadRequest, match="'hen' is the name of another file"):
        check_free(listed(tmp_path), "hen")


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


@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_of_any_shape_is_the_same_elsewhere(tmp_path, shape):
    root, packed = tmp_path / "models", tmp_path / "x.imagine.tar"
    base = add_shaped(root, shape)
    registry = listed(root)
    create(registry, "inky", NamedModel(base=base, negative="blue"))
    pack(registry, registry.find("inky"), packed, weights=True)
    other = Registry([tmp_path / "other"])
    assert unpack(other, packed) == "inky"
    first, second = registry.base_of(registry.find("inky")), other.base_of(other.find("inky"))
    assert other.with_digest(second).digest == registry.with_digest(first).digest
    assert (second.made, second.size, second.format) == (first.made, first.size, first.format)
    before = sorted(other.roots[0].rglob("*"))
    assert unpack(other, packed) == "inky"
    assert sorted(other.roots[0].rglob("*")) == before
    for name in ("inky", second.name):
        keeping.remove(keeping.removal_of(keeping.find(other, name), other), other.roots)
        other.refresh()
    assert [path for path in other.roots[0].rglob("*") if path.name != ".blobs"] == []


def test_what_is_being_unpacked_for_hours_is_not_swept(tmp_path):
    file = tmp_path / ".blobs/unpacking/0/fox.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half")
    for folder in (file.parent, file.parent.parent):
        os.utime(folder, (0, 0))
    sweep_blobs(tmp_path)
    assert file.exists()
    os.utime(file, (0, 0))
    sweep_blobs(tmp_path)
    assert not file.parent.parent.exists()


def test_a_named_model_of_ones_own_is_not_replaced_by_what_is_unpacked(models, tmp_path):
    registry, packed = listed(models), tmp_path / "inky.imagine.tar"
    create(registry, "inky", INKY)
    pack(registry, registry.find("inky"), packed, weights=True)
    create(registry, "inky", NamedModel(base="fox", negative="mine"))
    with pytest.raises(BadRequest, match="'inky' is here, too, and another"):
        unpack(registry, packed)
    assert registry.find("inky").made.negative == "mine"


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


def whole(*names, folder=False, **said):
    """A part of these files, each of the same good weights, and the members of a tar that are its files."""
    files = tuple(PackedFile(name, hashlib.sha256(GOOD).hexdigest(), len(GOOD)) for name in names)
    told = msgspec.structs.replace(PART, files=files, folder=folder, **said)
    return [(f"files/{at}.{name.rpartition('.')[2]}", GOOD) for at, name in enumerate(names)], told


GOOD = weights(3, declared.tiny())
FALSE = [
    whole("x.safetensors", kind="lora"), whole("model_index.json", folder=True),
    whole("x.safetensors", "toybox.imagine.yaml", folder=True), whole("x.safetensors", "y.safetensors", folder=True),
    whole("x-00001-of-00002.safetensors"), whole("x.yaml", folder=True),
    whole("x.safetensors", "x.yaml", folder=True, name=""),
]  # fmt: skip


@pytest.mark.parametrize(("members", "told"), FALSE)
def test_what_is_no_part_of_a_model_stays_nowhere(tmp_path, members, told):
    path = tmp_path / "x.imagine.tar"
    path.write_bytes(packed(*members, parts=[told]))
    root = tmp_path / "models"
    with pytest.raises(BadRequest):
        unpack(Registry([root]), path)
    assert [each for each in root.rglob("*") if each.name != ".blobs"] == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (packed(parts=[PART], models=(PackedModel("inky", NamedModel(base="fox", negative="x" * 4001)),)), "4001 char"),
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
