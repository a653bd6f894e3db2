"""Files of presets: which wins, what happens when one changes or breaks, and that what ships is sound."""

import json
import os

import pytest

from imagine.asking.presets import Preset
from imagine.files import shipped
from imagine.settings.preset_files import MAX_SIZE, Presets, presets_of, read_presets
from imagine.settings.settings import Settings, settings_from
from imagine.words.errors import BadRequest, ImagineError


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def later(path):
    """Its time is another one, however coarse the clock of the file system is."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))


def test_later_sources_win_and_what_ships_comes_last(tmp_path):
    write(tmp_path / "presets.yaml", "{photo: home, a: home, b: home}")
    more = write(tmp_path / "more.json", json.dumps({"b": "more", "c": "more"}))
    settings = Settings(home=tmp_path, preset_files=(more,), presets=(Preset(name="c", prompt_suffix="own"),))
    found = presets_of(settings).all()
    assert [(name, found[name].prompt_suffix) for name in ("photo", "a", "b", "c")] == [
        ("photo", "home"), ("a", "home"), ("b", "more"), ("c", "own"),
    ]  # fmt: skip
    assert [*found][:4] == ["photo", "a", "b", "c"]
    assert {"vivid", "natural"} < set(found)


def test_what_ships_is_sound():
    found = {preset.name: preset for preset in read_presets(shipped.presets())}
    assert len(found) >= 12
    assert {
        "vivid",
        "natural",
        "watercolor_family",
        "disney_style",
        "family_friendly",
        "family_photo",
        "anime_professional",
    } <= set(found)
    assert all(preset.description and (preset.prompt_prefix or preset.prompt_suffix) for preset in found.values())
    assert all(preset.model is None and preset.width is None for preset in found.values()), "they suit any model"


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "presets.yaml"
    presets = Presets([path])
    assert presets.all() == {}
    write(path, "a: one")
    assert presets.find("a").prompt_suffix == "one"
    write(path, "a: two")
    later(path)
    assert presets.find("a").prompt_suffix == "two"
    path.unlink()
    assert presets.all() == {}


def test_a_file_that_breaks_leaves_its_presets_as_they_were(tmp_path, caplog):
    path = write(tmp_path / "presets.yaml", "a: one")
    presets = Presets([path])
    presets.check()
    write(path, "a: {steps: -1}")
    later(path)
    assert presets.find("a").prompt_suffix == "one"
    assert "its presets stay as they were" in caplog.text
    caplog.clear()
    presets.all()
    assert caplog.text == "", "it is said once"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("p.yaml", "a: [", "is not YAML in UTF-8"), ("p.json", "{", "is not JSON in UTF-8"),
        ("p.json", "[" * 100_000, "is not JSON in UTF-8"),
        ("p.yaml", "!!python/object/apply:os.system [ls]", "is not YAML"),
        ("p.yaml", "a: {steps: 0}", "can't be used: in preset 'a', steps is 0"), ("p.yaml", "text", "can't be used"),
        ("p.yaml", "#" * (MAX_SIZE + 1), "is larger than 1 MiB"),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_used_is_refused_at_the_start(tmp_path, name, text, sentence):
    path = write(tmp_path / name, text)
    with pytest.raises(ImagineError, match=r"p\.(yaml|json)") as caught:
        Presets([path]).check()
    assert str(path) in str(caught.value)
    assert sentence in str(caught.value)


def test_bytes_that_are_no_text_and_folders_are_refused(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b.yaml").mkdir()
    for name in ("a.yaml", "b.yaml"):
        with pytest.raises(ImagineError, match=name):
            Presets([tmp_path / name]).check()


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(ImagineError, match="there is no preset file"):
        presets_of(Settings(home=tmp_path, preset_files=(tmp_path / "none.yaml",)))


@pytest.mark.parametrize("text", ["", "{}", "# nothing"])
def test_an_empty_file_holds_none(tmp_path, text):
    assert read_presets(write(tmp_path / "p.yaml", text)) == []


def test_a_name_that_is_not_there_is_told_with_its_neighbours(tmp_path):
    with pytest.raises(BadRequest, match=r"^preset 'watercolour' doesn't exist; did you mean: watercolor") as caught:
        presets_of(Settings(home=tmp_path)).find("watercolour")
    assert caught.value.field == "preset"
    with pytest.raises(BadRequest, match=r"; there are: photo, .* more$"):
        Presets([], [Preset(name="photo"), *(Preset(name=f"p{i}") for i in range(30))]).find("zzzzzz")
    with pytest.raises(BadRequest, match=r"; there are none$"):
        Presets([]).find("x")


CONFIG = """
image_generation:
  use_ref_images: true
  ref_image_max_size: 1024
  default_negative_prompt: ugly, deformed
  cartoon_presets:
    - {name: disney_style, prompt_suffix: ", disney style"}
cartoon_styles:
  watercolor_family: {prompt_suffix: "watercolor", negative_prompt: photo, cfg_scale: 7.5, steps: 30}
presets: {mine: {size: 640x512}, disney_style: mine}
defaults: {steps: 20, size: 512x768}
"""


def test_the_configuration_holds_presets_in_every_shape():
    settings, warnings = settings_from({}, {}, CONFIG)
    found = {preset.name: preset for preset in settings.presets}
    assert found == {
        "disney_style": Preset(name="disney_style", prompt_suffix="mine"),
        "watercolor_family": Preset(
            name="watercolor_family", prompt_suffix="watercolor", neg="photo", guidance=7.5, num_steps=30
        ),
        "mine": Preset(name="mine", width=640, height=512),
    }
    assert settings.ref_image_max_size == 1024
    assert (settings.defaults.neg, settings.defaults.num_steps, settings.defaults.width) == ("ugly, deformed", 20, 512)
    assert len(warnings) == 1
    assert "use_ref_images" in warnings[0]


def test_our_own_words_win_over_the_other_shape():
    text = "image_generation: {default_negative_prompt: theirs, ref_image_max_size: 64}\n"
    for spelling in ("neg", "negative_prompt"):
        settings, _ = settings_from({}, {}, text + f"defaults: {{{spelling}: ''}}\nref_image_max_size: 128")
        assert (settings.defaults.neg, settings.ref_image_max_size) == ("", 128)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("presets: {a: {steps: 0}}", "presets in the configuration file is an object; it must be .* in preset 'a'"),
        ("presets: 3", "presets in the configuration file is 3"),
        ("cartoon_styles: 3", "cartoon_styles in the configuration file: the presets are 3"),
        ("per_model: [a]", "per_model .* must be a mapping"), ("per_model: {a: 3}", "'a' is 3"),
        ("per_model: {a: {steps: 0}}", "'a' is .*steps is 0"), ("per_model: {a: {max_batch: 0}}", "max_batch of 'a'"),
        ("per_model: {a: {colour: 0}}", "without 'colour'"), ("ref_image_max_size: 10", "from 64 to 4096"),
    ],
)  # fmt: skip
def test_what_the_configuration_can_not_say(text, sentence):
    with pytest.raises(ImagineError, match=sentence):
        settings_from({}, {}, text)


def test_settings_of_one_model():
    text = "per_model: {fox: {cfg_scale: 1.5, steps: 4, size: 768x512, negative_prompt: n, sampler: lcm, max_batch: 2}}"
    (said,) = settings_from({}, {}, text)[0].per_model
    assert (said.name, said.max_batch) == ("fox", 2)
    d = said.defaults
    assert (d.guidance, d.num_steps, d.width, d.height, d.neg, d.sampler) == (1.5, 4, 768, 512, "n", "lcm")
