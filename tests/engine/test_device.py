"""The device: which one, what decides bits on it, and the dtype that is decided once."""

import errno
import json

import psutil
import pytest
import torch

from imagine.engine.device.device import FAST_ERROR, Device
from imagine.engine.device.errors import is_lost, is_of_device, ran_out
from imagine.engine.device.memory import Shortage, replaced
from imagine.engine.device.precision import FILE, NARROWEST, Precision, bfloat16_gain
from imagine.families.table import facts_of
from imagine.words.errors import BadRequest
from imagine.words.frames import WorkerSettings
from tests.engine.pretended import pretended

CPU = torch.device("cpu")
DTYPES = facts_of("sdxl").dtypes


def precision(
    folder=None, *, device=CPU, full=False, has_bfloat16=True, machine="here", gain=2.0, asked=None, has_float16=True
):  # fmt: skip
    def measure(width):
        if asked is not None:
            asked.append(width)
        return gain

    return Precision(
        device, full=full, has_bfloat16=has_bfloat16, machine=machine, folder=folder, measure=measure,
        has_float16=has_float16,
    )  # fmt: skip


def never():
    pytest.fail("nothing had to be measured")


@pytest.mark.parametrize("wanted", ["cuda:99", "mps", "xyz", "", "meta"])
def test_a_device_that_is_not_there_is_refused(wanted):
    with pytest.raises(BadRequest) as refused:
        Device(WorkerSettings(device=wanted))
    assert refused.value.field == "device"


def test_where_nothing_can_be_locked_it_is_decided_all_the_same(tmp_path, monkeypatch):
    """As on some file systems of networks."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(_file, _how):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert precision(str(tmp_path)).decide(DTYPES, lambda: 320) == torch.bfloat16
    assert precision(str(tmp_path), asked=(asked := [])).decide(DTYPES, lambda: 320) == torch.bfloat16
    assert asked == []


def test_what_decides_bits_is_in_the_environment():
    device = Device(WorkerSettings(device="cpu"))
    environment = device.environment("float32", spared=False)
    assert environment["device"] == "cpu"
    assert environment["dtype"] == "float32"
    assert environment["threads"] == torch.get_num_threads()
    assert environment["torch"] == torch.__version__
    assert "spared" not in environment
    assert device.environment("float32", spared=True)["spared"] is True


@pytest.mark.parametrize("wanted", ["auto", "cuda", "cuda:0"])
def test_amds_gpus_are_cuda_to_a_torch_of_rocm(monkeypatch, wanted):
    monkeypatch.setattr(torch.version, "hip", "7.1.25424")
    monkeypatch.setattr(torch.version, "cuda", None)
    with pretended(name="AMD Radeon RX 7900 XTX"):
        environment = Device(WorkerSettings(device=wanted)).environment("float16", spared=False)
    assert (environment["device"], environment["name"]) == ("cuda", "AMD Radeon RX 7900 XTX")
    assert environment["rocm"] == "7.1.25424"
    assert "cuda" not in environment


def test_products_of_float32_stay_float32():
    Device(WorkerSettings(device="cpu"))
    a, b = torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(0))
    truth = a.double() @ b.double()
    assert ((a @ b).double() - truth).norm() / truth.norm() < FAST_ERROR


def test_models_in_main_memory_leave_some_to_the_rest():
    budget = Device(WorkerSettings(device="cpu")).budget()
    assert 0 < budget < psutil.virtual_memory().total


def test_full_precision_is_float32_everywhere():
    for device in (CPU, torch.device("cuda"), torch.device("mps")):
        assert precision(device=device, full=True).decide(DTYPES, never) == torch.float32


def test_an_accelerator_computes_in_halves():
    for name in ("cuda", "mps"):
        assert precision(device=torch.device(name)).decide(DTYPES, never) == torch.float16
        assert precision(device=torch.device(name), has_float16=False).decide(DTYPES, never) == torch.float32


@pytest.mark.parametrize(
    ("dtypes", "has", "dtype"),
    [
        (("bfloat16", "float16"), {}, torch.bfloat16),
        (("bfloat16", "float16"), {"has_bfloat16": False}, torch.float16),
        (("bfloat16",), {"has_bfloat16": False}, torch.float32),
        (("float32",), {}, torch.float32),
        (("float16",), {"device": CPU}, torch.float32),
    ],
)
def test_a_family_says_what_it_may_compute_in(dtypes, has, dtype):
    assert precision(**{"device": torch.device("cuda"), **has}).decide(dtypes, never) == dtype


@pytest.mark.parametrize(
    ("has", "stored", "dtype"),
    [
        ({}, torch.float16, torch.bfloat16),
        ({"has_bfloat16": False}, torch.float16, torch.float16),
        ({"has_bfloat16": False}, torch.bfloat16, torch.float32),
        ({"has_bfloat16": False}, None, torch.float32),
        ({"has_bfloat16": False, "has_float16": False}, torch.float16, torch.float32),
        ({"full": True}, torch.float16, torch.float32),
        ({"device": CPU, "gain": 2.0}, torch.float16, torch.bfloat16),
        ({"device": CPU, "gain": 1.0}, torch.float16, torch.float32),
    ],
)
def test_a_pipeline_that_runs_whole_computes_in_what_can_not_overflow(has, stored, dtype):
    chosen = precision(**{"device": torch.device("cuda"), **has})
    assert chosen.decide_whole(lambda: 320, lambda: stored) == dtype


@pytest.mark.parametrize(
    ("name", "works"),
    [("NVIDIA GeForce GTX 1660 Ti", False), ("NVIDIA T1000", False), ("NVIDIA GeForce MX450", False),
     ("Tesla T4", True), ("NVIDIA GeForce RTX 2060", True), ("NVIDIA GeForce GTX 1080", True)],
)  # fmt: skip
def test_cards_whose_float16_overflows_compute_in_float32(monkeypatch, name, works):
    device = Device(WorkerSettings(device="cpu"))
    device.name = name
    device.torch = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert device.precision.decide(DTYPES, never) == (torch.float16 if works else torch.float32)


def test_a_cpu_without_bfloat16_computes_in_float32():
    assert precision(has_bfloat16=False).decide(DTYPES, never) == torch.float32


@pytest.mark.parametrize(("gain", "dtype"), [(2.0, torch.bfloat16), (1.1, torch.float32), (0.5, torch.float32)])
def test_bfloat16_must_be_worth_its_rounding(gain, dtype):
    asked = []
    assert precision(gain=gain, asked=asked).decide(DTYPES, lambda: 320) == dtype
    assert asked == [320]


def test_what_is_narrow_is_not_measured():
    assert precision(gain=9, asked=(asked := [])).decide(DTYPES, lambda: NARROWEST - 1) == torch.float32
    assert not asked


def test_a_decision_is_kept_for_machine_and_width(tmp_path):
    folder = str(tmp_path / "new" / "state")
    assert precision(folder).decide(DTYPES, lambda: 320) == torch.bfloat16
    assert precision(folder, gain=0.5).decide(DTYPES, lambda: 320) == torch.bfloat16
    assert precision(folder, gain=0.5).decide(DTYPES, lambda: 640) == torch.float32
    assert precision(folder, gain=0.5, machine="elsewhere").decide(DTYPES, lambda: 320) == torch.float32
    assert precision(folder, asked=(asked := [])).decide(DTYPES, lambda: 320) == torch.bfloat16
    assert not asked
    kept = json.loads((tmp_path / "new" / "state" / FILE).read_text())
    assert kept == {"here": {"width 320": "bfloat16", "width 640": "float32"}, "elsewhere": {"width 320": "float32"}}


def test_what_another_worker_decided_meanwhile_holds_for_both(tmp_path):
    one, other = precision(str(tmp_path)), precision(str(tmp_path), gain=0.5)
    assert other.decide(DTYPES, lambda: 320) == one.decide(DTYPES, lambda: 320) == torch.float32


def test_workers_on_one_cpu_share_its_memory():
    whole, half = (Device(WorkerSettings(device="cpu", memory=10**9, sharers=count)).budget() for count in (1, 2))
    assert (whole, half) == (10**9, 5 * 10**8)


def test_a_device_says_of_itself_what_decides_bits_whatever_the_model():
    device = Device(WorkerSettings(device="all"))
    of_model = device.environment("float32", spared=True)
    assert device.describe().environment == {k: v for k, v in of_model.items() if k not in ("dtype", "spared")}


def test_a_decision_is_kept_without_a_folder_too():
    decided = precision()
    assert decided.decide(DTYPES, lambda: 320) == decided.decide(DTYPES, lambda: 320) == torch.bfloat16


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"here": {"m": "float8"}}', b"\xff\x00", b'{"here": 3}'])
def test_a_file_that_is_broken_is_decided_again(tmp_path, broken):
    (tmp_path / FILE).write_bytes(broken)
    assert precision(str(tmp_path), gain=0.5).decide(DTYPES, lambda: 320) == torch.float32
    assert json.loads((tmp_path / FILE).read_text()) == {"here": {"width 320": "float32"}}


def test_a_folder_that_can_not_be_written_only_warns(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    assert precision(str(tmp_path / "file" / "state")).decide(DTYPES, lambda: 320) == torch.bfloat16
    assert "again" in caplog.text


def test_layers_are_really_measured_once_a_process():
    assert bfloat16_gain(64) == bfloat16_gain(64) > 0


def test_a_shortage_is_swallowed_and_nothing_else_is():
    with Shortage():
        raise torch.OutOfMemoryError("CUDA out of memory")
    with Shortage():
        raise RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)")
    with pytest.raises(RuntimeError, match="shape"), Shortage():
        raise RuntimeError("shape mismatch")
    with pytest.raises(ValueError), Shortage():
        raise ValueError("out of memory")


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "GET was unable to find an engine to execute this computation",
        "HIP out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`",
        "MIOpen error: miopenStatusAllocFailed",
        "unable to mmap 2132856686 bytes from file <x.safetensors>: Cannot allocate memory (12)",
    ],
)
def test_whoever_has_no_memory_says_so_in_its_own_words(said):
    assert ran_out(RuntimeError(said))
    assert not is_lost(RuntimeError(said))
    wrapped = ValueError("it could not be loaded")
    wrapped.__cause__ = RuntimeError(said)
    assert is_of_device(wrapped)


def test_a_lost_device_is_not_the_file_s_fault():
    lost = RuntimeError("CUDA error: an illegal memory access was encountered")
    assert is_lost(lost)
    assert is_of_device(lost)
    assert not ran_out(lost)
    assert not is_of_device(RuntimeError("shape mismatch"))
    assert not is_lost(ValueError("CUDA error: in a prompt"))


def test_tensors_are_replaced_for_a_block_and_come_back_themselves():
    module = torch.nn.Sequential(torch.nn.Linear(2, 2).half(), torch.nn.BatchNorm1d(2).half())
    before = list(module.parameters()) + list(module.buffers())
    with replaced(module, lambda tensor: tensor.float()):
        assert {tensor.dtype for tensor in module.parameters()} == {torch.float32}
    after = list(module.parameters()) + list(module.buffers())
    assert all(a is b for a, b in zip(before, after, strict=True))


def test_what_the_cpu_says_of_a_shortage_is_understood():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**60)
    assert ran_out(refused.value)
