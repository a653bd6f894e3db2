"""The configuration files that the documentation shows load as it says."""

import json
import re
from pathlib import Path

import pytest
import yaml

from imagine.asking.presets import presets_from
from imagine.settings.settings import OPTIONS, settings_from

DOCS = Path("docs")
BLOCKS = [
    (page.name, kind, text)
    for page in sorted(DOCS.glob("*.md"))
    for kind, text in re.findall(r"^```(yaml|json)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    if page.name in ("configuration.md", "presets.md", "ollama.md")
]
SAID = "no effect: "


@pytest.mark.parametrize("page", ["configuration.md", "presets.md", "ollama.md"])
def test_every_page_shows_some(page):
    assert [name for name, _, _ in BLOCKS if name == page]


@pytest.mark.parametrize(("page", "kind", "text"), BLOCKS, ids=lambda value: value[:20])
def test_a_configuration_that_is_shown_loads(page, kind, text):
    if kind == "json":
        if page == "presets.md":
            assert [preset.num_steps for preset in presets_from(json.loads(text))] == [30]
        return
    settings, warnings = settings_from({}, {}, text)
    assert len(warnings) == text.count(f"# {SAID}")
    said = yaml.safe_load(text)
    assert len(settings.presets) >= len(said.get("presets", {}))
    if "per_model" in said:
        (of_one,) = settings.per_model
        assert (of_one.defaults.num_steps, of_one.defaults.width, of_one.max_batch) == (4, 512, 4)
        assert settings.aliases.own["flux-*"] is None
    if "image_generation" in said and "api_key" in said:
        assert settings.defaults.neg == "ugly, deformed"
        assert {preset.name for preset in settings.presets} == {"disney_style", "watercolor_family"}


def test_the_services_environment_file_loads():
    text = Path("systemd/imagine.env.example").read_text()
    said = dict(re.findall(r"^#?(IMAGINE_\w+)=(.*)$", text, re.MULTILINE))
    assert said.keys() - {option.variable for option in OPTIONS} == {"IMAGINE_CONFIG"}
    settings, _ = settings_from({}, said)
    assert [str(root) for root in settings.roots] == ["/var/lib/imagine/models", "/srv/models"]


PAGES = [Path("README.md"), Path("README.ru.md"), Path("CONTRIBUTING.md"), *sorted(DOCS.glob("*.md"))]


def anchors_of(page):
    """What its headings are called in links, as GitHub makes that."""
    words = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in words}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_to_what_is_there(page):
    for link in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), link
        assert not anchor or there.suffix != ".md" or anchor in anchors_of(there), link
