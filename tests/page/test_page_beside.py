"""References and control on the page: dropped, chosen, weighed, their maps seen; kept, and back from what was made."""

import base64
import hashlib
import json

import pytest
from playwright.sync_api import expect

from imagine.pictures import canonical
from tests.page.acts import arrive, downloaded, drop, generate, last, load, png
from tests.registry import declared
from tests.server.beside import add_transformer, controlnet, image_adapter, image_encoder, sd3_controlnet, union

DOG, SEA = png(96, 64, (120, 80, 20)), png(64, 96, (20, 80, 200))


@pytest.fixture
def site(serve, tmp_path, monkeypatch):
    runs = {"": frozenset({"stable_diffusion"}), "plus": frozenset({"stable_diffusion"})}
    monkeypatch.setattr("imagine.server.orders.controls.CONTROLS", runs)
    monkeypatch.setattr("imagine.server.orders.references.IMAGE_ADAPTERS", runs)
    models = tmp_path / "home/models"
    for name, shapes in {
        "control/sd15_canny": controlnet(), "control/xl_depth": controlnet(2048), "clip/ViT-H": image_encoder(),
        "ip/plus": image_adapter("plus", width=1280),
    }.items():  # fmt: skip
        declared.write(models / f"{name}.safetensors", shapes, metadata={"about": name})
    return serve()


def add(page, name, data, title):
    page.set_input_files(
        f"[data-beside={name}] input[type=file]", {"name": title, "mimeType": "image/png", "buffer": data}
    )
    page.get_by_role("button", name=f"Remove {title}").wait_for()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_references_are_chosen_weighed_and_taken_out_again(page, site):
    add(page, "references", DOG, "dog.png")
    drop(page, "[data-drop=references]", SEA, "sea.png")
    page.get_by_label("What counts of sea.png").select_option("style")
    page.get_by_label("Strength of dog.png").nth(0).fill("0.85")  # the slider
    page.get_by_label("Strength of sea.png").nth(1).fill("0,4")
    generate(page, "a fox")
    told = [(each.img, each.kind, each.strength) for each in last(site).params.references]
    assert told == [(digest(DOG), "subject", 0.85), (digest(SEA), "style", 0.4)]
    page.get_by_role("button", name="Remove dog.png").click()
    expect(page.get_by_role("button", name="Remove dog.png")).to_have_count(0)  # which it is once that is kept
    page.reload()
    arrive(page)
    expect(page.get_by_label("Strength of sea.png").nth(1)).to_have_value("0.4")
    expect(page.locator(".thumb")).to_have_count(1)  # the first picture is back
    generate(page)
    assert [each.kind for each in last(site).params.references] == ["style"]


def test_those_that_are_taken_out_at_once_all_go(page):
    add(page, "references", DOG, "dog.png")
    add(page, "references", SEA, "sea.png")
    page.evaluate("document.querySelectorAll('[data-beside=references] [data-out]').forEach((each) => each.click())")
    expect(page.locator(".beside-row")).to_have_count(0)


def mapping(page):
    """What is asked of /preprocess from now on, each answered by a white map."""
    asked = []

    def answer(route):
        asked.append(route.request.post_data_json)
        route.fulfill(json={"img": base64.b64encode(png(96, 64, (255, 255, 255))).decode()})

    page.route("**/preprocess", answer)
    return asked


def test_a_control_has_the_models_that_fit_and_shows_its_map(page, site):
    asked = mapping(page)
    add(page, "control", DOG, "room.png")
    model = page.get_by_label("Model that follows room.png")
    assert model.locator("option").all_inner_texts() == ["sd15_canny"], "not what is for another family"
    expect(page.get_by_label("Map of room.png", exact=True)).to_have_value("canny")
    expect(page.get_by_label("The map of room.png")).to_be_visible()
    assert [(each["preprocess"], digest(base64.b64decode(each["img"]))) for each in asked] == [("canny", digest(DOG))]
    page.get_by_label("Map of room.png", exact=True).select_option("none")
    expect(page.get_by_label("The map of room.png")).to_be_hidden()
    page.get_by_label("Strength of room.png").nth(1).fill("1.2")
    generate(page, "a fox")
    (control,) = last(site).params.control
    assert (control.model, control.image, control.preprocess, control.strength) == (
        "sd15_canny",
        digest(DOG),
        "none",
        1.2,
    )


def test_a_file_for_several_kinds_is_told_which_a_map_is(page, site, tmp_path, monkeypatch):
    monkeypatch.setattr("imagine.server.orders.controls.CONTROLS", {"union": frozenset({"stable_diffusion"})})
    declared.write(tmp_path / "home/models/union.safetensors", union())
    page.reload()
    arrive(page)
    mapping(page)
    add(page, "control", DOG, "room.png")
    page.get_by_label("Model that follows room.png").select_option("union")
    kind = page.get_by_label("Kind of map: room.png")
    expect(kind).to_be_visible()
    kind.select_option("depth")
    generate(page, "a fox")
    (control,) = last(site).params.control
    assert (control.preprocess, control.type) == ("none", "depth")
    page.get_by_label("Map of room.png", exact=True).select_option("canny")
    expect(kind).to_be_hidden()
    generate(page)
    (control,) = last(site).params.control
    assert (control.preprocess, control.type) == ("canny", "canny")


def test_without_a_file_that_follows_pictures_it_is_said_where_to_put_one(page, site, tmp_path):
    for path in (tmp_path / "home/models/control").iterdir():
        path.unlink()
    page.reload()
    arrive(page)
    said = "No ControlNet for this model is here: put one into the models folder."
    expect(page.locator("#control-note")).to_have_text(said)
    expect(page.locator("[data-beside=control] [data-add]")).to_be_hidden()
    drop(page, "[data-drop=control]", SEA, "sea.png")
    expect(page.locator("[data-beside=control] > .error")).to_have_text(said)
    expect(page.locator(".beside-row")).to_have_count(0)


def test_a_strength_that_cannot_be_is_said_at_it(page, site):
    add(page, "references", DOG, "dog.png")
    page.get_by_label("Strength of dog.png").nth(1).fill("9")
    page.fill("#f-prompt", "a fox")
    page.click("#generate")
    expect(page.locator(".beside-row .error")).to_have_text("The strength must be a number from 0 to 2.")
    assert site.worker.seen == []


def test_what_was_made_of_them_brings_them_back_and_a_file_holds_them(page, site):
    mapping(page)
    add(page, "references", DOG, "dog.png")
    add(page, "control", SEA, "sea.png")
    page.get_by_label("Map of sea.png", exact=True).select_option("none")
    generate(page, "a fox")
    first = last(site).params
    saved = json.loads(downloaded(page, "#do-json"))
    assert base64.b64decode(saved["meta"]["references"][0]["img"]) == DOG
    assert base64.b64decode(saved["meta"]["control"][0]["image"]) == SEA
    for name in ("dog.png", "sea.png"):
        page.get_by_role("button", name=f"Remove {name}").click()
    expect(page.locator(".beside-row")).to_have_count(0)
    page.click("#do-reuse")
    expect(page.locator(".beside-row")).to_have_count(2)
    generate(page)
    assert (last(site).params.control, last(site).params.references) == (first.control, first.references)
    load(page, json.dumps({"meta": {"prompt": "x"}}).encode(), "none.json")
    expect(page.locator(".beside-row")).to_have_count(0)
    load(page, json.dumps(saved).encode(), "both.json")
    expect(page.locator(".beside-row")).to_have_count(2)


def test_variations_are_neighbours_of_a_result(page, site):
    generate(page, "a fox")
    made = canonical.digest(downloaded(page, "#do-png"))
    page.click("#do-vary")
    page.wait_for_function(
        "() => document.querySelectorAll('.thumb').length === 5 && document.querySelector('#run').hidden"
    )
    jobs = site.worker.seen[1:]
    assert [(job.params.prompt, job.params.img, job.params.references[0].noise) for job in jobs] == [
        ("a fox", None, 0.3)
    ] * 4
    assert {job.params.references[0].img for job in jobs} == {made}
    assert len({job.params.seed for job in jobs}) == 4


def test_a_control_for_another_size_of_the_models_family_is_not_offered(page, site, tmp_path):
    add_transformer(tmp_path / "home", "heron", "StableDiffusion3Pipeline", num_layers=38, patch_size=2, in_channels=16)
    for name, width, more in (("large", 2432, ()), ("medium", 1536, ("transformer_blocks.0.attn.norm_q.weight",))):
        file = tmp_path / f"home/models/sd35/{name}_canny.safetensors"
        declared.write(file, sd3_controlnet(width, *more), metadata={"about": name})
    page.reload()
    arrive(page)
    page.select_option("#f-model", "heron")
    add(page, "control", DOG, "room.png")
    assert page.get_by_label("Model that follows room.png").locator("option").all_inner_texts() == ["large_canny"]
