"""Which of the files that a source has are meant, and where they go; nothing is ever fetched that could run code.

A file goes to `OWNER--REPO/FILE`, a whole diffusers folder to `OWNER--REPO/REPO/`, what Civitai has to
`civitai--MODEL/FILE`. What libraries call every file of a kind (`diffusion_pytorch_model`) is called after its
repository and folder.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from ..formats.shards import shard_from
from ..messages import message
from ..registry.scan import GENERIC, GGUF, INDEX, REFUSED, SUFFIXES
from ..words.errors import BadRequest
from ..words.model_names import similar
from .offer import Offer, RemoteFile
from .trouble import DownloadFailed

_WEIGHTS = (*SUFFIXES, GGUF)
_BESIDE = (".safetensors", ".json", ".txt", ".model")
_PICKLED = (*(suffix for suffix in REFUSED if suffix != ".onnx"), ".pkl", ".pickle")
_HALF = re.compile(r"[._-]fp16(?=\.|$)", re.IGNORECASE)
_SAFE = re.compile(r"[\w.\-+ ]+(/[\w.\-+ ]+)*", re.ASCII)
_LISTED = 12


def chosen(offer: Offer, wanted: str) -> list[RemoteFile]:
    """The files that are meant by a source and the file that it names: one, its pieces, or those of a folder.

    Of a folder the index alone, since that says which. Raises BadRequest where several could be meant, or none.
    """
    files = {file.name: file for file in offer.files if _is_safe(file.name)}
    if wanted:
        return _with_pieces(files[_named(wanted, offer, files)], files)
    weights = [name for name in files if "/" not in name and name.lower().endswith(_WEIGHTS)]
    wholes = [name for name in weights if (piece := shard_from(name)) is None or piece.number == 1]
    if len(wholes) > 1 and (half := _half_of_one(wholes)):
        wholes = [half]
    if len(wholes) == 1:
        return _with_pieces(files[wholes[0]], files)
    if INDEX in files and not wholes:
        return [files[INDEX]]
    raise _ambiguous(offer, files, wholes)


def of_folder(offer: Offer, components: Collection[str]) -> list[RemoteFile]:
    """The files of a diffusers folder with these components: of weights in halves the halves.

    Raises DownloadFailed for one of which a component is there in pickles alone.
    """
    files = {file.name: file for file in offer.files if _is_safe(file.name)}
    kept: list[RemoteFile] = []
    for component in components:
        inside = [file for file in files.values() if str(PurePosixPath(file.name).parent) == component]
        weights = [file for file in inside if file.last.endswith(".safetensors")]
        if not weights and (pickled := next((f for f in inside if _is_pickled(f.name)), None)):
            raise _refused(pickled.name)
        halves = [file for file in weights if _HALF.search(file.last)]
        kept += halves or weights
        kept += [file for file in inside if file.last.endswith(_BESIDE[1:]) and not _is_others_index(file, halves)]
    return [*kept, files[INDEX]]  # the last: before it comes nobody takes the folder for a model


def place_of(offer: Offer, file: RemoteFile, *, folder: bool = False, called: str = "") -> PurePosixPath:
    """Where a file goes below the folder of models; `called` is what it is to be called instead of its own name."""
    owner, _, name = offer.source.partition(":")[2].partition("/")
    if file.site == "civitai":
        owner, name = "civitai", owner.partition("@")[0]
    top = PurePosixPath(f"{owner}--{name}" if name else owner)
    if folder:
        return top / name / file.name
    return top / _file_name(file, name, called)


def _file_name(file: RemoteFile, repository: str, called: str) -> str:
    path = PurePosixPath(file.last)
    if called:
        return called + path.suffix
    if path.stem in GENERIC and file.site == "hub":
        inner = PurePosixPath(file.name).parent.name
        return f"{repository}-{inner}{path.suffix}" if inner else f"{repository}{path.suffix}"
    return file.last


def _named(wanted: str, offer: Offer, files: Mapping[str, RemoteFile]) -> str:
    """The path of the file that a user names by it, or by its end. Raises BadRequest."""
    if _is_pickled(wanted):
        raise _refused(wanted)
    ends = [wanted] if wanted in files else [name for name in files if name.endswith(f"/{wanted}")]
    if len(ends) == 1 and (wanted == INDEX or ends[0].lower().endswith(_WEIGHTS)):
        return ends[0]
    if len(ends) == 1:
        raise BadRequest(message("pull.no_weights", "model", value=wanted[:200]))
    there = [name for name in files if name.lower().endswith(_WEIGHTS)]
    near = ends or similar(wanted, there) or there
    listed = ", ".join(near[:_LISTED])
    raise BadRequest(message("pull.no_file", "model", value=wanted[:200], source=offer.source, files=listed))


def _with_pieces(file: RemoteFile, files: Mapping[str, RemoteFile]) -> list[RemoteFile]:
    """It, and what it was cut into. Raises DownloadFailed where a piece is missing."""
    if not _is_safe(file.last) or (piece := shard_from(file.last)) is None:
        return [file]
    above = file.name.removesuffix(file.last)
    missing = [name for name in piece.names if above + name not in files]
    if missing:
        raise DownloadFailed(message("unfit.pieces", count=len(missing), of=piece.of, name=missing[0]))
    return [files[above + name] for name in piece.names]


def _half_of_one(names: Sequence[str]) -> str | None:
    """Of the same file in whole numbers and in halves, the halves."""
    plain = {_HALF.sub("", name) for name in names}
    return next((name for name in names if _HALF.search(name)), None) if len(plain) == 1 else None


def _is_others_index(file: RemoteFile, halves: Sequence[RemoteFile]) -> bool:
    """Is it the list of pieces of weights that aren't taken?"""
    return bool(halves) and file.last.endswith(".index.json") and not _HALF.search(file.last)


def _ambiguous(offer: Offer, files: Mapping[str, RemoteFile], wholes: Sequence[str]) -> BadRequest:
    """Why there isn't one file that is meant."""
    there = [*wholes, *([INDEX] if INDEX in files else [])]
    there = there or [name for name in files if name.lower().endswith(_WEIGHTS)]
    if there:
        listed = ", ".join(there[:_LISTED])
        return BadRequest(message("pull.several", "model", source=offer.source, files=listed))
    if pickled := next((file.name for file in offer.files if _is_pickled(file.name)), None):
        return _refused(pickled)
    return BadRequest(message("pull.nothing", "model", source=offer.source))


def _refused(name: str) -> BadRequest:
    return BadRequest(message("pull.pickle", "model", value=name[:200]))


def _is_pickled(name: str) -> bool:
    return name.lower().endswith(_PICKLED)


def _is_safe(name: str) -> bool:
    parts = name.split("/")
    return _SAFE.fullmatch(name) is not None and not any(part.startswith(".") for part in parts)
