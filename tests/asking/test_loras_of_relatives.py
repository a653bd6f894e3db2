"""Which families' LoRAs go beside a model, as far as a listing can tell."""

import pytest

from imagine.asking.loras import check_family
from imagine.words.entry import Entry
from imagine.words.errors import Unsupported


@pytest.mark.parametrize(
    ("lora", "model", "fits"),
    [
        ("sd3", "sd3", True),
        ("sd3", "sd3.5", True),  # 3.5 medium's that change what both have are told as SD3's
        ("sd3.5", "sd3", False),
        ("flux", "sd3.5", False),
        ("", "sd3.5", True),
        ("sdxl", "stable_diffusion", False),
    ],
)
def test_a_lora_goes_beside_its_family_and_one_that_it_cannot_be_told_from(lora, model, fits):
    beside = Entry(name="m", path="/m", kind="checkpoint", family=model), Entry(name="a", path="/a", family=lora)
    if fits:
        check_family(*beside, "a")
        return
    with pytest.raises(Unsupported) as refused:
        check_family(*beside, "a")
    assert refused.value.field == "loras"
