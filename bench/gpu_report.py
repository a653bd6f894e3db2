"""The report of `bench/gpu.py`, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def report(found: Mapping[str, Any]) -> str:
    """All that was found, with the card and the date."""
    on = found["on"]
    lines = [
        "# On a GPU", "",
        f"{found['date']}, {on['name']}, torch {on['torch']}, CUDA {on['cuda']}; random weights of the models' shapes. "
        "`python -m bench.gpu` prints and writes this; both arms of a line ran one behind the other in one process.",
        "",
    ]  # fmt: skip
    peak = found["sections"].get("card", {}).get("matrix_tflops")
    for name, section in found["sections"].items():
        lines += [f"## {name}", "", *_section(section, peak), "", f"({section['took']} s)", ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Mapping[str, Any], peak: float | None) -> Iterator[str]:
    if "failed" in section:
        yield f"Failed: {section['failed']}"
    elif "rows" in section:
        yield from _table(section, peak)
    else:
        for name, value in section.items():
            if isinstance(value, Mapping):
                yield f"- {name}: " + ", ".join(f"{key} {_shown(one)}" for key, one in value.items())
            elif name != "took":
                yield f"- {name}: {_shown(value)}"


def _table(section: Mapping[str, Any], peak: float | None) -> Iterator[str]:
    yield f"Pictures a second, {section['side']}², {section['steps']} steps with guidance, VAE and all."
    yield ""
    yield "| together | ours | plain diffusers | ratio | the denoiser, of the measured matrix peak |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for row in section["rows"]:
        part = f"{row['of_peak'] / peak:.0%}" if peak and "of_peak" in row else ""
        ours, plain = row["ours"], row["plain"]
        yield f"| {row['batch']} | {ours:.3f} | {plain:.3f} | {ours / plain:.2f}× | {part} |"


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
