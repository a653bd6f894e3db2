"""The page's words: whole in both languages, and Russian as Russians write it."""

import json
import re

from imagine.asking.request import GenerateRequest
from imagine.files import shipped
from imagine.messages.russian import SENTENCES
from imagine.settings.preset_files import read_presets
from tests.page.browser import UI
from tools import document_keys

FILES = [UI / "src", *sorted((UI / "src" / "drawers").iterdir())]


def texts_in(language):
    told = {}
    for folder in FILES:
        told |= json.loads((folder / f"{language}.json").read_text("utf-8"))
    return told


TEXTS = {language: texts_in(language) for language in ("en", "ru")}
SAME = {
    "named", "field.clip", "field.vae", "field.loras", "axis.loras", "model.native", "server.about",
    "origin.credentials", "models.placeholder", "completing.lora", "first.kind.lora", "first.kind.controlnet",
    *(f"models.{part}.{kind}" for part in ("kind", "is") for kind in ("lora", "vae", "controlnet")),
}  # fmt: skip
"""Texts that are no words, or the same ones."""
CLUMSY = {
    "зерн": "сид", "обратить": "инвертировать", "на выбор сервера": "", "на вашем компьютере": "", "родн": "",
    "энкодер": "кодировщик", "денойзер": "шумоподавляющая сеть", "изображени": "картинка",
    "промпт": "описание", "запрос": "заказ", "предпросмотр": "превью", "референс": "образец", "избранн": "звезда",
}  # fmt: skip
"""And what is said instead, see docs/glossary.md."""


NEVER_TOLD = ("зерн", "энкодер", "денойзер", "промпт", "предпросмотр", "референс", "изображени", "избранн")
"""What the server's own sentences don't say either."""


def plain(text):
    return re.sub(r"\{[^}]*\}", "", text)


def test_every_shipped_style_has_a_name_in_both_languages():
    for language, texts in TEXTS.items():
        missing = [one.name for one in read_presets(shipped.presets()) if not texts.get(f"preset.{one.name}.about")]
        assert missing == [], f"ui/src/{language}.json: preset.NAME and preset.NAME.about"


def test_every_field_that_the_page_shows_has_a_name_in_both_languages():
    controls = (UI / "src" / "js" / "controls.js").read_text("utf-8")
    hidden = set(re.findall(r'"(\w+)"', re.search(r"NEVER_SHOWN = new Set\((.*?)\)", controls)[1]))
    for language, texts in TEXTS.items():
        named = {field for field in GenerateRequest.__struct_fields__ if f"field.{field}" in texts}
        assert set(GenerateRequest.__struct_fields__) - hidden - named == set(), f"ui/src/{language}.json: field.NAME"


def test_russian_is_russian():
    for key, text in TEXTS["ru"].items():
        for one in text if isinstance(text, list) else [text]:
            assert (
                key in SAME or re.search("[а-яё]", plain(one), re.IGNORECASE) or not re.search("[a-z]", plain(one))
            ), key
            assert [word for word in CLUMSY if word in one.lower()] == [], key


def test_the_server_says_things_by_the_same_words():
    told = {code: [word for word in NEVER_TOLD if word in text.lower()] for code, text in SENTENCES.items()}
    assert {code: words for code, words in told.items() if words} == {}, "see docs/glossary.md"


def test_russian_numbers_have_all_their_forms():
    for key, text in TEXTS["ru"].items():
        for forms in re.findall(r"plural, ([^}]*)\}", text) if isinstance(text, str) else []:
            assert {form.partition(":")[0] for form in forms.split("|")} >= {"one", "few", "other"}, key


def test_every_key_that_does_something_is_in_the_list_and_named_in_both_languages():
    lines = document_keys.lines()
    for language, texts in TEXTS.items():
        named = {f"keys.{name}" for where, _, what in lines for name in (where, what)}
        assert named - texts.keys() == set(), f"ui/src/drawers/help/{language}.json"
    listed = {part.lower() for _, keys, _ in lines for key in keys for part in [key, *key.split("+")]}
    scripts = "".join(path.read_text("utf-8") for path in (UI / "src").rglob("*.js") if path.name != "keys.js")
    pressed = re.findall(r"""(?:event\.key|letterOf\(event\)) [!=]== "([^"]+)\"""", scripts)
    called = {
        " ": "space",
        "escape": "esc",
        "backspace": "delete",
        "arrowup": "↑",
        "arrowdown": "↓",
        "arrowleft": "←",
        "arrowright": "→",
        "pagedown": "pgdn",
        "pageup": "pgup",
    }
    assert {called.get(key.lower(), key.lower()) for key in pressed} - listed == set(), "ui/src/drawers/help/keys.js"
