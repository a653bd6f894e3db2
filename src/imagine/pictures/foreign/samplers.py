"""Other programs' names of samplers and schedules, where a sampler's name may hold its schedule (`dpmpp_2m_karras`)."""

from __future__ import annotations

from ...words.samplers import SAMPLERS, SCHEDULES, plain_name


def sampler_from_other(name: str) -> tuple[str | None, str | None]:
    """Our sampler for another program's name, and the schedule that the name holds; None for what isn't here."""
    plain = plain_name(name)
    if plain in SAMPLERS:
        return plain, None
    base, _, suffix = plain.rpartition(" ")
    return (base, suffix) if base in SAMPLERS and suffix in ("karras", "exponential") else (None, None)


def schedule_from_other(name: str) -> str | None:
    """Our schedule for another program's name; None for one that isn't here."""
    plain = plain_name(name)
    return plain if plain in SCHEDULES else None
