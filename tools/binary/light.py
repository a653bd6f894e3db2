"""What the light half carries: the package, the standard library, and what the command line and the gateway import."""

from __future__ import annotations

import sysconfig
from pathlib import Path

WHOLE = ("imagine", "PIL", "click", "msgspec", "psutil", "rich", "yaml", "zstandard")
"""Packages taken with all their modules: what the heavy half imports of these is nowhere else."""

WITHOUT = [
    "torch", "diffusers", "transformers", "accelerate", "safetensors", "scipy", "numpy", "torchsde", "tokenizers",
    "huggingface_hub", "pydantic", "pydantic_core", "pygments", "markdown_it", "setuptools", "pkg_resources", "tkinter",
    "IPython", "cffi", "zstandard.backend_cffi", "zstandard._cffi", "defusedxml", "olefile", "pytest", "requests",
    "certifi", "brotli", "readline", "c2pa", "cryptography", "ray",
]  # fmt: skip
"""What isn't there, though something of the light half could use it; what signs is beside it. GNU readline is under the
GPL."""

_NOT_LIBRARY = (
    "test", "idlelib", "tkinter", "turtledemo", "turtle", "lib2to3", "ensurepip", "pydoc_data", "site-packages", "venv",
    "distutils", "msilib", "curses", "dbm", "__phello__", "__hello__", "antigravity", "this", "_aix_support",
)  # fmt: skip
"""Of the standard library, what nothing imports, or what needs a library that few have."""

_NOT_EXTENSIONS = (
    "_test",
    "_xx",
    "xx",
    "_tkinter",
    "_curses",
    "_dbm",
    "_gdbm",
    "readline",
    "nis",
    "ossaudio",
)

_LEFT_OUT = (
    "PIL/_avif", "PIL/_imagingft", "PIL/_imagingtk", "PIL/_imagingmath",
    "libavif", "libharfbuzz", "libfreetype", "libbrotli",
)  # fmt: skip
"""Libraries of picture formats and fonts that the product doesn't read or draw."""
_TOO_MUCH = ("controlnets", "image-adapters")
"""Folders of shipped models that the binary does without."""
_SECOND = "toybox-flow"
"""What the names of the flow-matching model and of its LoRA begin with, which would have every first start unpack
another 22 MB."""


def modules() -> list[str]:
    """The standard library's, since the heavy half may import any."""
    root = Path(sysconfig.get_path("stdlib"))
    found = set()
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[0] in _NOT_LIBRARY or parts[0].startswith("config-") or {"test", "tests"} & set(parts):
            continue
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if all(part.isidentifier() for part in parts) and parts[-1] != "__main__":
            found.add(".".join(parts))
    extensions = {path.name.split(".")[0] for path in root.glob("lib-dynload/*.*")}
    return sorted(found | {name for name in extensions if not name.startswith(_NOT_EXTENSIONS)})


def data(root: Path) -> list[tuple[str, str]]:
    """Files that aren't modules: the page, the shipped model and presets, configurations and vocabularies."""
    package = root / "src/imagine"
    return [
        (str(root / "ui/imagine-ui.html"), "imagine/ui"),
        (str(root / "ui/imagine-ui.ru.html"), "imagine/ui"),
        *((str(path), "imagine/ui/drawers") for path in sorted((root / "ui/drawers").glob("*.js"))),
        *((str(path), "imagine/ui/app") for path in sorted((root / "ui/app").iterdir())),
        *_models(root / "models.example"),
        *((str(path), str(path.parent.relative_to(package.parent))) for path in _beside_modules(package)),
    ]


def _beside_modules(package: Path) -> list[Path]:
    """What lies in the package and is no module: lists of words, configurations, vocabularies."""
    files = (path for path in sorted(package.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return [path for path in files if path.suffix not in (".py", ".pyc")]


def _models(folder: Path) -> list[tuple[str, str]]:
    """What ships of the folder of models, and of those within it."""
    paths = [path for path in sorted(folder.glob("**/*")) if _ships(path)]
    return [(str(path), str(Path("imagine/data/models") / path.parent.relative_to(folder))) for path in paths]


def _ships(path: Path) -> bool:
    if path.parent.name in _TOO_MUCH or path.name.startswith(_SECOND):
        return False
    return path.suffix in (".safetensors", ".yaml", ".md") or path.name == "LICENSE"


def is_left_out(name: str) -> bool:
    """Is it a library that `_LEFT_OUT` names?"""
    return any(part in name for part in _LEFT_OUT)
