"""The pages that ship are what their sources make; sources that can't be joined are refused."""

import base64
import hashlib
import io
import json
import re

import pytest
from PIL import Image

from tools import build_page, make_icons
from tools.build_page import FILES, BuildError, page, policy

MARKS = re.compile(r'data-t(?:-[a-z-]+)?="([^"]+)"')
USED = re.compile(r"""\bt\(\s*"([\w.]+)\"""")


WEIGHT = 250_000
"""Bytes of the page without its drawers, at most."""


def test_what_ships_is_current_and_no_more():
    files = build_page.made()
    there = {*FILES.values(), *(build_page.UI / "drawers").iterdir(), *build_page.APP.iterdir()}
    assert files.keys() == there, "run make page"
    for path, text in files.items():
        assert path.read_text("utf-8") == text, "run make page"


@pytest.mark.parametrize("language", FILES)
def test_the_page_is_no_heavier_than_it_may_be(language):
    assert FILES[language].stat().st_size <= WEIGHT


@pytest.mark.parametrize("language", FILES)
def test_the_page_needs_nothing_but_itself(language):
    html = page(language)
    assert "{{" not in html
    assert not re.search(r"\s(?:src|href)=[\"'](?!#|data:)", html)
    assert not re.search(r"\s(?:style|on[a-z]+)=[\"']", html)
    for script in re.findall(r"<script>(.*?)</script>", html, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"sha256-{digest}" in html
        assert "innerHTML" not in script
        assert "eval(" not in script


def test_styles_say_the_same_in_less():
    css = (
        "/* why */\na:hover, b > c {\n  margin: 0 calc(1px + 2px); color: red;\n}\n@media (x: 9px) { d { top: 0; } }\n"
    )
    packed = "a:hover,b > c{\nmargin:0 calc(1px + 2px);color:red;\n}\n@media (x:9px){d{top:0}}\n"
    assert build_page._packed(css) == packed


def test_the_policy_forbids_what_it_does_not_name():
    rules = policy(["a"], "b").split("; ")
    assert "default-src 'none'" in rules
    assert not any("unsafe" in rule or "*" in rule for rule in rules)
    assert [rule for rule in rules if "'self'" in rule] == [
        "script-src 'self' " + build_page._hash("a"),
        "connect-src 'self' http: https:",
        "worker-src 'self'",
        "manifest-src 'self'",
    ]
    assert "trusted-types worker" in rules  # one policy, of one address


def test_the_worker_keeps_all_that_was_made_with_it_by_its_hash():
    files = build_page.made()
    text = files[build_page.APP / "worker.js"]
    kept = json.loads(re.search(r"^const FILES = (.*);$", text, re.MULTILINE)[1])
    assert f'const BUILD = "{build_page.build()}";' in text
    assert kept.keys() == {"./?lang=en", "./?lang=ru"} | {f"./drawers/{name}.js" for name in build_page.drawers()}
    for path, said in kept.items():
        file = FILES[path[-2:]] if "lang" in path else build_page.UI / path
        assert said == f"sha256-{base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode()}"


@pytest.mark.parametrize("language", FILES)
def test_a_manifest_has_the_icons_that_are_drawn(language):
    said = json.loads(build_page.manifest(language))
    assert (said["lang"], said["short_name"], said["start_url"], said["scope"]) == (language, "Imagine", "./", "./")
    for each, (name, purpose) in zip(said["icons"], build_page.ICONS.items(), strict=True):
        data = base64.b64decode(each["src"].partition(",")[2])
        picture = Image.open(io.BytesIO(data)).convert("RGBA")
        assert (data, each["purpose"]) == ((build_page.SOURCES / "app" / name).read_bytes(), purpose)
        assert each["sizes"] == f"{picture.width}x{picture.height}"
        drawn = make_icons.icon(picture.width, maskable=purpose == "maskable").convert("RGBA")
        for place in ((0, 0), (picture.width * 25 // 64, picture.width * 26 // 64), (picture.width // 2, 4)):
            ours, fresh = picture.getpixel(place), drawn.getpixel(place)
            assert max(abs(a - b) for a, b in zip(ours, fresh, strict=True)) < 8, "run python -m tools.make_icons"


def test_every_text_is_used_and_every_used_text_is_there():
    texts = {language: {} for language in FILES}
    for language, told in texts.items():
        for path in build_page.SOURCES.rglob(f"{language}.json"):
            more = json.loads(path.read_text())
            assert not told.keys() & more.keys(), path
            told |= more
    html = "".join(path.read_text() for path in build_page.SOURCES.rglob("*.html"))
    scripts = "".join(path.read_text() for path in build_page.SOURCES.rglob("*.js"))
    used = set(MARKS.findall(html)) | set(USED.findall(scripts))
    assert used - texts["en"].keys() == set()
    made = re.compile(
        r"(?:field|kind|map|status|theme|preset|run\.stage|resize|fit|preview|hires|source|keys?|devices\.way|first\.(?:kind|language)|orders|safety|plan\.change|canvas\.(?:hint|place)|builder|completing|models\.(?:kind|is|fits)|line"
        r"|axis(?:\.how)?|explore\.cell|surprise|origin\.(?:signature|action|type|source|mark))\.[\w.-]+|examples(?:\.shipped)?"
    )
    forgotten = {key for key in texts["en"].keys() - used if not made.fullmatch(key) and f'"{key}"' not in scripts}
    assert forgotten == set()


def test_both_languages_fill_in_the_same():
    for path in build_page.SOURCES.rglob("en.json"):
        texts = [json.loads(path.with_name(f"{language}.json").read_text()) for language in FILES]
        for key, english in texts[0].items():
            if isinstance(english, str):
                filled = [set(re.findall(r"\{(\w+)", text[key])) for text in texts]
                assert filled[0] == filled[1], key


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"main.js": 'import x from "./a.js";\n'}, "can't be joined"),
        ({"main.js": 'import { x } from "./a.js";\n', "a.js": "const x = 1;\n"}, "exports no x"),
        ({"main.js": "", "a.js": ""}, "nothing imports a.js"),
        (
            {"main.js": 'import { a } from "./a.js";\n', "a.js": 'import { b } from "./b.js";\nexport const a = 1;\n',
             "b.js": 'import { a } from "./a.js";\nexport const b = 1;\n'},
            "import each other",
        ),
        ({"main.js": "export default 1;\n"}, "can't be joined"),
        ({"main.js": "const x = `a\nb`;\n"}, "ends on its line"),
    ],
)  # fmt: skip
def test_sources_that_cannot_be_joined_are_refused(tmp_path, monkeypatch, files, says):
    (tmp_path / "js").mkdir()
    for name, text in files.items():
        (tmp_path / "js" / name).write_text(text)
    monkeypatch.setattr(build_page, "SOURCES", tmp_path)
    with pytest.raises(BuildError, match=says):
        build_page.joined()


def test_modules_become_one_script_in_order(tmp_path, monkeypatch):
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "main.js").write_text('import { a } from "./a.js";\n\nconst x = a;\n')
    (tmp_path / "js" / "a.js").write_text(
        "// One.\n\n/** Two\n * three */\nconst x = 1; // four\nexport const a = x;\n"
        "export async function* lines() {}\n"
    )
    monkeypatch.setattr(build_page, "SOURCES", tmp_path)
    assert build_page.joined() == (
        "\nconst $a = (() => {\n\nconst x = 1;\nconst a = x;\nasync function* lines() {}\nreturn { a, lines };\n})();\n"
        "\nconst $main = (() => {\nconst { a } = $a;\n\nconst x = a;\nreturn {  };\n})();\n"
    )


def test_a_drawer_takes_modules_of_the_pages_and_its_own():
    text = build_page.drawer("queue")
    assert f'export const build = "{build_page.build()}";' in text
    assert "export const start = ({ $dom, $i18n, $queue, $run, $stage }) => {" in text
    assert text.endswith("return $drawer;\n};\n")
    assert not {"dom.js", "innerHTML", "eval("} & set(re.findall(r"dom\.js|innerHTML|eval\(", text))


def test_markup_becomes_a_tree():
    icon = ["svg", {"viewBox": "0 0 1 1"}, ["use", {"href": "#i"}]]
    markup = '<p id="a">x <b hidden>y</b> <svg viewBox="0 0 1 1"><use href="#i"/></svg>\n</p>\n'
    assert build_page.tree(markup) == [["p", {"id": "a"}, "x ", ["b", {"hidden": ""}, "y"], " ", icon]]
    for broken, says in (("<p><b></p>", "</p> ends <b>"), ("<p>", "<p> has no end")):
        with pytest.raises(BuildError, match=says):
            build_page.tree(broken)
