"""A process that returns large blocks holds none of what was freed. In processes of their own: it is for good."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from imagine.processes.allocator import return_large_blocks

def held():
    with open("/proc/self/smaps_rollup") as file:  # counted page by page, where statm is kept up roughly
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Rss:"))

if sys.argv[1] == "return":
    assert return_large_blocks()
kept = [bytearray(size * 2**20) for size in (9, 10, 11)]  # the largest that is freed raises the threshold by itself
del kept
before = held()
again = [bytearray(10 * 2**20), bytearray(9 * 2**20), bytes(1)]
again.append(bytearray(2**16))  # above them, so that the heap can't shrink
del again[:2]
print(held() - before)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is not here")


def left(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], check=True, capture_output=True, text=True)
    return int(done.stdout)


def test_what_is_freed_goes_back_at_once() -> None:
    assert left("leave") > 8 * 2**20  # as glibc does by itself
    assert left("return") < 2**20
