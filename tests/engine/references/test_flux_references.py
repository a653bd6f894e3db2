"""Reference pictures beside FLUX.1, through Redux and through XLabs' image adapters: diffusers' own latents."""

import copy
import functools

import diffusers
import msgspec
import numpy as np
import pytest
import torch
from diffusers import FluxPriorReduxPipeline
from transformers import SiglipImageProcessor

from imagine.engine.loading.image_encoder import read_image_encoder
from imagine.engine.parts.clip_vision import CLIP
from imagine.engine.parts.image_encoder import normalised
from imagine.engine.parts.siglip_vision import SiglipVisionModel
from imagine.engine.parts.slices import whole
from imagine.pictures.crops import squared
from imagine.words.errors import Unsupported, UnusableModel
from tests.control_files import controlled, tiny_flux_control, write_control
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.parity import PHOTO, STEPS, assert_same, unpacked_latents
from tests.engine.references.referring import CAT, DOG, LEFT, at, reference, referring
from tests.engine.running import crowd_made_again, latents_of, model_at, wish
from tests.flux_adapters import SIDE, tiny_redux, tiny_siglip, write_redux, write_siglip, write_xlabs, xlabs_tensors
from tests.flux_files import flux_pipeline, tiny_flux, write_flux
from tests.image_adapters import tiny_encoder, write_encoder

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
FIRST, SECOND = DOG.resize((SIDE, SIDE)), CAT.resize((SIDE, SIDE))


class Here:
    """A model, and what goes beside it: files, and diffusers' and transformers' modules."""

    def __init__(self, folder):
        self.folder, self.modules = folder, tiny_flux()
        self.path = write_flux(folder / "dev", self.modules)
        self.vision, self.clip = tiny_siglip(), tiny_encoder()
        self.sees = write_siglip(folder / "sigclip.safetensors", self.vision)
        write_encoder(folder / "clip.safetensors", self.clip)
        self.redux = tiny_redux(self.modules.transformer)
        self.shown = write_redux(folder / "redux.safetensors", self.redux)
        self.xlabs = xlabs_tensors(self.modules.transformer)
        self.attended = write_xlabs(folder / "xlabs.safetensors", self.xlabs)

    def shown_as(self, picture, **said):
        """A reference that Redux has among the words."""
        return reference(self.shown, picture, encoder=self.sees, **{"strength": 1.0, "crop": "square", **said})

    def attended_to(self, picture, **said):
        return reference(self.attended, picture, encoder=self.folder / "clip.safetensors", **said)

    @functools.cached_property
    def plain(self):
        return ours(self)

    @functools.cached_property
    def first_shown(self):
        return ours(self, self.shown_as(FIRST))


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return Here(tmp_path_factory.mktemp("here"))


def wished(here, *references, job="a", **changes):
    usual = {"guidance": 3.5, "num_steps": STEPS, "sampler": "euler"}
    return referring(wish(model_at(here.path), job, **usual | changes), *references)


def ours(here, *references, **changes):
    return latents_of(wished(here, *references, **changes))


def told(here, pictures, prompt, scales):
    """What diffusers' own pipeline makes of pictures and a prompt, for its own transformer's pipeline."""
    plain = flux_pipeline(here.modules, here.folder)
    names = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")
    prior = FluxPriorReduxPipeline(
        image_encoder=here.vision, feature_extractor=SiglipImageProcessor(size={"height": SIDE, "width": SIDE}),
        image_embedder=here.redux, **{name: getattr(plain, name) for name in names},
    )  # fmt: skip
    weighed = {"prompt_embeds_scale": scales, "pooled_prompt_embeds_scale": scales}
    made = prior(pictures, prompt=[prompt] * len(pictures), **weighed)
    return made.prompt_embeds, made.pooled_prompt_embeds


def theirs(here, embeds, pooled, **asked):
    pipe = flux_pipeline(here.modules, here.folder)
    asked |= {"prompt": None, "prompt_embeds": embeds, "pooled_prompt_embeds": pooled}
    return unpacked_latents(pipe, guidance_scale=3.5, **asked)


def test_siglip_sees_what_transformers_does(here):
    encoder = whole(read_image_encoder(at(here.sees), torch.device("cpu"), torch.float32))
    seen = whole(encoder.see(DOG, "square"))
    with torch.inference_mode():
        pixels = normalised(squared(DOG, SIDE, "square", (128, 128, 128)), SiglipVisionModel.colours)
        expected = here.vision(pixels, output_hidden_states=True)
    assert torch.equal(seen.last, expected.last_hidden_state)
    assert torch.equal(seen.penultimate, expected.hidden_states[-2])


@pytest.mark.parametrize(
    ("pictures", "said"), [((FIRST,), {}), ((FIRST, SECOND), {"combine": "average"})], ids=["one", "the mean of two"]
)
def test_redux(here, pictures, said):
    scales = [1 / len(pictures)] * len(pictures)
    expected = theirs(here, *told(here, list(pictures), "a red fox", scales))
    got = ours(here, *(here.shown_as(picture, **said) for picture in pictures))
    assert_same(got, expected, here.plain, within=1e-5)


def test_redux_on_both_sides_of_guidance(here):
    """As where diffusers' pipeline is asked for either prompt."""
    (embeds, pooled), (against, other) = (told(here, [FIRST], prompt, [1.0]) for prompt in ("a red fox", "a dog"))
    said = {"negative_prompt_embeds": against, "negative_pooled_prompt_embeds": other, "true_cfg_scale": 2.0}
    got = ours(here, here.shown_as(FIRST), neg="a dog", true_cfg=2.0)
    assert_same(got, theirs(here, embeds, pooled, **said), here.first_shown, within=1e-5)


def test_several_side_by_side_each_as_strong_as_it_is_said_to_be(here):
    """A picture's tokens, weaker, behind another's."""
    (first, pooled), (second, _) = (told(here, [picture], "a red fox", [1.0]) for picture in (FIRST, SECOND))
    both = torch.cat([first[:, :512], 0.5 * first[:, 512:], second[:, 512:]], 1)
    got = ours(here, here.shown_as(FIRST, strength=0.5), here.shown_as(SECOND))
    assert_same(got, theirs(here, both, pooled), here.first_shown, within=1e-5)


@pytest.mark.parametrize("guided", [False, True])
def test_xlabs(here, guided):
    """With true guidance the other side looks at a black picture."""
    pipe = flux_pipeline(here.modules._replace(transformer=copy.deepcopy(here.modules.transformer)), here.folder)
    projection, attention = "ip_adapter_proj_model.", "double_blocks."
    halves = {
        "image_proj": {n.removeprefix(projection): each for n, each in here.xlabs.items() if n.startswith(projection)},
        "ip_adapter": {_theirs(n): each for n, each in here.xlabs.items() if n.startswith(attention)},
    }
    pipe.transformer._load_ip_adapter_weights([halves], low_cpu_mem_usage=False)
    pipe.set_ip_adapter_scale(0.7)
    embeds = [_embedding(here, squared(picture, 28, "pad", CLIP.margin)) for picture in (FIRST, BLACK)]
    asked = {"ip_adapter_image_embeds": [embeds[0]], "negative_ip_adapter_image_embeds": [embeds[1]]}
    ask = {}
    if guided:
        asked |= {"negative_prompt": "a dog", "true_cfg_scale": 2.0}
        ask = {"neg": "a dog", "true_cfg": 2.0}
    expected = unpacked_latents(pipe, guidance_scale=3.5, **asked)
    got = ours(here, here.attended_to(FIRST), **ask)
    assert_same(got, expected, ours(here, **ask), within=1e-5)


BLACK = FIRST.point(lambda _: 0)


def _theirs(name):
    number, _, rest = name.removeprefix("double_blocks.").partition(".")
    which, kind = rest.removeprefix("processor.ip_adapter_double_stream_").split("_proj.")
    return f"{number}.to_{which}_ip.{kind}"


@torch.inference_mode()
def _embedding(here, picture):
    return here.clip(normalised(picture)).image_embeds[None]


def test_a_mask_says_where_an_adapter_counts(here):
    """Over all of the picture it changes nothing, over none everything; what the model is shown stays as it is."""
    white, none = (LEFT.point(lambda _, value=value: value) for value in (255, 0))
    everywhere, nowhere = (ours(here, here.attended_to(FIRST, mask=mask)) for mask in (white, none))
    assert torch.equal(nowhere, here.plain)
    np.testing.assert_allclose(everywhere, ours(here, here.attended_to(FIRST)), atol=1e-5)
    own = reference(None, SECOND, strength=1.0)
    assert torch.equal(ours(here, own, here.attended_to(FIRST, mask=none)), ours(here, own))


def test_a_mixed_crowd_is_made_again_bit_for_bit(here, tmp_path):
    transformer = here.modules.transformer
    net = controlled(write_control(tmp_path / "net.safetensors", tiny_flux_control(transformer)), PHOTO)
    write_low_rank(tmp_path / "lora.safetensors", {"denoiser": transformer}, 4, only="attn")

    def beside(one):
        params = msgspec.structs.replace(one.params, control=(net[1],))
        return msgspec.structs.replace(one, params=params, controls=(net[0],), adapters=(lora,))

    lora = used(tmp_path / "lora.safetensors", "aaaa")
    shown, attended = here.shown_as(FIRST), here.attended_to(SECOND)
    crowd_made_again([
        wished(here, job="plain"), beside(wished(here, shown, job="beside", seed=3)),
        wished(here, here.shown_as(FIRST, end=0.5), job="half"), wished(here, attended, job="attended"),
        wished(here, attended, shown, job="both", neg="a dog", true_cfg=2.0),
        wished(here, here.attended_to(FIRST, mask=LEFT), reference(None, DOG, strength=1.0), job="own"),
    ])  # fmt: skip


def test_what_does_not_go_beside_it_is_refused(here, tmp_path):
    narrow = diffusers.pipelines.flux.modeling_flux.ReduxImageEncoder(redux_dim=32, txt_in_features=24)
    file = write_redux(tmp_path / "narrow.safetensors", narrow)
    with pytest.raises(UnusableModel, match="'narrow' is for another network"):
        ours(here, reference(file, FIRST, encoder=here.sees))
    few = {name: each for name, each in here.xlabs.items() if "double_blocks.1" not in name}
    file = write_xlabs(tmp_path / "few.safetensors", few)
    with pytest.raises(UnusableModel, match="'few' is for another network"):
        ours(here, reference(file, FIRST, encoder=here.folder / "clip.safetensors"))
    for adapter, encoder in ((here.shown, here.folder / "clip.safetensors"), (here.attended, here.sees)):
        with pytest.raises(Unsupported, match="of which there is none"):
            ours(here, reference(adapter, FIRST, encoder=encoder))
