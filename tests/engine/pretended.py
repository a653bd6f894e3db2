"""An accelerator that isn't there: tensors that say `cuda:0` or `mps:0`, lie in main memory, and obey a device's rules.

Inside `pretended()` torch has one. Its tensors are `Remote`: each holds a CPU tensor with its true values, so
whole pictures are made, in float16, by the CPU. What a real device refuses is refused: an operation over tensors
of two devices, or of two dtypes where its kernels take one; a dtype that it lacks; more memory than it has. Whatever
makes the host wait for the device is counted. A copy to the CPU for which nobody waits holds nothing but NaN until an
event behind it was waited for. Of the device's own kernels it proves nothing.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from collections import Counter
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from tests.engine.tape import Tape, event_of, graphs_of

CPU = torch.device("cpu")
_MOVES = {"_to_copy", "copy_"}
_BRACKETS = (torch.Tensor.__getitem__, torch.Tensor.__setitem__)
_NUMBERS = (
    torch.Tensor.item, torch.Tensor.tolist, torch.Tensor.nonzero, torch.Tensor.__bool__, torch.Tensor.__float__,
    torch.Tensor.__int__, torch.Tensor.__index__,
)  # fmt: skip
"""What asks for values, in bindings that would look for the device's own code."""
_ANSWERS = {
    "_local_scalar_dense", "equal", "allclose", "is_nonzero", "nonzero", "masked_select", "_unique2", "bincount",
    "linalg_solve", "_linalg_solve_ex", "linalg_inv_ex", "linalg_lstsq", "linalg_cholesky_ex", "repeat_interleave",
}  # fmt: skip
"""Operators whose answer, or the size of it, the host has to hear."""
_ONE_DTYPE = {
    "addmm", "mm", "bmm", "baddbmm", "addmv", "convolution", "native_layer_norm", "native_group_norm", "lerp",
    "scaled_dot_product_attention", "_scaled_dot_product_flash_attention_for_cpu", "_fused_sdp_choice",
}  # fmt: skip
"""Kernels of one floating dtype."""
_SUMS = {"addmm", "mm", "bmm", "baddbmm", "convolution"}
_HALVES = (torch.float16, torch.bfloat16)


class Refused(RuntimeError):
    """The device would have refused."""


class Card:
    """The device: what it has, and what was asked of it. One of Apple's knows no numbers of 8 or 64 bits.

    `used` bytes belong to tensors. What they leave behind stays `reserved` until the cache is emptied.
    """

    def __init__(self, kind: str, memory: int, bfloat16: bool, name: str) -> None:
        self.device = torch.device(kind, 0)
        self.limit, self.bfloat16, self.name = memory, bfloat16, name
        self.lacks = (torch.float64, torch.float8_e4m3fn, torch.float8_e5m2) if kind == "mps" else ()
        self.used = self.reserved = self.peak = 0
        self.waits: Counter[str] = Counter()
        """By what was waited for, and the line that did: each leaves the device without work. Those of this thread."""
        self.waits_beside: Counter[str] = Counter()
        """Those of other threads, while this one goes on."""
        self.paced = 0
        """How often something was waited for behind which the device had work already."""
        self.launches = 0
        self.uploads = self.bytes_up = 0
        """Copies from the CPU, and how many bytes they had."""
        self._tapes: dict[int, Tape] = {}
        self.captures = self.replays = 0
        self._thread = threading.get_ident()
        self._on_their_way: list[tuple[int, torch.Tensor, torch.Tensor]] = []
        self._held: set[int] = set()
        self.pinned: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()
        self.recorded: list[int] = []
        """Bytes of each that isn't another's before a queue beside the usual one has come to its end with it."""
        self.host_used = self.host_reserved = 0
        """Bytes of main memory that can't be swapped out: those of tensors, and with those that were given back."""

    @property
    def tape(self) -> Tape | None:
        """What this thread records at present; others aren't held up by it, as torch's `thread_local` has it."""
        return self._tapes.get(threading.get_ident())

    @tape.setter
    def tape(self, tape: Tape | None) -> None:
        if tape is None:
            self._tapes.pop(threading.get_ident(), None)
        else:
            self._tapes[threading.get_ident()] = tape

    def wait(self, reason: str) -> None:
        """The host waits until the device has done all that it was given."""
        if self.tape is not None:
            raise Refused(f"CUDA error: operation not permitted when stream is capturing: {reason} at {_asking()}")
        waits = self.waits if threading.get_ident() == self._thread else self.waits_beside
        waits[f"{reason} at {_asking()}"] += 1
        self._arrive(self.launches)

    def reach(self, launches: int) -> None:
        """The host waits until the device has done so much of what it was given."""
        if launches == self.launches:
            self.wait("all that was asked")
        else:
            self.paced += 1
            self._arrive(launches)

    def _arrive(self, launches: int) -> None:
        there = [one for one in self._on_their_way if one[0] <= launches]
        self._on_their_way = [one for one in self._on_their_way if one[0] > launches]
        for _, target, made in there:
            target.copy_(made)

    def bring(self, inner: torch.Tensor, **asked: object) -> torch.Tensor:
        """A copy on the CPU, on its way."""
        self.launches += 1
        made = inner.to(copy=True, **asked)
        with torch.inference_mode(False):
            target = torch.full_like(made, float("nan") if made.is_floating_point() else -1)
        self._on_their_way.append((self.launches, target, made))
        return target

    def send(self, tensor: torch.Tensor, blocking: bool) -> None:
        """A tensor of the CPU goes to the device."""
        self.uploads += 1
        self.bytes_up += tensor.nbytes
        if self.tape is not None:
            raise Refused(f"what is recorded is to read memory of the CPU at {_asking()}")
        if blocking or tensor.untyped_storage() not in self.pinned:
            self.wait("a copy to the device")

    def did(self, func, args, kwargs, made):
        """An operator over tensors of main memory was run for the device; gives what it made."""
        if self.tape is not None:
            self.tape.note(func, args, kwargs, made)
        return made

    def take(self, inner: torch.Tensor) -> None:
        """Make room for a tensor's storage, as long as that lives."""
        if inner.dtype in self.lacks:
            raise TypeError(f"Cannot convert a tensor to {inner.dtype}: the device doesn't support it")
        storage = inner.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if not size or key in self._held:
            return
        if self.used + size > self.limit:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes. (pretended)")
        self._held.add(key)
        self.used += size
        self.peak, self.reserved = max(self.peak, self.used), max(self.reserved, self.used)
        weakref.finalize(storage, self._give, key, size).atexit = False

    def _give(self, key: int, size: int) -> None:
        self._held.discard(key)
        self.used -= size

    def empty_cache(self) -> None:
        self.reserved = self.used

    def pin(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        self.pinned.add(storage)
        self.host_used += storage.nbytes()
        self.host_reserved = max(self.host_reserved, self.host_used)
        weakref.finalize(storage, self._unpin, storage.nbytes()).atexit = False
        return tensor

    def _unpin(self, size: int) -> None:
        self.host_used -= size

    def empty_host_cache(self) -> None:
        self.host_reserved = self.host_used


class Remote(torch.Tensor):
    """A tensor on the device; `inner` has its values."""

    card: Card
    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor, card: Card | None = None, requires_grad: bool = False) -> Remote:
        if card is None:  # accelerate makes parameters by the class that they had
            return inner if isinstance(inner, Remote) else torch.nn.Parameter(inner, requires_grad)
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            layout=inner.layout, device=card.device, requires_grad=False,
        )  # fmt: skip
        card.take(inner)
        made.inner, made.card = inner, card
        return made

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __repr__(self) -> str:
        return f"Remote({list(self.shape)}, {self.dtype})"

    def __reduce_ex__(self, _: object) -> None:
        raise Refused("a tensor of the device is pickled or copied deeply")

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        remote = next(leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Remote))
        return _dispatched(remote.card, func, args, kwargs or {})


def _not_to_be_resized(tensor: torch.Tensor) -> torch.Tensor:
    """A copy whose storage torch calls so: it does that of pages that can't be swapped out, as of mapped files."""
    like = tensor.clone()
    held = torch.frombuffer(bytearray(like.nbytes or 1), dtype=torch.uint8)[: like.nbytes]
    return held.view(like.dtype).as_strided(like.shape, like.stride()).copy_(like)


class _Bindings(TorchFunctionMode):
    """What Python's bindings do before any operator runs: make a device's first tensors, and look for its code."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self._card = card

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.pin_memory:
            return self._card.pin(_not_to_be_resized(args[0]))
        if kwargs.pop("pin_memory", False):
            return self._card.pin(func(*args, **kwargs))
        if func in (torch.Tensor.to, torch.Tensor.cuda):
            return self._moved(*(args if func is torch.Tensor.to else (args[0], self._card.device)), **kwargs)
        if args and isinstance(args[0], Remote) and (func in _BRACKETS or func in _NUMBERS):
            return self._read(func, *args, **kwargs)
        if args and isinstance(args[0], Remote) and func is torch.Tensor.contiguous:
            made = args[0].inner.contiguous(**kwargs)
            return args[0] if made is args[0].inner else self._made(func, (args[0].inner,), kwargs, made)
        if args and isinstance(args[0], Remote) and func is torch.nn.functional.scaled_dot_product_attention:
            return _dispatched(self._card, torch.ops.aten.scaled_dot_product_attention.default, args, kwargs)
        if args and isinstance(args[0], Remote) and func is torch.Tensor.copy_:
            _dispatched(self._card, torch.ops.aten.copy_.default, (*args, *kwargs.values()), {})
            return args[0]
        device = kwargs.get("device")
        if device is None or torch.device(device).type != self._card.device.type or func is torch._C._nn._parse_to:
            return func(*args, **kwargs)
        kwargs["device"] = CPU
        made = func(*args, **kwargs)
        self._card.launches += 1
        if func in (torch.tensor, torch.as_tensor):
            self._card.wait("numbers to the device")
        return made if isinstance(made, Remote) else self._made(func, args, kwargs, made)

    def _made(self, func, args, kwargs, made):
        return Remote(self._card.did(func, args, kwargs, made), self._card)

    def _read(self, func, tensor, *rest, **kwargs):
        if func in _NUMBERS:
            self._card.wait(func.__name__)
        else:
            keys = rest[0] if isinstance(rest[0], tuple) else rest[:1]
            for key in keys:
                if isinstance(key, torch.Tensor) and (not isinstance(key, Remote) or key.dtype == torch.bool):
                    self._card.wait("an index that the host holds or has to count")
        inner = (tensor.inner, *_inner(rest))
        made = func(*inner, **kwargs)
        if func is torch.Tensor.__setitem__:
            self._card.did(torch.Tensor.__setitem__, inner, kwargs, None)
        return self._made(func, inner, kwargs, made) if isinstance(made, torch.Tensor) else made

    def _moved(self, tensor, *args, **kwargs):
        given = args, dict(kwargs)
        if args and isinstance(args[0], torch.Tensor):
            args = (args[0].device, args[0].dtype, *args[1:])
        copy = kwargs.pop("copy", False)
        device, dtype, unasked, layout = torch._C._nn._parse_to(*args, **kwargs)
        there = isinstance(tensor, Remote)
        going = there if device is None else device.type == self._card.device.type
        asked = {"dtype": dtype or tensor.dtype, "memory_format": layout or torch.preserve_format}
        if not there and not going:
            return tensor.to(*given[0], **given[1])
        if there and going:
            made = tensor.inner.to(copy=copy, **asked)
            if made is tensor.inner:
                return tensor
            return self._made(torch.Tensor.to, (tensor.inner,), {"copy": copy, **asked}, made)
        if there:
            if unasked:
                return self._card.bring(tensor.inner, **asked)
            self._card.wait("a copy to the CPU")
            return tensor.inner.to(device, copy=True, **asked)
        self._card.send(tensor, not unasked)
        if tensor.dtype in self._card.lacks:
            raise TypeError(f"Cannot convert a tensor of {tensor.dtype}: the device doesn't support it")
        return Remote(tensor.to(copy=True, **asked), self._card)


def _dispatched(card, func, args, kwargs):
    """An operator of which at least one tensor is the device's."""
    name, leaves = func.overloadpacket.__name__, tree_leaves((args, kwargs))
    remote = [leaf for leaf in leaves if isinstance(leaf, Remote)]
    target = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
    if name == "_has_compatible_shallow_copy_type":
        return False
    local = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and not isinstance(leaf, Remote)]
    _check(card, name, func, remote, local)
    _count(card, name, args, kwargs, remote, local, target)
    inner = _inner(args), _inner(kwargs)
    run = _summing(func) if name in _SUMS and remote[0].dtype in _HALVES and not func._schema.is_mutable else func
    made = card.did(run, *inner, run(*inner[0], **inner[1]))
    if func._schema.is_mutable:
        return _changed(func, args, kwargs, made)
    if target is not None and target.type == "cpu":
        return made
    return tree_map(lambda leaf: Remote(leaf, card) if isinstance(leaf, torch.Tensor) else leaf, made)


def _summing(func):
    """The operator as a device runs it on halves: it adds up in float32, and rounds in the end.

    So the CPU adds up, too, in a hundredth of the time that its own kernels of halves take."""

    def run(*args, **kwargs):
        wide = tree_map(lambda leaf: leaf.float() if isinstance(leaf, torch.Tensor) else leaf, (args, kwargs))
        halves = next(leaf.dtype for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor))
        return func(*wide[0], **wide[1]).to(halves)

    return run


def _inner(values):
    def of(leaf):
        if isinstance(leaf, Remote):
            return leaf.inner
        return CPU if isinstance(leaf, torch.device) else leaf

    return tree_map(of, values)


def _changed(func, args, kwargs, made):
    """What an operation that writes into its argument gives: that argument."""
    if torch.Tag.inplace_view in func.tags:
        raise NotImplementedError(f"{func} changes a tensor's shape")
    written = kwargs.get("out", args[0])
    return written if isinstance(made, torch.Tensor) else made


def _check(card, name, func, remote, local):
    if name not in _MOVES and not name.startswith("index"):
        # Numbers of the host may be mixed in where they become an argument of the kernel.
        foreign = [one for one in local if one.dim() or torch.Tag.pointwise not in func.tags]
        if foreign and remote:
            raise Refused(f"{name}: expected all tensors on one device, but found {card.device} and cpu at {_asking()}")
    dtypes = {one.dtype for one in remote if one.is_floating_point()}
    if name in _ONE_DTYPE and len(dtypes) > 1:
        raise Refused(f"{name}: expected one dtype, but found {sorted(map(str, dtypes))} at {_asking()}")


def _answers(name, args):
    """Each so often as a number says is a view that is copied, which nobody has to count."""
    return name in _ANSWERS and not (name == "repeat_interleave" and len(args) > 1 and isinstance(args[1], int))


def _count(card, name, args, kwargs, remote, local, target):
    card.launches += 1
    if _answers(name, args) or (name == "index" and any(one.dtype == torch.bool for one in remote[1:])):
        card.wait(name)
    elif name.startswith("index") and local:
        card.wait(f"{name} by a tensor of the CPU")
    elif name in _MOVES and (not isinstance(args[0], Remote) or (target is not None and target == CPU)):
        card.wait("a copy to the CPU")
    elif name in _MOVES and local:
        unasked = kwargs.get("non_blocking", args[2] if name == "copy_" and len(args) > 2 else False)
        card.send(local[0], not unasked)


def _asking() -> str:
    """The nearest line of the engine, and behind it the nearest that isn't torch's."""
    frame, near, ours = sys._getframe(2), None, None
    while frame is not None and ours is None:
        file = frame.f_code.co_filename
        place = f"{file.rpartition('/')[2]}:{frame.f_lineno}"
        if "/torch/" not in file and file != __file__:
            near = near or place
            ours = place if "/imagine/" in file else None
        frame = frame.f_back
    return near or "?" if ours in (None, near) else f"{ours} ({near})"


@contextlib.contextmanager
def pretended(kind: str = "cuda", *, memory: int = 2**40, bfloat16: bool = True, name: str = "Pretended"):
    """torch with one device of a kind, in this thread and in those that are started meanwhile."""
    card = Card(kind, memory, bfloat16, name)
    run = threading.Thread.run

    def inside(thread: threading.Thread) -> None:
        with _Bindings(card), torch.no_grad():
            run(thread)

    overwritten = torch.__future__.get_overwrite_module_params_on_conversion()
    with contextlib.ExitStack() as stack:
        # Parameters are replaced: a wrapper has no memory of its own to be pointed elsewhere.
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, overwritten)
        for place, answers in (_cuda(card) if kind == "cuda" else _mps(card)).items():
            for attribute, answer in answers.items():
                stack.enter_context(mock.patch.object(place, attribute, answer))
        stack.enter_context(mock.patch.object(threading.Thread, "run", inside))
        stack.enter_context(_Bindings(card))
        # A graph of gradients would look for the device's code, and end the process.
        stack.enter_context(torch.no_grad())
        yield card


def _cuda(card):
    return {
        torch.cuda: {
            "is_available": lambda: True,
            "device_count": lambda: 1,
            "current_device": lambda: 0,
            "current_stream": lambda device=None: Queue(),
            "Stream": Queue,
            "stream": lambda queue: contextlib.nullcontext(),
            "set_stream": lambda stream: None,
            "_lazy_init": lambda: None,
            "is_bf16_supported": lambda including_emulation=True: card.bfloat16,
            "get_device_name": lambda device=None: card.name,
            "empty_cache": card.empty_cache,
            "mem_get_info": lambda device=None: (card.limit - card.reserved, card.limit),
            "memory_allocated": lambda device=None: card.used,
            "memory_reserved": lambda device=None: card.reserved,
            "set_device": lambda _: None,
            "synchronize": lambda device=None: card.wait("synchronize"),
            "Event": event_of(card),
            **graphs_of(card),
        },
        torch.accelerator: {"empty_host_cache": card.empty_host_cache},
        torch.Tensor: {"record_stream": lambda tensor, _: card.recorded.append(tensor.nbytes)},
    }


class Queue:
    """One of the device's. All of them are in order here, so nothing has to be waited for."""

    def __init__(self, device=None):
        pass

    def wait_stream(self, queue):
        assert isinstance(queue, Queue)

    def wait_event(self, event):
        assert event is not None, "of a copy that was begun"

    def record_event(self):
        return object()


def _mps(card):
    return {
        torch.backends.mps: {
            "is_available": lambda: True,
            "is_macos_or_newer": lambda major, minor: card.bfloat16,
        },
        torch.mps: {
            "empty_cache": card.empty_cache,
            "recommended_max_memory": lambda: card.limit,
            "current_allocated_memory": lambda: card.used,
            "synchronize": lambda: card.wait("synchronize"),
        },
    }
