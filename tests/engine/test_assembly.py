"""A network of its tensors: parameters, buffers that lie in files, and those that lie in none."""

import pytest
import torch
from torch import nn

from imagine.engine.loading.assembly import build, fill
from imagine.words.errors import UnusableModel

CPU = torch.device("cpu")


class Placed(nn.Module):
    """A layer, a table of places that its file has, and one that it hasn't."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2, bias=False)
        self.register_buffer("places", torch.zeros(1, 3))
        self.register_buffer("position_ids", torch.arange(4)[None], persistent=False)


def tensors():
    return {"layer.weight": torch.eye(2), "places": torch.tensor([[1.0, 2.0, 3.0]])}


def test_buffers_that_lie_in_the_file_are_read_and_others_made():
    made = fill(build("it", Placed, tensors()), tensors(), CPU, torch.float16)
    assert made.places.tolist() == [[1, 2, 3]]
    assert made.places.dtype == torch.float16
    assert made.position_ids.tolist() == [[0, 1, 2, 3]]
    assert made.position_ids.dtype == torch.int64
    assert set(made.state_dict()) == set(tensors()), "as it was before"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"places": None}, "places"),
        ({"places": torch.zeros(1, 4)}, r"places.*\[1, 4\]"),
        ({"position_ids": torch.zeros(1, 4)}, "position_ids"),
    ],
)
def test_a_buffer_that_is_missing_does_not_fit_or_belongs_to_no_file_is_refused(change, said):
    given = {name: tensor for name, tensor in {**tensors(), **change}.items() if tensor is not None}
    with pytest.raises(UnusableModel, match=said):
        build("it", Placed, given)
