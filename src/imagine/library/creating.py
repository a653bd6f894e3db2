"""Named models made: what they are made of is found among the models, and written down whole under their name."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from ..families.table import lora_families
from ..files.writing import TEMPORARY, name_anew, sync_folder, write_atomically
from ..messages import message
from ..registry.composition import TEXT_ENCODER, VAE
from ..registry.identify import CHECKPOINT, LORA
from ..registry.prediction import MAX_SIDECAR_BYTES
from ..registry.registry import Registry
from ..registry.scan import NAMED
from ..registry.standing import EMBEDDING
from ..words.entry import Entry
from ..words.errors import BadRequest, ImagineError, ModelChanged, ModelNotFound, PartNotFound
from ..words.model_names import OWN
from ..words.named_model import NamedLora, NamedModel

LATEST = ":latest"
MADE_NAME = re.compile(r"\w[\w.\-+ ]{0,127}(:\w[\w.\-]{0,63})?")
OF_NAMED = ".imagine"
"""What no name ends in: the sidecar of such a file would be a named model."""
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
MakingNews = Callable[[str], None]
"""Hears what is being done, a few words of each thing."""


def name_from(name: str) -> str:
    """The name that a model may have, of NAME or NAME:TAG. Raises BadRequest."""
    name = name.removesuffix(LATEST)
    if not MADE_NAME.fullmatch(name) or name != name.strip() or name.endswith(OF_NAMED):
        raise BadRequest(message("create.name", "model", value=name[:200]))
    return name


def create(registry: Registry, name: str, made: NamedModel, told: MakingNews = lambda _: None) -> Path:
    """Writes the model down, in the place of a named one of that name. For a thread: it reads what it is made of.

    Raises BadRequest on the field that can't be, ModelChanged, OSError. Whenever it is stopped, the old one is there
    or the whole new one.
    """
    name = name_from(name)
    there = _there(registry, name)
    whole = resolved(registry, name, made, told)
    path = Path(there.path) if there else registry.roots[0] / f"{name}{NAMED}"
    path.parent.mkdir(parents=True, exist_ok=True)
    told("writing manifest")
    write_atomically(path, yaml_of(whole))
    registry.refresh()
    return path


def resolved(registry: Registry, name: str, made: NamedModel, told: MakingNews) -> NamedModel:
    """The same by the names that its files have, with their digests. Raises BadRequest, ModelChanged."""
    base = _file(registry, "from", made.base, CHECKPOINT)
    if name in _line(registry, base):
        raise BadRequest(message("create.itself", "from", value=made.base[:80]))
    loras = []
    for lora in made.loras:
        file = _file(registry, "loras", lora.name, LORA)
        fitting = lora_families(base.family)
        if file.family and fitting and file.family not in fitting:
            what = {"family": file.family, "model": base.name, "model_family": base.family}
            raise BadRequest(message("loras.family", "loras", value=lora.name[:80], **what))
        digest = _digest(registry, file, told)
        loras.append(NamedLora(name=file.name, weight=lora.weight, clip_weight=lora.clip_weight, digest=digest))
    return msgspec.structs.replace(
        made, base=base.name, digest=_digest(registry, base, told), loras=tuple(loras),
        vae=made.vae if made.vae in ("", OWN) else _file(registry, VAE, made.vae, VAE).name,
        text_encoders=tuple(
            each if each == OWN else _file(registry, "text_encoders", each, TEXT_ENCODER).name
            for each in made.text_encoders
        ),
        embeddings=tuple(_file(registry, "embeddings", each, EMBEDDING).name for each in made.embeddings),
    )  # fmt: skip


def tag(registry: Registry, entry: Entry, name: str) -> Path:
    """Keeps what a name stands for now under a second one: a named model's lines, or a line that names the file."""
    if entry.is_named:
        return create(registry, name, entry.made)
    return create(registry, name, NamedModel(base=entry.name))


def yaml_of(made: NamedModel) -> bytes:
    """As a sidecar says it. Raises BadRequest for more than is read of one."""
    import yaml  # only where one is written

    try:
        told = msgspec.json.decode(msgspec.json.encode(made))
        written = yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=100).encode()
    except RecursionError as error:
        raise BadRequest(message("imagefile.sample", "sample")) from error
    if len(written) > MAX_SIDECAR_BYTES:
        raise BadRequest(message("create.large", None, size=len(written), most=MAX_SIDECAR_BYTES))
    return written


def check_free(registry: Registry, name: str) -> None:
    """Raises BadRequest where a file has that name: two of one name would both be called otherwise."""
    if any(each.name == name for each in registry.files()):
        raise BadRequest(message("keep.taken", "model", value=name))


def place(blob: Path, target: Path, beside: bytes = b"") -> None:
    """Gives a file that was sent its name among the models, all at once; with a sidecar both stand in a folder of
    their own. Raises BadRequest, OSError."""
    try:
        if beside:
            _place_together(blob, target, beside)
        else:
            name_anew(blob, target)
    except FileNotFoundError as error:  # another took it meanwhile
        raise BadRequest(message("blob.absent", "files", value=blob.name)) from error
    except OSError as error:
        if error.errno in _TAKEN:
            raise BadRequest(message("keep.taken", "model", value=target.stem)) from error
        raise
    sync_folder(target.parent)


def _place_together(blob: Path, target: Path, sidecar: bytes) -> None:
    staged = blob.with_name(f"{TEMPORARY}{os.urandom(8).hex()}")
    staged.mkdir()
    try:
        write_atomically(staged / f"{target.stem}.yaml", sidecar)
        name_anew(blob, staged / target.name)
        sync_folder(staged)
        staged.rename(target.with_name(target.stem))
    except BaseException:
        with contextlib.suppress(OSError):
            name_anew(staged / target.name, blob)
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _there(registry: Registry, name: str) -> Entry | None:
    """The named model that has this name already. Raises BadRequest where a file has it."""
    entry = next((each for each in registry.files() if each.name == name and (each.generates or each.is_named)), None)
    if entry is not None and not entry.is_named:
        raise BadRequest(message("keep.taken", "model", value=name))
    return entry


def _line(registry: Registry, entry: Entry) -> list[str]:
    """It, and what it is made of."""
    names = [entry.name]
    while entry.is_named:
        entry = registry.find_alike(entry.made.base)
        names.append(entry.name)
    return names


def _file(registry: Registry, field: str, name: str, kind: str) -> Entry:
    try:
        return _here(registry.find_alike(name, kind))
    except ModelNotFound as error:
        near = ", ".join(registry.similar(name, kind))
        note = message("create.near", field, value=name[:80], names=near) if near else message(
            "create.absent", field, value=name[:80]
        )  # fmt: skip
        raise PartNotFound(note) from error
    except ModelChanged:
        raise
    except ImagineError as error:
        raise BadRequest(error.note.about(field)) from error


def _here(file: Entry) -> Entry:
    """Raises ModelNotFound for what another server alone has, which comes and goes."""
    if file.place:
        raise ModelNotFound(file.name)
    return file


def _digest(registry: Registry, file: Entry, told: MakingNews) -> str:
    digest = registry.with_digest(file).digest
    told(f"using existing layer sha256:{digest}")
    return digest
