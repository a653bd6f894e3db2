"""CLIP's image models: transformers' own numbers, whichever way a file names its tensors."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessor

from imagine.engine.loading.image_encoder import read_image_encoder
from imagine.engine.loading.placing import place
from imagine.engine.parts.clip_vision import CLIP
from imagine.engine.parts.image_encoder import normalised
from imagine.engine.parts.slices import whole
from imagine.pictures.crops import squared
from imagine.words.errors import UnusableModel
from tests.checkpoints import save
from tests.engine.references.referring import CAT, DOG, at
from tests.image_adapters import METADATA, open_clip_names, tiny_encoder, write_encoder

CPU, FLOAT = torch.device("cpu"), torch.float32


def opened(path):
    return whole(read_image_encoder(at(path), CPU, FLOAT))


def write(path, layout, model):
    state = model.state_dict()
    tensors = {
        "transformers": state,
        "within": {f"image_encoder.{name}": tensor for name, tensor in state.items()},
        "with a text model": {**state, "text_model.final_layer_norm.weight": torch.ones(3),
                              "vision_model.embeddings.position_ids": torch.arange(5)[None]},
        "open_clip": {**open_clip_names(model), "logit_scale": torch.ones(())},
    }[layout]  # fmt: skip
    save(path, tensors, METADATA)


@pytest.mark.parametrize("layout", ["transformers", "within", "with a text model", "open_clip"])
def test_it_sees_what_transformers_does(tmp_path, layout):
    model = tiny_encoder()
    write(tmp_path / "one.safetensors", layout, model)
    seen = whole(opened(tmp_path / "one.safetensors").see(DOG, "square"))
    with torch.inference_mode():
        expected = model(normalised(squared(DOG, 28, "square", CLIP.margin)), output_hidden_states=True)
    assert torch.equal(seen.embedding, expected.image_embeds)
    assert torch.equal(seen.penultimate, expected.hidden_states[-2])


def test_it_is_read_a_tensor_a_slice(tmp_path, monkeypatch):
    """What is to be cast, above all: of ViT-bigG that takes seconds, in which others have their turns."""
    model, sizes = write_encoder(tmp_path / "one.safetensors"), [0]

    def counting(tensor, *home):
        sizes[-1] += tensor.nbytes
        return place(tensor, *home)

    monkeypatch.setattr("imagine.engine.loading.placing.place", counting)
    slices = read_image_encoder(at(tmp_path / "one.safetensors"), CPU, torch.bfloat16)
    sizes.extend(0 for _ in slices)
    stored = [parameter.nbytes for parameter in model.parameters()]
    assert (max(sizes), sum(sizes)) == (max(stored), sum(stored))


def test_none_is_a_picture_of_zeros_and_what_was_seen_is_remembered(tmp_path, monkeypatch):
    model = write_encoder(tmp_path / "one.safetensors")
    encoder = opened(tmp_path / "one.safetensors")
    with torch.inference_mode():
        expected = model(torch.zeros(1, 3, 28, 28), output_hidden_states=True).hidden_states[-2]
    assert torch.equal(whole(encoder.nothing()).penultimate, expected)
    first = whole(encoder.see(DOG, "pad"))
    assert whole(encoder.see(DOG.copy(), "pad")) is first
    assert whole(encoder.see(CAT, "pad")) is not first
    before = encoder.nbytes
    monkeypatch.setattr(encoder._known, "_most", 1)
    whole(encoder.see(DOG, "square"))
    assert encoder.nbytes < before, "the latest alone"


@pytest.mark.parametrize("size", [(60, 40), (40, 57), (28, 28), (300, 31)])
def test_the_middle_is_cut_as_clip_does(size):
    """By another library's resampling, whose roundings are one step of 256."""
    picture = DOG.resize(size)
    ours = normalised(squared(picture, 28, "square", CLIP.margin))
    processor = CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    theirs = processor(picture, return_tensors="pt").pixel_values
    assert float((ours - theirs).abs().max()) < 2.5 / 255 / 0.26


def test_padding_shows_all_of_a_wide_picture_on_the_mean_colour():
    wide = Image.new("RGB", (90, 30), "red")
    wide.paste("blue", (0, 0, 30, 30))
    pixels = normalised(squared(wide, 30, "pad", CLIP.margin))[0]
    assert float(pixels[:, :9].abs().max()) < 0.01, "what is around it is nothing"
    square = np.asarray(squared(wide, 30, "pad", CLIP.margin))
    assert square[15, 2].tolist()[2] > 200, "its left edge"
    assert square[15, 27].tolist()[0] > 200, "its right edge"
    assert np.asarray(squared(wide, 30, "square", CLIP.margin))[15, 0].tolist()[0] > 200, "cut, of which blue is none"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("visual_projection.weight"), "visual_projection.weight"),
        (lambda state: state.pop("vision_model.encoder.layers.1.mlp.fc1.bias"), "fc1.bias"),
        (lambda state: state.update({"vision_model.post_layernorm.weight": torch.ones(5)}), "post_layernorm.weight"),
        (
            lambda state: state.update({"vision_model.embeddings.patch_embedding.weight": torch.ones(32, 3, 999, 1)}),
            "1998×1998",
        ),
        (lambda state: state.update({"vision_model.embeddings.class_embedding": torch.ones(32).int()}), "int32"),
    ],
)  # fmt: skip
def test_what_is_no_encoder_is_refused_by_name(tmp_path, change, said):
    state = dict(tiny_encoder().state_dict())
    change(state)
    save(tmp_path / "odd.safetensors", state, METADATA)
    with pytest.raises(UnusableModel, match=r"image encoder 'odd\.safetensors' can't be used") as caught:
        opened(tmp_path / "odd.safetensors")
    assert said in str(caught.value)


def test_heads_that_no_width_has_are_refused(tmp_path):
    save(tmp_path / "odd.safetensors", tiny_encoder().state_dict(), {"imagine.image_attention_heads": "5"})
    with pytest.raises(UnusableModel, match="32 wide, which 5 attention heads"):
        opened(tmp_path / "odd.safetensors")
