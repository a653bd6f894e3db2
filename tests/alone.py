"""A pytest plugin (`-p tests.alone --alone 3`): what failed beside the others is run again by itself.

Tests run two at a time on machines that others use too, and one that is stopped for seconds can lose what no test
should depend on. Where a whole run has a failure or two, each of them runs three times more, alone, in a process of its
own; only if all three pass isn't it counted as failed, and it's named at the end all the same, with what it said: it is
to be mended. More failures than that are no accident, and nothing is run again.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

TIMES = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--alone", type=int, default=0, metavar="N", help="run again by themselves, if only N failed")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    most = session.config.getoption("alone")
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if not most or hasattr(session.config, "workerinput") or exitstatus != pytest.ExitCode.TESTS_FAILED:
        return
    failed = {report.nodeid for kind in ("failed", "error") for report in terminal.stats.get(kind, [])}
    if not 0 < len(failed) <= most:
        return
    unmended = {test for test in sorted(failed) if not _passes_alone(test)}
    accidents = []
    for kind in ("failed", "error"):
        reports = terminal.stats.pop(kind, [])
        accidents += [each for each in reports if each.nodeid not in unmended]
        if kept := [each for each in reports if each.nodeid in unmended]:
            terminal.stats[kind] = kept
    if accidents:
        terminal.stats["only alone"] = accidents
    if not unmended:
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("only alone", []):
        terminalreporter.section(f"PASSED ONLY ALONE ({TIMES} times), to be mended", sep="!", red=True)
        terminalreporter.write_line(f"{report.nodeid} ({report.when})")
        terminalreporter.write_line(report.longreprtext)


def _passes_alone(test: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", test]
    for _ in range(TIMES):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(done.stdout[-20_000:], done.stderr[-5_000:], flush=True)
            return False
    return True
