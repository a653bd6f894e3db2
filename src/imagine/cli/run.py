"""`imagine run PROMPT...`: a PNG, and beside it the JSON that makes it again."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from . import complete, reach
from .beside_option import BESIDE, BesideText
from .lora_option import LoraName
from .numbers import RealNumber, WholeNumber

if TYPE_CHECKING:
    from .destination import Destination

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


class _RunCommand(click.Command):
    """`-h` is a height; where nothing comes behind it, it can only ask for help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does."""
        return super().parse_args(ctx, ["--help"] if args == ["-h"] else args)


@click.command("run", cls=_RunCommand, context_settings={"help_option_names": ["--help"]})
@click.argument("words", nargs=-1, metavar="[MODEL] PROMPT...")
@click.option("-m", "--model", help="A name that `imagine list` shows.", shell_complete=complete.models)
@click.option("-a", "--address", help="The server, HOST:PORT. [IMAGINE_HOST]")
@click.option("-o", "--output", type=click.Path(), help="The file's name (.png, .jpg or .webp), or a folder, or - for "
    "stdout; overwrites. '{prompt}_{seed}' is filled in. Default: the time.")  # fmt: skip
@click.option("-w", "--width", type=WholeNumber(), help="Pixels.")
@click.option("-h", "--height", type=WholeNumber(), help="Pixels.")
@click.option(
    "-n", "--num_steps", "--num-steps", "--steps", "num_steps", type=WholeNumber(), help="Steps from noise to picture."
)
@click.option("-g", "--guidance", type=RealNumber(), help="How closely to follow the prompt.")
@click.option("--true-cfg", type=RealNumber(), help="Of a model that is told its guidance (Flux): how far to keep from "
    "--neg.")  # fmt: skip
@click.option("-d", "--strength", type=RealNumber(), help="How much of --img is painted anew, 0 to 1.")
@click.option("--sampler", help="The algorithm that steps, such as 'dpm++ 2m'.", shell_complete=complete.samplers)
@click.option("--schedule", help="The spacing of noise levels.", shell_complete=complete.schedules)
@click.option("-i", "--img", type=_FILE, help="A picture to start from; - is stdin.")
@click.option("--mask", type=_FILE, help="Where to paint in --img: white.")
@click.option("--mask-padding", type=WholeNumber(), help="Paint only what is around --mask, with so many pixels of "
    "--img at each side, as large as a whole picture.")  # fmt: skip
@click.option("--mask-fill", help="What is under --mask at first: original, fill (the colours around), noise or "
    "nothing.")  # fmt: skip
@click.option("--extend", help="Pixels to paint beyond --img: 64, or left=64,right=32.")
@click.option(
    "--resize", help="How --img comes to another shape: crop, fit or stretch.", shell_complete=complete.resize
)
@click.option("-f", "--hires", type=RealNumber(), help="A second pass at so many times the size.")
@click.option("--upscaler", help="What enlarges for --hires: lanczos, bicubic, latent, or a file.",
    shell_complete=complete.upscalers)  # fmt: skip
@click.option("--seed", help="The same seed makes the same picture.")
@click.option("--neg", help="What not to paint.")
@click.option("-s", "--stream", type=WholeNumber(), help="Replace the PNG after every so many steps.")
@click.option("--preview", help="What --stream shows: linear, tiny (by a tiny VAE that is among the models) or vae.")
@click.option("-c", "--clip", type=WholeNumber(), help="Clip skip.")
@click.option("--vae", help="A VAE file to use, by its name; own: the model's.", shell_complete=complete.vaes)
@click.option("--text-encoder", "text_encoders", multiple=True, help="A text encoder file to use, by its name; again "
    "for another; own: the model's.", shell_complete=complete.text_encoders)  # fmt: skip
@click.option("--lora", "loras", multiple=True, type=LoraName(), help="A LoRA, by its name, and how much of it: "
    "ink:0.8; again for another.", shell_complete=complete.loras)  # fmt: skip
@click.option("--control", multiple=True, type=BesideText(BESIDE["control"]), help="What the picture is held to: a "
    "ControlNet or what it is for, and a picture: canny=photo.jpg:0.8; again for another. A map as it is: "
    "canny=map.png:0.8,preprocess=none.", shell_complete=complete.controls)  # fmt: skip
@click.option("--reference", "references", multiple=True, type=BesideText(BESIDE["references"]), help="What it is to "
    "be like: photo.jpg:0.6, or photo.jpg:0.6,kind=style; again for another.",
    shell_complete=complete.files)  # fmt: skip
@click.option("--variation", "variations", type=RealNumber(), help="A neighbour of --img: how far from it, 0 to 1.")
@click.option("--subseed", help="A second seed, whose noise is mixed in.")
@click.option("--subseed-strength", type=RealNumber(), help="How much of it, 0 to 1.")
@click.option("--seed-size", metavar="WxH", help="Of the picture whose noise --seed makes, where this is of another "
    "shape.")  # fmt: skip
@click.option("--noise", help="How seeds make noise: own, or a1111-cpu, as AUTOMATIC1111 draws it on a CPU.")
@click.option("--sampler-options", metavar="NAME=NUMBER,…", help="What the sampler is told beside: eta, s_churn, "
    "s_tmin, s_tmax, s_noise.")  # fmt: skip
@click.option("--tiling", is_flag=True, default=None, help="Have the picture's edges meet: copies of it can be laid "
    "beside each other.")  # fmt: skip
@click.option("--picture", "pictures", multiple=True, type=_FILE, help="With --from: a picture that it was made from, "
    "where it holds only its digest; again for another.")  # fmt: skip
@click.option("--count", type=WholeNumber(), help="How many pictures, of the seeds that follow.")
@click.option("--wildcards/--no-wildcards", default=None, help="Have {a|b} and __list__ in prompts become one of their "
    "words, by the seed.")  # fmt: skip
@click.option("--preset", help="A style that `imagine presets` shows; what else is said wins.",
    shell_complete=complete.presets)  # fmt: skip
@click.option("--assist", is_flag=True, default=None, help="PROMPT is a wish in plain words: have the server's "
    "assistant look at --img and make a prompt and settings of it.")  # fmt: skip
@click.option("--assist-ask", is_flag=True, default=None, help="The same; show the plan first, and let it be changed.")
@click.option("--description", help="With --assist: what --img shows, in your words; then nobody looks.")
@click.option("--moderation", metavar="POLICY", shell_complete=complete.policies,
    help="A stricter policy than the server's, of what isn't to be "
    "drawn: minors-only, standard or strict.")  # fmt: skip
@click.option("--watermark", is_flag=True, default=None, help="Mark the pixels, invisibly: made by Imagine.")
@click.option("--reproducible", is_flag=True, default=None, help="Make it alone: its bytes never depend on others.")
@click.option("--keepalive", "--keep-alive", "keep_alive", metavar="DURATION",
    help="How long the model stays loaded: 10m, seconds, 0, or -1 for ever.")  # fmt: skip
@click.option("--from", "source", type=_FILE, help="Take what isn't said from this JSON or picture; - is stdin.")
@click.option("--prompts", type=_FILE, help="A file of prompts, one a line, each drawn in turn; - is stdin.")
@click.option("--priority", help="How urgent it is among what waits: low, normal or high, as far as your key may.")
@click.option("--detach", is_flag=True, help="Don't wait: print the order's id, for `imagine attach` and `result`.")
@click.option("--show", is_flag=True, help="Show the picture in the terminal.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each event, instead of paths.")
@click.option("--meta", is_flag=True, help="Accepted, and without effect: the JSON is always saved.")
def command(
    words: tuple[str, ...],
    address: str | None,
    output: str | None,
    source: str | None,
    prompts: str | None,
    detach: bool,
    show: bool,
    as_json: bool,
    meta: bool,  # noqa: ARG001 - what users' scripts say
    **typed: Any,
) -> int:
    """Make a picture of PROMPT, and beside it a JSON that makes it again.

    Two arguments of which the first is a model's name are the model and the prompt. The prompt `-` is stdin, and so is
    none where something is piped in; in a terminal, none asks for one prompt after another.
    """
    from .destination import destination_of
    from .session import Session
    from .signals import unwinding
    from .terminal import screen_for_show

    place = destination_of(output)
    screen = screen_for_show() if show else None
    _check(words, source, prompts, place, as_json=as_json, typed=typed)
    if detach and (output is not None or show or typed["stream"]):
        other = "--output" if output is not None else "--show" if show else "--stream"
        raise click.UsageError(f"--detach doesn't wait for the picture; say {other} to `imagine attach`.")
    with unwinding():
        session = Session(
            partial(reach.running_or_started, address), place, typed, source, screen, as_json=as_json, detach=detach
        )
        if prompts is not None:
            return session.each(prompts)
        if not (words or source or detach) and _is_conversation(place, typed, as_json=as_json):
            from .interactive import converse

            return converse(session, command)
        session.one(words)
        return 0


def _check(
    words: tuple[str, ...], source: str | None, prompts: str | None, place: Destination, *, as_json: bool,
    typed: dict[str, Any],
) -> None:  # fmt: skip
    """Raises click.UsageError for what can't be together."""
    from .inputs import STDIN

    inputs = {"--prompts": prompts, "--from": source, "--img": typed["img"], "--mask": typed["mask"]}
    from_stdin = [name for name, value in inputs.items() if value == STDIN]
    from_stdin += ["PROMPT"] if words[-1:] == (STDIN,) and len(words) <= 2 else []
    if prompts is not None and from_stdin not in ([], ["--prompts"]):
        raise click.UsageError(f"{from_stdin[-1]} - is read once, and --prompts need it for each.")
    if len(from_stdin) > 1:
        raise click.UsageError(f"Standard input can be one thing only, and here it is {' and '.join(from_stdin)}.")
    if typed["pictures"] and source is None:
        raise click.UsageError("--picture is for --from; a picture to start from is --img, others are --reference.")
    if prompts is not None and words:
        raise click.UsageError("--prompts and PROMPT can't be together.")
    if place.stream is not None and (as_json or prompts is not None or (typed["count"] or 1) > 1):
        other = "--json" if as_json else "--prompts" if prompts is not None else "--count"
        raise click.UsageError(f"--output {place.stream} is one picture's bytes; {other} can't be with it.")
    if place.stream == STDIN and sys.stdout.isatty():
        raise click.UsageError("--output - is the picture's bytes, and stdout is a terminal; send them to a program.")


def _is_conversation(place: Destination, typed: dict[str, Any], *, as_json: bool) -> bool:
    """Is there somebody at a terminal, to be asked for prompts?"""
    if as_json or place.stream is not None or sys.stdin is None or "-" in (typed["img"], typed["mask"]):
        return False
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
