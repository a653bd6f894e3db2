"""Prompts compared by what they mean: what a sentence encoder adds to the word lists, how long it takes, what it holds.

    python -m bench.meanings ENCODER.safetensors

The labelled prompts (`tools/labelled/`) by policy, rule and threshold: how many innocent ones are refused, and how many
paraphrases that use no listed word are found. The innocent ones are of two sorts: those that were there when the
descriptions were written (`benign*.txt`), and harder ones, made for the word lists (`hard.txt`, `unseen*.txt`). Of the
paraphrases, `held_out.txt` stood there before our examples were written, and `paraphrases.txt` was looked at while they
were. Then the time of one prompt after another, and the memory that the process takes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from imagine.identity.stamp import stamp_of
from imagine.moderation.check import ModerationInput
from imagine.moderation.clauses import pieces_of
from imagine.moderation.guarding import GuardPatience, GuardProcess, NearnessAnswer, Watched
from imagine.moderation.lexicon import LANGUAGES
from imagine.moderation.meanings import LookedFor, MeaningReader, meanings_of
from imagine.moderation.vectors import KnownVectors
from imagine.words.errors import Blocked
from imagine.words.moderation import POLICIES, EmbeddingSettings, MeaningRule, Policy
from tools.labelled_prompts import FOLDER, Labelled, judged, labelled, paraphrases

_LEAST: dict[MeaningRule, tuple[float, ...]] = {"margin": (0.1, 0.15, 0.2, 0.25), "similarity": (0.6, 0.7, 0.8)}
_TIMED = (
    "a fox in the snow", "a portrait of an old man with a red hat, oil painting, highly detailed",
    "a castle above a lake at dawn, mist, cinematic lighting, wide angle, masterpiece, best quality",
)  # fmt: skip
_ROUNDS = 40


def is_refused(one: Labelled, answer: NearnessAnswer, policy: Policy, settings: EmbeddingSettings) -> bool:
    """By what it means alone."""
    asked = ModerationInput(one.prompt, one.prompt, pictures=one.pictures)
    try:
        MeaningReader(settings, answer.meanings).verdicts(asked, LookedFor(policy, {}), [answer.near])
    except Blocked:
        return True
    return False


def rows(prompts: Sequence[tuple[Labelled, NearnessAnswer]]) -> list[str]:
    """A table: by language and policy what each rule does at each threshold."""
    lines = ["| language | policy | rule | innocent refused | harder ones | held out | paraphrases | with words |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for language in LANGUAGES:
        of_language = [each for each in prompts if each[0].language == language]
        for policy in POLICIES[1:]:
            for rule, thresholds in _LEAST.items():
                for least in thresholds:
                    settings = EmbeddingSettings(rule=rule, threshold=least)
                    refused = {one for one, answer in of_language if is_refused(one, answer, policy, settings)}
                    cells = _cells([one for one, _ in of_language], refused, policy)
                    lines.append(f"| {language} | {policy} | {rule} > {least} | {' | '.join(cells)} |")
    return lines


def _cells(prompts: Sequence[Labelled], refused: set[Labelled], policy: Policy) -> list[str]:
    cells = list[str]()
    for sources in (("benign",), ("hard", "unseen")):
        innocent = [one for one in prompts if one.source in sources and not one.is_blocked(policy)]
        cells.append(f"{len(refused.intersection(innocent))} of {len(innocent)}")
    unlisted: list[Labelled] = []
    for source in ("held out", "paraphrase"):
        wanted = [one for one in prompts if one.source == source and one.is_blocked(policy)]
        unlisted += wanted
        cells.append(f"{len(refused.intersection(wanted))} of {len(wanted)}")
    both = [one for one in unlisted if one in refused or judged(one, policy)]
    return [*cells, f"{len(both)} of {len(unlisted)}"]


async def measured(path: Path, folder: Path) -> list[str]:
    """The whole report."""
    guard = GuardProcess(
        KnownVectors(folder / "known"), patience=GuardPatience(question=600.0, start=600.0, answer=600.0)
    )
    began = time.perf_counter()
    guard.watch(Watched(path, (stamp_of(path),), meanings_of([])))
    await guard.settled()
    first = time.perf_counter() - began
    told = [(one, await guard.compare(pieces_of(one.prompt))) for one in [*labelled(), *paraphrases()]]
    report = rows(told)
    await guard.stop()
    began = time.perf_counter()
    guard.watch(None)
    guard.watch(Watched(path, (stamp_of(path),), meanings_of([])))
    await guard.settled()
    report += ["", f"- ready after {first:.1f} s the first time, {time.perf_counter() - began:.1f} s from then on"]
    for prompt in _TIMED:
        report.append(f"- {len(pieces_of(prompt))} pieces: {await _timed(guard, prompt)}: `{prompt}`")
    assert guard.pid is not None
    memory = psutil.Process(guard.pid).memory_full_info()
    report.append(f"- memory of the process: {memory.rss / 1e6:.0f} MB, of which {memory.uss / 1e6:.0f} MB are its own")
    await guard.stop()
    return report


async def _timed(guard: GuardProcess, prompt: str) -> str:
    taken, worked = [], psutil.Process(guard.pid).cpu_times().user
    for at in range(_ROUNDS):
        began = time.perf_counter()
        await guard.compare(pieces_of(", ".join(f"{clause} {at}" for clause in prompt.split(", "))))
        taken.append(time.perf_counter() - began)
    worked = (psutil.Process(guard.pid).cpu_times().user - worked) / _ROUNDS
    return f"p50 {1e3 * statistics.median(taken):.0f} ms, {1e3 * worked:.0f} ms of a processor"


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help=f"as FOLDER/model.safetensors; prompts are those of {FOLDER.name}")
    path = parser.parse_args().encoder.absolute()
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(asyncio.run(measured(path, Path(folder)))))


if __name__ == "__main__":
    main()
