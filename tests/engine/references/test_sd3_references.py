"""Reference pictures beside Stable Diffusion 3.5, through InstantX' image adapter: diffusers' own latents."""

import copy

import pytest
import torch
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import IPAdapterTimeImageProjection
from transformers import SiglipImageProcessor

from imagine.registry.header import parse_header
from imagine.registry.identify import identify
from imagine.words.beside import IMAGE_ADAPTERS
from imagine.words.errors import UnusableModel
from tests.checkpoints import save
from tests.engine.parity import STEPS, assert_same, plain_latents
from tests.engine.references.referring import CAT, DOG, reference, referring
from tests.engine.running import crowd_made_again, engine_of, latents_of, model_at, run, wish
from tests.flux_adapters import SIDE, WIDTH, tiny_siglip, write_siglip
from tests.registry import declared
from tests.sd3_files import sd3_pipeline, tiny_sd3, write_sd3

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
FIRST, SECOND = DOG.resize((SIDE, SIDE)), CAT.resize((SIDE, SIDE))
_THEIRS = {
    "ln0": "0.norm1", "ln1": "0.norm2", "attn.to_q": "0.to_q", "attn.to_kv": "0.to_kv", "attn.to_out.0": "0.to_out",
    "adaln_norm": "1.0", "ff.net.0.proj": "1.1", "ff.net.2": "1.3", "adaln_proj": "2.1",
}  # fmt: skip


def published(projection, layers):
    """Both of diffusers' modules' tensors as InstantX names them."""
    made = {}
    for name, each in projection.state_dict().items():
        stem, _, kind = name.removeprefix("layers.").partition(".")[2].rpartition(".")
        layered = name.startswith("layers.")
        made["image_proj." + (f"layers.{name.split('.')[1]}.{_THEIRS[stem]}.{kind}" if layered else name)] = each
    for number, layer in enumerate(layers):
        made |= {f"ip_adapter.{number}.{name}": each for name, each in layer.state_dict().items()}
    return made


class ShownLarge:
    """A model and what goes beside it: files, and diffusers' and transformers' modules."""

    def __init__(self, folder):
        self.folder, self.modules = folder, tiny_sd3("3.5 large")
        self.path, self.vision = write_sd3(folder / "large", self.modules, "all"), tiny_siglip()
        self.sees = write_siglip(folder / "sigclip.safetensors", self.vision)
        config = self.modules.transformer.config
        with torch.random.fork_rng():
            torch.manual_seed(1)
            projection = IPAdapterTimeImageProjection(
                embed_dim=WIDTH, output_dim=64, hidden_dim=128, heads=2, num_queries=5, timestep_in_dim=32
            )
            layers = [
                SD3IPAdapterJointAttnProcessor2_0(64, 64, config.attention_head_dim, 128)
                for _ in range(config.num_layers)
            ]
        self.tensors = published(projection, layers)
        self.adapter = folder / "ip-adapter.safetensors"
        save(self.adapter, self.tensors, {})

    def attended_to(self, picture, **said):
        return reference(self.adapter, picture, encoder=self.sees, **said)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return ShownLarge(tmp_path_factory.mktemp("here"))


def wished(here, *references, job="a", **changes):
    usual = {"guidance": 1.0, "num_steps": STEPS, "sampler": "euler"}
    return referring(wish(model_at(here.path), job, **usual | changes), *references)


def theirs(here, scale, **asked):
    modules = here.modules._replace(transformer=copy.deepcopy(here.modules.transformer))
    pipe = sd3_pipeline(
        modules, here.folder, image_encoder=here.vision,
        feature_extractor=SiglipImageProcessor(size={"height": SIDE, "width": SIDE}),
    )  # fmt: skip
    halves = {"image_proj": {}, "ip_adapter": {}}
    for name, each in here.tensors.items():
        half, _, rest = name.partition(".")
        halves[half][rest] = each
    pipe.transformer._load_ip_adapter_weights(halves, low_cpu_mem_usage=False)
    pipe.transformer.eval()
    pipe.set_ip_adapter_scale(scale)
    return plain_latents(pipe, **asked)


@pytest.mark.parametrize("guided", [False, True])
def test_its_tokens_follow_from_the_step(here, guided):
    """The negative side is told of zeros."""
    said = {"guidance": 4.0, "neg": "a dog"} if guided else {}
    asked = {"guidance_scale": 4.0, "negative_prompt": "a dog"} if guided else {"guidance_scale": 1.0}
    got = latents_of(wished(here, here.attended_to(FIRST, strength=0.7), **said))
    expected = theirs(here, 0.7, ip_adapter_image=FIRST, **asked)
    without = None if guided else latents_of(wished(here))
    assert_same(got, expected, without, within=5e-5)


def test_a_mixed_crowd_is_made_again_bit_for_bit(here):
    """Of two pictures side by side, of their mean, and away from a negative prompt, for a part of the steps."""
    asked = {"num_steps": 2}
    crowd_made_again([
        wished(here, here.attended_to(FIRST), here.attended_to(SECOND), job="both", **asked),
        wished(here, *(here.attended_to(each, combine="average") for each in (FIRST, SECOND)), job="mean", **asked),
        wished(here, here.attended_to(FIRST, end=0.5), job="sided", guidance=4.0, neg="a dog", **asked),
    ])  # fmt: skip


def test_the_published_one_is_told_by_its_header():
    """InstantX', of which these are all the names and shapes, in diffusers' converter's words."""
    with torch.device("meta"):
        layer = SD3IPAdapterJointAttnProcessor2_0(2432, 2432, 64, 1280)
        named = published(IPAdapterTimeImageProjection(), [layer] * 38)
    text, length = declared.header_json({name: tuple(each.shape) for name, each in named.items()})
    identity = identify(parse_header(text, 8 + len(text) + length))
    assert (identity.kind, identity.family, identity.variant) == ("ip-adapter", "sd3.5", "timed")
    assert IMAGE_ADAPTERS["timed"] == {"sd3.5"}


def test_what_does_not_go_beside_it_is_refused(here, tmp_path):
    """Fewer layers than the model's, and a model that attends twice."""
    few = {name: each for name, each in here.tensors.items() if not name.startswith("ip_adapter.1.")}
    save(tmp_path / "few.safetensors", few, {})
    medium = write_sd3(tmp_path / "medium", tiny_sd3("3.5 medium"), "all")
    for path, adapter in ((here.path, tmp_path / "few.safetensors"), (medium, here.adapter)):
        one = wish(model_at(path), guidance=1.0, num_steps=1, sampler="euler")
        with pytest.raises(UnusableModel, match="is for another network"):
            run(engine_of(), referring(one, reference(adapter, FIRST, encoder=here.sees)))
