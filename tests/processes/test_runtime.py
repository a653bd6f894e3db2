"""How other processes of this program are started, from source and as the binary."""

import sys

import pytest

from imagine.processes.runtime import (
    DECODER_ARGUMENT,
    DIGEST_ARGUMENT,
    FILE,
    GUARD_ARGUMENT,
    WORKER_ARGUMENT,
    decoder_command,
    digest_command,
    forget_own_libraries,
    guard_command,
    program,
    worker_command,
)


def test_source_is_run_by_its_interpreter() -> None:
    assert program({FILE: "/opt/imagine"}) == [sys.executable, "-m", "imagine"]
    assert worker_command() == [sys.executable, "-P", "-m", "imagine.worker"]
    assert decoder_command() == [sys.executable, "-P", "-m", "imagine.pictures.looking"]
    assert guard_command() == [sys.executable, "-P", "-m", "imagine.guard"]
    assert digest_command() == [sys.executable, "-P", "-m", "imagine.identity.whole"]


def test_the_binary_is_started_as_a_user_would_and_its_worker_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file may have been replaced by a newer one: a worker must be its gateway's version."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert program({FILE: "/opt/imagine"}) == ["/opt/imagine"]
    assert program({}) == [sys.executable]
    assert worker_command() == [sys.executable, WORKER_ARGUMENT]
    assert decoder_command() == [sys.executable, DECODER_ARGUMENT]
    assert guard_command() == [sys.executable, GUARD_ARGUMENT]
    assert digest_command() == [sys.executable, DIGEST_ARGUMENT]


def test_from_source_libraries_are_left_alone() -> None:
    environ = {"LD_LIBRARY_PATH": "/opt/lib"}
    forget_own_libraries(environ)
    assert environ == {"LD_LIBRARY_PATH": "/opt/lib"}
