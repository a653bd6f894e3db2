"""What `imagine doctor` looks at, each a function of facts, and what it finds: a sentence, and what to do about it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .. import __version__
from .table import WAYS, counted, size_of

FindingState = Literal["ok", "note", "wrong"]
_LEAST_DISK = 2 * 10**9
_LEAST_MEMORY = 4 * 2**30
"""Bytes of main memory below which not even a model of Stable Diffusion's first kind has room beside the system."""
_SUFFIX = ".partial"
_SENT = ".blobs"
_OWN_GPUS = {"NVIDIA": ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg"), "AMD": ("/dev/kfd",)}
"""What their drivers make, by whose they are."""
_BUILDS = {
    "NVIDIA": "https://download.pytorch.org/whl/cu128",
    "AMD": "https://download.pytorch.org/whl/rocm6.4",
}
_PROXIES = ("HTTPS_PROXY", "ALL_PROXY")
_REQUIRED = re.compile(r"([A-Za-z0-9_.-]+)[^;<>=!~]*([^;]*)$")
_LEAST = re.compile(r">=\s*([0-9.]+)")


class Diagnosis(NamedTuple):
    """One thing that was looked at."""

    about: str
    state: FindingState
    what: str
    advice: str = ""


class FittingModel(NamedTuple):
    """A model, and how it is held on the device: by `families.memory`'s words, None where it doesn't fit."""

    name: str
    way: str | None
    minimum: int


def versions(required: Iterable[str], installed: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Of Python and of what this program is made with; `required` as a distribution's metadata has it, without
    extras; `installed` are the versions by name."""
    wrong = False
    for line in required:
        if ";" in line or (match := _REQUIRED.match(line)) is None:  # what only some machines or extras need
            continue
        name, bounds = match.groups()
        least, here = _LEAST.search(bounds), installed.get(_named(name))
        if here is None:
            wrong = True
            yield Diagnosis("versions", "wrong", f"{name} isn't installed", f"{_pip()} install '{line}'")
        elif least is not None and _numbers(here) < _numbers(least[1]):
            wrong = True
            yield Diagnosis("versions", "wrong", f"{name} {here} is too old", f"{_pip()} install '{line}'")
    if not wrong:
        torch = f", torch {installed['torch']}" if "torch" in installed else ""
        yield Diagnosis("versions", "ok", f"imagine {__version__}, Python {platform.python_version()}{torch}")


def installed_versions() -> dict[str, str]:
    """What is installed here, by names with one spelling."""
    return {_named(each.name): each.version for each in metadata.distributions() if each.name}


def requirements() -> list[str]:
    """What this program says that it needs; nothing where it wasn't installed as a package, as the binary isn't."""
    try:
        return metadata.requires("imagine") or []
    except metadata.PackageNotFoundError:
        return []


def folders(home: Path, roots: Sequence[Path]) -> Iterator[Diagnosis]:
    """Whether models can be read where they are looked for, and brought there; and what is left of what stopped."""
    for root in dict.fromkeys([home, *roots]):
        yield from _folder(root, "what is remembered" if root == home else "models")
    for root in roots:
        if left := [path for path in _below(root) if path.name.endswith(_SUFFIX)]:
            size = sum(path.lstat().st_size for path in left)
            what = f"{root}: {counted(len(left), 'file')} on the way, or left by what stopped, {size_of(size)}"
            yield Diagnosis("folder", "note", what, f"pull it again, which goes on, or remove {left[0]}")
        if sent := list(_below(root / _SENT)):
            size = sum(path.lstat().st_size for path in sent)
            what = f"{root}: {counted(len(sent), 'file')} that no model took, sent or unpacked, {size_of(size)}"
            yield Diagnosis("folder", "note", what, f"if nothing is on its way now, remove {root / _SENT}")
        if lost := [path for path in _below(root) if path.is_symlink() and not path.exists()]:
            what = f"{root}: {counted(len(lost), 'link')} to what is gone, such as {lost[0].name}"
            yield Diagnosis("folder", "wrong", what, f"bring back {lost[0].readlink()}, or remove the link")


def _folder(root: Path, holds: str) -> Iterator[Diagnosis]:
    there = next((each for each in (root, *root.parents) if each.exists()), None)
    if there is None or not there.is_dir():
        yield Diagnosis(
            "folder", "wrong", f"{there or root} is no folder", f"move it away, or name another for {holds}"
        )
        return
    if not os.access(there, os.R_OK | os.X_OK):
        yield Diagnosis("folder", "wrong", f"{there} can't be read", f"sudo chown -R {_user()} '{there}'")
        return
    if not os.access(there, os.W_OK):
        what = f"nothing can be written to {there}, so no model can be pulled there"
        yield Diagnosis("folder", "note" if holds == "models" else "wrong", what, f"sudo chown -R {_user()} '{there}'")
    free = shutil.disk_usage(there).free
    state: FindingState = "ok" if free >= _LEAST_DISK else "wrong"
    advice = "" if state == "ok" else "make room: a model is 2 to 25 GB (imagine list --all says what is here)"
    yield Diagnosis("folder", state, f"{root}: {holds}, {size_of(free)} free", advice)


def _below(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names)


def models(listed: Sequence[Mapping[str, Any]], root: Path) -> Iterator[Diagnosis]:
    """Files that can't be used, and whether there is a model at all; each as `imagine list --all --json` tells it."""
    for each in listed:
        if each["problem"]:
            what = f"{each['name']} can't be used: {each['problem']}"
            yield Diagnosis("models", "wrong", what, _repair(each))
    usable = [each for each in listed if "defaults" in each]
    own = [each for each in usable if not each["shipped"]]
    if own:
        yield Diagnosis("models", "ok", f"{counted(len(own), 'model')} to draw with, {len(listed)} files in all")
    else:
        instead = f"only {usable[0]['name']}, which comes along and is small" if usable else "none"
        advice = f"imagine pull lists models to bring; your own go into {root}"
        yield Diagnosis("models", "note", f"models to draw with: {instead}", advice)


def _repair(entry: Mapping[str, Any]) -> str:
    files = [file for need in entry.get("missing") or [] for file in need["files"]]
    if files:
        return f"bring {files[0]['name']}, {size_of(files[0]['size'])}, of {files[0]['source']}: imagine pull"
    return (
        f"imagine show {entry['name']} tells more; imagine rm {entry['name']} removes it, imagine pull brings another"
    )


def main_memory(total: int, available: int) -> Diagnosis:
    """Main memory, in which models wait, and on a CPU compute."""
    what = f"{size_of(available)} of {size_of(total)} main memory are free"
    if total < _LEAST_MEMORY:
        return Diagnosis(
            "memory", "wrong", what, f"give it {size_of(_LEAST_MEMORY)} or more; in a container, raise its limit"
        )
    if available < _LEAST_MEMORY // 2:
        return Diagnosis(
            "memory", "note", what, "end what else takes much, or unload models: imagine ps, imagine stop MODEL"
        )
    return Diagnosis("memory", "ok", what)


def device(name: str, calls_itself: str, torch: str, is_there: Mapping[str, bool]) -> Diagnosis:
    """The device that draws; `is_there`: whose GPUs' drivers were found, by `_OWN_GPUS`' names."""
    what = f"{name} ({calls_itself})" if calls_itself else name
    maker = next((each for each, found in is_there.items() if found), None)
    if not name.startswith("cpu") or maker is None:
        slow = name.startswith("cpu")
        return Diagnosis("device", "note" if slow else "ok", what + (", no GPU: pictures take long" if slow else ""))
    if "+cpu" in torch:
        advice = f"{_pip()} install --force-reinstall torch --index-url {_BUILDS[maker]}"
        return Diagnosis(
            "device", "wrong", f"{what}, though a GPU of {maker}'s is there: this torch is for CPUs", advice
        )
    advice = "update its driver; look what torch says: python -c 'import torch; torch.cuda.init()'"
    return Diagnosis(
        "device", "wrong", f"{what}, though a GPU of {maker}'s is there: torch {torch} can't use it", advice
    )


def gpus_there() -> dict[str, bool]:
    """Whose GPUs have their driver here."""
    return {maker: any(Path(each).exists() for each in made) for maker, made in _OWN_GPUS.items()}


def fits(known: Sequence[FittingModel], room: int | None) -> Iterator[Diagnosis]:
    """Which of the models here fit on the device."""
    beside = "" if room is None else f" in {size_of(room)} for weights"
    by_way: dict[str | None, list[FittingModel]] = {}
    for each in known:
        by_way.setdefault(each.way, []).append(each)
    for way in (way for way in WAYS if way in by_way):
        named = ", ".join(each.name for each in by_way[way])
        yield Diagnosis("fits", "ok", f"{named}: {WAYS[way]}{beside}")
    for each in by_way.get(None, []):
        what = f"{each.name} doesn't fit{beside}: it needs {size_of(each.minimum)} or more"
        yield Diagnosis(
            "fits", "note", what, "take it in fewer bits (fp8, or a GGUF of Q4_K); docs/memory.md says what fits where"
        )


def would_fit(published: Sequence[FittingModel]) -> Iterator[Diagnosis]:
    """Which of the models that one could bring would fit on the device, and how."""
    for way in WAYS:
        if named := [each.name for each in published if each.way == way]:
            yield Diagnosis("would fit", "ok", f"{WAYS[way]}: {'; '.join(named)}")
    if named := [each.name for each in published if each.way is None]:
        yield Diagnosis("would fit", "ok", f"not at all: {'; '.join(named)}")


def proxies(environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Proxies that are set, and that nothing here goes through."""
    if named := next((name for name in _PROXIES if environ.get(name) or environ.get(name.lower())), None):
        what = f"{named} is set, and imagine pull doesn't go through proxies"
        yield Diagnosis("network", "note", what, "HF_ENDPOINT can name a mirror that is reached directly")


def server(health: Mapping[str, Any] | None) -> Iterator[Diagnosis]:
    """The server that runs, if one does."""
    if health is None:
        yield Diagnosis("server", "ok", "none runs: imagine serve starts one, imagine run one of its own")
        return
    if health["problem"]:
        yield Diagnosis("server", "wrong", f"it can't draw: {health['problem']}", "imagine serve says more in its log")
    if health["version"] != __version__:
        what = f"it is imagine {health['version']}, and this is {__version__}"
        yield Diagnosis("server", "wrong", what, "start it again")
    elif not health["problem"]:
        yield Diagnosis("server", "ok", f"{health['status']}, {health['running']} running, {health['waiting']} waiting")


def _named(distribution: str) -> str:
    """As PEP 503 has it: `Foo.bar_baz` is `foo-bar-baz`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _pip() -> str:
    return f"{sys.executable} -m pip"


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid() if hasattr(os, "getuid") else "you")
