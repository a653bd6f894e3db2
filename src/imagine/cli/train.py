"""`imagine train NAME --from FOLDER`: a LoRA from a folder of pictures, by a process of its own, on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from ..messages import in_english
from ..words.errors import BadRequest, ImagineError
from . import complete
from .console import note, warn, write_path
from .early import heard
from .exits import DONE, INTERRUPTED
from .numbers import RealNumber, WholeNumber
from .signals import asked_before
from .table import counted
from .training_folder import Captions, pictures_in

if TYPE_CHECKING:
    import subprocess

    from ..words.training import Assignment
    from .training_progress import TrainingProgress

_NAME = re.compile(r"[\w][\w .+-]{0,99}(?<![ .])")
_STEPS_A_PICTURE, _LEAST_STEPS, _MOST_STEPS = 100, 400, 2000


@click.command("train")
@click.argument("name")
@click.option(
    "--from",
    "folder",
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Pictures to learn from: PNG, JPEG, WebP.",
)
@click.option("-m", "--model", help="The model to train for.", shell_complete=complete.models)
@click.option("-s", "--steps", type=WholeNumber(), help="Default: 100 a picture, from 400 to 2000.")
@click.option(
    "--rank", type=WholeNumber(), default=16, show_default=True, help="How much it can hold, and how large it is."
)
@click.option(
    "--caption-by",
    "captions",
    type=click.Choice(get_args(Captions)),
    help="What each picture's words are: its .txt file, or the word alone; assistant writes what is missing. "
    "Default: files, where there are any.",
)
@click.option("--assistant", metavar="URL", help="Where the assistant is that writes them. Default: IMAGINE_ASSISTANT.")
@click.option("--word", help="What prompts call it by. Default: NAME.")
@click.option("--rate", type=RealNumber(), help="Of learning. Default: by the model's width, 1e-4 for SD 1 and XL.")
@click.option("--batch", type=WholeNumber(), help="Pictures a step. Default: by their size.")
@click.option("--flip", is_flag=True, help="Learn from mirrored pictures too.")
@click.option("--seed", type=WholeNumber(), default=0, show_default=True, help="Another one learns a little otherwise.")
@click.option("--samples", type=WholeNumber(), default=4, show_default=True, help="Pictures to draw on the way.")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    help="auto, cpu, cuda, cuda:N or mps.",
    shell_complete=complete.devices,
)
@click.option("-f", "--force", is_flag=True, help="Replace a LoRA of that name, or what is learned of one.")
def command(
    name: str, folder: Path, model: str | None, steps: int | None, rank: int, captions: Captions | None,
    assistant: str | None, word: str | None, rate: float | None, batch: int | None, flip: bool, seed: int, samples: int,
    device: str, force: bool,
) -> int:  # fmt: skip
    """Train a LoRA called NAME on the pictures of a folder: a person, a pet, a thing, a style.

    Ctrl-C stops it, and the same command goes on. It lands in the first folder of models, under loras/.
    """
    from ..words.training import Assignment, Training
    from .trained_model import model_to_train

    heard()
    if assistant is not None and captions != "assistant":
        raise click.UsageError("--assistant is for words that it writes; say --caption-by assistant too.")
    _check(name, steps, rank, rate, batch, seed, samples)
    root, home = _places()
    target = root / "loras" / f"{name}.safetensors"
    if target.exists() and not force:
        raise BadRequest(in_english(f"{target} is there already; --force replaces it", "name"))
    pictures, unread = pictures_in(folder, word or name, captions, assistant)
    for path in unread:
        why = f"only what lies in {folder} itself is read" if path.is_dir() else "PNG, JPEG and WebP are read"
        warn(f"{path.name} is left out: {why}")
    training = Training(
        name=name, word=word or name, model=model_to_train(model), pictures=tuple(pictures),
        steps=steps or min(_MOST_STEPS, max(_LEAST_STEPS, _STEPS_A_PICTURE * len(pictures))),
        rank=rank, rate=rate, batch=batch, flip=flip, seed=seed,
    )  # fmt: skip
    given = Assignment(
        training=training, folder=str(home / "training" / name), target=str(target), samples=samples, device=device,
        state=str(home / "state"), anew=force,
    )  # fmt: skip
    return _trained(given)


def _check(
    name: str, steps: int | None, rank: int, rate: float | None, batch: int | None, seed: int, samples: int
) -> None:
    """Raises click.BadParameter."""
    if not _NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r} can't be a file's name: letters, digits, space, . _ + -", param_hint="NAME")
    bounds = {
        "--steps": (steps, 1, 100_000), "--rank": (rank, 1, 256), "--batch": (batch, 1, 64),
        "--seed": (seed, 0, 2**63 - 1), "--samples": (samples, 0, 100), "--rate": (rate, 1e-8, 1),
    }  # fmt: skip
    for flag, (value, least, most) in bounds.items():
        if value is not None and not least <= value <= most:
            raise click.BadParameter(f"{value} is not from {least} to {most}.", param_hint=flag)


def _places() -> tuple[Path, Path]:
    """The first folder of models, where LoRAs go, and that of what is remembered."""
    from ..files.model_folders import home_from, roots_from

    return roots_from(os.environ)[0], home_from(os.environ)


def _trained(given: Assignment) -> int:
    """Has a trainer do it, and tells of it; the exit status."""
    from ..client.trainer import started_trainer
    from .training_progress import TrainingProgress

    training = given.training
    files = sum(picture.caption != training.word for picture in training.pictures)
    words = f"{files} with words of their own" if files else f"called {training.word!r}"
    note(f"{counted(len(training.pictures), 'picture')}, {words}; for {training.model.name}")
    process = started_trainer(given)
    assert process.stdin is not None, "it is a pipe"
    try:
        # Once its input is closed it keeps what it has learned, and says so.
        with asked_before(process.stdin.close), TrainingProgress(given) as progress:
            return _followed(process, given, progress)
    finally:
        process.kill()
        process.wait()


def _followed(process: subprocess.Popen[bytes], given: Assignment, progress: TrainingProgress) -> int:
    from ..words.training import TrainingDone, TrainingFailed, TrainingPaused, said

    assert process.stdout is not None, "it is a pipe"
    last = None
    for text in process.stdout:
        last = said(text)
        progress.show(last)
    match last:
        case TrainingDone():
            progress.end(last)
            write_path(Path(given.target))
            return DONE
        case TrainingPaused():
            note(f"stopped after {last.step} of {given.training.steps} steps; the same command goes on")
            return INTERRUPTED
        case TrainingFailed():
            raise (BadRequest if last.refused else ImagineError)(last.why)
    raise ImagineError(in_english(f"the trainer ended without a word (status {process.wait()})"))
