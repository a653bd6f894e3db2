"""Joins the page's sources in `ui/src` into one self-contained file for each language, one for each of its drawers, and
what makes an application of it.

    python -m tools.build_page            write ui/imagine-ui.html, ui/imagine-ui.ru.html, ui/drawers/*.js and ui/app/*
    python -m tools.build_page --check    fail if they are not what the sources make

The scripts are ES modules, written so that joining them needs no parser: an import is one line that names what it takes
(`import { a, b } from "./x.js";`), an export stands before what it declares, and no two modules import each other. Each
becomes a function of its own, called once, after those it imports; the build fails where a limit is broken. Lines that
only comment stay behind, and so does what lines begin with.

A drawer (`ui/src/drawers/NAME/`: its scripts, `drawer.html`, `style.css` and texts) is what the page loads from its
server once somebody opens it. Modules of the page it gets from the page (`../../js/x.js`), which tells by `BUILD`
whether the two were made together.

The application (`ui/src/app/`) is a service worker, which is told what it is to keep by its SHA-256, and a manifest for
each language, with the icons that `tools.make_icons` has drawn in it: the policy lets no image in but from memory.

Texts stand in `en.json` and `ru.json`. An element with `data-t="key"` is filled with a text, `data-t-title="key"` (or
any other attribute) gets the attribute; the page's scripts fill the same marks when the language is switched.

The policy (Content-Security-Policy) allows exactly these scripts and styles, by their SHA-256, and the drawers and the
worker, which are all that the page's own origin has of scripts.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

UI = Path(__file__).parents[1] / "ui"
SOURCES = UI / "src"
FILES = {"en": UI / "imagine-ui.html", "ru": UI / "imagine-ui.ru.html"}
ENTRY = "main.js"
DRAWER = "drawer.js"
APP = UI / "app"
ICONS = {"icon-192.png": "any", "icon-512.png": "any", "maskable-512.png": "maskable"}
"""What each is for, as a manifest says it."""

_IMPORT = re.compile(r'^import \{ ([\w, $]+) \} from "(\./|\.\./\.\./js/)([\w-]+\.js)";\n', re.MULTILINE)
_STRANGE = re.compile(r"^\s*import\b(?!\().*|^\s*export (?!(?:async )?(?:function|const|class)\b).*", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function\*?|function\*?|const|class) ([\w$]+))", re.MULTILINE)
_TEXT = re.compile(r'(<(?!/)[^<>]*\bdata-t="([^"]+)"[^<>]*>)(?=</)')
_ATTRIBUTE = re.compile(r'data-t-([a-z-]+)="([^"]+)"')
_COMMENT = re.compile(r"^[ ]*(?://.*|/\*\*(?:.|\n)*?\*/)\n", re.MULTILINE)
_BEHIND = re.compile(r" // [^\"'`\n]*$", re.MULTILINE)
"""A comment behind code; with a quote in it, it may be none, and stays."""
_EMPTY = ("br", "circle", "hr", "img", "input", "path", "rect", "use")
"""Elements without an end, in what drawers are made of."""
_PAGES = "../../js/"


class BuildError(Exception):
    """The sources can't be joined."""


def page(language: str) -> str:
    """The whole page in a language."""
    texts = _texts(SOURCES)
    head = (SOURCES / "head.js").read_text("utf-8")
    modules = joined()
    shared = sorted({name for drawer in drawers() for name in _shared(drawer)})
    said = {"LANGUAGES": [*FILES], "STRINGS": _paired(texts), "BUILD": build()}
    constants = "".join(f"const {name} = {_for_script(value)};\n" for name, value in said.items())
    constants += f"const SHARED = () => ({{ {', '.join(map(_constant, shared))} }});\n"
    script = f'"use strict";\n(() => {{\n{constants}{modules}}})();\n'
    style = _packed((SOURCES / "style.css").read_text("utf-8"))
    parts = {
        "lang": language,
        "policy": escape(policy([head, script], style)),
        "head.js": head,
        "css": style,
        "js": script,
    }
    html = _worded(_flush((SOURCES / "page.html").read_text("utf-8")), texts[language])
    return re.sub(r"\{\{([\w.]+)\}\}", lambda mark: parts[mark[1]], html)


def policy(scripts: list[str], style: str) -> str:
    """Nothing but these scripts, the server's own and this style; pictures from memory; requests to a server, which
    when serving the page narrows this to itself. Of trusted types there is one, made before anything else runs, and of
    one address: the worker's, which no browser registers otherwise."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self' " + " ".join(_hash(script) for script in scripts),
            "style-src " + _hash(style),
            "img-src blob: data:",
            "connect-src 'self' http: https:",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types worker",
        ]
    )


def joined() -> str:
    """All scripts of the page, each after those it imports."""
    return _join(SOURCES / "js", ENTRY)


def drawers() -> list[str]:
    """What drawers there are."""
    return sorted(path.parent.name for path in (SOURCES / "drawers").glob(f"*/{DRAWER}"))


def drawer(name: str) -> str:
    """One drawer, as a module of its own that takes the page's."""
    folder = SOURCES / "drawers" / name
    about = {
        "build": build(),
        "texts": _paired(_texts(folder)),
        "style": _packed((folder / "style.css").read_text("utf-8")),
        "tree": tree((folder / "drawer.html").read_text("utf-8")),
    }
    told = "".join(f"export const {key} = {_for_script(value)};\n" for key, value in about.items())
    taken = ", ".join(map(_constant, sorted(_shared(name))))
    return (
        f"{told}export const start = ({{ {taken} }}) => {{\n{_join(folder, DRAWER)}return {_constant(DRAWER)};\n}};\n"
    )


def build() -> str:
    """What tells the page, its drawers and its worker from any others: which were made together."""
    said = hashlib.sha256()
    for path in sorted(path for path in SOURCES.rglob("*") if path.suffix in (".css", ".html", ".js", ".json")):
        said.update(f"{path.relative_to(SOURCES).as_posix()}\0{path.read_text('utf-8')}\0".encode())
    return said.hexdigest()[:16]


def worker(files: Mapping[str, str]) -> str:
    """The service worker, which keeps these, by their addresses."""
    source = _COMMENT.sub("", (SOURCES / "app" / "worker.js").read_text("utf-8"))
    said = {"BUILD": build(), "FILES": {path: _hash(text).strip("'") for path, text in sorted(files.items())}}
    return "".join(f"const {name} = {_for_script(value)};\n" for name, value in said.items()) + source


def manifest(language: str) -> str:
    """What a browser is told of the page as an application."""
    said = json.loads((SOURCES / "app" / "manifest.json").read_text("utf-8"))
    words = said.pop("words")[language]
    return _for_script({**words, "lang": language, **said, "icons": [_icon(name) for name in ICONS]}) + "\n"


def _icon(name: str) -> dict[str, str]:
    side = name.removesuffix(".png").rpartition("-")[2]
    data = base64.b64encode((SOURCES / "app" / name).read_bytes()).decode()
    return {
        "src": f"data:image/png;base64,{data}",
        "sizes": f"{side}x{side}",
        "type": "image/png",
        "purpose": ICONS[name],
    }


def tree(html: str) -> list[Any]:
    """Elements as `[tag, attributes, ...children]`, texts as they are: what no browser takes for markup."""
    made = _Tree()
    made.feed(html)
    made.close()
    if len(made.within) > 1:
        raise BuildError(f"<{made.within[-1][0]}> has no end")
    return made.within[0][2:]


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.within: list[list[Any]] = [["", {}]]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"viewbox": "viewBox"}
        element = [tag, {names.get(name, name): value or "" for name, value in attrs}]
        self.within[-1].append(element)
        if tag not in _EMPTY:
            self.within.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _EMPTY:
            self.within.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag != self.within[-1][0]:
            raise BuildError(f"</{tag}> ends <{self.within[-1][0]}>")
        self.within.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() or "\n" not in data:
            self.within[-1].append(data)


def _join(folder: Path, entry: str) -> str:
    order: list[str] = []
    sources: dict[str, str] = {}
    _visit(folder, entry, order, sources, ())
    unused = {path.name for path in folder.glob("*.js")} - set(order)
    if unused:
        raise BuildError(f"nothing imports {', '.join(sorted(unused))}")
    return "".join(_module(name, sources[name]) for name in order)


def _module(name: str, source: str) -> str:
    """A module as a constant of its own name, which holds what it exports."""
    if odd := next((line for line in source.splitlines() if line.count("`") % 2), None):
        raise BuildError(f"{name}: a text in backquotes ends on its line: {odd.strip()}")
    bare = _BEHIND.sub("", _flush(_COMMENT.sub("", source)))
    body = _IMPORT.sub(lambda found: f"const {{ {found[1]} }} = {_constant(found[3])};\n", bare)
    exported = ", ".join(_EXPORT.findall(bare))
    return f"\nconst {_constant(name)} = (() => {{\n{_EXPORT.sub('', body)}return {{ {exported} }};\n}})();\n"


def _constant(name: str) -> str:
    return f"${name.removesuffix('.js')}"


def _visit(folder: Path, name: str, order: list[str], sources: dict[str, str], above: tuple[str, ...]) -> None:
    if name in above:
        raise BuildError(f"modules import each other: {' → '.join([*above, name])}")
    if name in sources:
        return
    source = sources[name] = (folder / name).read_text("utf-8")
    if strange := _STRANGE.search(_IMPORT.sub("", source)):
        raise BuildError(f"{name}: this import or export can't be joined: {strange[0].strip()}")
    for names, where, imported in _IMPORT.findall(source):
        if where == _PAGES:
            exported = (SOURCES / "js" / imported).read_text("utf-8")
        else:
            _visit(folder, imported, order, sources, (*above, name))
            exported = sources[imported]
        if missing := set(names.split(", ")) - set(_EXPORT.findall(exported)):
            raise BuildError(f"{name}: {imported} exports no {', '.join(sorted(missing))}")
    order.append(name)


def _shared(drawer: str) -> set[str]:
    """The page's modules that a drawer imports."""
    sources = [path.read_text("utf-8") for path in (SOURCES / "drawers" / drawer).glob("*.js")]
    return {name for source in sources for _, where, name in _IMPORT.findall(source) if where == _PAGES}


def _texts(folder: Path) -> dict[str, dict[str, Any]]:
    texts = {code: json.loads((folder / f"{code}.json").read_text("utf-8")) for code in FILES}
    first, *others = texts.values()
    for other in others:
        if first.keys() != other.keys():
            raise BuildError(f"not in every language: {', '.join(sorted(first.keys() ^ other.keys()))}")
    return texts


def _paired(texts: dict[str, dict[str, Any]]) -> dict[str, list[Any]]:
    """Each key once, with its text in every language."""
    return {key: [told[key] for told in texts.values()] for key in next(iter(texts.values()))}


def _worded(html: str, texts: dict[str, str]) -> str:
    html = _TEXT.sub(lambda mark: mark[1] + escape(texts[mark[2]], quote=False), html)
    return _ATTRIBUTE.sub(lambda mark: f'{mark[0]} {mark[1]}="{escape(texts[mark[2]])}"', html)


def _flush(text: str) -> str:
    return re.sub(r"^[ ]+", "", text, flags=re.MULTILINE)


def _for_script(value: object) -> str:
    """JSON that no browser mistakes for the end of a script."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _packed(css: str) -> str:
    """Without comments, and without spaces that say nothing; no text in the page's styles holds any."""
    bare = _flush(re.sub(r"/\*.*?\*/\n?", "", css, flags=re.DOTALL))
    return re.sub(r"([{:;,]) | (?=[{}])", r"\1", bare).replace(";}", "}")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def made() -> dict[Path, str]:
    """All that ships."""
    pages = {language: page(language) for language in FILES}
    scripts = {f"{name}.js": drawer(name) for name in drawers()}
    kept = {f"./?lang={language}": text for language, text in pages.items()}
    kept |= {f"./drawers/{name}": text for name, text in scripts.items()}
    files = {FILES[language]: text for language, text in pages.items()}
    files |= {UI / "drawers" / name: text for name, text in scripts.items()}
    return files | {APP / "worker.js": worker(kept)} | {APP / f"{name}.webmanifest": manifest(name) for name in FILES}


def _left_over(files: Iterable[Path]) -> list[Path]:
    """Drawers that no sources make any more."""
    return sorted(set((UI / "drawers").glob("*.js")) - set(files))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the files are not current")
    check = parser.parse_args().check
    try:
        files = made()
    except BuildError as error:
        sys.exit(f"the page can't be built: {error}")
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text("utf-8") != text]
    old = _left_over(files)
    if check and (stale or old):
        sys.exit(f"not current: {', '.join(path.name for path in [*stale, *old])}; run make page")
    for path in old:
        path.unlink()
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[path], "utf-8")
        print(f"{path.name}: {len(files[path].encode()) / 1000:.1f} kB")


if __name__ == "__main__":
    main()
