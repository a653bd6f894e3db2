"""Who may know whom: the table of docs/architecture.md, held against the imports."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sources

SOURCE = sources.PACKAGE
HEAVY = ("torch", "diffusers", "transformers", "numpy", "scipy", "safetensors", "accelerate")

OUTSIDE = tuple(f"imagine.{room}" for room in ("engine", "server", "worker", "dispatch", "cli"))
MUST_NOT_KNOW = {
    "words": (*HEAVY, *OUTSIDE, "imagine.registry", "imagine.pictures", "imagine.asking", "imagine.settings"),
    "messages": (*HEAVY, *OUTSIDE, "imagine.words", "imagine.registry"),
    "identity": (*HEAVY, *OUTSIDE, "imagine.registry"),
    "files": (*HEAVY, *OUTSIDE, "PIL", "imagine.registry"),
    "formats": (*HEAVY, *OUTSIDE, "imagine.registry", "imagine.families", "imagine.asking", "imagine.settings"),
    "families": (*HEAVY, *OUTSIDE, "imagine.registry", "imagine.pictures", "imagine.asking", "imagine.settings"),
    "registry": (*HEAVY, *OUTSIDE, "imagine.asking", "imagine.settings"),
    "library": (*HEAVY, *OUTSIDE, "imagine.asking", "imagine.settings", "imagine.pictures"),
    "fairness": (*HEAVY, *OUTSIDE, "asyncio", "aiohttp"),
    "pictures": (*HEAVY, *OUTSIDE, "aiohttp", "imagine.registry", "imagine.asking"),
    "pictures/looking": ("aiohttp", "imagine.registry", "imagine.asking", "imagine.settings"),
    "pictures/foreign": ("imagine.pictures.metadata", "imagine.pictures.images"),
    "asking": (*HEAVY, *OUTSIDE, "aiohttp", "imagine.settings"),
    "settings": (*HEAVY, *OUTSIDE, "aiohttp"),
    "maps": (
        "torch",
        "diffusers",
        "transformers",
        "safetensors",
        "accelerate",
        *OUTSIDE,
        "aiohttp",
        "imagine.registry",
        "imagine.asking",
        "imagine.settings",
    ),
    "moderation": (*HEAVY, *OUTSIDE, "tokenizers", "aiohttp", "imagine.guard"),
    "guard": (
        "torch",
        "diffusers",
        "transformers",
        "scipy",
        "accelerate",
        *OUTSIDE,
        "asyncio",
        "aiohttp",
        "imagine.pictures",
        "imagine.asking",
        "imagine.settings",
        "imagine.moderation",
    ),
    "counting": (
        *HEAVY,
        "imagine.server",
        "imagine.worker",
        "imagine.dispatch",
        "imagine.cli",
        "asyncio",
        "aiohttp",
        "imagine.registry",
        "imagine.asking",
        "imagine.settings",
    ),
    "assistant": (*HEAVY, *OUTSIDE, "imagine.registry", "imagine.asking", "imagine.settings"),
    "watermark": (
        "torch",
        "diffusers",
        "transformers",
        "safetensors",
        "accelerate",
        *OUTSIDE,
        "aiohttp",
        "imagine.pictures",
        "imagine.provenance",
        "imagine.registry",
        "imagine.asking",
        "imagine.settings",
    ),
    "provenance": (
        *HEAVY,
        *OUTSIDE,
        "aiohttp",
        "asyncio",
        "imagine.pictures",
        "imagine.registry",
        "imagine.asking",
        "imagine.settings",
    ),
    "processes": (*HEAVY, *OUTSIDE, "aiohttp", "imagine.registry"),
    "client": (*HEAVY, *OUTSIDE, "aiohttp"),
    "machines": (*HEAVY, "imagine.engine", "imagine.server", "imagine.worker", "imagine.cli", "imagine.settings"),
    "machines/ray": ("aiohttp",),
    "dispatch": (*HEAVY, "imagine.engine", "imagine.registry", "imagine.server", "imagine.worker"),
    "server": (*HEAVY, "imagine.engine", "imagine.worker", "imagine.cli"),
    "server/hosting": tuple(
        f"imagine.server.{dialect}"
        for dialect in ("native", "openai", "ollama", "huggingface", "mcp", "a1111", "comfy", "replicate")
    ),
    "server/http": ("imagine.server.gateway", "imagine.server.orders", "imagine.dispatch", "imagine.registry"),
    "server/gateway": (
        "imagine.server.orders",
        "imagine.server.native",
        "imagine.server.openai",
        "imagine.server.ollama",
        "imagine.server.huggingface",
        "imagine.server.mcp",
        "imagine.server.a1111",
        "imagine.server.comfy",
        "imagine.server.replicate",
    ),
    "server/lasting": (
        "imagine.server.gateway",
        "imagine.server.http",
        "imagine.server.orders",
        "imagine.dispatch",
        "imagine.registry",
        "aiohttp",
    ),
    "server/webhooks": (
        "imagine.server.gateway",
        "imagine.server.http",
        "imagine.server.orders",
        "imagine.dispatch",
        "imagine.registry",
        "imagine.library",
    ),
    "server/orders": (
        "imagine.server.native",
        "imagine.server.openai",
        "imagine.server.ollama",
        "imagine.server.huggingface",
        "imagine.server.mcp",
        "imagine.server.a1111",
        "imagine.server.comfy",
        "imagine.server.replicate",
    ),
    **{
        f"server/orders/{stage}.py": ("imagine.server.orders.orders", "imagine.server.orders.connection", "aiohttp")
        for stage in (
            "stages",
            "incoming",
            "preset",
            "watermark",
            "tags",
            "planning",
            "plan_terms",
            "prompt_check",
            "loras",
            "plan",
            "painted",
            "encode",
            "sign",
            "store",
        )
    },
    "server/replicate": (
        "imagine.server.native",
        "imagine.server.openai",
        "imagine.server.ollama",
        "imagine.server.huggingface",
        "imagine.server.mcp",
        "imagine.server.a1111",
        "imagine.server.comfy",
    ),
    "server/native": (
        "imagine.server.openai",
        "imagine.server.ollama",
        "imagine.server.huggingface",
        "imagine.server.mcp",
        "imagine.server.a1111",
        "imagine.server.comfy",
        "imagine.server.replicate",
    ),
    "server/openai": (
        "imagine.server.native",
        "imagine.server.ollama",
        "imagine.server.huggingface",
        "imagine.server.mcp",
        "imagine.server.a1111",
        "imagine.server.comfy",
        "imagine.server.replicate",
    ),
    "server/ollama": (
        "imagine.server.native",
        "imagine.server.openai",
        "imagine.server.huggingface",
        "imagine.server.mcp",
        "imagine.server.a1111",
        "imagine.server.comfy",
        "imagine.server.replicate",
    ),
    "server/huggingface": (
        "imagine.server.native",
        "imagine.server.openai",
        "imagine.server.ollama",
        "imagine.server.mcp",
        "imagine.server.a1111",
        "imagine.server.comfy",
        "imagine.server.replicate",
    ),
    "server/mcp": (
        "imagine.server.native",
        "imagine.server.openai",
        "imagine.server.ollama",
        "imagine.server.huggingface",
        "imagine.server.a1111",
        "imagine.server.comfy",
        "imagine.server.replicate",
    ),
    "server/comfy": (
        "imagine.server.native",
        "imagine.server.openai",
        "imagine.server.ollama",
        "imagine.server.huggingface",
        "imagine.server.mcp",
        "imagine.server.replicate",
        "imagine.server.a1111",
    ),
    "server/a1111": (
        "imagine.server.native",
        "imagine.server.openai",
        "imagine.server.ollama",
        "imagine.server.huggingface",
        "imagine.server.mcp",
        "imagine.server.comfy",
    ),
    "cli": (*HEAVY, "imagine.engine", "imagine.worker"),
    "binary": (*HEAVY, "imagine.engine", "imagine.server", "imagine.dispatch", "imagine.cli"),
    "training": (
        "asyncio",
        "aiohttp",
        "click",
        "imagine.registry",
        "imagine.dispatch",
        "imagine.server",
        "imagine.worker",
        "imagine.cli",
        "imagine.engine.engine",
        "imagine.engine.residency",
    ),
    "worker": ("asyncio", "aiohttp", "click", "imagine.registry", "imagine.dispatch", "imagine.server"),
    "engine": ("asyncio", "aiohttp", "click", "http", "imagine.registry", "imagine.dispatch", "imagine.worker"),
    "engine/adapters": (
        "imagine.engine.parts",
        "imagine.engine.families",
        "imagine.engine.jobs",
        "imagine.engine.residency",
    ),
    "engine/control": (
        "imagine.engine.parts",
        "imagine.engine.families",
        "imagine.engine.jobs",
        "imagine.engine.residency",
        "imagine.engine.loading",
    ),
    "engine/jobs": ("imagine.engine.loading", "imagine.engine.residency", "imagine.engine.engine"),
    "engine/threads": tuple(
        f"imagine.engine.{room}"
        for room in (
            "adapters",
            "device",
            "execution",
            "families",
            "jobs",
            "loading",
            "parts",
            "quantised",
            "residency",
            "sampling",
        )
    ),
    "engine/quantised": tuple(
        f"imagine.engine.{room}"
        for room in ("adapters", "device", "execution", "families", "jobs", "loading", "parts", "residency", "sampling")
    ),
    "engine/execution": (
        "imagine.engine.parts",
        "imagine.engine.families",
        "imagine.engine.jobs",
        "imagine.engine.residency",
        "imagine.engine.loading",
    ),
    "engine/parts": ("imagine.engine.families", "imagine.engine.jobs", "imagine.engine.residency"),
    "engine/references": (
        "imagine.engine.families",
        "imagine.engine.jobs",
        "imagine.engine.residency",
        "imagine.engine.loading",
    ),
    "engine/residency": ("imagine.engine.jobs", "imagine.engine.sampling", "imagine.engine.engine"),
    "engine/safety": (
        "imagine.engine.families",
        "imagine.engine.jobs",
        "imagine.engine.residency",
        "imagine.engine.sampling",
        "imagine.engine.engine",
    ),
    "engine/whole": ("imagine.engine.families", "imagine.engine.jobs", "imagine.engine.residency"),
    "engine/libraries": tuple(
        f"imagine.engine.{room}" for room in ("device", "parts", "families", "jobs", "loading", "residency", "sampling")
    ),
    "engine/device": ("imagine.engine.families", "imagine.engine.jobs", "imagine.engine.engine"),
    "engine/families": ("imagine.engine.sampling.sampler", "imagine.engine.batching", "imagine.engine.engine"),
    "engine/families/unet.py": (
        "imagine.engine.families.sdxl",
        "imagine.engine.families.stable_diffusion",
        "imagine.engine.families.table",
    ),
    "engine/sampling": ("imagine.engine.families", "imagine.engine.parts", "imagine.engine.batching"),
    "engine/loading/maps": tuple(
        f"imagine.engine.{room}"
        for room in ("adapters", "execution", "families", "jobs", "parts", "residency", "sampling", "loading.networks")
    ),
    "engine/loading": ("imagine.engine.jobs", "imagine.engine.sampling.sampler", "imagine.engine.engine"),
}
"""A folder or file of the package, and what none of it may import."""


def imports(path: Path) -> Iterator[str]:
    """Absolute names of the modules that a file imports, those within functions and for types too."""
    for node in sources.nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = sources.base(node, path)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def files(part: str) -> list[Path]:
    place = SOURCE / part
    return [place] if place.suffix else sorted(place.rglob("*.py"))


@pytest.mark.parametrize("part", MUST_NOT_KNOW)
def test_a_part_does_not_know_what_it_must_not(part: str) -> None:
    known = [
        f"{path}: {name}"
        for path in files(part)
        for name in imports(path)
        for forbidden in MUST_NOT_KNOW[part]
        if name == forbidden or name.startswith(forbidden + ".")
    ]
    assert known == []


def test_every_room_stands_in_the_table_and_in_the_map() -> None:
    rooms = {path.parent.relative_to(SOURCE).as_posix() for path in sources.files()} - {"."}
    assert rooms <= MUST_NOT_KNOW.keys()
    the_map = Path("docs/architecture.md").read_text().partition("## The map")[2].partition("\n## ")[0]
    drawn = set(re.findall(r"`([\w/]+)/`", the_map))
    assert {room for room in rooms if not {room, room.rpartition("/")[2]} & drawn} == set()


def test_families_do_not_know_each_other() -> None:
    names = {path.stem for path in files("engine/families")} - {
        "__init__",
        "enlarger",
        "family",
        "loaded_model",
        "open",
        "table",
        "unet",
        "stepped_model",
        "seen_text_model",  # of Chroma, PixArt, Lumina 2, SANA and AuraFlow, without what reads their prompts
    }
    assert len(names) > 1
    for path in (path for path in files("engine/families") if path.stem in names):
        others = {f"imagine.engine.families.{name}" for name in names - {path.stem}}
        assert not others & set(imports(path)), path


def test_the_reading_of_imports_sees_them() -> None:
    assert "torch" in set(imports(SOURCE / "engine/jobs/forward.py"))
    assert any("imagine.engine.sampling.sampler" in set(imports(path)) for path in files("engine"))


OF_DIALECTS = (
    "openai.responses", "openai.responses_requests", "huggingface.routes", "huggingface.requests", "mcp.routes",
    "mcp.tools", "replicate.routes", "comfy.routes", "comfy.classes", "comfy.sockets", "a1111.routes", "a1111.fields",
    "a1111.coerced", "a1111.listing", "a1111.errors", "a1111.describe",
)  # fmt: skip
"""What only those dialects import that are asked in."""
LIGHT = [
    "imagine.registry.registry",
    "imagine.dispatch.pool",
    "imagine.dispatch.process",
    "imagine.words.frames",
    "imagine.pictures.images",
    "imagine.pictures.looking.process",
    "imagine.pictures.metadata",
    "imagine.words.samplers",
    "imagine.server.serve",
    "imagine.guard.process",
    "imagine.counting.process",
    "imagine.cli.main",
    "imagine.client.client",
    "imagine.frozen",
]


def test_what_the_gateway_needs_never_imports_torch() -> None:
    code = f"import sys, importlib; [importlib.import_module(m) for m in {LIGHT}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
    known = set(done.stdout.split())
    assert not {"torch", "diffusers", "transformers", "numpy", "tokenizers", "sqlite3"} & known
    assert not {f"imagine.server.{part}" for part in OF_DIALECTS} & known, "a dialect that nobody speaks costs nothing"
    assert not {name for name in known if name.startswith("imagine.library")}, "nor does what asks other machines"
    assert not {name for name in known if name == "ray" or name.startswith("imagine.machines")}, "or works on them"


def test_large_libraries_come_through_one_door() -> None:
    """Else whoever is imported first brings all that `engine/libraries/light.py` has wait."""
    doors = [
        f"{path}:{node.lineno}"
        for path in files("engine")
        for node in sources.tree(path).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if not getattr(node, "level", 0)
        and name.partition(".")[0] in ("diffusers", "transformers", "scipy", "accelerate")
    ]
    assert doors == []
