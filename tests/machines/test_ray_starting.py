"""What `imagine cluster` says is to be run, and what it refuses to say."""

import importlib
import os
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from imagine.cli import cluster
from imagine.cli.main import main
from imagine.machines.ray import starting
from imagine.settings.settings import settings_from
from imagine.words.errors import ImagineError

HERE = ["127.0.0.1", "::1", "fe80::1%eth0", "10.0.0.5", "8.8.8.8"]


@pytest.fixture
def ready(monkeypatch, tmp_path):
    """A machine with Ray, a token, and one private address."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 2)
    monkeypatch.setattr(starting, "version", lambda _: "2.60.0")
    monkeypatch.setattr(starting, "has_gpu", lambda: False)
    monkeypatch.setattr(starting, "own_folder", lambda _: tmp_path)
    monkeypatch.setattr(cluster, "_addresses", lambda: HERE)


def ran(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["cluster", *arguments])
    return ended.value.code


def test_a_head_has_no_devices_of_its_own_and_counts_the_silent_lost_soon(ready, capsys):
    assert ran("start") == 0
    *exports, line = capsys.readouterr().out.splitlines()
    assert {"export RAY_AUTH_MODE=token", "export RAY_health_check_period_ms=1000"} <= set(exports)
    words = shlex.split(line)
    assert words[:3] == ["ray", "start", "--head"]
    assert {"--node-ip-address=10.0.0.5", "--num-gpus=0", "--include-dashboard=false", "--block"} <= set(words)


def test_a_machine_without_a_gpu_joins_with_a_worker_on_its_processor(ready, capsys):
    assert ran("join", "ray://10.0.0.1:6379") == 0
    words = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert {"--address=10.0.0.1:6379", '--resources={"imagine": 1}'} <= set(words)
    assert ran("join", "10.0.0.1:6379", "--fetch", "250") == 0
    assert "export IMAGINE_FETCH=250" in capsys.readouterr().out.splitlines()


def test_what_is_run_is_run_in_its_place(ready, monkeypatch):
    run = []
    monkeypatch.setattr(os, "execve", lambda *given: run.append(given) or sys.exit(0))
    assert ran("join", "10.0.0.1:6379", "--run", "--processors", "0") == 0
    ((program, arguments, environ),) = run
    assert arguments[:4] == [program, "-m", "ray.scripts.scripts", "start"]
    assert environ["RAY_AUTH_MODE"] == "token"
    assert not [each for each in arguments if "resources" in each]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start", "--address", "8.8.8.8"], "the whole internet"),
        (["start", "--address", "10.9.9.9"], "doesn't have"),
        (["join", "10.0.0.1"], "must be HOST:PORT"),
        (["join", "8.8.4.4:6379"], "open internet"),
        (["join", "[2001:4860:4860::8844]:6379"], "open internet"),
        (["join"], "join wants"),
    ],
)
def test_what_can_not_be_is_refused_in_a_sentence(ready, capsys, arguments, said):
    assert ran(*arguments) != 0
    assert said in capsys.readouterr().err


def test_without_a_token_or_with_an_old_ray_nothing_is_said(ready, monkeypatch, capsys):
    monkeypatch.setattr(starting, "version", lambda _: "2.51.2")
    assert ran("start") == 1
    assert "2.52 is the first" in capsys.readouterr().err
    monkeypatch.setattr(starting, "version", lambda _: "2.60.0")
    monkeypatch.delenv("RAY_AUTH_MODE")
    assert ran("start") == 1
    shown = capsys.readouterr()
    assert "export RAY_AUTH_MODE=token" in shown.err
    assert shown.out == ""


def test_without_ray_a_server_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "imagine.machines.ray.cluster", raising=False)
    with pytest.raises(ImagineError, match=r"cluster needs Ray, which isn't .*: pip install 'imagine\[cluster\]'"):
        importlib.import_module("imagine.machines.ray.cluster")


def test_the_manifest_says_what_the_command_does():
    text = Path("docs/cluster.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    spec = yaml.safe_load(text)["spec"]
    of_head = spec["headGroupSpec"]["template"]["spec"]["containers"]
    of_others = spec["workerGroupSpecs"][0]["template"]["spec"]["containers"]
    said = [{each["name"]: each.get("value") for each in container["env"]} for container in (*of_head, *of_others)]
    begun = starting.head("10.0.0.5", 6379, 2**28, Path("/tmp/ray"))
    assert begun.environment.items() <= (said[0] | {"RAY_DISABLE_IMPORT_WARNING": "1"}).items()
    assert all(each["RAY_AUTH_MODE"] == "token" and "RAY_AUTH_TOKEN" in each for each in said)
    parameters = spec["headGroupSpec"]["rayStartParams"]
    assert {f"--{name}={value}" for name, value in parameters.items()} <= set(begun.arguments)


def test_an_address_is_chosen_only_where_there_is_one_choice():
    assert starting.own_address(None, HERE) == "10.0.0.5"
    with pytest.raises(ImagineError, match=r"is one of 10\.0\.0\.5, 192\.168\.1\.2: say it by --address"):
        starting.own_address(None, [*HERE, "192.168.1.2"])
    with pytest.raises(ImagineError, match="which are all public"):
        starting.own_address(None, ["8.8.8.8"])


def test_a_folder_that_others_made_or_read_is_not_rays(tmp_path):
    assert starting.own_folder(os.getuid(), tmp_path).stat().st_mode & 0o777 == 0o700
    (tmp_path / f"imagine-ray-{os.getuid()}").chmod(0o755)
    with pytest.raises(ImagineError, match="of this user alone"):
        starting.own_folder(os.getuid(), tmp_path)


@pytest.mark.parametrize(
    ("said", "address"), [("auto", "auto"), ("ray://10.0.0.1:6379", "10.0.0.1:6379"), ("ray://box:7", "box:7")]
)
def test_a_cluster_is_said_by_its_head(said, address):
    assert settings_from({"cluster": said}, {})[0].cluster == address


@pytest.mark.parametrize("said", ["10.0.0.1:6379", "ray://10.0.0.1", "http://box:1", "ray://box:1/x", ""])
def test_what_is_no_cluster_is_refused(said):
    with pytest.raises(ImagineError, match=r"--cluster is .*; it must be auto, or ray://HEAD:PORT"):
        settings_from({"cluster": said}, {})


def test_a_cluster_and_offline_contradict():
    with pytest.raises(ImagineError, match="leave one of them out"):
        settings_from({"cluster": "auto", "offline": True}, {})
