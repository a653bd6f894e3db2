"""A job that another machine can follow: files by digest alone, found there under other names, or refused."""

import msgspec
import pytest

from imagine.machines.inventory import Inventory
from imagine.machines.portable import PartAbsent, at_home, portable, portable_identity
from imagine.registry.registry import Registry
from imagine.words.frames import Enlargement, FrameError, Load
from imagine.words.model import AdapterUse, Component
from tests.models import model_at
from tests.registry import declared
from tests.worker.fake_engine import submit

LORA = {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": (4, 320)}


@pytest.fixture
def machines(tmp_path):
    """Two that have the same model under different names."""
    declared.write(tmp_path / "here" / "fox.safetensors", declared.tiny())
    declared.write(tmp_path / "there" / "deep" / "vixen.safetensors", declared.tiny())
    return [Inventory(Registry([tmp_path / name])) for name in ("here", "there")]


def job_of(inventory, folder):
    """A job of the one model of that inventory."""
    inventory.look()
    (digest,) = inventory.digests
    found = inventory.find(Component(role="checkpoint", path="", digest=digest, options={"resolution": 512}))
    model = msgspec.structs.replace(model_at(found.path, "fox"), components=(found,))
    assert str(folder) in found.path
    return msgspec.structs.replace(submit("1"), model=model)


def test_a_job_crosses_by_digests_and_is_found_under_another_name(machines, tmp_path):
    here, there = machines
    job = job_of(here, tmp_path / "here")
    there.look()
    crossed = portable(job)
    assert str(tmp_path) not in repr(crossed), "a path is nobody's business"
    assert crossed.params == job.params
    (own,) = at_home(crossed, there.find).components
    (before,) = job.components
    assert (own.path, own.digest, own.options) == (
        str(tmp_path / "there" / "deep" / "vixen.safetensors"), before.digest, before.options,
    )  # fmt: skip
    assert [stamp.path for stamp in own.files] == [own.path]
    assert own.sizes == before.sizes
    assert portable_identity(job.model) == portable_identity(at_home(crossed, there.find).model)


def test_what_a_machine_has_is_known_a_file_at_a_time_and_again_once_it_changes(machines, tmp_path):
    _, there = machines
    declared.write(tmp_path / "there" / "ink.safetensors", LORA)
    told = []
    there.look(lambda: told.append(len(there.digests)))
    assert told == [1, 2]
    before = there.digests
    declared.write(tmp_path / "there" / "ink.safetensors", {**LORA, "lora_unet_x.lora_up.weight": (320, 4)})
    there.look()
    assert len(before & there.digests) == 1
    gone = next(iter(before - there.digests))
    with pytest.raises(PartAbsent, match=gone[:12]):
        there.find(Component(role="adapter", path="", digest=gone))


@pytest.mark.parametrize(
    "lie",
    [
        {"path": "/etc/passwd"},
        {"digest": "../../etc/passwd"},
        {"digest": ""},
        {"options": {"trust_remote_code": True}},
        {"options": {"resolution": -1}},
        {"options": {"zero_snr": 1}},
        {"options": {"variant": "x" * 65}},
    ],
    ids=str,
)
def test_a_command_that_names_anything_else_is_refused(lie):
    part = Component(**{"role": "checkpoint", "path": "", "digest": "0" * 64} | lie)
    model = msgspec.structs.replace(model_at("/x"), components=(part,))
    with pytest.raises(FrameError):
        at_home(Load(job="1", model=model), lambda part: part)
    beside = msgspec.structs.replace(
        portable(submit("1")), adapters=(AdapterUse(name="a", kind="lora", component=part),)
    )
    with pytest.raises(FrameError):
        at_home(beside, lambda part: part)


def test_a_job_that_ends_in_a_file_is_refused():
    job = msgspec.structs.replace(portable(submit("1")), enlargement=Enlargement(path="/etc/cron.d/x"))
    with pytest.raises(FrameError):
        at_home(job, lambda part: part)
