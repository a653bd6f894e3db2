"""What every test starts from, however the suite is run and beside whatever: signals are heard, slow is no failure."""

import signal

import pytest
from hypothesis import HealthCheck, settings

# A shell starts what is put in its background without ears for Ctrl-C, and nohup what it runs without any for the end
# of its terminal. Each process inherits that from the one before: what tests send these to would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes to make or to try says how busy the machine is. Which examples are tried follows from each
# test's text, so that a run says of a change what every other run would; `--hypothesis-profile=exploring` tries others.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("exploring", settings.get_profile("steady"), derandomize=False)
settings.load_profile("steady")


def pytest_make_parametrize_id(val: object) -> str | None:
    """What a test of bytes is called says how many they are: those that are packed may differ from a run to the next,
    and the suite's processes must call a test the same."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: one that is begun last keeps its process busy while the others have nothing."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
