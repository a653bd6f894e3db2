"""Freed memory stays with the process until it is asked to give it back. In processes of their own: it is for good."""

import json
import subprocess
import sys
from functools import cache

import pytest

from imagine.engine.device import allocator

PROGRAM = """
import json, resource, sys
import psutil, torch
from imagine.engine.device import allocator

def faults(nbytes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(nbytes, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    return psutil.Process().memory_info().rss

kept = sys.argv[1] == "keep" and allocator.keep_freed_memory(2)
faults(int(sys.argv[2]))
found = {"kept": kept, "faults": faults(int(sys.argv[2]) * 3 // 4), "before": held()}
allocator.give_back()
print(json.dumps(found | {"after": held()}))
"""
BLOCK, PAGE = 2**26, 4096

pytestmark = pytest.mark.skipif(allocator._glibc() is None, reason="glibc's allocator is not here")


@cache
def found(how: str) -> dict[str, int]:
    """What happened in such a process, which is started once."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how, str(BLOCK)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_a_block_that_was_freed_is_used_again_without_a_fault():
    kept, plain = found("keep"), found("leave")
    assert kept["kept"]
    assert kept["faults"] < 0.1 * BLOCK / PAGE
    assert plain["faults"] > 0.5 * BLOCK / PAGE


def test_what_was_freed_is_given_back():
    seen = found("keep")
    assert seen["before"] - seen["after"] > 0.9 * BLOCK
