"""The digest of content: two fine-tunes have two, wherever they differ; the same weights one, wherever they lie."""

import hashlib
import os
import shutil

import msgspec
import pytest
from declared import tiny, write
from test_registry_folders import folder

from imagine.identity.stamp import stamp_from
from imagine.messages import in_english
from imagine.registry import content, registry, scan
from imagine.registry.content import BLOCK, WHOLE
from imagine.registry.header import read_header
from imagine.registry.registry import Registry
from imagine.words.errors import ModelChanged, UnusableModel

LARGE = tiny() | {
    "model.diffusion_model.huge.weight": (6000, 6000),
    "model.diffusion_model.huge.bias": (320,),
    "model.diffusion_model.none": (0,),
}


def fresh(root, cache=None):
    found = Registry([root], cache=cache)
    found.refresh()
    return found


def digest(root, name="x"):
    found = fresh(root)
    return found.with_digest(found.find(name)).digest


def put(path, at, data):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_that_of_a_small_file_is_its_sha256_and_kept(tmp_path):
    root, cache = tmp_path / "models", tmp_path / "cache"
    path = write(root / "x.safetensors", tiny())
    found = fresh(root, cache)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size <= WHOLE
    known = found.with_digest(found.find("x"))
    assert (known.digest, known.file_digest) == (sha256, sha256)
    assert found.find("x") == known
    assert not found.refresh()
    assert fresh(root, cache).find("x") == known
    write(path, tiny() | {"more": (1,)})
    found.refresh()
    assert (found.find("x").digest, found.find("x").file_digest) == ("", "")


@pytest.mark.parametrize("tensor", ["model.diffusion_model.huge.weight", "model.diffusion_model.huge.bias"])
@pytest.mark.parametrize("at", ["first", "last"])
def test_one_byte_in_a_tensors_block_tells_two_large_files_apart(tmp_path, tensor, at):
    one, other = (write(tmp_path / name / "x.safetensors", LARGE, metadata={"a": "b"}) for name in "ab")
    assert one.stat().st_size > WHOLE
    assert digest(one.parent) == digest(other.parent)
    header = read_header(other)
    info = header.tensors[tensor]
    start, length = info.start, info.end - info.start
    if length > BLOCK:
        start, length = start + (length - BLOCK) // 2, BLOCK
    put(other, header.data_start + (start if at == "first" else start + length - 1), b"\1")
    assert read_header(one).digest == read_header(other).digest
    assert digest(one.parent) != digest(other.parent)


def test_that_of_a_large_file_tells_metadata_and_size_too_and_is_not_its_sha256(tmp_path):
    one = write(tmp_path / "a" / "x.safetensors", LARGE, metadata={"a": "b"})
    other = write(tmp_path / "b" / "x.safetensors", LARGE, metadata={"a": "c"})
    assert digest(one.parent) != digest(other.parent)
    found = fresh(one.parent)
    assert found.with_digest(found.find("x")).file_digest == ""


@pytest.mark.parametrize(
    "member", ["unet/diffusion_pytorch_model.safetensors", "unet/config.json", "tokenizer/merges.txt"]
)
def test_that_of_a_folder_is_of_all_that_its_components_hold(tmp_path, member):
    path = folder(tmp_path / "models" / "x")
    (path / "tokenizer").mkdir(exist_ok=True)
    (path / "tokenizer" / "merges.txt").write_text("a b\n")
    shutil.copytree(path, tmp_path / "copy" / "x")
    before = digest(tmp_path / "models")
    assert digest(tmp_path / "copy") == before
    changed = path / member
    put(changed, changed.stat().st_size - (changed.suffix == ".safetensors"), b"\n")
    assert digest(tmp_path / "models") != before


def test_what_became_another_file_has_none(tmp_path, monkeypatch):
    path = write(tmp_path / "x.safetensors", tiny())
    found = fresh(tmp_path)
    before = found.find("x")
    write(path, tiny() | {"more": (1,)})
    with pytest.raises(ModelChanged, match="is being changed"):
        found.with_digest(before)
    found.refresh()
    read = content._of_file

    def while_it_is_read(path):
        made = read(path)
        os.utime(path, ns=(1, 1))
        return made

    monkeypatch.setattr(content, "_of_file", while_it_is_read)
    with pytest.raises(ModelChanged):
        found.with_digest(found.find("x"))
    assert found.find("x").digest == ""


def test_what_cannot_be_read_says_why(tmp_path, monkeypatch):
    write(tmp_path / "x.safetensors", tiny())
    found = fresh(tmp_path)

    def broken(path):
        raise UnusableModel(in_english("it can't be read: input/output error"))

    monkeypatch.setattr(content, "_of_file", broken)
    with pytest.raises(UnusableModel, match="model 'x' can't be used: it can't be read: input/output error"):
        found.with_digest(found.find("x"))


def test_a_digest_of_what_was_replaced_meanwhile_is_dropped(tmp_path, monkeypatch):
    path = write(tmp_path / "x.safetensors", tiny())
    found = fresh(tmp_path)
    before = found.find("x")

    def overtaken(entry):
        write(path, tiny() | {"more": (1,)})
        found.refresh()
        return "0" * 64

    monkeypatch.setattr(registry, "content_digest", overtaken)
    found.with_digest(before)
    found.learn_file_digest(before, "1" * 64)
    assert (found.find("x").digest, found.find("x").file_digest) == ("", "")


def test_a_model_is_found_by_every_digest_that_names_it(tmp_path):
    for name, more in (("a", {}), ("b", {"more": (1,)})):
        write(tmp_path / f"{name}.safetensors", LARGE | more)
    (tmp_path / "old.ckpt").touch()
    found = fresh(tmp_path)
    found.learn_file_digest(found.find("b"), "ab" * 32)
    known = found.with_digest(found.find("b"))
    for name in (known.digest, known.header_digest, known.file_digest, "ab" * 5):
        assert [entry.name for entry in found.of_digest(name)] == ["b"]
    assert found.of_digest("cd" * 32) == []


def test_another_number_of_the_same_device_costs_no_digest(tmp_path, monkeypatch):
    root, cache = tmp_path / "models", tmp_path / "cache"
    write(root / "x.safetensors", tiny())
    found = fresh(root, cache)
    known = found.with_digest(found.find("x"))

    def after_a_restart(path, status):
        return msgspec.structs.replace(stamp_from(path, status), device=99)

    monkeypatch.setattr(scan, "stamp_from", after_a_restart)
    again = fresh(root, cache).find("x")
    assert again.digest == known.digest
    assert [stamp.device for stamp in again.files] == [99]
