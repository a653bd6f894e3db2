"""What is kept: links, whose files are the owner's own; copies of folders; pins; and who shares whose bytes."""

import os
from pathlib import Path

import pytest

from imagine.cli.disk import on_disk, parts_column, size_column
from imagine.library.catalogue import KeptOffers
from imagine.library.folder_copy import copy_folder
from imagine.library.keeping import copy, find, removal_of, remove, rename
from imagine.library.local import take_in
from imagine.library.offer import Offer
from imagine.library.partial import lock
from imagine.registry.registry import Registry
from imagine.registry.same_files import names_of_the_same
from imagine.words.errors import BadRequest, ImagineError
from tests.library.model_shapes import a_folder
from tests.registry import declared
from tests.registry.listing import listed


@pytest.mark.parametrize("is_folder", [True, False])
def test_removing_what_was_linked_leaves_the_original(tmp_path, is_folder):
    own = tmp_path / "own"
    original = a_folder(own / "fox") if is_folder else declared.write(own / "fox.safetensors", declared.tiny())
    before = sorted(path for path in own.rglob("*") if path.is_file())
    root = tmp_path / "models"
    link = take_in(original, root, "link")
    registry = Registry([root])
    registry.refresh()
    remove(removal_of(find(registry, "fox"), registry), [root])
    assert not link.is_symlink()
    assert sorted(path for path in own.rglob("*") if path.is_file()) == before


def test_removing_leaves_what_a_folder_of_it_leads_to(tmp_path):
    shared, root = tmp_path / "shared", tmp_path / "models"
    fox = a_folder(root / "fox")
    (fox / "unet").rename(shared)
    (fox / "unet").symlink_to(shared, target_is_directory=True)
    registry = listed(root)
    remove(removal_of(find(registry, "fox"), registry), [root])
    assert sorted(path.name for path in shared.iterdir()) == ["config.json", "diffusion_pytorch_model.safetensors"]
    assert [*root.iterdir()] == []


def test_what_lies_beside_a_link_goes_with_it(tmp_path):
    original = declared.write(tmp_path / "own/fox.safetensors", declared.tiny())
    root = tmp_path / "models"
    take_in(original, root, "link")
    (root / "fox.yaml").write_text("negative: red\n")
    registry = listed(root)
    remove(removal_of(find(registry, "fox"), registry), [root])
    assert (original.exists(), [*root.iterdir()]) == (True, [])


@pytest.mark.parametrize("change", [copy, rename])
def test_a_name_that_another_takes_at_that_moment_stays_theirs(tmp_path, monkeypatch, change):
    fox, owl = (tmp_path / f"{name}.safetensors" for name in ("fox", "owl"))
    declared.write(fox, declared.tiny())
    fox.with_suffix(".yaml").write_text("negative: red\n")
    registry, link = listed(tmp_path), os.link

    def late(path, target, **said):
        if Path(target) == owl:
            owl.write_bytes(b"theirs")
        link(path, target, **said)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(BadRequest, match="'owl' is the name of another file"):
        change(find(registry, "fox"), "owl", registry)
    assert owl.read_bytes() == b"theirs"
    assert {path.name for path in tmp_path.iterdir()} == {"fox.safetensors", "fox.yaml", "owl.safetensors"}


def test_a_sidecar_of_nobodys_is_not_taken_for_the_second_names(tmp_path):
    declared.write(tmp_path / "fox.safetensors", declared.tiny())
    (tmp_path / "owl.yaml").write_text("negative: red\n")
    registry = listed(tmp_path)
    with pytest.raises(BadRequest, match="'owl' is the name of another file"):
        copy(find(registry, "fox"), "owl", registry)
    assert not (tmp_path / "owl.safetensors").exists()


def test_a_folder_is_copied_over_what_a_kill_left(tmp_path):
    own, target = tmp_path / "own", tmp_path / "second"
    (own / "unet").mkdir(parents=True)
    (own / "unet" / "config.json").write_text("{}")
    left = tmp_path / ".second.partial"
    (left / "unet").mkdir(parents=True)
    (left / "unet" / "config.json").write_text("hal")
    (left / "stray.json").write_text("{}")
    copy_folder(own, target)
    assert [path.relative_to(target).as_posix() for path in sorted(target.rglob("*"))] == ["unet", "unet/config.json"]
    assert ((target / "unet" / "config.json").read_text(), left.exists()) == ("{}", False)


def test_a_copy_that_runs_is_left_alone(tmp_path):
    (tmp_path / "own").mkdir()
    left = tmp_path / ".second.partial"
    left.mkdir()
    (left / "config.json").write_text("hal")
    held = os.open(left, os.O_RDONLY)
    try:
        assert lock(held)
        with pytest.raises(BlockingIOError):
            copy_folder(tmp_path / "own", tmp_path / "second")
    finally:
        os.close(held)
    assert (left / "config.json").exists()


def test_pins_that_cant_be_read_just_now_are_kept(tmp_path):
    place = tmp_path / "catalogue.json"
    kept, offer = KeptOffers(place), Offer("hub", "owner/fox", "main", ())
    kept.keep("fox", offer, [])
    other = tmp_path / "aside.json"
    place.rename(other)
    place.mkdir()
    with pytest.raises((ImagineError, OSError)):
        kept.keep("owl", offer, [])
    place.rmdir()
    other.rename(place)
    kept.keep("owl", offer, [])
    assert [kept.of(name) for name in ("fox", "owl")] == [offer, offer]


def test_who_has_the_same_bytes_is_told(tmp_path):
    first = declared.write(tmp_path / "fox.safetensors", declared.tiny())
    os.link(first, tmp_path / "owl.safetensors")
    declared.write(tmp_path / "hen.safetensors", declared.tiny())
    registry = Registry([tmp_path])
    registry.refresh()
    same = names_of_the_same(registry.files())
    by_name = {entry.name: same.get(entry.path, []) for entry in registry.files()}
    assert by_name == {"fox": ["owl"], "owl": ["fox"], "hen": []}


def test_what_models_take_of_the_disk():
    encoder = {"name": "qwen", "size": 8 * 10**9}
    found = [
        {"name": "z", "size": 12 * 10**9, "vae": "ae", "encoders": ["qwen"]},
        {"name": "z-two", "size": 12 * 10**9, "vae": "", "encoders": ["qwen"], "same_as": ["z"]},
        {"name": "own", "size": 2 * 10**9, "vae": "ae2", "encoders": []},
        {"name": "styled", "size": 12 * 10**9, "made": {"from": "z"}, "vae": "", "encoders": []},
        encoder, {"name": "ae", "size": 3 * 10**8}, {"name": "ae2", "size": 10**8},
    ]  # fmt: skip
    assert on_disk(found) == 12 * 10**9 + 2 * 10**9 + 8 * 10**9 + 3 * 10**8 + 10**8
    parts = parts_column(found)
    assert (parts["z"], parts["z-two"], parts["own"]) == ("8.3 GB, shared", "8.0 GB, shared", "100 MB")
    assert [size_column(each) for each in found[1:4]] == ["12.0 GB, the same as z", "2.0 GB", "12.0 GB, of z"]
    assert parts["qwen"] == ""
