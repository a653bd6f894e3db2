"""Embeddings on the page: offered as chips, put into a prompt as words, and a recipe's own again."""

import json

import pytest
from playwright.sync_api import expect

from tests.page.acts import downloaded, generate, last, load
from tests.registry import declared
from tests.server.beside import add_transformer


@pytest.fixture
def site(serve, tmp_path):
    for name in ("ink", "bad hands"):
        declared.write(tmp_path / f"home/models/embeddings/{name}.safetensors", {"emb_params": (2, 768)})
    declared.write(tmp_path / "home/models/embeddings/xl.safetensors", {"clip_l": (1, 768), "clip_g": (1, 1280)})
    return serve()


def offered(page):
    page.click("#open-builder")
    page.get_by_role("tab", name="Embeddings").click()
    return page.locator("#builder-chips .chip").all_inner_texts()


def test_one_becomes_a_word_of_either_prompt_and_stays_what_it_was(page, site):
    page.fill("#f-prompt", "a fox")
    assert offered(page) == ["bad hands", "not bad hands", "ink", "not ink"]
    page.get_by_role("button", name="ink", exact=True).click()
    page.get_by_role("button", name="not bad hands").click()
    expect(page.locator("#f-prompt")).to_have_value("a fox, ink")
    expect(page.locator("#f-neg")).to_have_value("<bad hands>")
    generate(page)
    first = last(site).params
    assert list(first.embeddings) == ["ink", "bad hands"]
    load(page, downloaded(page, "#do-json"), "made.json")
    expect(page.locator("[data-about=load]")).not_to_contain_text("Not known")
    generate(page)
    assert last(site).params.embeddings == first.embeddings
    load(
        page,
        json.dumps({"meta": json.loads(downloaded(page, "#do-json"))["meta"] | {"embeddings": {}}}).encode(),
        "none.json",
    )
    generate(page)
    assert last(site).params.embeddings == {}


def test_those_are_offered_that_the_server_takes_for_the_model(windows, serve, tmp_path):
    home = tmp_path / "home"
    add_transformer(home, "heron", "StableDiffusion3Pipeline", in_channels=16, patch_size=2, qk_norm="rms_norm")
    told_as_sd3 = {"clip_l": (1, 768), "clip_g": (1, 1280), "t5xxl": (1, 4096)}
    for name, vectors in (("of sd3", told_as_sd3), ("of sdxl", {"clip_l": (1, 768), "clip_g": (1, 1280)})):
        declared.write(home / f"models/embeddings/{name}.safetensors", vectors)
    page = windows.open(serve(models=()).url)
    assert offered(page) == ["of sd3", "not of sd3"]
    page.get_by_role("button", name="of sd3", exact=True).click()
    generate(page)
