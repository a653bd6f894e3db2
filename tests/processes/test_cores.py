"""How processors are shared out, on machines that are written down."""

import pytest

from imagine.processes.cores import ours, shared_out


@pytest.fixture
def topology(tmp_path):
    """Eight processors on two packages, where N and N + 4 are threads of one core; nothing is known of a ninth."""
    for number in range(8):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{number % 4 // 2}\n")
        (folder / "core_id").write_text(f"{number % 2}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("processors", "count", "shares"),
    [
        (range(8), 2, [(0, 1, 4, 5), (2, 3, 6, 7)]),
        (range(8), 3, [(0, 4), (1, 5), (2, 3, 6, 7)]),
        (range(8), 8, [(0,), (4,), (1,), (5,), (2,), (6,), (3,), (7,)]),
        ([3, 7], 2, [(3,), (7,)]),
        ([5], 3, [(5,), (5,), (5,)]),
        ([6, 8], 2, [(8,), (6,)]),
        ([], 2, [(), ()]),
    ],
)
def test_shares_are_even_and_keep_cores_whole_where_there_are_enough(topology, processors, count, shares):
    assert shared_out(processors, count, topology) == shares


def test_this_machine_is_shared_out_whole():
    assert sorted(number for share in shared_out(ours(), 1) for number in share) == ours()
