"""A folder as diffusers saves pipelines: Stable Diffusion's as components for our steps, any other as its pipeline.

Never a pickle, never code that comes with a model, never the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...families.table import facts_of, is_shown, is_stepped
from ...formats.folder_json import is_component
from ...messages import message
from ...words.errors import UnusableModel, without_folders
from ...words.model import Model
from ..device.errors import is_of_device
from ..libraries.light import AutoencoderKL, UNet2DConditionModel, deep_vae, diffusers
from ..parts.clip import ClipTextModel, ClipTextModelWithProjection, clip_config
from ..parts.part import Held
from .components import Components, EmbedderComponents, LoadReport, PartKeys
from .deep_vae import is_deep_vae
from .embedder_folder import embedder_key, embedder_of
from .family_config import TextEncoderConfig, family_config
from .folder_file import INDEX, PICKLES, read_json, read_weights
from .frame_vae_names import frame_tensors, frame_vae, is_frame_vae
from .held import folder_key, network_or_held, text_key, vae_key
from .ldm_keys import new_vae_name
from .networks import DOWNSCALE, Network, network_of
from .part_file import PartFiles, check_context
from .placing import stored_dtype
from .statements import noise_of_scheduler
from .token_vae import has_statistics, token_vae, without_statistics
from .tokenizer import ClipTokenizer
from .weights import Shards, read_all

LIBRARIES = ("diffusers", "transformers")
_UNREAD = ("safety_checker", "feature_extractor")
"""Components of the pipelines that the engine steps which aren't loaded; nor is an image encoder that they aren't shown
pictures by."""
_BOUNDLESS = 10**9
"""A tokenizer that names no longest text is said to take about 10^30 tokens."""


def load_diffusers_folder(
    model: Model,
    *,
    device: torch.device,
    dtype: torch.dtype | None = None,
    progress: Callable[[float], None] | None = None,
    held: Held | None = None,
) -> Components:
    """The networks of the Stable Diffusion folder at `model.main.path` on `device`, in `dtype`: None is as stored.

    They are mapped as single files are; the safety checker is left out, and so is an image encoder, unless its
    pipeline shows its denoiser pictures. `model.parts` replace its own text encoders and VAE. `model.main.options` may
    say `prediction`, `zero_snr` and `resolution`. Raises UnusableModel as `load_pipeline`.
    """
    folder = Path(model.main.path)
    with checked_folder(folder) as index:
        return _components(model, folder, index, device, dtype, progress, held or {})


def load_pipeline(path: str, *, dtype: torch.dtype | None = None) -> Any:
    """diffusers' pipeline of any folder, in main memory, in `dtype`: None is float32.

    Raises UnusableModel for a folder that names other libraries' classes, that holds pickled weights only, or whose
    files don't fit together.
    """
    with checked_folder(Path(path), whole=True) as index:
        return _pipeline(Path(path), index, dtype)


@contextmanager
def checked_folder(folder: Path, *, whole: bool = False) -> Iterator[dict[str, Any]]:
    """The folder's index, once it is sure that nothing foreign would be run, of any component where it is loaded as a
    `whole`; what fails then is said of the folder."""
    index = read_json(folder / INDEX)
    name = index.get("_class_name")
    if not isinstance(name, str) or not name.endswith("Pipeline") or not hasattr(diffusers, name):
        raise UnusableModel(message("folder.pipeline_version", name=str(name)[:80], version=diffusers.__version__))
    _check_parts(folder, index, whole=whole)
    try:
        yield index
    except (
        OSError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError, ImportError,
    ) as error:  # fmt: skip
        if is_of_device(error):
            raise
        raise UnusableModel(message("folder.unmade", pipeline=name, why=without_folders(str(error)))) from error


def runs_whole(path: str) -> bool:
    """Is the folder's pipeline one that the engine doesn't step by itself?"""
    folder = Path(path)
    said = (folder / "transformer" / "config.json", folder / "scheduler" / "scheduler_config.json")
    denoiser, scheduler = (read_json(file) if file.is_file() else {} for file in said)
    return not is_stepped(read_json(folder / INDEX).get("_class_name"), denoiser, scheduler)


def denoiser_dtype(path: str) -> torch.dtype | None:
    """What the denoiser of a folder is stored in; None where that can't be told."""
    for part in ("transformer", "unet", "prior", "decoder"):
        if (Path(path) / part).is_dir():
            with suppress(UnusableModel):
                return stored_dtype(read_all(Shards(read_weights(Path(path) / part))))
    return None


def _check_parts(folder: Path, index: dict[str, Any], *, whole: bool) -> None:
    """Only classes of the two libraries, no code beside them, and no component whose weights are all pickled."""
    pipeline = index.get("_class_name")
    unread = () if whole else (*_UNREAD, *(() if is_shown(pipeline) else ("image_encoder",)))
    for part, named in index.items():
        if part.startswith("_") or not is_component(named) or named[:1] == [None] or part in unread:
            continue
        library = named[0] if named else None
        if not isinstance(library, str) or not (library in LIBRARIES or hasattr(diffusers.pipelines, library)):
            raise UnusableModel(message("folder.library", part=part, library=str(library)[:80]))
        if Path(part).name != part or any((folder / part).glob("*.py")):
            raise UnusableModel(message("folder.code", part=part))
        if part != "safety_checker" and _is_pickled(folder / part):
            raise UnusableModel(message("folder.pickled", part=part))


def _is_pickled(part: Path) -> bool:
    suffixes = {file.suffix for file in part.glob("*")}
    return bool(suffixes & set(PICKLES)) and ".safetensors" not in suffixes


def _pipeline(folder: Path, index: dict[str, Any], dtype: torch.dtype | None) -> Any:
    import transformers  # takes longer than torch, and only here and for a folder's own tokenizer

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
    # Said to be left out, or diffusers takes their absence for a mistake.
    absent: dict[str, Any] = {
        part: None for part, named in index.items() if isinstance(named, list) and named[:1] == [None]
    }
    if "safety_checker" in index and _is_pickled(folder / "safety_checker"):
        absent |= {"safety_checker": None, "requires_safety_checker": False}
    loaded = diffusers.DiffusionPipeline.from_pretrained(
        folder, torch_dtype=dtype, local_files_only=True, use_safetensors=True, trust_remote_code=False, **absent
    )
    for number in ("", "_2", "_3"):
        _bound(getattr(loaded, f"tokenizer{number}", None), getattr(loaded, f"text_encoder{number}", None))
    return loaded


def _bound(tokenizer: Any, encoder: Any) -> None:
    """Tell a tokenizer that doesn't know its longest text how much its encoder takes: pipelines cut there."""
    most = getattr(getattr(encoder, "config", None), "max_position_embeddings", None)
    if isinstance(most, int) and getattr(tokenizer, "model_max_length", 0) > _BOUNDLESS:
        tokenizer.model_max_length = most


def _components(
    model: Model,
    folder: Path,
    index: dict[str, Any],
    device: torch.device,
    dtype: torch.dtype | None,
    progress: Callable[[float], None] | None,
    held: Held,
) -> Components:
    report = LoadReport()
    numbers = [number for number in ("", "_2") if index.get(f"text_encoder{number}", [None])[0] is not None]
    kinds = {number: str(index[f"text_encoder{number}"][1]) for number in numbers}
    keys, family = _keys(model, index, kinds, dtype), family_config(model.family)
    files = PartFiles(dtype, report)
    with report.stage("build"):
        unet = network_or_held(keys.unet, held, lambda: _unet(folder / "unet", report))
        vae_file = model.parts.get("vae")
        vae = network_or_held(
            keys.vae, held, lambda: files.vae(vae_file, family) if vae_file else folder_vae(folder / "vae", report)
        )
        text = [
            network_or_held(key, held, partial(_text, model, number, kind, folder, files, report))
            for key, (number, kind) in zip(keys.text, kinds.items(), strict=True)
        ]
        check_context(text, unet)
        shown = None if keys.embedder is None else embedder_of(folder, keys.embedder, held, unet, report)
        tokenizers = [_tokenizer(model, number, folder) for number in numbers]
        scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
        noise = noise_of_scheduler(model.main.options, scheduler)
    with report.stage("place"):
        seeing = [] if shown is None else [shown.network]
        _fill([*text, unet, vae, *seeing], device, dtype, report, progress)
    side, stated = unet.module.config.sample_size, model.main.options.get("resolution")
    native = side * DOWNSCALE if isinstance(side, int) else facts_of(model.family).side(noise.prediction)
    report.log(model.name)
    return Components(
        family=model.family,
        unet=unet.module,
        vae=vae.module,
        text_encoders=[network.module for network in text],
        tokenizers=tokenizers,
        noise=noise,
        resolution=stated if isinstance(stated, int) else native,
        keys=keys,
        report=report,
        embedder=None if shown is None else EmbedderComponents(shown.network.module, shown.noising),
    )


def _keys(model: Model, index: Mapping[str, Any], kinds: Mapping[str, str], dtype: torch.dtype | None) -> PartKeys:
    """`kinds`: the classes of the text encoders, by their number."""
    main, family = model.main, family_config(model.family)
    text = []
    for number, kind in kinds.items():
        encoder = _own_encoder(model, number)
        own = folder_key(main, (f"text_encoder{number}", f"tokenizer{number}"), dtype, kind)
        text.append(own if encoder is None else text_key(model, encoder, dtype))
    vae = vae_key(model, family, dtype) if "vae" in model.parts else folder_key(main, ("vae",), dtype)
    embedder = embedder_key(main, dtype) if is_shown(index.get("_class_name")) else None
    return PartKeys(tuple(text), folder_key(main, ("unet",), dtype), vae, embedder)


def _own_encoder(model: Model, number: str) -> TextEncoderConfig | None:
    """What is known of a text encoder that lies in a file beside the folder; None where it lies in the folder."""
    encoders = (each for each in family_config(model.family).text_encoders if each.role == f"text_encoder{number}")
    return next((encoder for encoder in encoders if encoder.role in model.parts), None)


def _tokenizer(model: Model, number: str, folder: Path) -> Any:
    """The folder's own, unless its text encoder isn't."""
    encoder = _own_encoder(model, number)
    if encoder is not None:
        return ClipTokenizer(encoder.pad_token)
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(folder / f"tokenizer{number}", local_files_only=True)


def _text(model: Model, number: str, kind: str, folder: Path, files: PartFiles, report: LoadReport) -> Network:
    encoder = _own_encoder(model, number)
    if encoder is None:
        return folder_text_encoder(kind, folder / f"text_encoder{number}", report)
    return files.text(model.parts[encoder.role], encoder)


def _fill(
    networks: Sequence[Network],
    device: torch.device,
    dtype: torch.dtype | None,
    report: LoadReport,
    progress: Callable[[float], None] | None,
) -> None:
    """Fill those that are empty, one after another."""
    empty = [network for network in networks if network.tensors]
    total, done = sum(network.nbytes for network in empty), 0
    for network in empty:
        report.casts += network.casts(dtype)
        done += network.nbytes
        network.fill(device, dtype)
        if progress is not None:
            progress(done / total)


def _unet(folder: Path, report: LoadReport) -> Network:
    files = read_weights(folder)
    report.bytes_mapped += sum(file.nbytes for file in files)
    config = read_json(folder / "config.json")
    return network_of("U-Net", partial(UNet2DConditionModel.from_config, config), read_all(Shards(files)))


def folder_vae(folder: Path, report: LoadReport) -> Network:
    files = read_weights(folder)
    report.bytes_mapped += sum(file.nbytes for file in files)
    tensors = {new_vae_name(name): tensor for name, tensor in read_all(Shards(files)).items()}
    config = read_json(folder / "config.json")
    if is_frame_vae(tensors):
        tensors = frame_tensors(tensors)
        return network_of("VAE", frame_vae(tensors, config), tensors)
    if has_statistics(tensors):
        tensors, beside = without_statistics(tensors)
        return network_of("VAE", token_vae(config, beside, stated=True), tensors)
    if is_deep_vae(tensors):
        return network_of("VAE", partial(deep_vae().from_config, config), tensors)
    if config.get("latents_mean") is not None:
        raise UnusableModel(message("folder.latents_mean"))
    return network_of("VAE", partial(AutoencoderKL.from_config, config), tensors)


def folder_text_encoder(kind: str, folder: Path, report: LoadReport) -> Network:
    files = read_weights(folder)
    report.bytes_mapped += sum(file.nbytes for file in files)
    config = clip_config(read_json(folder / "config.json"))
    projects = kind == "CLIPTextModelWithProjection"
    tensors = {
        # Either class was saved with `text_model.` in front before transformers 5.6, and only one of them since.
        _prefixed(name.removeprefix("text_model."), projects): tensor
        for name, tensor in read_all(Shards(files)).items()
        if not name.endswith("position_ids")
    }
    made = ClipTextModelWithProjection if projects else ClipTextModel
    return network_of("text encoder", partial(made, config), tensors)


def _prefixed(name: str, projects: bool) -> str:
    return f"text_model.{name}" if projects and not name.startswith("text_projection") else name
