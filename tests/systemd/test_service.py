"""Imagine as a service under a real systemd: ready, killed, hung, told anew, stopped, and the journal's lines of it."""

import socket
import sys
from pathlib import Path

import pytest

from tests.server.served import add_model
from tests.systemd.service import COMMAND, CREDENTIAL, ENVIRONMENT, HOME

pytestmark = pytest.mark.slow

EXPOSURE = 16
"""What `systemd-analyze security` may find at most, in tenths; 20 and less is "OK"."""


def test_systemd_finds_nothing_wrong_with_the_units(machine):
    for unit in ("/etc/systemd/system/imagine.service", "/root/.config/systemd/user/imagine.service"):
        assert machine.run("systemd-analyze", "verify", unit) == ""
    machine.run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}", "imagine.service")


def test_it_is_ready_when_systemd_says_so(service):
    service.start()
    assert service.status_of("/health") == 200
    assert service.get("User") == "imagine"
    service.machine.until(lambda: service.get("StatusText") == "ready on fake: 0 running, 0 waiting", "a status")
    owner = service.machine.run("stat", "--format=%U %a", HOME, f"{HOME}/cache").split()
    assert owner == ["imagine", "750", "imagine", "700"]
    assert service.picture()["status"] == "final"


def test_the_journal_gets_plain_lines_with_priorities(service):
    service.start()
    service.picture()
    service.picture("killed")
    lost = (3, "the worker was killed by SIGKILL (perhaps for lack of memory)")
    service.machine.until(lambda: lost in service.journal, "a word of the worker")
    assert [priority for priority, line in service.journal if line.startswith("finished job=")] == [6]


def test_a_worker_or_server_that_is_killed_comes_back(service):
    service.start()
    service.machine.until(service.serves, "a picture")
    (worker,) = service.workers
    service.machine.run("sh", "-c", f"kill -9 {worker}")
    service.machine.until(service.serves, "a picture after the worker was killed")
    assert service.get("NRestarts") == "0"
    (worker,) = service.workers
    service.control("kill", "--signal=KILL", "--kill-whom=main")
    service.machine.until(service.serves, "a picture after the server was killed")
    assert service.get("NRestarts") == "1"
    service.machine.until(lambda: not service.machine.path(f"/proc/{worker}").exists(), "the end of its worker")


def test_a_server_that_hangs_is_started_again(service):
    """However often so short a watch barks at a busy machine before."""
    service.say("WatchdogSec=4s\n")
    service.start()

    def told(words: str) -> bool:
        return any(words in line for _, line in service.journal)

    def hung() -> bool:
        if service.serves():
            service.machine.run("systemctl", "kill", "--signal=USR1", "--kill-whom=main", "imagine", check=False)
        return told("in wait")

    service.machine.until(hung, "a word in the journal of where it hung")
    service.machine.until(service.serves, "a picture after the restart")
    assert told("Watchdog timeout")
    assert service.get("NRestarts") != "0"


def test_an_idle_server_feeds_the_watchdog(service):
    """As often as it is told to, which is more often here than what would end it."""
    service.say(f"WatchdogSec=300s\nExecStart=\nExecStart=/usr/bin/env WATCHDOG_USEC=1000000 {COMMAND}\n")
    service.start()
    fed = {service.get("WatchdogTimestampMonotonic")}
    service.machine.until(lambda: fed.add(service.get("WatchdogTimestampMonotonic")) or len(fed) > 4, "four beats")
    assert service.get("NRestarts") == "0"


def test_a_reload_takes_effect_without_a_restart(service):
    service.start()
    server = service.get("MainPID")
    assert service.status_of("/models") == 200
    service.configure("{api_key: sesame, max_queue: 7}")
    service.control("reload")
    service.machine.until(lambda: service.status_of("/models") == 401, "the new key")
    assert service.status_of("/models", key="sesame") == 200
    service.machine.until(
        lambda: (4, "what has changed in max_queue takes effect at the next start") in service.journal, "a warning"
    )
    service.configure("api_key: [")
    service.control("reload")
    service.machine.until(
        lambda: [line for level, line in service.journal if level == 3 and "settings stay as they were" in line],
        "a word of the mistake",
    )
    assert service.status_of("/models", key="sesame") == 200
    assert (service.get("MainPID"), service.get("ActiveState")) == (server, "active")


def test_a_stop_lets_the_picture_that_is_made_be_finished(service):
    service.start()
    service.machine.until(service.serves, "a picture")
    lines = service.lines("slow", num_steps=150, stream=50)
    assert next(lines)["status"] == "intermediate", "a picture in the making"
    service.control("stop")
    assert list(lines)[-1]["status"] == "final"
    assert (service.get("ActiveState"), service.get("Result"), service.get("ExecMainStatus")) == (
        "inactive", "success", "0",
    )  # fmt: skip


def test_settings_that_cannot_be_are_not_tried_again(service):
    service.configure("port: five")
    service.machine.run("systemctl", "start", "imagine", check=False)
    assert (service.get("ActiveState"), service.get("ExecMainStatus"), service.get("NRestarts")) == ("failed", "2", "0")
    assert (6, "Error: port in the configuration file is 'five'; it must be a whole number from 0 to 65535") in (
        service.journal
    )


def test_a_port_that_is_taken_is_tried_again(service):
    with socket.create_server(("127.0.0.1", service.port)):
        service.machine.run("systemctl", "start", "imagine", check=False)
        service.machine.until(lambda: service.get("ExecMainStatus") == "1", "an exit status")
        service.machine.until(lambda: service.get("NRestarts") != "0", "another try")
    service.machine.until(service.serves, "a picture, once the port is free")


def test_the_key_is_a_credential(service):
    service.machine.write(CREDENTIAL, "sesame\n")
    service.machine.path(CREDENTIAL).chmod(0o600)
    service.start()
    assert service.status_of("/models") == 401
    assert service.status_of("/models", key="sesame") == 200
    assert not any("sesame" in line for _, line in service.journal)


def test_a_real_picture_is_made_behind_all_fences(service):
    from tests.checkpoints import write_checkpoint

    models = service.machine.path("/root/mine")
    models.mkdir()
    write_checkpoint(models / "tiny.safetensors")
    (models / "tiny.safetensors").chmod(0o644)
    service.say(f"BindReadOnlyPaths=/root/mine:{HOME}/models\n")
    service.say("ExecStart=\nExecStart=/usr/local/bin/imagine serve --device cpu\n")
    service.start()
    picture = service.picture(model="tiny", prompt="a fox")
    assert picture.get("status") == "final", picture


MANAGER = """[Service]
Type=notify
ExecStart=/lib/systemd/systemd --user
Environment=HOME=/root XDG_RUNTIME_DIR=/run/user/0
RuntimeDirectory=user/0
Delegate=yes
"""
"""What a login starts for a user."""


def test_a_users_own_service(service):
    """Of root, since the interpreter of these tests may lie where no other user can read it."""
    machine, manager = service.machine, {"XDG_RUNTIME_DIR": "/run/user/0"}
    machine.write("/etc/systemd/system/manager.service", MANAGER)
    machine.write("/root/.config/systemd/user/imagine.service.d/test.conf", service.changes)
    machine.run("install", "-D", ENVIRONMENT, "/root/.config/imagine/imagine.env")
    machine.run("systemctl", "start", "manager")
    machine.run("systemctl", "--user", "start", "imagine", **manager)
    assert service.health()["name"] == "imagine"
    machine.run("systemctl", "--user", "kill", "--signal=KILL", "--kill-whom=main", "imagine", **manager)
    restarted = ["systemctl", "--user", "show", "imagine", "--property=NRestarts,ActiveState"]
    expected = {"NRestarts=1", "ActiveState=active"}
    machine.until(lambda: set(machine.run(*restarted, **manager).split()) == expected, "a restart")
    assert service.health()["name"] == "imagine"
    machine.run("systemctl", "--user", "stop", "imagine", **manager)
    machine.run("systemctl", "stop", "manager")


ORIGINAL = """[Unit]
Description=Imagine
After=network.target

[Service]
User=painter
ExecStart=/usr/local/bin/imagine serve -d cpu --full_prec --models /home/painter/.imagine/models
Restart=always

[Install]
WantedBy=default.target
"""
"""A plain unit with the line that the original's users have in theirs, for a machine without a GPU."""


def test_a_unit_of_the_originals_works_as_it_is_written(service):
    machine = service.machine
    machine.run("useradd", "--create-home", "painter")
    machine.write("/etc/systemd/system/original.service", ORIGINAL)
    address = f"[Service]\nEnvironment=IMAGINE_HOST=127.0.0.1:{service.port}\n"
    base = Path(sys.base_prefix).resolve()
    if base.is_relative_to("/root"):  # where this machine keeps its interpreter, which users can't see
        address += f"ProtectHome=tmpfs\nBindReadOnlyPaths={base}\nBindPaths=/home/painter\n"
    machine.write("/etc/systemd/system/original.service.d/test.conf", address)
    add_model(machine.path("/home/painter/.imagine"), "fox")
    machine.run("chown", "-R", "painter", "/home/painter/.imagine")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "original")
    machine.until(service.answers, "an answer")
    assert service.health()["name"] == "imagine"
    assert "fox" in service.models()
    owner = machine.run("stat", "--format=%U %a", "/home/painter/.imagine/cache").split()
    assert owner == ["painter", "700"]
    machine.run("systemctl", "stop", "original")
    assert machine.show("original", "Result") == {"Result": "success"}
