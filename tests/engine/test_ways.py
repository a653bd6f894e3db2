"""Models that are larger than the memory they may take: the same bytes, and no more of the device than that."""

from collections import Counter

import msgspec
import pytest
import torch
from diffusers import FluxPipeline

from imagine.engine.adapters.kept import Kept
from imagine.engine.device import guest, layers
from imagine.engine.device.device import Device
from imagine.engine.device.floor import Floor
from imagine.engine.device.span import ClockSpan
from imagine.engine.families.unet import UNetModel
from imagine.engine.parts import autoencoder
from imagine.engine.quantised.tensor import Quantised
from imagine.engine.residency import lodging
from imagine.engine.residency.lodging import Lodging
from imagine.engine.residency.residency import Residency
from imagine.families.memory import StepBytes, bytes_of, peak
from imagine.registry.header import read_header
from imagine.registry.sizes import sizes_of
from imagine.words.errors import OutOfMemory
from imagine.words.frames import WorkerSettings
from imagine.words.model import Component, Model
from imagine.words.sizes import Sizes, Weight
from tests.checkpoints import tiny_modules, write_checkpoint
from tests.control_files import controlled, under
from tests.engine.accelerator import SMALL, on
from tests.engine.parity import PHOTO
from tests.engine.pretended import pretended
from tests.engine.running import SETTINGS, Clock, engine_of, finished, made, model_at, previews, run, wish
from tests.flux_files import tiny_flux, write_flux
from tests.pixart_files import tiny_pixart, write_pixart
from tests.registry.listing import only
from tests.z_image_files import tiny_z_image, tiny_z_image_control, write_z_image, write_z_image_control


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """SDXL, with two text encoders, in float16: 32 MB."""
    path = tmp_path_factory.mktemp("ways") / "xl.safetensors"
    write_checkpoint(path, tiny_modules("sdxl"), dtype=torch.float16)
    return sized(path)


def sized(path, name="tiny"):
    """The model in a file, as the gateway tells a worker of it."""
    plain = model_at(path, name)
    sizes = sizes_of("checkpoint", read_header(path).tensors)
    return msgspec.structs.replace(plain, components=(msgspec.structs.replace(plain.main, sizes=sizes),))


def drawn(engine, model, **changes):
    return made(engine, wish(model, **changes))


@pytest.fixture(scope="module")
def whole(model):
    """What is made of a model that stays, and the bytes that it takes beside weights."""
    with pretended() as card:
        report = drawn(on(card, cuda_graphs=False), model)
        return report, card.peak - bytes_of(model.sizes).all


def test_what_sees_of_a_text_encoder_counts_where_it_is_read():
    sizes = Sizes(encoders=Weight(1000), denoiser=Weight(500), sight=Weight(30), layer=Weight(20))
    held = []
    for variant in ("", "edit"):
        plain = model_at("nowhere", variant=variant)
        parts = (msgspec.structs.replace(plain.main, sizes=sizes),)
        device = engine_of()._device
        held.append(Lodging(msgspec.structs.replace(plain, family="qwen-image", components=parts), device).weights)
    assert held[1] - held[0] == 30 * device.width


@pytest.mark.parametrize(
    ("share", "way"),
    [
        (0.8, "stages"),
        pytest.param(0.6, "layers", marks=pytest.mark.slow),
        (0.35, "layers"),
        pytest.param(0.15, "layers", marks=pytest.mark.slow),
    ],
)
def test_within_a_budget_the_same_bytes_come_out(accelerator, model, whole, share, way):
    budget = round(bytes_of(model.sizes).all * share)
    card = accelerator()
    engine = on(card, memory=budget)
    first = drawn(engine, model)
    assert first.data == whole[0].data
    assert first.meta["environment"] == whole[0].meta["environment"], "so a recipe needn't tell of it"
    assert card.peak - whole[1] <= 1.1 * budget
    assert [note.code for note in first.warnings] == [f"way.{way}"]
    assert [resident.way for resident in engine.stats().models] == [way]
    assert drawn(engine, model, seed=2).warnings == [], "it was said"


def _flux(folder):
    write_flux(folder / "model", tiny_flux(), kind=FluxPipeline)
    return ()


def _z_image(folder):
    """With a control that asks its layers, too."""
    write_z_image(folder / "model", tiny_z_image())
    network = tiny_z_image_control(tiny_z_image(), "2.1")
    return [controlled(write_z_image_control(folder.parent / "fun.safetensors", network), PHOTO)]


def _pixart(folder):
    """Of more layers than T5's table of words is large."""
    write_pixart(folder / "model", tiny_pixart(layers=20))
    return ()


@pytest.mark.parametrize(
    ("write", "least"), [(_flux, 0.5), (_z_image, 0.5), (_pixart, 0.4)], ids=["flux", "z-image", "pixart"]
)
def test_a_transformer_and_its_text_encoder_come_a_layer_at_a_time(tmp_path, write, least):
    """Which are larger together and alone."""
    controls = write(tmp_path / "models")
    entry, plain = only(tmp_path / "models"), model_at(tmp_path / "models" / "model")
    model = msgspec.structs.replace(plain, components=(msgspec.structs.replace(plain.main, sizes=entry.sizes),))
    made_with, ways = [], []
    for share in (2, least):
        with pretended() as card:
            engine = on(card, memory=max(round(bytes_of(entry.sizes).all * share), bytes_of(entry.sizes).layer))
            made_with.append(made(engine, under(wish(model, guidance=3.5), *controls)).data)
            ways.append(engine.stats().models[0].way)
    assert made_with[0] == made_with[1]
    assert ways == ["all", "layers"]


def test_layers_come_once_a_forward_and_the_next_one_beside(accelerator, model, monkeypatch):
    """As many copies for each further step as there are layers that don't stay."""
    copies = Counter()
    own = layers.HeldLayer.copy_into
    monkeypatch.setattr(
        layers.HeldLayer, "copy_into", lambda layer, block: (copies.update([id(layer)]), own(layer, block))
    )
    engine = on(accelerator(), memory=round(bytes_of(model.sizes).all * 0.5))
    counted = []
    for steps in (1, 3):
        copies.clear()
        drawn(engine, model, num_steps=steps)
        counted.append(Counter(copies))
    further = counted[1] - counted[0]
    assert sorted(further.values()) == [2] * (len(further) - 1) + [3], "one a step, and what was on its way at the end"


def test_what_does_not_fit_is_refused_before_it_is_opened(accelerator, model):
    engine = on(accelerator(), memory=bytes_of(model.sizes).layer - 1)
    with pytest.raises(OutOfMemory, match=r"'tiny' needs at least 5 MB of the device's memory") as refused:
        run(engine, wish(model))
    assert engine.drop_step() == ["a"]
    assert refused.value.note.code == "memory.least"


@pytest.mark.parametrize(("share", "room"), [(2, 1), (0.8, 0.8), (0.5, 0.5)])
def test_room_is_made_for_the_layers_that_stay(accelerator, model, share, room):
    """Which those are is told when it is opened, by what is left of the device then."""
    everything = bytes_of(model.sizes).all
    accelerator()
    plan = lodging.Lodging(model, Device(WorkerSettings(device="cuda", memory=round(everything * share))))
    assert plan.weights <= room * everything + 1
    assert plan.way != "layers" or plan.weights == round(everything * room), "all that there is"


def test_nobody_leaves_for_what_is_refused(accelerator, model, tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "sd.safetensors", tiny_modules(unet=SMALL))
    engine = on(accelerator(), memory=bytes_of(model.sizes).all)  # for one of them
    drawn(engine, sized(tmp_path / "sd.safetensors", "other"))
    monkeypatch.setattr(lodging, "way_for", lambda *_, **__: None)
    with pytest.raises(OutOfMemory):
        run(engine, wish(model, "b"))
    assert [resident.name for resident in engine.stats().models] == ["other"]


def test_text_encoders_leave_while_latents_are_denoised(accelerator, model, whole, monkeypatch):
    """Where what steps take is what they would be in the way of."""
    weights, steps = bytes_of(model.sizes), StepBytes(denoise=6 * 2**20, decode=2**20)
    monkeypatch.setattr(lodging, "SLACK", 0)
    monkeypatch.setattr(lodging, "_steps", lambda *_: steps)
    card = accelerator()
    card.limit = peak(weights, "encoders", steps)
    engine = on(card, cuda_graphs=False)
    first = drawn(engine, model)
    assert (first.data, [note.code for note in first.warnings]) == (whole[0].data, ["way.encoders"])
    assert engine.stats().models[0].way == "encoders"


@pytest.mark.slow
def test_models_that_are_too_large_together_take_turns(accelerator, model, tmp_path):
    """Each of two pictures at once has the device for its steps, and its own bytes."""
    write_checkpoint(tmp_path / "sd.safetensors", tiny_modules(unet=SMALL))
    other, budget = sized(tmp_path / "sd.safetensors", "other"), round(bytes_of(model.sizes).all * 0.8)

    def ask():
        return wish(model, "a"), wish(other, "b", seed=3)

    alone = {one.job: made(on(accelerator(), memory=budget), one).data for one in ask()}
    together = finished(run(on(accelerator(), memory=budget), *ask()))
    assert {job: report.data for job, report in together.items()} == alone


def test_in_main_memory_weights_stay_in_their_file(model):
    """Bits are those of weights that were widened at loading."""
    plain = drawn(engine_of(), model)
    engine = engine_of(msgspec.structs.replace(SETTINGS, memory=round(bytes_of(model.sizes).all * 0.35)))
    kept = drawn(engine, model)
    assert kept.data == plain.data
    assert [note.code for note in kept.warnings] == ["way.files"]
    (resident,) = engine._models.residency._models.values()
    modules = [part.module for stage in ("encode", "denoise", "decode") for part in resident.family.parts(stage)]
    large = [weight for module in modules for weight in module.parameters() if weight.numel() >= 2**16]
    kept_there = [weight for weight in large if isinstance(weight, Quantised)]
    assert {weight.kind for weight in kept_there} == {"float16"}
    # What a file has otherwise than the network, turned or out of line, is made anew.
    assert sum(map(torch.numel, kept_there)) > 0.8 * sum(map(torch.numel, large))
    assert engine.stats().models[0].size < 0.7 * bytes_of(model.sizes, 4).all, (
        "of so small a network much is below what is kept"
    )


@pytest.mark.slow
def test_two_pictures_of_a_model_in_stages_have_it_copied_once_a_stage(accelerator, model, monkeypatch):
    """Not at every part of a VAE's work, each as long as a step, and between which others have theirs."""
    clock, entered, own = Clock(), Counter(), (guest.Guest.enter, UNetModel.denoise, autoencoder.decode_parts)

    def enter(visitor):
        entered[visitor.nbytes] += 1
        own[0](visitor)

    def denoise(family, *told):
        clock.now += 1
        return own[1](family, *told)

    def parts(vae, latents, *, tiled):
        slices = own[2](vae, latents, tiled=tiled)
        made = StopIteration()
        while made.value is None:
            clock.now += 1
            try:
                next(slices)
                yield
            except StopIteration as end:
                made = end
        return made.value

    monkeypatch.setattr(guest.Guest, "enter", enter)
    monkeypatch.setattr(UNetModel, "denoise", denoise)
    monkeypatch.setattr(autoencoder, "decode_parts", parts)
    monkeypatch.setattr(autoencoder, "_QUICK", 0)
    monkeypatch.setattr(Device, "span", lambda device, clock: ClockSpan(clock, device.synchronize))
    settings = WorkerSettings(device="cuda", keep_alive=-1, memory=round(bytes_of(model.sizes).denoiser * 1.02))
    accelerator()
    engine = engine_of(settings, turn=0.5, clock=clock)
    run(engine, wish(model, "a", client="a", num_steps=1), wish(model, "b", client="b", num_steps=12))
    (family,) = [resident.family for resident in engine._models.residency._models.values()]
    denoiser, vae = (family.parts(stage)[-1]._guest.nbytes for stage in ("denoise", "decode"))
    assert (entered[vae], entered[denoiser]) == (2, 2), "once for each picture, and the denoiser again between them"


def test_previews_need_no_vae_in_the_place_of_the_denoiser(accelerator, model):
    engine = on(accelerator(), memory=round(bytes_of(model.sizes).all * 0.8))
    said = run(engine, wish(model, every=1, kind="vae", num_steps=3))
    notes = [note.code for note in finished(said)["a"].warnings]
    assert (notes, len(previews(said))) == (["way.stages", "preview.moves"], 2)


def test_a_vae_that_comes_to_work_works_in_tiles_where_a_whole_picture_is_too_large(accelerator, model, monkeypatch):
    """That it leaves makes no room for what it does itself: who waits for that waits for ever."""
    own = autoencoder.decode_parts

    def short(vae, latents, *, tiled):
        if not tiled:
            raise torch.OutOfMemoryError("CUDA out of memory (pretended)")
        return (yield from own(vae, latents, tiled=tiled))

    monkeypatch.setattr(autoencoder, "decode_parts", short)
    first = drawn(on(accelerator(), memory=round(bytes_of(model.sizes).all * 0.8)), model)
    assert {note.code for note in first.warnings} == {"way.stages", "memory.tiles"}


class Visitor:
    """Of a floor."""

    nbytes = 6

    def __init__(self, name, said, fits=True):
        self.name, self._said, self._fits = name, said, fits

    def enter(self):
        if not self._fits:
            raise torch.OutOfMemoryError
        self._said.append(f"{self.name} comes")

    def leave(self):
        self._said.append(f"{self.name} goes")


def test_only_others_make_room_by_leaving():
    said, floor = [], Floor(lambda: 12)
    a, b, large = Visitor("a", said), Visitor("b", said), Visitor("large", said, fits=False)
    for visitor in (a, b):
        with floor.hosting(visitor):
            pass
    assert floor.clear(), "a is out of b's way"
    with floor.hosting(b):
        pass
    assert not floor.clear()
    assert said == ["a comes", "b comes", "a goes", "b goes", "b comes", "b goes"]
    with floor.hosting(b):
        pass
    with pytest.raises(torch.OutOfMemoryError):
        floor.take(large)
    assert floor.clear(), "b is out of the way of what didn't fit"
    assert not floor.clear()


def test_who_is_larger_than_the_room_leaves_after_work():
    said, floor = [], Floor(lambda: 5)
    a = Visitor("a", said)
    with floor.hosting(a):
        floor.settle()
        assert floor.has(a), "it works"
    floor.settle()
    assert said == ["a comes", "a goes"]


def test_text_encoders_are_gone_before_the_denoiser_works(accelerator, model, monkeypatch):
    """Where all but they have room, and they have with the denoiser beside them only as long as it rests."""
    weights = bytes_of(model.sizes)
    engine = on(accelerator(), memory=weights.denoiser + weights.vae + weights.encoders // 3)
    floor, over = engine._device.floor, []
    own = UNetModel.denoise

    def denoise(family, *told):
        over.append(floor.nbytes - floor.room())
        return own(family, *told)

    monkeypatch.setattr(UNetModel, "denoise", denoise)
    monkeypatch.setattr(lodging, "way_for", lambda *_, **__: "encoders")
    drawn(engine, model)
    assert over
    assert max(over) <= 0


def test_one_that_is_at_work_is_never_sent_away():
    said, floor = [], Floor(lambda: 10)
    a, b = Visitor("a", said), Visitor("b", said)
    with floor.hosting(a):
        assert not floor.clear()
    with floor.hosting(b):
        pass
    assert said == ["a comes", "a goes", "b comes"]
    del b
    assert floor.nbytes == 0, "whoever's model went is gone with it"


def test_a_budget_of_weights_is_what_the_settings_say(model):
    engine = engine_of(WorkerSettings(device="cpu", memory=10**8))
    assert engine.describe().room.memory == 10**8
    parts = (msgspec.structs.replace(model.main, role="vae", sizes=Sizes(vae=Weight(7))),)
    changed = msgspec.structs.replace(model, components=(model.main, *parts))
    assert changed.sizes.vae == Weight(7), "one beside it is in its own's place"
    assert changed.sizes.denoiser == model.sizes.denoiser


def test_bytes_may_be_asked_for_while_models_come_and_go():
    """As by the thread that opens one, whose layers stay as far as there is room."""

    class Coming:
        """While it is looked at another one comes."""

        @property
        def family(self):
            residency._models["another"] = self
            return self

        def parts(self, _):
            return ()

    residency = Residency(lambda: None, Kept())
    residency._models["first"] = Coming()
    assert residency.nbytes() == 0


def test_a_pipeline_that_runs_whole_is_not_refused_by_what_steps_take(tmp_path):
    """It has ways of its own to be smaller than its weights are."""
    (tmp_path / "model_index.json").write_text('{"_class_name": "KandinskyPipeline"}')
    main = Component(role="checkpoint", path=str(tmp_path), format="diffusers", sizes=Sizes(denoiser=Weight(10**9)))
    model = Model(name="whole", family="unknown", components=(main,))
    with pretended(memory=10**8):
        plan = lodging.Lodging(model, Device(WorkerSettings(device="cuda")))
    plan.check()
    assert not plan.refused
