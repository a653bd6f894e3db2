"""Published Z-Image, FLUX.2 and Qwen-Image in the kinds of few bits that ComfyUI's files come in: what is computed
here is drawn with, what isn't is refused by name, and told apart from its family all the same."""

import json

import pytest
from declared import header_json, write_raw
from published import KLEIN_4B, QWEN3_4B, flux2, qwen3, qwen_image, z_image

from imagine.registry.usable import use_of
from tests.registry.listing import only

MODELS = {
    "z-image": z_image(),
    "flux2": flux2(*KLEIN_4B),
    "qwen-image": qwen_image(),
    "qwen3-4b": qwen3(*QWEN3_4B),
}
LAYOUTS = {
    "nvfp4": ({"": ("U8", 2), "_scale": ("F8_E4M3", 16), "_scale_2": ("F32", 0)}, {"format": "nvfp4"}),
    "mxfp8": ({"": ("F8_E4M3", 1), "_scale": ("U8", 32)}, {"format": "mxfp8"}),
    "scaled fp8": ({"": ("F8_E4M3", 1), "_scale": ("F32", 0)}, {"format": "float8_e4m3fn"}),
    "int8": ({"": ("I8", 1), "_scale": ("F32", 0)}, {"format": "int8_tensorwise"}),
    "rotated int8": ({"": ("I8", 1), "_scale": ("F32", 0)}, {"format": "int8_tensorwise", "convrot": True}),
}
"""What a weight is stored as, by the end of its name: in which type, and how many of its inputs a number is of, 0 for
one that is of all; and its mark. https://github.com/comfyanonymous/ComfyUI `QUANTIZATION.md`,
https://github.com/silveroxides/convert_to_quant `docs/FORMATS.md`."""
COMPUTED = {"scaled fp8", "int8", "rotated int8"}


def write_few(path, shapes, layout, said):
    """The layers of the blocks in few bits; what is said of them stands beside each, in the metadata, or nowhere."""
    parts, mark = LAYOUTS[layout]
    data, stored, types, layers = json.dumps(mark).encode(), dict(shapes), {}, {}
    for name, shape in shapes.items():
        if len(shape) != 2 or not name.endswith(".weight") or shape[1] % 32 or ".0." not in name:
            continue
        layer = name.removesuffix(".weight")
        layers[layer] = mark
        for end, (kind, inputs) in parts.items():
            stored[name + end] = (shape[0], shape[1] // inputs) if inputs else ()
            types[name + end] = kind
        if said == "beside":
            stored[f"{layer}.comfy_quant"] = (len(data),)
            types[f"{layer}.comfy_quant"] = "U8"
    about = {"_quantization_metadata": json.dumps({"format_version": "1.0", "layers": layers})}
    text, size = header_json(stored, dtype="BF16", dtypes=types, metadata=about if said == "metadata" else None)
    write_raw(path, text, size)
    with path.open("r+b") as file:
        for name, declared in json.loads(text).items():
            if name.endswith(".comfy_quant"):
                file.seek(8 + len(text) + declared["data_offsets"][0])
                file.write(data)


@pytest.mark.parametrize("said", ["beside", "metadata", "nowhere"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", MODELS)
def test_few_bits_are_drawn_with_or_refused_by_name(tmp_path, name, layout, said):
    write_few(tmp_path / "x.safetensors", MODELS[name], layout, said)
    entry = only(tmp_path)
    assert entry.family == name
    unsaid = said == "nowhere" and "int8" in layout  # which numbers they are follows from their mark alone
    if layout in COMPUTED and not unsaid:
        assert entry.problem is None
    else:
        how = "int8" if unsaid else layout
        assert str(entry.problem).startswith(f"its weights are quantised ({how}), which isn't supported: fp8, int8 as")
        assert str(use_of(entry)).startswith("no: ")
