"""Every file that a job reads is found in it, wherever it is named, and can be named otherwise there."""

import msgspec

from imagine.words.component_walk import with_components
from imagine.words.frames import PreviewSettings, Submit
from imagine.words.model import AdapterUse, Component, ControlUse, EmbeddingUse, Model, ReferenceUse
from imagine.words.moderation import PictureCheck
from tests.worker.fake_engine import submit


def part(name, role="adapter"):
    return Component(role=role, path=f"/{name}", digest=name)


def model(*names):
    return Model(name="m", family="f", components=tuple(part(name, "checkpoint") for name in names))


def job_of_everything():
    """A job that names a file in each field that can name one."""
    return msgspec.structs.replace(
        submit("1"),
        model=model("model", "vae"),
        refiner=model("refiner"),
        upscaler=model("upscaler"),
        adapters=(AdapterUse(name="a", kind="lora", component=part("lora")),),
        embeddings=(EmbeddingUse(word="w", component=part("embedding")),),
        controls=(ControlUse(kind="controlnet", component=part("control"), image=b"", preprocessor=model("depth")),),
        references=(ReferenceUse(component=part("ip"), encoder=part("encoder")),),
        preview=PreviewSettings(tiny=part("tiny")),
        check=PictureCheck(checker=model("checker"), refused={}),
    )


def test_every_file_that_a_job_reads_is_found():
    names = [component.digest for component in job_of_everything().components]
    assert names == [
        "model", "vae", "refiner", "upscaler", "lora", "embedding", "control", "depth", "ip", "encoder", "tiny",
        "checker",
    ]  # fmt: skip


def test_no_field_of_a_job_that_can_name_a_file_is_left_out():
    """Else a job would go to a machine that lacks one of its files."""
    job = job_of_everything()
    empty = {field: getattr(job, field) for field in Submit.__struct_fields__}
    unset = {field for field, value in empty.items() if value in (None, ())}
    assert unset == {"enlargement", "mapping", "img", "mask", "keep_alive", "max_batch"}, "none of these names a file"


def test_the_same_job_of_other_files():
    job = job_of_everything()
    moved = with_components(job, lambda one: msgspec.structs.replace(one, path=f"/elsewhere{one.path}"))
    assert [one.path for one in moved.components] == [f"/elsewhere{one.path}" for one in job.components]
    assert with_components(moved, lambda one: msgspec.structs.replace(one, path=f"/{one.digest}")) == job
