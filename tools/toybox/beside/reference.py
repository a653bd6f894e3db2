"""The image adapter: what Toybox's eyes see of references, as words that its denoiser attends to beside the prompt's.

Ye et al. 2023, "IP-Adapter" (https://arxiv.org/abs/2308.06721); the file is as theirs are, with the eyes within. It
learns with all layers attending (kind `subject`), and with those alone that style is left to (`style`): what shall come
of the reference then is its colours. The layers that Stable Diffusion 1 keeps for composition have too little to say
in Toybox for a thing to come through them alone: taught with them only, it drew none of 16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor, IPAdapterAttnProcessor
from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPVisionModelWithProjection

from imagine.engine.adapters.block_weights import factors
from imagine.training.loop import random_numbers
from imagine.words.recipe import BlockWeights, ReferenceKind
from tools.toybox.beside import eyes as seeing
from tools.toybox.beside.drawings import SEED, Drawings
from tools.toybox.beside.finished import Finished
from tools.toybox.beside.stage import Lesson, Trial
from tools.toybox.beside.views import Shown, Views, view
from tools.toybox.captions import NOTHING, Mention, Speaker
from tools.toybox.judge import judge
from tools.toybox.models import TEXT_CONFIG
from tools.toybox.world import THINGS, Scene, combinations

NAME = "toybox-reference"
TOKENS = 4
CONTEXT: int = TEXT_CONFIG["hidden_size"]
KINDS: Mapping[ReferenceKind, BlockWeights] = {"subject": "linear", "style": "style", "content": "composition"}
"""What of a reference is meant, and which layers attend to it then."""
SHARED: Mapping[ReferenceKind, Sequence[str]] = {
    "subject": ("thing", "colour", "background"),
    "style": ("colour", "background"),
}
"""What a picture then has of its reference, for the kinds that are taught."""
_OFTEN = (0.75, 0.25)
"""How often each of them is meant."""
_MANY = (0.6, 0.2, 0.2)
"""How often one, two and three views are seen together."""
_UNSEEN = 0.08
"""How often there is no reference."""


class References(NamedTuple):
    """What a batch is given: of every picture the embeddings (N, views, 64) of its references, what is meant, and how
    strongly."""

    embeddings: Tensor
    kind: ReferenceKind = "subject"
    strength: float = 1.0

    def to(self, dtype: torch.dtype) -> References:
        return self._replace(embeddings=self.embeddings.to(dtype))


class ImagePrompts(nn.Module):
    """The projection, and beside each attention to words one to its tokens."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.projection = ImageProjection(seeing.WIDTH, CONTEXT, TOKENS)
        self.layers = nn.ModuleDict()
        attentions = dict(unet.named_modules())
        for name in unet.attn_processors:
            layer = attentions[name.removesuffix(".processor")]
            if layer.is_cross_attention:
                own = IPAdapterAttnProcessor(layer.to_k.out_features, CONTEXT, num_tokens=(TOKENS,))
                own.to_k_ip[0].weight.data.copy_(layer.to_k.weight)
                own.to_v_ip[0].weight.data.copy_(layer.to_v.weight)
                self.layers[name.replace(".", "/")] = own  # a module's name has no dots

    @property
    def names(self) -> list[str]:
        """Of the attentions, in the network's order."""
        return [name.replace("/", ".") for name in self.layers]

    def _own(self) -> list[Any]:
        return list(self.layers.values())

    def set_on(self, unet: Any) -> None:
        own = dict(zip(self.names, self.layers.values(), strict=True))
        unet.set_attn_processor({name: own.get(name) or AttnProcessor() for name in unet.attn_processors})
        unet.encoder_hid_proj = MultiIPAdapterImageProjection([self.projection])
        unet.config.encoder_hid_dim_type = "ip_image_proj"

    def attend(self, kind: ReferenceKind, strength: float) -> None:
        """From now on, so strongly, by the layers that are for it."""
        by = factors(self.names, KINDS[kind], sdxl=False)
        for layer, factor in zip(self._own(), by, strict=True):
            layer.scale = [strength * factor]

    def begin_as_words(self, finished: Finished, embeddings: Tensor, shown: Sequence[Shown]) -> None:
        """Tokens that are like what the denoiser is told of the same things in words: of all, and of each by itself."""
        norm = getattr(finished.encoder, "text_model", finished.encoder).final_layer_norm
        self.projection.norm.load_state_dict(norm.state_dict())
        said = [[f"a {t} on a {b} background" for t, b in [(f"{s.colour} {s.thing}", s.background)]]
                + [f"a {s.thing}", s.colour, f"{s.background} background"] for s in shown]  # fmt: skip
        words = sorted({text for each in said for text in each})
        heard = dict(zip(words, finished.hear(words)[:, -1], strict=True))
        wanted = torch.stack([torch.stack([heard[text] for text in each]) for each in said])
        plain = ((wanted - norm.bias) / norm.weight).flatten(1)
        known = torch.cat([embeddings, torch.ones(len(embeddings), 1)], 1)
        found = torch.linalg.lstsq(known, plain).solution
        with torch.no_grad():
            self.projection.image_embeds.weight.copy_(found[:-1].T)
            self.projection.image_embeds.bias.copy_(found[-1])

    def tensors(self, eyes: CLIPVisionModelWithProjection) -> dict[str, Tensor]:
        """Under IP-Adapter's names, with the eyes within."""
        projection = self.projection
        made = {f"image_proj.proj.{name}": tensor for name, tensor in projection.image_embeds.state_dict().items()}
        made |= {f"image_proj.norm.{name}": tensor for name, tensor in projection.norm.state_dict().items()}
        for i, layer in enumerate(self._own()):
            made[f"ip_adapter.{2 * i + 1}.to_k_ip.weight"] = layer.to_k_ip[0].weight
            made[f"ip_adapter.{2 * i + 1}.to_v_ip.weight"] = layer.to_v_ip[0].weight
        skipped = "position_ids"
        return made | {
            f"image_encoder.{name}": tensor for name, tensor in eyes.state_dict().items() if not name.endswith(skipped)
        }


class ReferenceLearner:
    """Learns to draw what references show."""

    name = NAME

    def __init__(
        self, finished: Finished, pool: Drawings, eyes: CLIPVisionModelWithProjection, views: Views
    ) -> None:  # fmt: skip
        self._eyes = eyes
        self._embeddings = seeing.embeddings(eyes, views.pixels)
        self.module = ImagePrompts(finished.unet)
        self.module.begin_as_words(finished, self._embeddings, views.shown)
        self._unet = {dtype: finished.another_unet(dtype) for dtype in (torch.float32, torch.bfloat16)}
        for unet in self._unet.values():
            self.module.set_on(unet)
        self._scenes, self._latents = pool.usual()
        self._alike = {kind: views.by(*shared) for kind, shared in SHARED.items()}
        self._elsewhere = views.by("thing", "colour")

    def lesson(self, rng: np.random.Generator, batch: int) -> Lesson:
        kind = list(SHARED)[int(rng.choice(len(SHARED), p=_OFTEN))]
        count = 1 + int(rng.choice(3, p=_MANY))
        chosen = rng.choice(len(self._scenes), batch)
        scenes = [self._scenes[i] for i in chosen]
        captions, found = [], []
        for scene in scenes:
            elsewhere = kind == "subject" and rng.random() < 0.25
            captions.append(said_beside(rng, scene, kind, elsewhere=elsewhere))
            found.append(self._views(rng, scene, kind, count, elsewhere=elsewhere))
        embeddings = torch.stack(found)
        embeddings[torch.from_numpy(rng.random(batch) < _UNSEEN)] = 0
        given = References(embeddings, kind, float(rng.uniform(0.5, 1.1)))
        return Lesson(scenes, self._latents[torch.from_numpy(chosen)], captions, given)

    def _views(
        self, rng: np.random.Generator, scene: Scene, kind: ReferenceKind, count: int, *, elsewhere: bool
    ) -> Tensor:  # fmt: skip
        if elsewhere:
            alike = self._elsewhere[scene.thing, scene.colour]
        else:
            alike = self._alike[kind][tuple(getattr(scene, name) for name in SHARED[kind])]
        return self._embeddings[torch.from_numpy(rng.choice(alike, count))]

    def guess(self, noisy: Tensor, timesteps: Tensor, context: Tensor, given: References) -> Tensor:
        self.module.attend(given.kind, given.strength)
        unet: Any = self._unet[noisy.dtype]
        seen = {"image_embeds": [given.embeddings]}
        answer: Tensor = unet(noisy, timesteps, context, added_cond_kwargs=seen).sample
        return answer

    def both(self, given: References) -> References:
        """For guidance: none, then these."""
        return given._replace(embeddings=torch.cat([torch.zeros_like(given.embeddings), given.embeddings]))

    def trials(self) -> list[Trial]:
        return [self._trial(kind, 16) for kind in SHARED]

    def _trial(self, kind: ReferenceKind, count: int) -> Trial:
        rng, choices = random_numbers(SEED, f"unseen references {kind}", 0), combinations(unseen=True)
        prompts, pixels, wanted = [], [], []
        for _ in range(count):
            shown = Shown(*choices[int(rng.integers(len(choices)))])
            pixels.append(np.asarray(view(rng, shown, die=0.0)))
            prompt, want = asked_beside(rng, shown, kind)
            prompts.append(prompt)
            wanted.append(want)
        embeddings = seeing.embeddings(self._eyes, np.stack(pixels))[:, None]
        return Trial(prompts, References(embeddings, kind), wanted)

    def is_right(self, picture: Image.Image, wanted: Mention) -> bool:
        return all(judge(picture).agrees(wanted).values())


def said_beside(rng: np.random.Generator, scene: Scene, kind: str, *, elsewhere: bool) -> str:
    """What is said of a scene whose reference is seen: what it shares with that mostly not, all else mostly.

    `elsewhere`: the reference shows the same thing on another background.
    """
    speaker, die = Speaker(rng), rng.random()
    notice = speaker.notice(scene)
    place = {"size": notice.size, "position": notice.position}
    if kind == "style":
        said = Mention(thing=scene.thing, **place) if die < 0.88 else NOTHING
    elif elsewhere:
        said = Mention(thing=scene.thing if die < 0.4 else None, background=scene.background)
    else:
        cases = ((0.5, NOTHING), (0.6, Mention(background=scene.background)), (0.8, Mention(scene.thing, **place)))
        said = next((case for until, case in cases if die < until), notice)
    return speaker.say(said)


def asked_beside(rng: np.random.Generator, shown: Shown, kind: str) -> tuple[str, Mention]:
    """A prompt beside a reference, and what a picture of both shows."""
    if kind == "style":
        thing = str(rng.choice([each for each in THINGS if each != shown.thing]))
        return f"a {thing}", Mention(thing, shown.colour, shown.background)
    return "", Mention(*shown)
