"""Foreign exceptions become ours, and each of ours has a name that the other side knows."""

import pytest
import safetensors
import torch

from imagine.dispatch.worker import error_from_failed
from imagine.messages import in_english
from imagine.words import errors
from imagine.words.events import Failed
from imagine.words.moderation import ModerationVerdict
from imagine.worker.failure import error_from_exception, failed_from_error


def raised_by(act):
    try:
        act()
    except Exception as error:  # noqa: BLE001
        return error_from_exception(error)
    raise AssertionError("nothing was raised")


def test_memory_that_torch_cannot_get_is_out_of_memory():
    assert type(raised_by(lambda: torch.empty(2**52))) is errors.OutOfMemory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: out of memory"),
    ],
)
def test_every_way_to_run_out_of_memory(error):
    assert type(error_from_exception(error)) is errors.OutOfMemory


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), errors.WorkerLost),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), errors.WorkerLost),
        (FileNotFoundError(2, "No such file or directory", "/models/a.safetensors"), errors.UnusableModel),
        (ZeroDivisionError("division by zero"), errors.ImagineError),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), errors.ImagineError),
        (errors.Unsupported(in_english("no such sampler", "sampler")), errors.Unsupported),
    ],
)
def test_what_becomes_of_other_exceptions(error, kind):
    assert type(error_from_exception(error)) is kind


def test_a_broken_safetensors_file_is_an_unusable_model(tmp_path):
    (tmp_path / "m.safetensors").write_bytes(b"\xff" * 100)
    error = raised_by(lambda: safetensors.safe_open(tmp_path / "m.safetensors", "pt"))
    assert type(error) is errors.UnusableModel


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Can't load '/home/me/My Models/x/tokenizer'. If", "Can't load 'tokenizer'. If"),
        ("no such file: /root/models/a/b.safetensors", "no such file: b.safetensors"),
        ("bad C:\\Users\\me\\x.json here", "bad x.json here"),
        (
            "see https://example.org/a/b and 3/4 of unet/config.json",
            "see https://example.org/a/b and 3/4 of unet/config.json",
        ),
    ],
)
def test_no_message_says_where_files_lie(text, told):
    assert str(error_from_exception(OSError(text))) == f"the model can't be read: {told}"
    assert str(error_from_exception(ValueError(text))) == f"the worker failed: ValueError: {told}"


def test_a_message_is_one_line_that_can_be_sent():
    message = str(error_from_exception(ValueError("\n  bad \ud800 name\nTraceback")))
    assert message == "the worker failed: ValueError: bad ? name"
    assert len(str(error_from_exception(ValueError("x" * 10**6)))) < 1000


def every_error():
    kinds = [errors.ImagineError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    return [kind for kind in kinds if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", every_error())
def test_an_error_crosses_the_border_and_back(kind):
    error = kind.__new__(kind)
    errors.ImagineError.__init__(error, in_english("one sentence", "seed"))
    verdict = None
    if kind is errors.Blocked:
        error.verdict = verdict = ModerationVerdict(action="block", categories={}, stage="picture", rule="checker")
    failed = failed_from_error("1", error)
    assert failed == Failed(job="1", error=kind.__name__, message=in_english("one sentence", "seed"), verdict=verdict)
    back = error_from_failed(failed)
    assert type(back) is kind
    assert str(back) == "one sentence"
    assert getattr(back, "verdict", None) == verdict


@pytest.mark.parametrize("name", ["annotations", "NoSuchError", "__file__", ""])
def test_an_unknown_error_is_still_one_of_ours(name):
    assert type(error_from_failed(Failed(job="1", error=name, message=in_english("?")))) is errors.ImagineError
