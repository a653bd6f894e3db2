"""Joins the page's sources in `ui/src` into one self-contained file for each language.

    python -m tools.build_page            write ui/imagine-ui.html and ui/imagine-ui.ru.html
    python -m tools.build_page --check    fail if they are not what the sources make

The scripts are ES modules, written so that joining them needs no parser: an import is one line that names what it takes
(`import { a, b } from "./x.js";`), an export stands before what it declares, and no two modules import each other. Each
becomes a function of its own, called once, after those it imports; the build fails where a limit is broken.

Texts stand in `en.json` and `ru.json`. An element with `data-t="key"` is filled with a text, `data-t-title="key"` (or
any other attribute) gets the attribute; the page's scripts fill the same marks when the language is switched.

The policy (Content-Security-Policy) allows exactly these scripts and styles, by their SHA-256.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from html import escape
from pathlib import Path

UI = Path(__file__).parents[1] / "ui"
SOURCES = UI / "src"
FILES = {"en": UI / "imagine-ui.html", "ru": UI / "imagine-ui.ru.html"}
ENTRY = "main.js"

_IMPORT = re.compile(r'^import \{ ([\w, $]+) \} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_STRANGE = re.compile(r"^\s*import\b.*|^\s*export (?!(?:async )?(?:function|const|class)\b).*", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function\*?|function\*?|const|class) ([\w$]+))", re.MULTILINE)
_TEXT = re.compile(r'(<(?!/)[^<>]*\bdata-t="([^"]+)"[^<>]*>)(?=</)')
_ATTRIBUTE = re.compile(r'data-t-([a-z-]+)="([^"]+)"')


class BuildError(Exception):
    """The sources can't be joined."""


def page(language: str) -> str:
    """The whole page in a language."""
    texts = {code: json.loads((SOURCES / f"{code}.json").read_text("utf-8")) for code in FILES}
    _check_texts(texts)
    head = (SOURCES / "head.js").read_text("utf-8")
    script = f"const STRINGS = {_for_script(texts)};\n{joined()}"
    style = _without_comments((SOURCES / "style.css").read_text("utf-8"))
    parts = {
        "lang": language,
        "policy": escape(policy([head, f'"use strict";\n(() => {{\n{script}}})();\n'], style)),
        "head.js": head,
        "css": style,
        "js": f'"use strict";\n(() => {{\n{script}}})();\n',
    }
    html = _worded((SOURCES / "page.html").read_text("utf-8"), texts[language])
    return re.sub(r"\{\{([\w.]+)\}\}", lambda mark: parts[mark[1]], html)


def policy(scripts: list[str], style: str) -> str:
    """Nothing but these scripts and this style; pictures from memory; requests to a server, which when serving the page
    narrows this to itself."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src " + " ".join(_hash(script) for script in scripts),
            "style-src " + _hash(style),
            "img-src blob: data:",
            "connect-src 'self' http: https:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def joined() -> str:
    """All scripts, each after those it imports."""
    order: list[str] = []
    sources: dict[str, str] = {}
    _visit(ENTRY, order, sources, ())
    unused = {path.name for path in (SOURCES / "js").glob("*.js")} - set(order)
    if unused:
        raise BuildError(f"nothing imports {', '.join(sorted(unused))}")
    return "".join(_module(name, sources[name]) for name in order)


def _module(name: str, source: str) -> str:
    """A module as a constant of its own name, which holds what it exports."""
    body = _IMPORT.sub(lambda found: f"const {{ {found[1]} }} = {_constant(found[2])};\n", source)
    exported = ", ".join(_EXPORT.findall(source))
    return f"\nconst {_constant(name)} = (() => {{\n{_EXPORT.sub('', body)}return {{ {exported} }};\n}})();\n"


def _constant(name: str) -> str:
    return f"${name.removesuffix('.js')}"


def _visit(name: str, order: list[str], sources: dict[str, str], above: tuple[str, ...]) -> None:
    if name in above:
        raise BuildError(f"modules import each other: {' → '.join([*above, name])}")
    if name in sources:
        return
    source = sources[name] = (SOURCES / "js" / name).read_text("utf-8")
    if strange := _STRANGE.search(_IMPORT.sub("", source)):
        raise BuildError(f"{name}: this import or export can't be joined: {strange[0].strip()}")
    for names, imported in _IMPORT.findall(source):
        _visit(imported, order, sources, (*above, name))
        if missing := set(names.split(", ")) - set(_EXPORT.findall(sources[imported])):
            raise BuildError(f"{name}: {imported} exports no {', '.join(sorted(missing))}")
    order.append(name)


def _check_texts(texts: dict[str, dict[str, object]]) -> None:
    first, *others = texts.values()
    for other in others:
        if first.keys() != other.keys():
            raise BuildError(f"not in every language: {', '.join(sorted(first.keys() ^ other.keys()))}")


def _worded(html: str, texts: dict[str, str]) -> str:
    html = _TEXT.sub(lambda mark: mark[1] + escape(texts[mark[2]], quote=False), html)
    return _ATTRIBUTE.sub(lambda mark: f'{mark[0]} {mark[1]}="{escape(texts[mark[2]])}"', html)


def _for_script(value: object) -> str:
    """JSON that no browser mistakes for the end of a script."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _without_comments(css: str) -> str:
    return re.sub(r"/\*.*?\*/\n?", "", css, flags=re.DOTALL)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the files are not current")
    check = parser.parse_args().check
    try:
        pages = {path: page(language) for language, path in FILES.items()}
    except BuildError as error:
        sys.exit(f"the page can't be built: {error}")
    stale = [path for path, html in pages.items() if not path.is_file() or path.read_text("utf-8") != html]
    if check and stale:
        sys.exit(f"not current: {', '.join(path.name for path in stale)}; run make page")
    for path in stale:
        path.write_text(pages[path], "utf-8")
        print(f"{path.name}: {len(pages[path].encode()) // 1024} KiB")


if __name__ == "__main__":
    main()
