"""The engine on an accelerator that isn't there (`tests.engine.pretended`): every kind of picture, and short memory."""

import gc
import re
from collections import Counter

import diffusers
import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

import imagine.engine.jobs.passes
import imagine.engine.loading.stable_diffusion
from imagine.engine.device.device import Device
from imagine.engine.engine import Engine
from imagine.engine.families.family import Conditioning
from imagine.engine.loading import upload
from imagine.engine.loading.single_file import load_single_file
from imagine.engine.parts.chunks import Chunk
from imagine.engine.parts.part import spare
from imagine.engine.parts.slices import whole as in_one_go
from imagine.messages import in_english, sentences
from imagine.words.errors import ImagineError, OutOfMemory, UnusableModel
from imagine.words.frames import WorkerSettings
from imagine.words.recipe import Hires
from imagine.words.samplers import SAMPLERS
from tests.checkpoints import tiny_modules, write_folder
from tests.chroma_files import tiny_chroma, write_chroma
from tests.engine.accelerator import SMALL, on
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.plain_family import PlainFamily, Shelf, plain_model
from tests.engine.pretended import Refused
from tests.engine.running import Clock, engine_of, finished, made, model_at, picture, previews, run, wish
from tests.flux2_files import tiny_flux2, write_flux2
from tests.flux_files import tiny_flux, write_flux
from tests.qwen_image_files import tiny_qwen_image, write_qwen_image
from tests.sd3_files import tiny_sd3, write_sd3

KINDS = ("cuda", "mps")
PHOTO = Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 30).convert("RGB")
MASK = Image.linear_gradient("L").resize((64, 64))


@pytest.fixture(scope="module")
def files(half, tmp_path_factory):
    """Small checkpoints, and one as a folder."""
    folder = tmp_path_factory.mktemp("half") / "folder"
    write_folder(folder, tiny_modules(unet=SMALL))
    return half | {"folder": folder}


class Away(PlainFamily):
    """A plain family that lies on the accelerator."""

    def __init__(self, device):
        super().__init__()
        self._device = device

    def encode(self, wish):
        made = super().encode(wish)

        def away(rows):
            return {name: row.to(self._device) for name, row in rows.items()}

        return Conditioning(away(made.positive), made.negative and away(made.negative))

    def encode_picture(self, pixels, *, tiled=False, wraps=False):
        made = yield from super().encode_picture(pixels, tiled=tiled)
        return made._replace(values=made.values.to(self._device))

    def decode(self, latents, *, tiled=False, wraps=False):
        return (yield from super().decode(latents.cpu(), tiled=tiled))


def waits_of_steps(card, engine, *wishes):
    """How often the host left the device without work, waiting for it, in each evaluation."""
    for one in wishes:
        engine.submit(one)
    steps = []
    while engine.busy:
        before, done = card.waits.total(), engine._evaluations.taken
        engine.step()
        steps += [card.waits.total() - before] * (engine._evaluations.taken > done)
    return steps


def model_of(engine):
    """The only resident one."""
    (resident,) = engine._models.residency._models.values()
    return resident.family


def alike(a, b):
    """Mean difference of two pictures, in steps of 255."""
    return np.abs(np.asarray(a, float) - np.asarray(b, float)).mean()


# What the device itself refuses: without this, the tests below would prove nothing.


def test_it_refuses_what_devices_refuse(accelerator):
    card = accelerator("mps", memory=1000)
    here, there = torch.zeros(4), torch.zeros(4, device="mps")
    with pytest.raises(Refused, match="one device"):
        there + here
    with pytest.raises(Refused, match="one dtype"):
        torch.mm(there[None], there.half()[:, None])
    with pytest.raises(TypeError, match="float64"):
        there.double()
    with pytest.raises(TypeError, match="float64"):
        here.double().to("mps")
    with pytest.raises(torch.OutOfMemoryError):
        torch.zeros(1000, device="mps")
    with pytest.raises((TypeError, RuntimeError)):
        there.numpy()
    assert float((there + torch.tensor(2.0)).sum()) == 8, "a number of the host's goes along"
    assert card.used == 16
    del there
    assert (card.used, card.reserved > 0) == (0, True)


def test_a_mask_that_was_forgotten_on_the_cpu_is_found(accelerator, monkeypatch):
    def forgets(begun, family, source):
        begun.source, begun.mask = source, begun.canvas.mask_latents(family.downscale)
        return begun

    monkeypatch.setattr(imagine.engine.jobs.passes, "_kept_outside_mask", forgets)
    engine = engine_of(WorkerSettings(device="cuda"), open_model=Shelf(tiny=Away(accelerator().device)))
    with pytest.raises(Refused, match="cuda:0 and cpu"):
        run(engine, wish(plain_model(), img=PHOTO, mask=MASK))


# Every way to a picture.


@pytest.mark.parametrize("name", SAMPLERS)
def test_no_sampler_keeps_the_device_waiting_and_each_draws_what_it_draws_on_the_cpu(accelerator, name):
    asked = wish(plain_model(), sampler=name, num_steps=20)
    expected = picture(made(engine_of(open_model=Shelf()), asked))
    card = accelerator()
    settings = WorkerSettings(device="cuda", keep_alive=-1)
    drawn = made(engine_of(settings, open_model=Shelf(tiny=Away(card.device))), asked)
    assert alike(picture(drawn), expected) < 1
    paced = card.paced
    steps = waits_of_steps(card, engine_of(settings, open_model=Shelf(tiny=Away(card.device))), asked)
    assert set(steps) == {0}, card.waits
    assert len(steps) >= 20
    assert card.paced - paced == len(steps) - 1, "no further ahead than by one"


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_needs_no_doubles(accelerator, name):
    device = accelerator("mps").device
    engine = engine_of(WorkerSettings(device="mps", keep_alive=-1), open_model=Shelf(tiny=Away(device)))
    row = SAMPLERS[name]
    wishes = [
        wish(plain_model(), each, sampler=name, schedule=each, num_steps=max(6, row.min_steps(each, "ordinary")))
        for each in row.schedules_for("ordinary")
    ]
    assert len(finished(run(engine, *wishes))) == len(wishes) > 0


def of_every_kind(files):
    sd, inpainting = model_at(files["sd"]), model_at(files["inpainting"], "inpainting")
    xl = model_at(files["sdxl"], "xl")
    return [
        wish(sd, "txt2img", every=1, kind="vae"),
        wish(sd, "masked", img=PHOTO, mask=MASK, sampler="euler a", every=1),
        wish(inpainting, "inpainted", img=PHOTO, mask=MASK, num_steps=1),
        wish(sd, "hires", num_steps=1, hires=Hires(scale=1.25, strength=1.0, upscaler="latent")),
        wish(xl, "refined", refined_by=model_at(files["refiner"], "r"), refiner_at=0.5),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def drawn_on_the_cpu(files):
    return finished(run(engine_of(), *of_every_kind(files)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture(drawn_on_the_cpu, accelerator, files, kind):
    expected = drawn_on_the_cpu
    card = accelerator(kind)
    said = run(on(card), *of_every_kind(files))
    drawn = finished(said)
    assert drawn.keys() == expected.keys()
    assert {one.job for one in previews(said, "txt2img") + previews(said, "masked")} == {"txt2img", "masked"}
    for job, report in drawn.items():
        assert alike(picture(report), picture(expected[job])) < 3, job
        assert not report.warnings, job
        assert report.meta["environment"]["dtype"] == "float16"


def test_a_mixed_batch_is_drawn_as_on_the_cpu(accelerator, files):
    def ask():
        sd = model_at(files["sd"])
        return [
            wish(sd, "a", prompt="(a red:1.3) fox"), wish(sd, "b", img=PHOTO, strength=0.6, sampler="unipc"),
            wish(sd, "c", img=PHOTO, mask=MASK, sampler="dpm++ sde"),
        ]  # fmt: skip

    expected = finished(run(engine_of(), *ask()))
    drawn = finished(run(on(accelerator()), *ask()))
    for job, report in drawn.items():
        assert alike(picture(report), picture(expected[job])) < 3, job
    environment = drawn["a"].meta["environment"]
    assert {"attention", "layout", "tf32", "cudnn", "cuda"} <= environment.keys()


@pytest.mark.parametrize("name", ["sd", "sdxl"])
def test_what_a_whole_picture_waits_for(accelerator, files, name):
    """Four times behind its last step, where what comes next depends on it; and for nothing on the way."""
    card = accelerator()
    engine, asked = on(card), wish(model_at(files[name]), num_steps=4)
    made(engine, asked)
    card.waits.clear()
    made(engine, msgspec.structs.replace(asked, params=msgspec.structs.replace(asked.params, prompt="another")))
    expected = {
        ("all that was asked", "span.py"),  # how long the last step took
        ("__bool__", "picture_coder.py"),  # are the latents numbers
        ("a copy to the CPU", "autoencoder.py"),  # the picture
    }
    if name == "sd":  # SDXL's VAE works in float32 from the start
        expected.add(("__bool__", "autoencoder.py"))  # did float16 bear it
    told = Counter(tuple(re.fullmatch(r"(.*) at (\w+\.py):.*", one).groups()) for one in card.waits.elements())
    assert told == dict.fromkeys(expected, 1)


@pytest.mark.parametrize(
    ("made_of", "write", "asked"),
    [
        (tiny_flux, write_flux, {"guidance": 3.5, "true_cfg": 2.0}),
        (tiny_sd3, write_sd3, {"guidance": 4.5}),
        (tiny_chroma, write_chroma, {"guidance": 4.5}),
        pytest.param(tiny_flux2, write_flux2, {"guidance": 4.5}, marks=pytest.mark.slow),
        (tiny_qwen_image, write_qwen_image, {"guidance": 4.5}),
    ],
    ids=["flux", "sd3", "chroma", "flux2", "qwen-image"],
)
def test_no_transformer_keeps_the_device_waiting(accelerator, tmp_path, made_of, write, asked):
    model = model_at(write(tmp_path / "model", made_of()))
    card = accelerator()
    engine, one = on(card), wish(model, num_steps=4, sampler="euler", neg="a blurry dog", **asked)
    made(engine, one)  # its forward is recorded
    steps = waits_of_steps(card, engine, one)
    assert steps == [0, 0, 0, 0], card.waits


def test_previews_are_copied_beside(accelerator):
    card = accelerator()
    shelf = Shelf(tiny=Away(card.device))
    engine = Engine(WorkerSettings(device="cuda", keep_alive=-1), open_model=shelf)
    for one in (wish(plain_model(), num_steps=6, every=1), wish(plain_model(), num_steps=6, every=1, kind="latents")):
        assert set(waits_of_steps(card, engine, one)) == {0}, card.waits
    expected = run(engine_of(open_model=Shelf()), one)
    drawn = run(Engine(WorkerSettings(device="cuda", keep_alive=-1), open_model=shelf), one)
    whole = {report.step: report.data for report in previews(expected)}
    assert {report.step: report.data for report in previews(drawn)}.items() <= whole.items()
    assert previews(drawn)


def test_a_network_goes_there_in_few_copies(accelerator, files, monkeypatch):
    """Of a size that doesn't depend on how many tensors it has, and each where the device would have laid it."""
    here = load_single_file(model_at(files["sd"]), device=torch.device("cpu"), dtype=torch.float32)
    card = accelerator()
    there = load_single_file(model_at(files["sd"]), device=card.device, dtype=torch.float16)
    assert (card.uploads, card.waits.total()) == (3, 0), "a copy for each network"
    monkeypatch.setattr(upload, "PIECE", 2**18)
    before = card.uploads
    pieces = load_single_file(model_at(files["sd"]), device=card.device, dtype=torch.float32)
    assert card.uploads - before <= 3 + 2 * files["sd"].stat().st_size // upload.PIECE
    for name, expected in here.unet.named_parameters():
        for loaded, dtype in ((there, torch.float16), (pieces, torch.float32)):
            parameter = loaded.unet.get_parameter(name)
            assert parameter.dtype == dtype
            assert torch.equal(parameter.inner, expected.to(dtype))
            assert parameter.inner.storage_offset() * parameter.element_size() % 512 == 0


@pytest.mark.slow
def test_adapters_are_beside_what_computes_wherever_that_is(accelerator, files, tmp_path):
    """In half precision on the device without a wait more, and beside text encoders that wait in main memory."""
    modules = tiny_modules(unet=SMALL)
    write_low_rank(tmp_path / "a.safetensors", {"denoiser": modules.unet, "text_encoder": modules.text_encoders[0]}, 1)
    beside = {"adapters": (used(tmp_path / "a.safetensors", "a", 0.7),)}

    def ask():
        sd = model_at(files["sd"])
        return [wish(sd, "plain"), msgspec.structs.replace(wish(sd, "beside"), **beside)]

    expected = finished(run(engine_of(), *ask()))
    assert alike(picture(expected["plain"]), picture(expected["beside"])) > 6
    card = accelerator()
    engine = on(card, cuda_graphs=False)
    for _ in range(2):
        assert set(waits_of_steps(card, engine, *ask())) == {0}, card.waits
        drawn = finished(run(engine, *ask()))
        for job, report in drawn.items():
            assert alike(picture(report), picture(expected[job])) < 3, job
        spare(model_of(engine))


@pytest.mark.parametrize("stored", ["fp8", "double"])
def test_what_a_device_can_not_hold_is_cast_before_it_goes_there(accelerator, files, stored):
    expected = picture(made(engine_of(), wish(model_at(files[stored]), num_steps=1)))
    assert alike(picture(made(on(accelerator("mps")), wish(model_at(files[stored]), num_steps=1))), expected) < 3


# Memory that runs short.


@pytest.mark.parametrize("kind", ["sd", "fp8", "folder"])
def test_a_model_that_does_not_fit_is_short_of_memory_and_leaves_nothing(accelerator, files, kind):
    card = accelerator()
    engine, model = on(card), model_at(files[kind])
    card.limit = 50_000
    with pytest.raises(OutOfMemory, match="'tiny' does not fit"):
        run(engine, wish(model))
    engine.drop_step()
    assert card.used == 0, "without looking for garbage"
    card.limit = 2**40
    assert made(engine, wish(model, num_steps=1)).data


def test_a_model_that_can_not_be_used_leaves_nothing_on_the_device(accelerator, files, monkeypatch):
    """Its error is kept by who asked for it; not what was half opened."""

    def refuse(_loaded, facts, *_, **__):
        raise UnusableModel(in_english(f"{facts.name} can't be used"))

    monkeypatch.setattr(imagine.engine.loading.stable_diffusion, "parts_from_components", refuse)
    card = accelerator()
    engine = on(card)
    gc.disable()
    try:
        with pytest.raises(UnusableModel) as refused:
            run(engine, wish(model_at(files["folder"])))
        assert card.used == 0, refused.value
    finally:
        gc.enable()


@pytest.mark.slow
def test_an_idle_model_makes_way(accelerator, files):
    card = accelerator()
    engine = on(card)
    made(engine, wish(model_at(files["sd"]), num_steps=1))
    card.limit = int(card.used * 1.6)
    made(engine, wish(model_at(files["inpainting"], "other"), num_steps=1))
    assert [one.name for one in engine.stats().models] == ["other"]


@pytest.mark.parametrize(("memory", "stay"), [(6, ["b"]), (8, ["a", "b"])])
def test_idle_models_make_way_before_the_device_has_to_refuse(accelerator, memory, stay):
    """Of its memory an eighth, and at least 1 GB, is left to steps."""
    card = accelerator(memory=memory * 2**30)
    shelf = Shelf(a=Away(card.device), b=Away(card.device))
    for family in shelf.families.values():
        family.nbytes = 3 * 2**30
    engine = engine_of(WorkerSettings(device="cuda", keep_alive=-1), open_model=shelf, measure=shelf.measure)
    for name in shelf.families:
        made(engine, wish(plain_model(name), num_steps=1))
    assert [one.name for one in engine.stats().models] == stay


def test_text_encoders_wait_in_main_memory_and_come_to_the_device_to_work(accelerator, files):
    asked = wish(model_at(files["sd"]), num_steps=1)
    card = accelerator()
    engine = on(card, cuda_graphs=False)
    expected = picture(made(engine, asked))
    family = model_of(engine)
    before = card.used
    assert spare(family) is not None
    assert card.used < before
    assert spare(family) is None
    held = card.used
    assert alike(picture(made(engine, asked)), expected) == 0, "they computed on the device"
    assert card.used < held + 20_000, "all but the prompts' embeddings"
    limit, card.limit = card.limit, card.used + 20_000
    (text,) = family.parts("encode")
    encoder = text.module
    with text.at_work():
        text.encode(Chunk(), layer=-1, normed=True)
        assert (encoder.device.type, encoder.dtype) == ("cpu", torch.float16), "it knew that, and nobody moved"
        hidden = text.encode(Chunk((7, 8), (1.0, 1.2)), layer=-1, normed=True)
        assert (encoder.device.type, encoder.dtype) == ("cpu", torch.float32), "no room, and half is slow there"
        assert (hidden.embeddings.device, hidden.embeddings.dtype) == (card.device, torch.float16), "as any other's"
    assert encoder.dtype == torch.float16
    text.restore()
    assert encoder.device.type == "cpu", "still no room"
    card.limit = limit
    text.restore()
    assert encoder.device.type == "cuda"
    assert card.used >= before - 20_000


def test_a_vae_that_ran_out_of_room_in_float32_is_as_it_was(accelerator, files):
    card = accelerator()
    engine = on(card)
    made(engine, wish(model_at(files["sd"]), num_steps=1))
    family = model_of(engine)
    vae = family.parts("decode")[0].module
    latents = torch.full((1, 4, 1, 1), float("inf"), device="cuda")

    def short(layer, _):
        if layer.weight.dtype == torch.float32:
            card.limit = card.used  # there is not even room to cast it back
            raise torch.OutOfMemoryError("CUDA out of memory")

    vae.decoder.conv_out.register_forward_pre_hook(short)
    with pytest.raises(torch.OutOfMemoryError):
        in_one_go(family.decode(latents))
    assert {parameter.dtype for parameter in vae.parameters()} == {torch.float16}


def test_freed_memory_goes_back_to_the_device_when_nothing_is_to_do(accelerator, files):
    card = accelerator()
    clock = Clock()
    engine = engine_of(WorkerSettings(device="cuda", keep_alive=-1), clock=clock)
    made(engine, wish(model_at(files["sd"]), num_steps=1))
    assert card.reserved > card.used
    assert engine.expire(clock.now) is not None
    clock.now += 60
    engine.expire(clock.now)
    assert card.reserved == card.used


# Pipelines that run whole.


def whole_wish(model, **changes):
    return wish(model, **{"sampler": "dpm++ 2m", "num_steps": 2, **changes})


@pytest.fixture(scope="module")
def whole(sd3):
    """A pipeline, its picture as the CPU draws it, and how many bytes it takes in bfloat16."""
    engine = engine_of()
    drawn = picture(made(engine, whole_wish(sd3)))
    return sd3, drawn, engine.stats().models[0].size // 2


@pytest.mark.parametrize("way", ["whole", "networks", "layers"])
def test_a_whole_pipeline_runs_in_the_room_there_is(accelerator, whole, monkeypatch, way):
    model, expected, size = whole
    card = accelerator()
    monkeypatch.setattr(Device, "room", lambda _: {"whole": size, "networks": size - 1, "layers": 1}[way])
    engine = on(card)
    said = run(engine, whole_wish(model, every=1))
    drawn = finished(said)["a"]
    assert drawn.meta["environment"]["dtype"] == "bfloat16"
    assert alike(picture(drawn), expected) < 6
    assert len(previews(said)) == 1
    assert [note.code for note in drawn.warnings] == ([] if way == "whole" else [f"memory.{way}"])
    assert engine.stats().models[0].size < size or way == "whole"
    again = made(engine, whole_wish(model, img=PHOTO, strength=0.5))
    assert picture(again).size == (64, 64)
    if way != "whole":
        assert card.used < size / 2, "between pictures it waits in main memory"


@pytest.mark.slow
def test_a_whole_pipeline_that_runs_out_of_room_goes_on_with_less(accelerator, whole):
    model, _, size = whole
    engine = engine_of()
    made(engine, whole_wish(model))
    spare(model_of(engine))
    expected = picture(made(engine, whole_wish(model)))
    card = accelerator()
    engine = on(card)
    made(engine, whole_wish(model))
    card.limit = size + 10_000
    drawn = made(engine, whole_wish(model))
    assert alike(picture(drawn), expected) < 6
    assert drawn.meta["environment"]["spared"] is True
    assert any("larger than the device's free memory" in one for one in sentences(drawn.warnings))
    card.limit = 20_000
    with pytest.raises(OutOfMemory):
        run(engine, whole_wish(model))


@pytest.mark.parametrize(
    ("has", "dtype"),
    [({}, "bfloat16"), ({"bfloat16": False}, "float32"), ({"bfloat16": False, "name": "GeForce GTX 1660"}, "float32")],
)
def test_what_whole_pipelines_compute_in(accelerator, whole, has, dtype):
    drawn = made(on(accelerator(**has)), whole_wish(whole[0]))
    assert drawn.meta["environment"]["dtype"] == dtype


def test_numbers_that_overflowed_are_no_picture(accelerator, whole, monkeypatch):
    decode = diffusers.AutoencoderKL.decode
    monkeypatch.setattr(
        diffusers.AutoencoderKL,
        "decode",
        lambda self, z, return_dict=True: (decode(self, z, return_dict=False)[0] * float("nan"),),
    )
    with pytest.raises(ImagineError, match="overflowed in bfloat16"):
        run(on(accelerator()), whole_wish(whole[0]))
