"""Every kind beside a layer does what its paper does to the layer's weights, which stand here in plain numpy."""
# ruff: noqa: E501, N803, N806, E741 - a table, and the papers' own letters

from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch.nn import functional

from imagine.engine.adapters.adapter import Adapter, Bound
from imagine.engine.adapters.fused import FusedRows
from imagine.engine.adapters.kinds import kinds_of, side_path
from imagine.engine.adapters.kronecker import Kronecker
from imagine.engine.adapters.layer import Misfit
from imagine.engine.adapters.mix import Mix, MixRows, Strengths
from imagine.engine.execution.packed import can_pack, pack
from tests.engine.execution.test_packed import CPU, LARGE, told

IN, OUT, RANK = 64, 128, 4
WEIGHTS = (1.0, 0.6, -1.5)


def linear():
    return torch.nn.Linear(IN, OUT)


def convolution():
    return torch.nn.Conv2d(IN, OUT, 3, stride=2, padding=1)


def point():
    return torch.nn.Conv2d(IN, OUT, 1)


def grouped():
    return torch.nn.Conv2d(IN, OUT, 3, padding=1, groups=IN)


def group_norm():
    return torch.nn.GroupNorm(8, IN)


def layer_norm():
    return torch.nn.LayerNorm(IN)


def numbers(*shape, scale=1.0, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape) * scale


# What each kind makes of weights W (out, in, …) and a bias b, at the weight w, in float64.


def product(up, down, mid=None):
    """up · down, or with a core between: mid is (r, r, …)."""
    if mid is None:
        return np.tensordot(up.reshape(len(up), -1), down, 1)
    inner = np.tensordot(up.reshape(len(up), -1), mid, 1)
    return np.moveaxis(np.tensordot(inner, down.reshape(len(down), -1), ([1], [0])), -1, 1)


def low_rank(p, alpha):
    scale = 1 if alpha is None else alpha / len(p["down"])
    return product(p["up"], p["down"], p.get("mid")) * scale


def hadamard(p, alpha):
    if "hada_t1" in p:
        cored = [np.einsum("ij...,jr,ip->pr...", p[f"hada_t{i}"], p[f"hada_w{i}_b"], p[f"hada_w{i}_a"]) for i in (1, 2)]
        return cored[0] * cored[1] * alpha / RANK
    return (p["hada_w1_a"] @ p["hada_w1_b"]) * (p["hada_w2_a"] @ p["hada_w2_b"]) * alpha / len(p["hada_w1_b"])


def kronecker(p, alpha):
    scale, first, second = 1.0, p.get("lokr_w1"), p.get("lokr_w2")
    if first is None:
        first, scale = p["lokr_w1_a"] @ p["lokr_w1_b"], alpha / len(p["lokr_w1_b"])
    if second is None:
        scale = alpha / len(p["lokr_w2_b"])
        if "lokr_t2" in p:
            second = np.einsum("ij...,jr,ip->pr...", p["lokr_t2"], p["lokr_w2_b"], p["lokr_w2_a"])
        else:
            second = p["lokr_w2_a"] @ p["lokr_w2_b"]
            second = second.reshape(len(second), IN // first.shape[1], -1)
            second = second.reshape(*second.shape[:2], *[3] * 2) if second.shape[2] == 9 else second[:, :, 0]
    return np.kron(first.reshape(*first.shape, *[1] * (second.ndim - 2)), second) * scale


def added(change):
    """Kinds that change weights by a sum."""
    return lambda W, b, p, alpha, w: (W + w * change(p, alpha).reshape(W.shape), b)


def with_bias(change):
    def merged(W, b, p, alpha, w):
        return added(change)(W, b, p, alpha, w)[0], b + w * p["up_bias" if "up_bias" in p else "diff_b"]

    return merged


def decomposed(change):
    """m · V / ‖V‖ of V = W + ΔW, and to there on a straight line."""

    def merged(W, b, p, alpha, w):
        V = W + change(p, alpha).reshape(W.shape)
        lengths = p.get("lora_magnitude_vector", p.get("dora_scale"))
        outward = "lora_magnitude_vector" in p or lengths.shape[0] == OUT
        axes = tuple(i for i in range(W.ndim) if i != (0 if outward else 1))
        shape = [-1 if i == (0 if outward else 1) else 1 for i in range(W.ndim)]
        norm = np.sqrt((V**2).sum(axes, keepdims=True))
        return W + w * (lengths.reshape(shape) * V / norm - W), b

    return merged


def full(W, b, p, alpha, w):
    return W + w * p.get("diff", 0), b + w * p.get("diff_b", 0)


def norms(W, b, p, alpha, w):
    return W + w * p.get("w_norm", p.get("diff", 0)), b + w * p.get("b_norm", p.get("diff_b", 0))


def stronger(W, b, p, alpha, w):
    """(IA)³ as LyCORIS has it, and as peft has."""
    if "ia3_l" in p:
        by = 1 + w * (p["ia3_l"] - 1)
        by = by[:, :, 0, 0].T if by.ndim == 4 else by
        return W * by.reshape(*by.shape, *[1] * (W.ndim - 2)), b * by[:, 0] if len(by) > 1 else b
    shape = [1, -1] if p["on_input"] else [-1, 1]
    return W * (1 + w * p["weight"].reshape(*shape, *[1] * (W.ndim - 2))), b


def cayley(blocks, bound):
    Q = blocks - np.swapaxes(blocks, -1, -2)
    if bound and np.linalg.norm(Q) > bound:
        Q = Q * bound / np.linalg.norm(Q)
    I = np.eye(Q.shape[-1])
    return (I + Q) @ np.linalg.inv(I - Q)


def turned(W, b, p, alpha, w):
    """OFT: every block of channels that come out."""
    R = cayley(p["oft_blocks"], (alpha or 0) * OUT)
    Z = np.zeros((OUT, OUT))
    for i, block in enumerate(R):
        at = slice(i * len(block), (i + 1) * len(block))
        Z[at, at] = block.T
    Z = Z * p["rescale"].reshape(-1, 1) if "rescale" in p else Z
    return W + w * (np.tensordot(Z, W, 1) - W), b


def butterfly(W, b, p, alpha, w):
    """BOFT: what is turned in a stage are channels that lie 2^stage · n/2 apart."""
    R, V = cayley(p["oft_blocks"], (alpha or 0) * OUT), W.reshape(OUT, -1)
    size = R.shape[-1]
    for stage, blocks in enumerate(R):
        apart = 2**stage * size // 2
        order = np.arange(OUT).reshape(-1, 2, apart).transpose(0, 2, 1).reshape(-1)
        V = V.copy()
        for i, block in enumerate(blocks):
            at = order[i * size : (i + 1) * size]
            V[at] = (w * block + (1 - w) * np.eye(size)) @ V[at]
    V = V * (1 + w * (p["rescale"].reshape(-1, 1) - 1)) if "rescale" in p else V
    return V.reshape(W.shape), b


class Case(NamedTuple):
    """What a file has of a layer, and what that does."""

    name: str
    layer: object
    parts: dict
    alpha: float | None
    merged: object


UP, DOWN = numbers(OUT, RANK), numbers(RANK, IN, scale=0.1)
DOWN3, MID3 = numbers(RANK, IN, 3, 3, scale=0.1), numbers(RANK, RANK, 3, 3)
LOHA = {f"hada_w{i}_{half}": numbers(*shape, seed=i, scale=0.5) for i in (1, 2) for half, shape in
        {"a": (OUT, RANK), "b": (RANK, IN)}.items()}  # fmt: skip
LOHA3 = LOHA | {f"hada_w{i}_b": numbers(RANK, IN * 9, seed=i, scale=0.5) for i in (1, 2)}
CORED = {f"hada_w{i}_{half}": numbers(*shape, seed=i, scale=0.5) for i in (1, 2) for half, shape in
         {"a": (RANK, OUT), "b": (RANK, IN)}.items()}  # fmt: skip
CORED |= {f"hada_t{i}": numbers(RANK, RANK, 3, 3, seed=i) for i in (1, 2)}
W1 = numbers(8, 4)
BLOCKS = numbers(16, 8, 8, scale=0.2)
STAGES = numbers(3, 16, 8, 8, scale=0.2)

CASES = [
    Case("LoRA", linear, {"up": UP, "down": DOWN}, 2.0, added(low_rank)),
    Case("LoRA without alpha", linear, {"up": UP, "down": DOWN}, None, added(low_rank)),
    Case("LoRA with a bias", linear, {"up": UP, "down": DOWN, "up_bias": numbers(OUT)}, 2.0, with_bias(low_rank)),
    Case("LoRA as a convolution", linear, {"up": UP[..., None, None], "down": DOWN[..., None, None]}, 2.0, added(low_rank)),
    Case("LoRA of single pixels", point, {"up": UP, "down": DOWN}, 2.0, added(low_rank)),
    Case("LoCon in groups", grouped, {"down": numbers(RANK, 1, 3, 3), "up": numbers(OUT, RANK, 1, 1)}, 2.0,
         added(low_rank)),
    Case("LoCon", convolution, {"up": UP[..., None, None], "down": DOWN3}, 2.0, added(low_rank)),
    Case("LoCon with a core", convolution, {"up": UP[..., None, None], "down": DOWN[..., None, None], "mid": MID3}, 2.0, added(low_rank)),
    Case("LoRA and a bias's difference", linear, {"up": UP, "down": DOWN, "diff_b": numbers(OUT)}, 2.0, with_bias(low_rank)),
    Case("DoRA by what comes out", linear, {"up": UP, "down": DOWN, "dora_scale": 1 + numbers(OUT, 1, scale=0.2)}, 2.0, decomposed(low_rank)),
    Case("DoRA by what goes in", linear, {"up": UP, "down": DOWN, "dora_scale": 1 + numbers(1, IN, scale=0.2)}, 2.0, decomposed(low_rank)),
    Case("DoRA of peft", linear, {"up": UP, "down": DOWN, "lora_magnitude_vector": 1 + numbers(OUT, scale=0.2)}, None, decomposed(low_rank)),
    Case("DoRA that convolves", convolution, {"up": UP[..., None, None], "down": DOWN3, "dora_scale": 1 + numbers(1, IN, 1, 1, scale=0.2)}, 2.0, decomposed(low_rank)),
    Case("LoHa", linear, LOHA, 2.0, added(hadamard)),
    Case("LoHa as wide as the layer", linear, {name: np.concatenate([part] * 4, int(name.endswith("a"))) for name, part in LOHA.items()}, 2.0, added(hadamard)),
    Case("LoHa that convolves", convolution, LOHA3, 2.0, added(hadamard)),
    Case("LoHa with cores", convolution, CORED, 2.0, added(hadamard)),
    Case("LoHa, decomposed", linear, LOHA | {"dora_scale": 1 + numbers(1, IN, scale=0.2)}, 2.0, decomposed(hadamard)),
    Case("LoKr", linear, {"lokr_w1": W1, "lokr_w2": numbers(16, 16, scale=0.1)}, 2.0, added(kronecker)),
    Case("LoKr, the second halved", linear, {"lokr_w1": W1, "lokr_w2_a": numbers(16, RANK), "lokr_w2_b": numbers(RANK, 16, scale=0.1)}, 2.0, added(kronecker)),
    Case("LoKr, both halved", linear, {"lokr_w1_a": numbers(8, 2), "lokr_w1_b": numbers(2, 4), "lokr_w2_a": numbers(16, RANK), "lokr_w2_b": numbers(RANK, 16, scale=0.1)}, 2.0, added(kronecker)),
    Case("LoKr that convolves", convolution, {"lokr_w1": W1, "lokr_w2": numbers(16, 16, 3, 3, scale=0.1)}, 2.0, added(kronecker)),
    Case("LoKr that convolves, halved", convolution, {"lokr_w1": W1, "lokr_w2_a": numbers(16, RANK), "lokr_w2_b": numbers(RANK, 16 * 9, scale=0.1)}, 2.0, added(kronecker)),
    Case("LoKr with a core", convolution, {"lokr_w1": W1, "lokr_t2": MID3, "lokr_w2_a": numbers(RANK, 16), "lokr_w2_b": numbers(RANK, 16, scale=0.1)}, 2.0, added(kronecker)),
    Case("LoKr, decomposed", linear, {"lokr_w1": W1, "lokr_w2": numbers(16, 16, scale=0.1), "dora_scale": 1 + numbers(OUT, 1, scale=0.2)}, 2.0, decomposed(kronecker)),
    Case("full difference", linear, {"diff": numbers(OUT, IN), "diff_b": numbers(OUT)}, None, full),
    Case("full difference that convolves", convolution, {"diff": numbers(OUT, IN, 3, 3), "diff_b": numbers(OUT)}, None, full),
    Case("a bias's difference", convolution, {"diff_b": numbers(OUT)}, None, full),
    Case("IA3 on the output", linear, {"weight": numbers(OUT, scale=0.3), "on_input": np.float64(0)}, None, stronger),
    Case("IA3 on the input", convolution, {"weight": numbers(1, IN, 1, 1, scale=0.3), "on_input": np.float64(1)}, None, stronger),
    Case("IA3 of peft on the output", linear, {"ia3_l": 1 + numbers(OUT, 1, scale=0.3)}, None, stronger),
    Case("IA3 of peft on the input", linear, {"ia3_l": 1 + numbers(1, IN, scale=0.3)}, None, stronger),
    Case("IA3 of peft that convolves", convolution, {"ia3_l": 1 + numbers(1, OUT, 1, 1, scale=0.3)}, None, stronger),
    Case("OFT", linear, {"oft_blocks": BLOCKS}, None, turned),
    Case("OFT, bounded", linear, {"oft_blocks": BLOCKS}, 0.02, turned),
    Case("OFT that convolves", convolution, {"oft_blocks": BLOCKS, "rescale": 1 + numbers(OUT, 1, 1, 1, scale=0.2)}, None, turned),
    Case("BOFT", linear, {"oft_blocks": STAGES}, None, butterfly),
    Case("BOFT that lengthens", linear, {"oft_blocks": STAGES, "rescale": 1 + numbers(OUT, 1, scale=0.2)}, None, butterfly),
    Case("BOFT that convolves, bounded", convolution, {"oft_blocks": STAGES}, 0.05, butterfly),
    Case("norm of LyCORIS", layer_norm, {"w_norm": numbers(IN), "b_norm": numbers(IN)}, None, norms),
    Case("norm's full difference", group_norm, {"diff": numbers(IN), "diff_b": numbers(IN)}, None, norms),
    Case("norm without a bias", group_norm, {"w_norm": numbers(IN)}, None, norms),
]  # fmt: skip


def answer(layer, weight, bias, inputs):
    """Of the layer with these weights, in float64."""
    weight, bias = torch.from_numpy(weight), torch.from_numpy(bias)
    if isinstance(layer, torch.nn.Linear):
        return functional.linear(inputs, weight, bias)
    if isinstance(layer, torch.nn.Conv2d):
        return functional.conv2d(inputs, weight, bias, layer.stride, layer.padding, groups=layer.groups)
    if isinstance(layer, torch.nn.GroupNorm):
        return functional.group_norm(inputs, layer.num_groups, weight, bias, layer.eps)
    return functional.layer_norm(inputs, layer.normalized_shape, weight, bias, layer.eps)


def made(case):
    torch.manual_seed(1)
    layer = case.layer().requires_grad_(False)
    layer.bias.normal_()
    parts = {name: torch.tensor(part, dtype=torch.float32) for name, part in case.parts.items()}
    return layer, parts


def inputs_of(layer, rows):
    pictures = isinstance(layer, torch.nn.Conv2d | torch.nn.GroupNorm)
    return torch.randn((rows, IN, 8, 8) if pictures else (rows, 9, IN))


@pytest.mark.parametrize("packed", [False, True], ids=["", "packed"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@torch.inference_mode()
def test_it_is_what_the_paper_does_to_the_weights(case, packed):
    if packed and not can_pack(CPU, told(*LARGE)):
        pytest.skip("this machine's torch has no such kernels")
    layer, parts = made(case)
    W, b = layer.weight.double().numpy(), layer.bias.double().numpy()
    if packed:
        pack(layer, lambda *_: None)
    path = side_path(kinds_of(layer, parts), layer, parts, case.alpha)
    inputs = inputs_of(layer, 2)
    plain = layer(inputs)
    for weight in WEIGHTS:
        expected = answer(
            layer,
            *case.merged(W, b, {n: np.asarray(p.double()) for n, p in parts.items()}, case.alpha, weight),
            inputs.double(),
        )
        change = expected - plain.double()
        assert float(change.norm()) > 0.01 * float(plain.norm()), "it does something"
        assert float((path(inputs, weight) - change).norm()) < 1e-5 * float(plain.norm() + change.norm()), weight


SHAPES = [(), (0,), (1,), (OUT,), (0, IN), (OUT, 0), (1, 1), (IN, OUT), (3, 5, 7), (2, 0, 4, 4), (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@torch.inference_mode()
def test_shapes_that_contradict_are_said_and_nothing_else_goes_wrong(case):
    """Each part in its turn of another shape, or not there at all: refused, or it does fit and works."""
    layer, parts = made(case)
    inputs = inputs_of(layer, 1)
    answer, refused = layer(inputs), 0
    for part in parts:
        others = [parts | {part: torch.ones(shape)} for shape in SHAPES if shape != parts[part].shape]
        for given in [*others, {name: one for name, one in parts.items() if name != part}]:
            if kinds := kinds_of(layer, given):
                with suppress(Misfit):
                    refused += 1
                    path = side_path(kinds, layer, given, case.alpha)
                    refused -= 1
                    assert torch.broadcast_shapes(path(inputs, 1.0).shape, answer.shape) == answer.shape
    assert refused >= len(parts) * 5, refused


@pytest.mark.parametrize(
    ("layer", "first", "second", "rows", "why"),
    [
        (torch.nn.Linear(6, 7), (2, 2), (3, 3), None, r"\[6, 6\], and \[7, 6\] would fit"),
        (torch.nn.Linear(7, 6), (2, 2), (3, 3), None, r"\[6, 6\], and \[6, 7\] would fit"),
        (torch.nn.Linear(3, 2), (5, 1), (0, 3), None, r"\[0, 3\], and \[2, 3\] would fit"),
        (torch.nn.Conv2d(4, 4, 1), (2, 2), (4, 2, 1, 1), FusedRows(8, (slice(0, 4),)), "lokr_w1 is of several"),
    ],
)  # fmt: skip
def test_a_kronecker_product_that_is_not_of_its_layer_is_refused(layer, first, second, rows, why):
    with pytest.raises(Misfit, match=why):
        Kronecker(layer, {"lokr_w1": torch.ones(first), "lokr_w2": torch.ones(second)}, None, rows)


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), -1e30, 1e9])
def test_an_alpha_that_nobody_means_is_refused_where_it_counts(alpha):
    layer, parts = made(next(case for case in CASES if case.name == "LoRA"))
    with pytest.raises(Misfit, match="its alpha is"):
        side_path(kinds_of(layer, parts), layer, parts, alpha)
    layer, parts = made(next(case for case in CASES if case.name == "LoKr"))
    side_path(kinds_of(layer, parts), layer, parts, alpha)  # its trainers write such where it says nothing


@pytest.mark.parametrize("packed", [False, True], ids=["", "packed"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@torch.inference_mode()
def test_no_neighbour_and_no_slot_changes_a_bit(case, packed):
    """Of four pictures one has it: its two rows are the same in whichever slot, and nobody else's change."""
    if packed and not can_pack(CPU, told(*LARGE)):
        pytest.skip("this machine's torch has no such kernels")
    layer, parts = made(case)
    if packed:
        pack(layer, lambda *_: None)
    network = torch.nn.Sequential(layer)
    path = side_path(kinds_of(layer, parts), layer, parts, case.alpha)
    adapter = Adapter("aa", Bound({"denoiser": {"0": path}}), {"denoiser": network})
    inputs, others = inputs_of(layer, 8), inputs_of(layer, 8)
    seen = []
    for slot in range(4):
        crowd = others.clone() if slot % 2 else others.flip(0)
        crowd[slot::4] = inputs[:2]
        plain = network(crowd)
        with MixRows(4, {slot: Mix(((adapter, Strengths(0.7, 0)),))}).beside(network):
            mixed = network(crowd)
        rest = [row for row in range(8) if row % 4 != slot]
        assert torch.equal(mixed[rest], plain[rest])
        seen.append(mixed[slot::4].clone())
    assert all(torch.equal(one, seen[0]) for one in seen)
    assert not torch.allclose(seen[0], plain[3::4])
