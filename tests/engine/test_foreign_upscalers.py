"""Networks that enlarge pictures by spandrel, an extra: told from their files, and what comes out is what they say."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imagine.engine.families.enlarger import open_enlarger
from imagine.words.errors import UnusableModel
from tests.engine.test_upscaling import DEVICE, enlarged, photo
from tests.models import model_at

spandrel = pytest.importorskip("spandrel", reason="needs imagine[upscalers], and a torchvision of this torch")
from spandrel.architectures import PLKSR, SPAN, SwinIR  # noqa: E402
from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet  # noqa: E402

NETWORKS = {
    "ESRGAN": lambda: RRDBNet(num_filters=8, num_blocks=1, scale=4),
    "SwinIR": lambda: SwinIR.SwinIR(
        upscale=2, img_size=64, window_size=8, depths=[2], embed_dim=12, num_heads=[2], mlp_ratio=2,
        upsampler="pixelshuffledirect", resi_connection="1conv",
    ),
    "SPAN": lambda: SPAN.SPAN(num_in_ch=3, num_out_ch=3, feature_channels=16, upscale=2),
    "PLKSR": lambda: PLKSR.PLKSR(dim=16, n_blocks=2, kernel_size=13, upscaling_factor=2),
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torch")  # of what spandrel's networks ask of torch


def written(folder, network):
    path = folder / "network.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return model_at(path, "foreign", role="upscaler")


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_picture_comes_out_as_its_own_network_makes_it(tmp_path, kind):
    torch.manual_seed(0)
    network = NETWORKS[kind]().eval()
    source = photo(52, 44)
    with torch.inference_mode():
        pixels = torch.from_numpy(np.asarray(source, np.float32) / 255).permute(2, 0, 1)[None]
        descriptor = spandrel.ModelLoader().load_from_state_dict(network.state_dict())
        expected = descriptor.eval()(pixels)[0].clamp(0, 1).permute(1, 2, 0).mul(255).round().numpy()
    enlarger = open_enlarger(written(tmp_path, network), DEVICE, lambda _: None, {})
    made = enlarged(enlarger, source, (52 * descriptor.scale, 44 * descriptor.scale))
    assert np.abs(made.astype(float) - expected).max() <= 1


def test_a_picture_larger_than_a_tile_has_no_seams(tmp_path):
    torch.manual_seed(0)
    network = NETWORKS["SPAN"]().eval()
    source = photo(300, 230)
    with torch.inference_mode():
        pixels = torch.from_numpy(np.asarray(source, np.float32) / 255).permute(2, 0, 1)[None]
        expected = spandrel.ModelLoader().load_from_state_dict(network.state_dict()).eval()(pixels)[0]
    enlarger = open_enlarger(written(tmp_path, network), DEVICE, lambda _: None, {})
    made = enlarged(enlarger, source, (600, 460)).astype(float)
    assert np.abs(made - expected.clamp(0, 1).permute(1, 2, 0).mul(255).numpy()).max() <= 1


def test_a_network_that_makes_no_pictures_larger_is_refused(tmp_path):
    with pytest.raises(UnusableModel):
        open_enlarger(written(tmp_path, torch.nn.Conv2d(3, 3, 3)), DEVICE, lambda _: None, {})
