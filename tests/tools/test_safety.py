"""Packages of TensorFlow.js read: scripts as JSON, weights as they are stored, and what isn't such a network."""

import base64
import hashlib
import io
import tarfile

import numpy as np
import pytest

from tests.classifiers import SHIPPED
from tools.safety.convert import SHA256, convert, names, tensors_from
from tools.safety.saving import saved
from tools.safety.tfjs import Stored, exported, model_in, stored

BEFORE = "!function(e){e()}(function(){return function(){}({1:[function(e,a,n){"
MODEL = (
    BEFORE + 'a.exports={modelTopology:{node:[{name:"x,{y}",op:"Const"}],on:!0,off:!1,no:void 0,tiny:-.5e-3},'
    'weightsManifest:[{paths:["one","two"],weights:[{name:"a",shape:[2,2],dtype:"float32",'
    'quantization:{min:-.25,scale:.5,dtype:"uint8"}}]}]}},{}]},{},[1])(1)});'
)


def shard(data):
    return f'{BEFORE}a.exports="{base64.b64encode(data).decode()}"}},{{}}]}},{{}},[1])(1)}});'


def test_a_packed_script_is_what_it_exports():
    topology = exported(MODEL)["modelTopology"]
    assert topology == {
        "node": [{"name": "x,{y}", "op": "Const"}], "on": True, "off": False, "no": None, "tiny": -0.0005,
    }  # fmt: skip
    with pytest.raises(ValueError, match="exports no literal"):
        exported("({1:[function(){}")


def test_weights_lie_one_behind_the_other_over_all_shards():
    nodes, tensors = model_in({
        "model.min.js": MODEL, "one.min.js": shard(b"\0\1\2"), "two.min.js": shard(b"\3")
    })  # fmt: skip
    assert nodes == [{"name": "x,{y}", "op": "Const"}]
    assert np.array_equal(tensors["a"].values, [[0, 1], [2, 3]])
    assert tensors["a"][1:] == (0.5, -0.25)
    manifest = exported(MODEL)["weightsManifest"]
    with pytest.raises(ValueError, match="1 bytes of weights are left over"):
        stored(manifest, bytes(5))
    manifest[0]["weights"][0]["quantization"]["dtype"] = "uint16"
    with pytest.raises(ValueError, match="a isn't stored in bytes"):
        stored(manifest, bytes(4))


def test_convolutions_get_torchvisions_names_and_layout():
    kinds = ["_FusedConv2D"] + ["FusedDepthwiseConv2dNative", "_FusedConv2D"] * 17 + ["_FusedConv2D"] * 17
    nodes = [{"op": kind, "input": ["x", "deep" if "Depthwise" in kind else "flat", "bias"]} for kind in kinds]
    nodes += [{"op": "_FusedMatMul", "input": ["x", "dense", "bias"]}, {"op": "Const"}]
    values = np.arange(24, dtype=np.uint8)
    tensors = {
        "flat": Stored(values.reshape(1, 2, 3, 4), 0.5, -1.0), "deep": Stored(values.reshape(2, 3, 4, 1), 0.5, -1.0),
        "dense": Stored(values.reshape(8, 3), 0.5, -1.0), "bias": Stored(values, 0.25, 2.0),
    }  # fmt: skip
    made = tensors_from(nodes, tensors)
    assert len(list(names())) == len(kinds) == 52
    assert made["features.0.0.weight"].shape == (4, 3, 1, 2)
    assert made["features.0.0.weight"][1, 2, 0, 1] == tensors["flat"].values[0, 1, 2, 1]
    assert made["features.1.conv.0.0.weight"].shape == (4, 1, 2, 3)
    assert made["features.1.conv.0.0.weight"][3, 0, 1, 2] == tensors["deep"].values[1, 2, 3, 0]
    assert np.array_equal(made["classifier.1.weight"], tensors["dense"].values.T)
    assert made["features.18.0.bias.affine"].tolist() == [0.25, 2.0]
    with pytest.raises(ValueError, match="no MobileNetV2 has Sigmoid"):
        tensors_from([*nodes, {"op": "Sigmoid"}], tensors)


def test_another_package_is_refused(tmp_path):
    package = tmp_path / "package.tgz"
    with tarfile.open(package, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("package/LICENSE"), io.BytesIO())
    with pytest.raises(ValueError, match=SHA256):
        convert(package, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_ships_is_what_its_card_says():
    card, data = (SHIPPED.parent / "README.md").read_text(), SHIPPED.read_bytes()
    assert hashlib.sha256(data).hexdigest() in card
    assert f"{len(data):,} bytes" in card
    assert SHA256.encode() in data
    assert "MIT License" in (SHIPPED.parent / "LICENSE").read_text()


def test_the_same_tensors_are_the_same_bytes():
    tensors = {"b": np.arange(3, dtype=np.uint8), "a": np.ones(2)}
    one, other = saved(tensors, {"y": "1", "x": "2"}), saved(dict(reversed(tensors.items())), {"x": "2", "y": "1"})
    assert one == other
    assert one.endswith(np.ones(2).tobytes() + b"\0\1\2")
    assert int.from_bytes(one[:8], "little") % 8 == 0
