"""The registry: what it lists under which name, what it sees change, what it keeps, and what it survives."""

import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
from declared import FLUX, header_json, kohya_lora, tiny, vae, write
from test_registry_header import unprivileged

from imagine.files.shipped import UNPACKED
from imagine.messages import message
from imagine.registry import describe
from imagine.registry.cache import load_records
from imagine.registry.header import read_header
from imagine.registry.registry import Registry
from imagine.words.errors import ModelNotFound, UnusableModel


def fresh(*roots, **options):
    registry = Registry(roots, **options)
    registry.refresh()
    return registry


def names(registry):
    return [entry.name for entry in registry.models()]


def problems(registry):
    return {entry.name: str(entry.problem) for entry in registry.files() if entry.problem}


@pytest.fixture
def opened(monkeypatch):
    """The names of the files whose headers are read."""
    seen = []

    def watched(path):
        seen.append(path.name)
        return read_header(path)

    monkeypatch.setattr(describe, "read_header", watched)
    return seen


def test_what_the_binary_unpacked_is_as_old_as_that(tmp_path):
    """Its files have all one time, by which a changed one is told."""
    path = write(tmp_path / "toybox.safetensors", tiny())
    os.utime(path, (UNPACKED, UNPACKED))
    assert fresh(tmp_path).find("toybox").modified == path.stat().st_ctime


def test_an_entry_says_what_is_known(tmp_path):
    path = write(
        tmp_path / "Red Fox.safetensors", tiny(), metadata={"modelspec.title": "Fox", "imagine.attention_heads": "4"}
    )
    entry = fresh(tmp_path).find("Red Fox")
    assert entry.path == str(path)
    assert (entry.kind, entry.family, entry.format, entry.shipped) == (
        "checkpoint",
        "stable_diffusion",
        "safetensors",
        False,
    )
    assert entry.size == path.stat().st_size
    assert entry.modified == path.stat().st_mtime
    assert (entry.header_digest, entry.digest) == (read_header(path).digest, "")
    assert [stamp.path for stamp in entry.files] == [str(path)]
    assert entry.metadata == {"modelspec.title": "Fox", "imagine.attention_heads": "4"}
    assert (entry.has_vae, entry.text_encoders, entry.file_digest, entry.problem) == (True, ("clip_l",), "", None)


def test_long_metadata_is_left_out(tmp_path):
    write(tmp_path / "x.safetensors", tiny(), metadata={"modelspec.thumbnail": "x" * 5000, "a": "b"})
    assert fresh(tmp_path).find("x").metadata == {"a": "b"}


def test_only_what_can_generate_is_a_model(tmp_path):
    write(tmp_path / "model.safetensors", tiny())
    write(tmp_path / "vae.safetensors", vae())
    write(tmp_path / "flux.safetensors", FLUX)
    (tmp_path / "old.ckpt").write_bytes(b"")
    (tmp_path / "readme.txt").write_text("hello")
    registry = fresh(tmp_path)
    assert names(registry) == ["model"]
    assert {(entry.name, entry.kind) for entry in registry.files()} == {
        ("model", "checkpoint"),
        ("vae", "vae"),
        ("flux", "diffusion-model"),
        ("old", "unknown"),
    }
    assert registry.find("vae", kind="vae").kind == "vae"
    with pytest.raises(ModelNotFound):
        registry.find("vae")
    assert registry.find("flux").composes, "with the encoders that it lacks, as whoever draws with it is told"


@pytest.mark.parametrize("suffix", ["ckpt", "pt", "pth", "bin", "CKPT"])
def test_pickles_are_listed_and_never_opened(tmp_path, suffix):
    os.mkfifo(tmp_path / f"old.{suffix}")  # opening it would hang
    registry = fresh(tmp_path)
    assert problems(registry) == {"old": "it is a pickle, which can run code when opened; convert it to safetensors"}
    with pytest.raises(UnusableModel, match="model 'old' can't be used: it is a pickle"):
        registry.find("old")


COMFY = {
    "checkpoints/sd15": "checkpoint",
    "loras/style": "lora",
    "vae/good": "vae",
    "diffusion_models/flux1-dev": "diffusion-model",
    "unet/flux1-schnell": "diffusion-model",
    "embeddings/bad-hands": "embedding",
    "upscale_models/4x": "upscaler",
    "clip/clip_l": "text-encoder",
    "text_encoders/t5": "text-encoder",
}
A1111 = {
    "models/Stable-diffusion/sd15": "checkpoint",
    "models/Lora/style": "lora",
    "models/VAE/good": "vae",
    "models/ESRGAN/4x": "upscaler",
    "embeddings/bad-hands": "embedding",
}
OF_KIND = {
    "checkpoint": tiny(),
    "lora": kohya_lora(),
    "vae": vae(),
    "diffusion-model": FLUX,
    "embedding": {"emb_params": (4, 768)},
    "upscaler": {"conv_first.weight": (64, 3, 3, 3), "body.0.rdb1.conv1.weight": (32, 64, 3, 3)},
    "text-encoder": {"text_model.embeddings.position_embedding.weight": (77, 768)},
}


@pytest.mark.parametrize("tree", [COMFY, A1111])
def test_trees_of_comfyui_and_a1111_just_work(tmp_path, tree):
    for path, kind in tree.items():
        write(tmp_path / f"{path}.safetensors", OF_KIND[kind])
    (tmp_path / "checkpoints").mkdir(exist_ok=True)
    (tmp_path / "checkpoints" / "put_checkpoints_here").touch()
    registry = fresh(tmp_path)
    assert {entry.name: entry.kind for entry in registry.files()} == {
        path.split("/")[-1]: kind for path, kind in tree.items()
    }
    assert names(registry) == ["sd15"]


def test_a_clash_gives_each_its_folder_as_prefix(tmp_path):
    for path in ("a/x", "b/x", "b/c/x", "only"):
        write(tmp_path / f"{path}.safetensors", tiny())
    registry = fresh(tmp_path)
    assert names(registry) == ["a/x", "b/c/x", "b/x", "only"]
    assert registry.find("b/x").path == str(tmp_path / "b" / "x.safetensors")
    with pytest.raises(ModelNotFound):
        registry.find("x")


def test_a_file_at_the_top_keeps_its_name_in_a_clash(tmp_path):
    for path in ("x", "sub/x"):
        write(tmp_path / f"{path}.safetensors", tiny())
    assert names(fresh(tmp_path)) == ["sub/x", "x"]


def test_roots_with_the_same_names_in_them(tmp_path):
    for root in ("one/models", "two/models", "two/others"):
        write(tmp_path / root / "x.safetensors", tiny())
    registry = fresh(tmp_path / "one/models", tmp_path / "two/models", tmp_path / "two/others")
    assert names(registry) == ["models-2/x", "models/x", "others/x"]
    assert registry.find("models/x").path.endswith("one/models/x.safetensors")


def test_names_told_apart_by_nothing_but_their_suffix(tmp_path):
    write(tmp_path / "m" / "x.safetensors", tiny())
    write(tmp_path / "m" / "x.SAFETENSORS", tiny())
    assert names(fresh(tmp_path / "m")) == ["m/x.SAFETENSORS", "m/x.safetensors"]


def test_kinds_have_names_of_their_own(tmp_path):
    write(tmp_path / "a" / "x.safetensors", tiny())
    write(tmp_path / "b" / "x.safetensors", kohya_lora())
    registry = fresh(tmp_path)
    assert registry.find("x").kind == "checkpoint"
    assert registry.find("x", kind="lora").kind == "lora"


def test_accents_are_one_name_however_spelled(tmp_path):
    write(tmp_path / "cafe\u0301.safetensors", tiny())
    assert names(fresh(tmp_path)) == ["caf\u00e9"]
    assert fresh(tmp_path).find("cafe\u0301").name == "caf\u00e9"


def test_names_are_never_paths(tmp_path):
    write(tmp_path / "models" / "sub" / "x.safetensors", tiny())
    outside = write(tmp_path / "secret.safetensors", tiny())
    registry = fresh(tmp_path / "models")
    for name in ("../secret", "sub/x", "sub/../sub/x", "./x", "x.safetensors", str(outside), "x\0", "", "/", "..", "X"):
        with pytest.raises(ModelNotFound) as caught:
            registry.find(name)
        assert caught.value.field == "model"


def test_links_of_the_owner_are_followed(tmp_path):
    write(tmp_path / "elsewhere" / "far.safetensors", tiny())
    write(tmp_path / "elsewhere" / "deep" / "deeper.safetensors", tiny())
    write(tmp_path / "single.safetensors", tiny())
    root = tmp_path / "models"
    root.mkdir()
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "alias.safetensors").symlink_to(tmp_path / "single.safetensors")
    registry = fresh(root)
    assert names(registry) == ["alias", "deeper", "far"]
    assert registry.find("alias").size == (tmp_path / "single.safetensors").stat().st_size


def test_loops_of_links_end_and_real_folders_go_before_links(tmp_path):
    write(tmp_path / "z" / "x.safetensors", tiny())
    write(tmp_path / "b" / "x.safetensors", tiny())
    (tmp_path / "a-link").symlink_to(tmp_path / "z")
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    (tmp_path / "z" / "self").symlink_to(tmp_path / "z")
    assert names(fresh(tmp_path)) == ["b/x", "z/x"]


def test_one_file_reached_twice_is_one_model_and_an_alias_is_two(tmp_path):
    write(tmp_path / "a" / "x.safetensors", tiny())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.safetensors").symlink_to(tmp_path / "a" / "x.safetensors")
    (tmp_path / "b" / "alias.safetensors").symlink_to(tmp_path / "a" / "x.safetensors")
    assert names(fresh(tmp_path)) == ["alias", "x"]


def test_a_root_inside_a_root_is_listed_once(tmp_path):
    write(tmp_path / "loras" / "x.safetensors", tiny())
    assert names(fresh(tmp_path, tmp_path / "loras", tmp_path)) == ["x"]


def test_hidden_names_are_skipped_and_missing_roots_are_empty(tmp_path):
    write(tmp_path / ".cache" / "x.safetensors", tiny())
    write(tmp_path / "._mac.safetensors", tiny())
    assert fresh(tmp_path, tmp_path / "missing").files() == []


def test_sees_new_changed_and_removed_files(tmp_path, opened):
    registry = Registry([tmp_path])
    assert not registry.refresh()
    write(tmp_path / "a.safetensors", tiny())
    write(tmp_path / "b.safetensors", tiny())
    changes = registry.refresh()
    assert [entry.name for entry in changes.added] == ["a", "b"]
    assert not registry.refresh()
    write(tmp_path / "b.safetensors", tiny(), metadata={"modelspec.prediction_type": "v"})
    (tmp_path / "a.safetensors").rename(tmp_path / "c.safetensors")
    changes = registry.refresh()
    assert [entry.name for entry in changes.added] == ["c"]
    assert [(entry.name, entry.prediction) for entry in changes.changed] == [("b", "v_prediction")]
    assert [entry.name for entry in changes.removed] == ["a"]
    (tmp_path / "b.safetensors").unlink()
    assert [entry.name for entry in registry.refresh().removed] == ["b"]
    assert names(registry) == ["c"]
    assert opened == ["a.safetensors", "b.safetensors", "b.safetensors", "c.safetensors"]


def test_a_file_being_copied_is_unusable_until_it_is_whole(tmp_path):
    whole = write(tmp_path / "source", tiny()).read_bytes()
    path = tmp_path / "models" / "x.safetensors"
    path.parent.mkdir()
    registry = Registry([path.parent])
    for part, reason in ((0, "no safetensors"), (100, "truncated"), (len(whole) // 2, "truncated")):
        path.write_bytes(whole[:part])
        registry.refresh()
        assert reason in problems(registry)["x"]
        assert names(registry) == []
    path.write_bytes(whole)
    assert [entry.name for entry in registry.refresh().changed] == ["x"]
    assert names(registry) == ["x"]


def test_odd_things_named_like_models_are_listed_for_their_problem(tmp_path):
    write(tmp_path / "folder.safetensors" / "inner.safetensors", tiny())
    os.mkfifo(tmp_path / "fifo.safetensors")
    (tmp_path / "dangling.safetensors").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop.safetensors").symlink_to(tmp_path / "loop.safetensors")
    (tmp_path / "junk.safetensors").write_bytes(b"\0" * 1000)
    (tmp_path / "quantised.gguf").write_bytes(b"GGUF")
    registry = fresh(tmp_path)
    assert names(registry) == ["inner"]
    found = problems(registry)
    assert "symbolic links" in found.pop("loop")
    assert found == {
        "folder": "it is a folder, not a file",
        "fifo": "it is not a regular file",
        "dangling": "it can't be read: no such file or directory",
        "junk": "its header is not a JSON object",
        "quantised": "its GGUF header is broken, or the file is truncated",
    }


def test_names_that_no_terminal_should_obey_are_refused(tmp_path):
    write(tmp_path / "evil\x1b[2J.safetensors", tiny())
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.safetensors")), tiny())
    write(tmp_path / "good.safetensors", tiny())
    registry = fresh(tmp_path, cache=tmp_path / "cache")
    assert names(registry) == ["good"]
    for entry in registry.files():
        assert (entry.name + entry.path).isprintable()
        assert entry.problem is None or str(entry.problem) == "its path has characters that can't be shown; rename it"
    msgspec.json.encode(registry.files())


def test_the_names_in_a_broken_file_are_made_printable(tmp_path):
    text = b'{"\\u001b[2J": {"dtype": "NO", "shape": [], "data_offsets": [0, 0]}}'
    (tmp_path / "x.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    assert problems(fresh(tmp_path)) == {"x": "tensor '\ufffd[2J' has the unknown dtype 'NO'"}


def test_what_one_may_not_read_is_listed_and_comes_back():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root / "x.safetensors", tiny()).chmod(0)
        write(root / "closed" / "y.safetensors", tiny())
        (root / "closed").chmod(0)
        registry = Registry([root])
        with unprivileged(root):
            registry.refresh()
            assert problems(registry) == {
                "x": "it can't be read: permission denied",
                "closed": "the folder can't be read: permission denied",
            }
        (root / "x.safetensors").chmod(0o644)
        (root / "closed").chmod(0o755)
        with unprivileged(root):
            registry.refresh()
        assert names(registry) == ["x", "y"]


def test_a_file_that_vanishes_before_it_is_read_is_only_a_problem(tmp_path, monkeypatch):
    write(tmp_path / "x.safetensors", tiny())
    write(tmp_path / "y.safetensors", tiny())

    def vanishing(path):
        path.unlink(missing_ok=True)
        return read_header(path)

    monkeypatch.setattr(describe, "read_header", vanishing)
    registry = fresh(tmp_path)
    assert problems(registry) == dict.fromkeys("xy", "it can't be read: no such file or directory")
    assert len(registry.refresh().removed) == 2


def test_the_cache_spares_opening_what_did_not_change(tmp_path, opened):
    root, cache = tmp_path / "models", tmp_path / "state" / "registry"
    for name in "abc":
        write(root / f"{name}.safetensors", tiny())
    before = fresh(root, cache=cache).files()
    opened.clear()
    assert fresh(root, cache=cache).files() == before
    assert opened == []
    os.utime(root / "b.safetensors", ns=(1, 1))
    write(root / "c.safetensors", tiny() | {"more": (1,)})
    after = fresh(root, cache=cache)
    assert opened == ["b.safetensors", "c.safetensors"]
    assert after.find("b").modified < 1


def cache_of_another_version(data):
    contents = msgspec.msgpack.decode(data)
    contents["version"] = "0"
    return msgspec.msgpack.encode(contents)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"\xc1" + data[1:],
        lambda data: b"\x91" * 100_000,
        lambda data: msgspec.msgpack.encode({"format": 1, "version": "x", "records": [[[1], 3]]}),
        cache_of_another_version,
    ],
)
def test_a_damaged_or_foreign_cache_is_made_anew(tmp_path, opened, damage):
    root, cache = tmp_path / "models", tmp_path / "registry"
    write(root / "x.safetensors", tiny())
    fresh(root, cache=cache)
    good = cache.read_bytes()
    cache.write_bytes(damage(good))
    opened.clear()
    assert names(fresh(root, cache=cache)) == ["x"]
    assert opened == ["x.safetensors"]
    assert cache.read_bytes() == good


def test_a_cache_that_cannot_be_kept_is_done_without(tmp_path):
    root = tmp_path / "models"
    write(root / "x.safetensors", tiny())
    (tmp_path / "file").touch()
    for cache in (tmp_path / "file" / "registry", tmp_path):
        assert names(fresh(root, cache=cache)) == ["x"]


def test_the_cache_is_written_only_when_something_changed_and_leaves_no_litter(tmp_path):
    root, cache = tmp_path / "models", tmp_path / "state" / "registry"
    write(root / "x.safetensors", tiny())
    registry = fresh(root, cache=cache)
    cache.unlink()
    registry.refresh()
    assert not cache.exists()
    write(root / "y.safetensors", tiny())
    registry.refresh()
    assert [file.name for file in cache.parent.iterdir()] == ["registry"]


def test_a_root_that_is_away_for_a_while_is_remembered(tmp_path, opened):
    root, cache = tmp_path / "models", tmp_path / "registry"
    write(root / "x.safetensors", tiny())
    fresh(root, cache=cache)
    root.rename(tmp_path / "away")
    assert names(fresh(root, cache=cache)) == []
    (tmp_path / "away").rename(root)
    opened.clear()
    assert names(fresh(root, cache=cache)) == ["x"]
    assert opened == []


def test_the_shipped_model_is_there_until_a_file_of_its_name_is(tmp_path):
    shipped = write(tmp_path / "package" / "toybox.safetensors", tiny())
    root = tmp_path / "models"
    write(root / "other.safetensors", tiny())
    registry = fresh(root, shipped=[shipped, tmp_path / "missing.safetensors"])
    assert names(registry) == ["other", "toybox"]
    assert (registry.find("toybox").shipped, registry.find("other").shipped) == (True, False)
    (root / "toybox.safetensors").write_bytes(b"broken")
    registry.refresh()
    assert registry.find("toybox").path == str(shipped)
    write(root / "sub" / "toybox.safetensors", tiny())
    registry.refresh()
    assert registry.find("toybox").path == str(root / "sub" / "toybox.safetensors")
    assert not registry.find("toybox").shipped
    (root / "sub" / "toybox.safetensors").unlink()
    registry.refresh()
    assert registry.find("toybox").shipped


def test_importing_and_listing_needs_nothing_heavy(tmp_path):
    write(tmp_path / "x.safetensors", tiny())
    code = (
        "import sys; from pathlib import Path; from imagine.registry.registry import Registry; "
        f"registry = Registry([Path({str(tmp_path)!r})]); registry.refresh(); assert registry.models(); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "diffusers", "transformers", "safetensors", "numpy", "yaml", "PIL", "aiohttp"} & set(loaded)


def test_listing_a_large_header_takes_few_calls_a_tensor_and_none_again(tmp_path):
    """Calls, not seconds, which tell of the machine: a hundred such headers are to be listed in half a second."""
    shapes = {
        f"model.diffusion_model.output_blocks.{i}.1.transformer_blocks.0.attn2.to_out.0.weight": (640, 640)
        for i in range(2600)
    }
    assert len(header_json(shapes)[0]) > 350_000
    write(tmp_path / "large.safetensors", tiny() | shapes)
    registry = Registry([tmp_path])
    first, again = calls_of(registry.refresh), calls_of(registry.refresh)
    assert first < 40 * len(shapes)
    assert again < 300


def calls_of(act):
    """How many functions are called, Python's own and C's."""
    counted = itertools.count()
    sys.setprofile(lambda _frame, event, _about: event in ("call", "c_call") and next(counted))
    try:
        act()
    finally:
        sys.setprofile(None)
    return next(counted)


@pytest.mark.parametrize(
    "name",
    [
        "flux-dev-1.1",
        "flux-dev-1.1.safetensors",
        "models/flux-dev-1.1.gguf",
        "C:\\models\\flux-dev-1.1.gguf",
        "Flux-Dev-1.1",
    ],
)
def test_a_name_is_found_by_the_file_and_in_any_case(tmp_path, name):
    write(tmp_path / "models" / "flux-dev-1.1.safetensors", tiny())
    assert fresh(tmp_path / "models").find_alike(name).name == "flux-dev-1.1"


def test_what_two_models_could_be_is_none_of_them(tmp_path):
    for stem in ("Fox", "fox"):
        write(tmp_path / f"{stem}.safetensors", tiny())
    registry = fresh(tmp_path)
    assert registry.find_alike("fox").name == "fox"
    with pytest.raises(ModelNotFound):
        registry.find_alike("FOX")


def test_a_mistyped_name_has_its_likely_ones(tmp_path):
    for stem in ("dreamshaper_8", "dreamshaper_xl", "toybox"):
        write(tmp_path / f"{stem}.safetensors", tiny())
    registry = fresh(tmp_path)
    assert registry.similar("toybx") == ["toybox"]
    assert registry.similar("dreamshaper")[:2] == ["dreamshaper_8", "dreamshaper_xl"]
    assert registry.similar("zzz") == []


def test_the_cache_keeps_why_a_file_cannot_be_used_with_its_code(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"\x00" * 4)
    fresh(tmp_path, cache=tmp_path / "cache")
    (record,) = load_records(tmp_path / "cache").values()
    assert record.entry.problem == message("unfit.too_small", size=4)
