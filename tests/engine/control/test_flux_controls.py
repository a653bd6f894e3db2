"""ControlNets of FLUX.1 are plain diffusers' own, in every layout that their files come in, and change nobody else."""

import diffusers
import msgspec
import numpy as np
import pytest
import torch
from diffusers import FluxMultiControlNetModel
from PIL import ImageOps

from imagine.engine.control.flux_control import FluxControl
from imagine.engine.jobs import controlling
from imagine.engine.loading.control_file import ControlFile
from imagine.engine.parts.slices import whole
from imagine.registry.header import parse_header
from imagine.registry.identify import identify
from imagine.words.beside import CONTROLS
from imagine.words.errors import BadRequest, UnusableModel
from imagine.words.model import Component
from imagine.words.recipe import Hires
from tests.control_files import controlled, flux_control, home_of, save, tiny_flux_control, write_control, xlabs_tensors
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, unpacked_latents
from tests.engine.references.referring import reference, referring
from tests.engine.running import crowd_made_again, engine_of, latents_of, made, model_at, wish
from tests.flux_files import flux_pipeline, tiny_flux, write_flux
from tests.registry import declared

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
FIRST, SECOND = PHOTO, PHOTO.rotate(90)
XLABS = {"conditioning_embedding_channels": 16, "patch_size": 2, "num_single_layers": 0}


class Kind:
    """A model: where it lies, and its modules."""

    def __init__(self, folder, **said):
        self.modules = tiny_flux(**said)
        self.path = write_flux(folder, self.modules)

    @property
    def transformer(self):
        return self.modules.transformer


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    return Kind(tmp_path_factory.mktemp("dev"))


def wished(kind, *controls, job="a", loras=(), **changes):
    one = wish(model_at(kind.path), job, **{"guidance": 3.5, "num_steps": STEPS, "sampler": "euler", **changes})
    params = msgspec.structs.replace(one.params, control=tuple(said for _, said in controls))
    uses = tuple(use for use, _ in controls)
    return msgspec.structs.replace(one, params=params, controls=uses, adapters=tuple(loras))


def ours(kind, *controls, **changes):
    return latents_of(wished(kind, *controls, **changes))


def theirs(kind, network, folder, **asked):
    """The latents that diffusers' own pipeline ends with."""

    def pipeline(**parts):
        return diffusers.FluxControlNetPipeline(controlnet=network, **parts)

    pipe = flux_pipeline(kind.modules, folder, pipeline)
    return unpacked_latents(pipe, guidance_scale=asked.pop("guidance_scale", 3.5), **asked)


@pytest.mark.parametrize(
    ("said", "layout"),
    [
        ({}, "diffusers"), ({"num_layers": 2, "num_single_layers": 0}, "folder"),
        ({"guidance_embeds": False}, "diffusers"), (XLABS, "xlabs"), (XLABS | {"num_layers": 2}, "diffusers"),
    ],
)  # fmt: skip
def test_a_controlnet(dev, tmp_path, said, layout):
    network = tiny_flux_control(dev.transformer, **said)
    file = write_control(tmp_path / "canny.safetensors", network, layout)
    got = ours(dev, controlled(file, FIRST, strength=0.7, end=0.75))
    asked = {"control_image": FIRST, "controlnet_conditioning_scale": 0.7, "control_guidance_end": 0.75}
    assert_same(got, theirs(dev, network, tmp_path, **asked), ours(dev), within=1e-5)


def test_a_union_is_told_the_kind_of_map_and_may_be_there_twice(dev, tmp_path):
    union = tiny_flux_control(dev.transformer, num_mode=7)
    file = write_control(tmp_path / "union.safetensors", union)
    told = controlled(file, FIRST, strength=0.6, type="depth"), controlled(file, SECOND, strength=0.4, type="canny")
    asked = {"control_image": [FIRST, SECOND], "control_mode": [2, 0], "controlnet_conditioning_scale": [0.6, 0.4]}
    twice = FluxMultiControlNetModel([union])
    expected = theirs(dev, twice, tmp_path, control_guidance_start=[0.0, 0.0], control_guidance_end=[1.0, 1.0], **asked)
    got, blind = ours(dev, *told), [controlled(file, FIRST, strength=0.6, type="pose"), told[1]]
    assert_same(got, expected, ours(dev), within=1e-5)
    assert not torch.allclose(ours(dev, *blind), got, atol=1e-4), "it heeds the kind"


def test_several_of_different_depths_each_in_its_part_of_the_steps(dev, tmp_path):
    """diffusers adds up no two of different depths: together they do what each does where the other isn't."""
    networks = [tiny_flux_control(dev.transformer, 1), tiny_flux_control(dev.transformer, 2, num_layers=2)]
    files = [write_control(tmp_path / f"{number}.safetensors", each) for number, each in enumerate(networks)]
    first, second = (controlled(file, FIRST, start=start, end=end) for file, start, end in
                     zip(files, (0.0, 0.5), (0.5, 1.0), strict=True))  # fmt: skip
    both = ours(dev, first, second)
    for alone in (ours(dev, first), ours(dev, second), ours(dev)):
        assert not torch.allclose(both, alone, atol=1e-3)
    assert torch.equal(both, ours(dev, first, second, controlled(files[0], SECOND, strength=0.0)))


def test_schnell_takes_what_was_made_for_dev(tmp_path):
    schnell = Kind(tmp_path / "schnell", told=False)
    network = tiny_flux_control(schnell.transformer, guidance_embeds=True)
    file = write_control(tmp_path / "canny.safetensors", network)
    got = ours(schnell, controlled(file, FIRST), guidance=0.0)
    expected = theirs(schnell, network, tmp_path, control_image=FIRST, max_sequence_length=256)
    assert_same(got, expected, ours(schnell, guidance=0.0), within=1e-4)


def test_a_mixed_crowd_is_made_again_bit_for_bit(dev, tmp_path):
    """Plain, LoRA, controls, both guidances, over a picture, in two passes, beside a reference: each alone, in a worker
    that has seen no other."""
    networks = {
        "net": tiny_flux_control(dev.transformer), "union": tiny_flux_control(dev.transformer, 2, num_mode=7),
        "xlabs": tiny_flux_control(dev.transformer, 3, **XLABS), "hole": tiny_flux_control(dev.transformer, 4, seen=68),
    }  # fmt: skip
    files = {name: write_control(tmp_path / f"{name}.safetensors", each) for name, each in networks.items()}
    write_low_rank(tmp_path / "lora.safetensors", {"denoiser": dev.transformer}, 4, only="attn")
    lora, net = used(tmp_path / "lora.safetensors", "aaaa"), controlled(files["net"], FIRST)
    hole = controlled(files["hole"], FIRST, preprocess="inpaint")
    union, xlabs = controlled(files["union"], SECOND, type="tile"), controlled(files["xlabs"], SECOND, strength=0.5)
    wishes = [
        wished(dev, job="plain"), wished(dev, job="lora", loras=[lora]), wished(dev, net, job="net"),
        wished(dev, net, union, xlabs, job="all", loras=[lora], seed=3),
        wished(dev, union, job="sided", neg="a dog", true_cfg=2.0),
        wished(dev, xlabs, hole, job="painted", img=FIRST, mask=MASK, strength=0.7),
        wished(dev, net, job="hires", hires=Hires(scale=1.5, strength=0.5)),
        referring(wished(dev, net, job="shown"), reference(None, SECOND, strength=1.0)),
    ]  # fmt: skip
    crowd_made_again(wishes)


def test_a_map_beside_a_hole_that_is_painted(dev, tmp_path):
    network = tiny_flux_control(dev.transformer)
    control = controlled(write_control(tmp_path / "net.safetensors", network), SECOND, strength=0.6)
    painted = {"img": FIRST, "mask": MASK}
    got = ours(dev, control, strength=0.8, **painted)

    def pipeline(**parts):
        return diffusers.FluxControlNetInpaintPipeline(controlnet=network, **parts)

    pipe = flux_pipeline(dev.modules, tmp_path, pipeline)
    expected = unpacked_latents(
        pipe, guidance_scale=3.5, image=FIRST, mask_image=MASK, control_image=SECOND, strength=0.8,
        controlnet_conditioning_scale=0.6,
    )  # fmt: skip
    assert_same(got, expected, ours(dev, strength=0.8, **painted), within=3e-5)  # what two VAEs make of two pictures


class Painting(diffusers.FluxControlNetPipeline):
    """As the one that alimama's network was published with, which diffusers hasn't: beside the latents of a map, which
    it packs first, the network sees which of them are kept."""

    def _pack_latents(self, latents, rows, _channels, height, width):
        if self.kept:
            latents = torch.cat([latents, self.kept.pop()], 1)
        return super()._pack_latents(latents, rows, latents.shape[1], height, width)


def test_one_that_paints_is_told_where(dev, tmp_path, monkeypatch):
    """Beside no picture that is blended with, as theirs: so of a map that has holes already."""
    monkeypatch.setattr(controlling, "flattened", lambda picture: picture)
    network = tiny_flux_control(dev.transformer, num_single_layers=0, seen=68)
    file = write_control(tmp_path / "inpaint.safetensors", network)
    black, holed = FIRST.copy(), FIRST.copy()
    black.paste((0, 0, 0), mask=MASK)
    holed.putalpha(ImageOps.invert(MASK))
    pipe = flux_pipeline(dev.modules, tmp_path, lambda **parts: Painting(controlnet=network, **parts))
    kept = torch.from_numpy(np.array(ImageOps.invert(MASK), np.float32))[None, None, ::8, ::8] / 255
    pipe.kept = [kept]
    expected = unpacked_latents(pipe, guidance_scale=3.5, control_image=black, controlnet_conditioning_scale=0.5)
    got = ours(dev, controlled(file, holed, strength=0.5))
    # What two VAEs make of a black hole differs by a rounding, of which such networks make ten.
    assert_same(got, expected, ours(dev, controlled(file, FIRST, strength=0.5)), within=3e-5)


def test_it_runs_where_it_is_asked_for_and_not_beyond(dev, tmp_path, monkeypatch):
    file, runs = write_control(tmp_path / "net.safetensors", tiny_flux_control(dev.transformer)), []
    residuals = FluxControl.residuals
    monkeypatch.setattr(FluxControl, "residuals", lambda *told: runs.append(1) or residuals(*told))
    for said, steps in (({}, 4), ({"start": 0.5}, 2), ({"strength": 0.0}, 0)):
        runs.clear()
        made(engine_of(), wished(dev, controlled(file, FIRST, **said)))
        assert len(runs) == steps


@pytest.mark.parametrize(
    ("said", "layout", "variant"),
    [
        ({"num_layers": 5, "num_single_layers": 10}, "", ""),  # InstantX' canny
        ({"num_layers": 5, "num_single_layers": 10, "num_mode": 10}, "", "union"),  # InstantX', Shakker Labs' first
        ({"num_layers": 6, "num_single_layers": 0}, "", ""),  # Shakker Labs' second union
        ({"num_layers": 6, "num_single_layers": 0, "seen": 68}, "", ""),  # alimama's, which paint
        ({"num_layers": 2} | XLABS, "xlabs", "xlabs"), ({"num_layers": 2} | XLABS, "", ""),
    ],
)  # fmt: skip
def test_published_ones_are_told_by_their_headers(said, layout, variant):
    """Of which these are all the names and shapes."""
    with torch.device("meta"):
        state = flux_control(guidance_embeds=True, **said).state_dict()
    tensors = xlabs_tensors(state) if layout else state
    text, size = declared.header_json({name: tuple(each.shape) for name, each in tensors.items()})
    identity = identify(parse_header(text, 8 + len(text) + size))
    assert (identity.kind, identity.family, identity.variant) == ("controlnet", "flux", variant)
    assert "flux" in CONTROLS[variant]


def bound(path, denoiser):
    return whole(ControlFile(Component(role="adapter", path=str(path)), "edges").bind(denoiser, home_of(denoiser)))


def test_what_does_not_go_beside_it_is_refused(dev, tmp_path):
    flux = dev.transformer
    wide = diffusers.FluxTransformer2DModel(**{**flux.config, "num_attention_heads": 2})
    union = bound(write_control(tmp_path / "union.safetensors", tiny_flux_control(flux, num_mode=3)), flux)
    with pytest.raises(BadRequest, match="its type is one of canny, tile, depth, not"):
        union._mode("pose")
    state = tiny_flux_control(flux).state_dict()
    masked = state | {"controlnet_x_embedder.weight": torch.ones(64, 72)}
    few = {name: each for name, each in state.items() if name != "controlnet_blocks.0.bias"}
    for tensors, beside, why in (
        (state, wide, "64 wide, and this model's is 32"), (masked, flux, "72 channels of a map, and 64"),
        (few, flux, "lacks controlnet_blocks.0.bias"),
        ({"controlnet_blocks.0.weight": state["x_embedder.bias"]}, flux, "of a kind"),
        (state | {"x_embedder.bias": torch.full((64,), torch.nan)}, flux, "no number"),
    ):  # fmt: skip
        with pytest.raises(UnusableModel, match=why):
            bound(save(tmp_path / "edges.safetensors", tensors), beside)
