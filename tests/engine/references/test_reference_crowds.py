"""References in a batch: they reach their own picture's rows, and nobody else can tell that they are there."""

import gc
import itertools

import msgspec
import pytest
import torch

from imagine.engine.device.device import Device
from imagine.engine.execution.shares import in_shares
from imagine.engine.families.open import open_model
from imagine.engine.jobs.buckets import BUCKETS
from imagine.engine.jobs.ledger import Ledger
from imagine.engine.parts.slices import whole
from imagine.identity.stamp import stamp_of
from imagine.words.errors import BadPicture, BadRequest, ModelChanged, Unsupported, UnusableModel
from imagine.words.events import Finished
from imagine.words.recipe import Hires
from tests.checkpoints import save, tiny_modules
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.crowds import same_in_crowds
from tests.engine.references.referring import CAT, DOG, LEFT, at, reference, referring
from tests.engine.running import engine_of, finished, latents_of, made, model_at, run, wish
from tests.image_adapters import adapter_tensors, tiny_encoder, write_encoder, write_image_adapter


class Shelf:
    """A model, opened, image adapters and a LoRA for it."""

    def __init__(self, path, modules, folder):
        self.model = model_at(path)
        self.family = open_model(self.model, engine_of()._device, lambda _fraction: None, {})
        self.unet, self.vision = modules.unet, folder / "vision.safetensors"
        write_encoder(self.vision)
        self.files = {
            kind: write_image_adapter(folder / f"{kind}.safetensors", modules.unet, kind, seed=seed)
            for seed, kind in enumerate(("base", "plus"))
        }
        write_low_rank(folder / "lora.safetensors", self.family.networks, 1, only="attn")
        self.lora = used(folder / "lora.safetensors", "1" * 64)

    def wish(self, job="a", *references, lora=False, **changes):
        one = referring(wish(self.model, job, **changes), *references)
        return msgspec.structs.replace(one, adapters=(self.lora,) if lora else ())

    def reference(self, kind="base", picture=DOG, **said):
        return reference(self.files[kind], picture, encoder=self.vision, **said)


@pytest.fixture(scope="module")
def shelf(checkpoints, tmp_path_factory):
    return Shelf(*checkpoints(), tmp_path_factory.mktemp("shelf"))


def mixed(shelf):
    """A crowd: plain, with references, with a LoRA, with both, with a part of the steps, in two passes."""
    return [
        shelf.wish("plain", seed=1, num_steps=6),
        shelf.wish("one", shelf.reference(), seed=2, num_steps=6),
        shelf.wish("lora", seed=3, num_steps=6, lora=True),
        shelf.wish(
            "both", shelf.reference("plus", mask=LEFT), shelf.reference(picture=CAT), seed=4, num_steps=6, lora=True
        ),
        shelf.wish("late", shelf.reference("plus", CAT, start=0.5), seed=5, num_steps=6),
        shelf.wish(
            "twice", shelf.reference(mask=LEFT, strength=1.5), seed=6, num_steps=6, hires=Hires(scale=1.5, strength=0.4)
        ),
    ]


@pytest.mark.parametrize(
    ("bucket", "guidance", "share"),
    [*((bucket, 5.0, 0) for bucket in BUCKETS), (4, 1.0, 0), (4, 5.0, 2), (4, 5.0, 4), (2, 1.0, 1)],
)
def test_no_neighbour_and_no_slot_changes_a_bit(shelf, bucket, guidance, share):
    """In batches that are made whole, and in shares, of which some hold but one of a picture's sides."""
    makers = engine_of()._makers

    def prepared(number, *references, lora=False):
        one = shelf.wish(str(number), *references, lora=lora, prompt=f"a {number}", seed=number, guidance=guidance)
        work = makers.begin(Ledger(one, number), [shelf.family])
        whole(work.prepare())
        return work

    def answers(members):
        with in_shares(share):
            sides = makers.forward.run(members, bucket)
        return [torch.cat([*answers] if without is None else [without, *answers]) for without, answers in sides]

    watched = [
        prepared(0), prepared(1, shelf.reference()),
        prepared(2, shelf.reference("plus", mask=LEFT), shelf.reference(picture=CAT), lora=True),
    ]  # fmt: skip
    others = [prepared(9, shelf.reference("plus", CAT)), prepared(10, lora=True)]
    alone = same_in_crowds(answers, watched, others, bucket)
    assert not torch.allclose(alone[0], alone[1], atol=1e-3)


@pytest.mark.slow
def test_a_picture_of_a_mixed_crowd_is_made_again_alone(shelf):
    wishes = mixed(shelf)
    results = finished(run(engine_of(), *wishes))
    crowded = {run.split("x")[0] for result in results.values() for run in result.meta["buckets"].split(",")}
    assert len(crowded) >= 2, "it was a crowd"
    engine, never = engine_of(), engine_of()
    for one in wishes:
        params = msgspec.structs.replace(one.params, buckets=results[one.job].meta["buckets"])
        again = made(engine if one.references else never, msgspec.structs.replace(one, params=params))
        assert again.data == results[one.job].data, one.job
    assert never._kept.nbytes < engine._kept.nbytes


def test_outside_their_part_of_the_steps_they_are_not_there(shelf):
    """Neither in what is drawn nor in what is computed: no hook is set for those steps."""
    plain = latents_of(shelf.wish(num_steps=4))
    never = shelf.wish("a", shelf.reference(start=0.3, end=0.4), num_steps=4)
    assert torch.equal(latents_of(never), plain)
    assert torch.equal(latents_of(shelf.wish("a", shelf.reference(strength=0.0), num_steps=4)), plain)
    half = shelf.wish("a", shelf.reference(start=0.5), num_steps=4)
    work = engine_of()._makers.begin(Ledger(half, 1), [shelf.family])
    whole(work.prepare())
    assert [len(work._conditioned.references.at(step, 4)) for step in range(4)] == [0, 0, 1, 1]


def test_the_mean_of_two_is_between_them(shelf):
    """`average` asks as many tokens as one; of twice the same it is that one."""
    one = latents_of(shelf.wish("a", shelf.reference(), num_steps=3))
    same = [shelf.reference(combine="average"), shelf.reference(combine="average")]
    assert torch.allclose(latents_of(shelf.wish("a", *same, num_steps=3)), one, atol=1e-5)
    two = [shelf.reference(picture=picture, combine=how) for how in ("average", "concat") for picture in (DOG, CAT)]
    averaged, beside = (latents_of(shelf.wish("a", *pair, num_steps=3)) for pair in (two[:2], two[2:]))
    other = latents_of(shelf.wish("a", shelf.reference(picture=CAT), num_steps=3))
    for ours in (one, other, beside):
        assert not torch.allclose(averaged, ours, atol=1e-3)


def test_noise_makes_neighbours_that_are_nearer_where_it_is_less(shelf):
    def drawn(noise, seed=1):
        return latents_of(shelf.wish("a", shelf.reference(noise=noise, strength=1.0), num_steps=3, seed=seed))

    own = drawn(0.0)
    distances = [float((drawn(noise) - own).norm()) for noise in (0.1, 0.4, 1.0)]
    assert 0 < distances[0] < distances[1] < distances[2]
    assert torch.equal(drawn(0.4), drawn(0.4)), "the seed's"


def test_style_and_composition_are_other_layers(shelf):
    drawn = {
        weights: latents_of(shelf.wish("a", shelf.reference(weights=weights, strength=1.0), num_steps=3))
        for weights in ("linear", "style", "composition")
    }
    plain = latents_of(shelf.wish(num_steps=3))
    for one, other in itertools.combinations([*drawn.values(), plain], 2):
        assert not torch.allclose(one, other, atol=1e-4)


def test_each_adds_its_file_and_goes_with_its_model(shelf):
    engine = engine_of()
    made(engine, shelf.wish("a", num_steps=1))
    assert engine._kept.nbytes == 0
    made(engine, shelf.wish("a", shelf.reference(), num_steps=1))
    files = shelf.files["base"].stat().st_size + shelf.vision.stat().st_size
    assert 0.9 * files < engine._kept.nbytes < 1.01 * files, "what is remembered of pictures is little"
    before = engine._kept.nbytes
    made(engine, shelf.wish("a", shelf.reference(picture=CAT), num_steps=1))
    assert engine._kept.nbytes < before * 1.01, "the same files"
    made(engine, shelf.wish("a", shelf.reference("plus"), num_steps=1))
    assert engine._kept.nbytes > before
    engine._models.residency.unload(shelf.model.name)
    gc.collect()
    assert engine._kept.nbytes == 0


def test_they_make_way_before_a_model_does(shelf, monkeypatch):
    engine = engine_of()
    made(engine, shelf.wish("a", shelf.reference(), num_steps=1))
    model = engine._models.residency.nbytes() - engine._kept.nbytes
    monkeypatch.setattr(Device, "budget", lambda _: model + 1)
    assert made(engine, shelf.wish("a", shelf.reference("plus"), num_steps=1)).data
    gc.collect()
    assert len(engine._models.residency.report(0.0)) == 1
    assert engine._kept.nbytes == 0, "what was made of them before the first step is all that a picture needs"


def test_one_is_seen_in_turns_with_other_pictures(shelf):
    engine = engine_of(turn=0.0, clock=itertools.count().__next__)
    said = run(
        engine, shelf.wish("large", shelf.reference("plus"), num_steps=3), shelf.wish("small", client="b", num_steps=3)
    )
    assert [report.job for report in said if isinstance(report, Finished)] == ["small", "large"]


def refused(one):
    engine = engine_of()
    engine.submit(one)
    with pytest.raises(Exception) as caught:
        run(engine)
    assert engine.drop_step() == [one.job]
    return caught.value


def test_what_does_not_fit_is_refused_by_name(shelf, tmp_path, sd3):
    def of(file, **more):
        return refused(shelf.wish("a", reference(file, **{"encoder": shelf.vision, **more})))

    wide = write_image_adapter(tmp_path / "wide.safetensors", tiny_modules("sdxl").unet)
    error = of(wide)
    assert isinstance(error, UnusableModel)
    assert "'wide' is for another network" in str(error)
    (tmp_path / "adapter.bin").write_bytes(b"\x80\x02")
    assert isinstance(of(tmp_path / "adapter.bin"), UnusableModel)
    short = tmp_path / "short.safetensors"
    short.write_bytes(shelf.files["base"].read_bytes()[:-10])
    assert isinstance(of(short), UnusableModel)
    for kind, change in {
        "lacks": lambda tensors: tensors.pop("ip_adapter.3.to_v_ip.weight"),
        "few": lambda tensors: [tensors.pop(f"ip_adapter.3.to_{which}_ip.weight") for which in "kv"],
        "odd": lambda tensors: tensors.update({"ip_adapter.1.to_k_ip.weight": torch.ones(3)}),
        "flat": lambda tensors: tensors.update({"image_proj.norm.weight": torch.ones(0)}),
        "more": lambda tensors: tensors.update({"image_proj.extra": torch.ones(2)}),
        "none": lambda tensors: [tensors.pop(name) for name in list(tensors) if name.startswith("ip_adapter")],
    }.items():
        tensors = adapter_tensors(shelf.unet)
        change(tensors)
        save(tmp_path / f"{kind}.safetensors", tensors)
        error = of(tmp_path / f"{kind}.safetensors")
        assert isinstance(error, UnusableModel), kind
        assert f"'{kind}" in str(error)
    error = refused(shelf.wish("a", reference(shelf.files["base"])))
    assert isinstance(error, Unsupported)
    assert "image encoder, of which there is none 24 wide" in str(error)
    narrow = tmp_path / "narrow.safetensors"
    write_encoder(narrow, tiny_encoder(projection_dim=20))
    assert isinstance(of(shelf.files["base"], encoder=narrow), Unsupported)
    error = refused(msgspec.structs.replace(referring(wish(sd3, sampler="dpm++ 2m"), shelf.reference())))
    assert isinstance(error, Unsupported)
    assert error.field == "references"


def test_what_is_asked_wrongly_is_refused_by_its_field(shelf, tmp_path):
    def of(**said):
        return refused(shelf.wish("a", shelf.reference(), shelf.reference(**said)))

    error = of(picture=b"\x89PNG\r\n\x1a\nbroken")
    assert isinstance(error, BadPicture)
    assert error.field == "references.1.img"
    assert of(crop="face").field == "references.1"
    error = refused(shelf.wish("a", reference(None)))
    assert isinstance(error, Unsupported)
    assert error.field == "references.0"
    face = write_image_adapter(tmp_path / "faceid.safetensors", shelf.unet, "faceid")
    assert "512 numbers that ArcFace makes" in str(refused(shelf.wish("a", reference(face))))
    for numbers in (b"", b"\0" * 2048, b"\xff" * 2048, b"\x01" * 2044):
        error = refused(shelf.wish("a", reference(face, embedding=numbers)))
        assert isinstance(error, BadRequest)
        assert error.field == "references.0.embedding"


def test_a_file_that_changed_is_another(shelf, tmp_path):
    path = write_image_adapter(tmp_path / "ip.safetensors", shelf.unet)
    component = msgspec.structs.replace(at(path), files=(stamp_of(path),))
    one = shelf.wish("a", reference(component, encoder=shelf.vision), num_steps=1)
    assert made(engine_of(), one).data
    path.unlink()
    write_image_adapter(path, shelf.unet, seed=3)
    assert isinstance(refused(one), ModelChanged)
