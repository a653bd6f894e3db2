"""A name becomes a model: which files are meant, what it lacks, where it goes, and what is here already."""

import asyncio
import json

import pytest

from imagine.families import published
from imagine.library.catalogue import CATALOGUE, KeptOffers
from imagine.library.pull import Library, pull
from imagine.library.record import record_of
from imagine.registry.registry import Registry
from imagine.words.errors import BadRequest, DownloadFailed
from tests.library.fake_sites import COMMIT, TOKEN, FakeSites, weights
from tests.registry import declared

MODEL = weights(3, declared.tiny())


def pulling(folder, *names, prepare=lambda fake: None, agreed=True, free=10**15, **said):
    """What pulling each name tells, or raises last; and what was asked."""

    async def go():
        async with FakeSites() as fake, fake.connection(**said) as connection, asyncio.timeout(240):
            prepare(fake)
            registry = Registry([folder / "models"])
            library = Library(folder / "models", registry, KeptOffers(folder / "catalogue.json"), lambda _: free)
            told = []
            for name in names:
                news, plans = [], []

                async def agree(plan, plans=plans):
                    plans.append(plan)
                    return agreed

                called = await pull(name, library, connection, news.append, agree)
                told.append((called, news, plans[0] if plans else None))
            return told, fake, registry

    return asyncio.run(go())


def having(**repositories):
    """A hub with these repositories, `owner__name`."""

    def prepare(fake):
        for name, files in repositories.items():
            fake.repositories[name.replace("__", "/")] = files

    return prepare


def files(folder):
    return sorted(path.relative_to(folder / "models").as_posix() for path in (folder / "models").rglob("*.*"))


def test_a_model_is_pulled_and_listed(tmp_path):
    prepare = having(owner__fox={"README.md": b"", "fox.safetensors": MODEL})

    def with_card(fake):
        prepare(fake)
        fake.cards["owner/fox"] = {"license": "apache-2.0"}

    ((called, news, plan),), fake, registry = pulling(tmp_path, "owner/fox", prepare=with_card)
    assert called == "fox"
    assert registry.find("fox").generates
    assert [each.status for each in news][-2:] == ["placed", "done"]
    assert (plan.licence, plan.size, plan.entry.kind) == ("apache-2.0", len(MODEL), "checkpoint")
    assert files(tmp_path) == ["owner--fox/fox.safetensors", "owner--fox/fox.safetensors.imagine.json"]
    record = record_of(tmp_path / "models/owner--fox/fox.safetensors")
    assert (record.source, record.revision, record.size) == ("hf:owner/fox/fox.safetensors", COMMIT, len(MODEL))
    assert {asked[3] for asked in fake.asked if asked[0] == "api"} == {f"Bearer {TOKEN}"}


def test_what_is_here_is_not_fetched_again(tmp_path):
    prepare = having(owner__fox={"fox.safetensors": MODEL}, other__copy={"wolf.safetensors": MODEL})
    told, fake, _ = pulling(tmp_path, "owner/fox", "hf:owner/fox/fox.safetensors", "other/copy", prepare=prepare)
    assert [called for called, _, _ in told] == ["fox"] * 3
    assert fake.sent == 4 * len(MODEL), "once whole, and thrice its beginning"
    assert len(files(tmp_path)) == 2


def test_another_file_in_its_place_stays(tmp_path):
    place = tmp_path / "models/owner--fox/fox.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"the owner's own")
    with pytest.raises(DownloadFailed, match=r"another file called fox\.safetensors"):
        pulling(tmp_path, "owner/fox", prepare=having(owner__fox={"fox.safetensors": MODEL}))
    assert place.read_bytes() == b"the owner's own"


def test_who_says_no_gets_nothing(tmp_path):
    prepare = having(owner__fox={"fox.safetensors": MODEL})
    ((called, _, _),), _, _ = pulling(tmp_path, "owner/fox", prepare=prepare, agreed=False)
    assert (called, files(tmp_path)) == ("", [])


def test_a_disk_without_room_is_told_before(tmp_path):
    prepare = having(owner__fox={"fox.safetensors": MODEL})
    with pytest.raises(DownloadFailed, match=r"it takes 1 GB with some to spare, and the disk has 0\.5 GB free"):
        pulling(tmp_path, "owner/fox", prepare=prepare, free=5 * 10**8)


def test_a_short_name_is_pinned_by_its_first_pull(tmp_path):
    row = CATALOGUE["sdxl-turbo"]

    def first(fake):
        fake.repositories[row.repository] = {row.file: MODEL, "other.safetensors": MODEL}

    ((called, _, plan),), _, _ = pulling(tmp_path, "sdxl-turbo", prepare=first)
    assert (called, plan.licence) == ("sdxl-turbo", row.licence.name)
    kept = json.loads((tmp_path / "catalogue.json").read_text())
    (offer,) = kept.values()
    assert (offer["revision"], [file["size"] for file in offer["files"]]) == (COMMIT, [len(MODEL)])
    assert KeptOffers(tmp_path / "catalogue.json").forget() == 1


DENOISER = {
    "input_blocks.0.0.weight": (48, 4, 3, 3), "input_blocks.1.1.proj_in.weight": (48, 48, 1, 1),
    "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (48, 768), "out.2.weight": (4, 48, 3, 3),
}  # fmt: skip


def test_parts_that_a_denoiser_lacks_come_with_it(tmp_path):
    def prepare(fake):
        shapes = {f"model.diffusion_model.{name}": shape for name, shape in DENOISER.items()}
        having(owner__fox={"fox.safetensors": weights(3, shapes)})(fake)
        (encoder,) = published.CLIP_L
        fake.repositories[encoder.source] = {f"split/{encoder.name}": weights(8), "t5.safetensors": b"not asked for"}

    ((_, news, plan),), _, _ = pulling(tmp_path, "owner/fox", prepare=prepare)
    assert [(each.file.last, each.role) for each in plan.files] == [
        ("fox.safetensors", "diffusion-model"), ("clip_l.safetensors", "text_encoder"),
    ]  # fmt: skip
    (warning,) = news[1].warnings
    assert "it lacks a part, vae, that couldn't be found for it" in str(warning), "its repository isn't there"
    assert "comfyanonymous--flux_text_encoders/clip_l.safetensors" in files(tmp_path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing", "no name of the catalogue"), ("sdxl-turb", "which has sdxl-turbo"),
        ("owner/several", "several files of weights.*a.safetensors, b.safetensors"),
        ("owner/pickled", "'model.ckpt' is a pickle"), ("hf:owner/pickled/model.ckpt", "is a pickle"),
        ("hf:owner/fox/owl.safetensors", "has no file of weights called 'owl.safetensors'; it has fox.safetensors"),
        ("hf:owner/fox/config.json", "holds no weights"), ("owner/none", "has no file of weights that can be used"),
        ("/etc/passwd", "is a path"), ("file:///etc/passwd", "is a path"), ("hf:../../etc", "can't be fetched"),
        ("https://example.org/x", "can't be fetched"), ("http://[", "can't be fetched"),
        ("~nobody-at-all/x", "is a path"),
        (f"https://civitai.com/models/{'9' * 5000}", "can't be fetched"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_told(tmp_path, name, sentence):
    prepare = having(
        owner__fox={"fox.safetensors": MODEL, "config.json": b"{}"},
        owner__several={"a.safetensors": MODEL, "b.safetensors": MODEL}, owner__pickled={"model.ckpt": b"PK"},
        owner__none={"README.md": b""},
    )  # fmt: skip
    with pytest.raises(BadRequest, match=sentence):
        pulling(tmp_path, name, prepare=prepare)
    assert not (tmp_path / "models").exists()


def test_halves_are_enough(tmp_path):
    prepare = having(owner__fox={"fox.safetensors": MODEL, "fox.fp16.safetensors": weights(4, declared.tiny())})
    ((called, _, _),), _, _ = pulling(tmp_path, "owner/fox", prepare=prepare)
    assert called == "fox.fp16"


def test_a_folder_comes_without_what_it_does_not_need(tmp_path):
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "X"], "feature_extractor": [None, None]}
    half, whole = (weights(seed, declared.tiny()) for seed in (5, 6))
    data = {"model_index.json": json.dumps(index).encode(), "unet/config.json": b"{}", "README.md": b"",
            "unet/diffusion_pytorch_model.safetensors": whole, "other/model.safetensors": whole,
            "unet/diffusion_pytorch_model.fp16.safetensors": half}  # fmt: skip
    pulling(tmp_path, "owner/fox", prepare=having(owner__fox=data))
    assert files(tmp_path) == [
        "owner--fox/fox.imagine.json", "owner--fox/fox/model_index.json", "owner--fox/fox/unet/config.json",
        "owner--fox/fox/unet/diffusion_pytorch_model.fp16.safetensors",
    ]  # fmt: skip
    record = record_of(tmp_path / "models/owner--fox/fox")
    assert len(record.files) == 3


def test_what_libraries_call_every_file_is_called_after_its_repository(tmp_path):
    data = {"vae/diffusion_pytorch_model.safetensors": MODEL}
    prepare = having(owner__fox=data)
    ((called, _, _),), _, _ = pulling(tmp_path, "hf:owner/fox/vae/diffusion_pytorch_model.safetensors", prepare=prepare)
    assert called == "fox-vae"


@pytest.mark.parametrize("name", ["civitai:7", "civitai:7@70", "https://civitai.com/models/7/ink?modelVersionId=70",
                                  "urn:air:sd1:checkpoint:civitai:7@70"])  # fmt: skip
def test_a_model_of_civitais_is_pulled(tmp_path, name):
    ((called, _, plan),), fake, _ = pulling(
        tmp_path, name, prepare=lambda fake: fake.add_version(70, 7, "ink v1.safetensors", MODEL, format="SafeTensor")
    )
    assert called == "ink v1"
    assert plan.licence == "commercial use: Image; no merges"
    assert {asked[3] for asked in fake.asked if asked[0] == "store"} == {""}
    assert (tmp_path / "models/civitai--7/ink v1.safetensors").read_bytes() == MODEL


def test_a_pickle_of_civitais_is_refused(tmp_path):
    with pytest.raises(BadRequest, match="is a pickle"):
        pulling(
            tmp_path, "civitai:7", prepare=lambda fake: fake.add_version(70, 7, "ink.pt", b"PK", format="PickleTensor")
        )


def test_a_busy_hub_is_asked_again(tmp_path):
    def prepare(fake):
        having(owner__fox={"fox.safetensors": MODEL})(fake)
        fake.api_statuses = [503, 429]

    ((called, _, _),), _, _ = pulling(tmp_path, "owner/fox", prepare=prepare)
    assert called == "fox"
