"""Settings: what wins over what, what each can be, and that a key is never shown."""

import dataclasses
import ipaddress
import itertools
import json
import os
from pathlib import Path

import pytest

from imagine.settings.preset_files import read_presets
from imagine.settings.settings import OPTIONS, PORT, Settings, settings_from
from imagine.settings.values import EVERYONE
from imagine.words.errors import ImagineError

GUIDE = """
model: dreamshaper_8
api_key: sesame
host: 127.0.0.1
port: 8080
api_endpoints:
  generate: /generate
image_generation:
  use_ref_images: true
  ref_image_max_size: 1024
  default_negative_prompt: ugly, deformed
  cartoon_presets: {anime: "anime style"}
"""


def read(flags=None, environ=None, config=None):
    return settings_from(flags, environ or {}, config)[0]


def test_flags_win_over_variables_over_the_file_over_defaults():
    assert read().port == PORT
    assert read(config="port: 1").port == 1
    assert read(environ={"IMAGINE_PORT": "2"}, config="port: 1").port == 2
    assert read({"port": 3}, {"IMAGINE_PORT": "2"}, "port: 1").port == 3
    assert read({"port": None}, {"IMAGINE_PORT": "2"}).port == 2


@pytest.mark.parametrize(
    ("said", "host", "port"),
    [
        ("localhost", "localhost", PORT), ("127.0.0.1:8000", "127.0.0.1", 8000),
        ("http://127.0.0.1:1/", "127.0.0.1", 1),
        ("[::1]:7", "::1", 7), ("::1", "::1", PORT), (":9", "0.0.0.0", 9), (' "0.0.0.0" ', "0.0.0.0", PORT),
    ],
)  # fmt: skip
def test_a_host_may_bring_its_port(said, host, port):
    settings = read(environ={"IMAGINE_HOST": said})
    assert (settings.host, settings.port) == (host, port)


def test_a_port_said_beside_the_host_wins():
    assert read({"host": "0.0.0.0:1", "port": 2}).port == 2


@pytest.mark.parametrize(
    ("said", "seconds"), [("5m", 300), ("90", 90), ("-1", -1), ("0", 0), ("1h30m", 5400), ("-5m", -1)]
)
def test_durations(said, seconds):
    assert read(environ={"IMAGINE_KEEP_ALIVE": said}).keep_alive == seconds


@pytest.mark.parametrize(
    ("said", "count"), [("8GB", 8 * 10**9), ("8 g", 8 * 10**9), ("750mb", 750 * 10**6), ("1.5GB", 1_500_000_000)]
)
def test_sizes_of_memory(said, count):
    assert read(environ={"IMAGINE_MEMORY": said}).memory == count
    assert read(config=f"memory: {said}").memory == count


def test_networks():
    assert read().allow_remote == ()
    assert read({"allow_remote": True}).allow_remote == EVERYONE
    assert read(environ={"IMAGINE_ALLOW_REMOTE": "all"}).allow_remote == EVERYONE
    assert read({"allow_remote": ()}).allow_remote == ()
    expected = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert read(environ={"IMAGINE_ALLOW_REMOTE": "10.1.2.3/8, ::1"}).allow_remote == expected
    assert read(config="allow_remote: [10.0.0.0/8, '::1']").allow_remote == expected


def test_folders_of_models():
    said = read(environ={"IMAGINE_MODELS": os.pathsep.join(["/a", "~/b"])})
    assert said.roots == (Path("/a"), Path("~/b").expanduser())
    assert read({"home": "/h"}).roots == (Path("/h/models"),)
    flags = (os.pathsep.join(["/a", "/b"]), "/c")
    assert read({"models": flags}).roots == (Path("/a"), Path("/b"), Path("/c"))
    assert read(config="models: ['/a:b', /c]").roots == (Path("/a:b"), Path("/c"))


def test_origins_are_as_browsers_write_them():
    assert read({"origins": ("https://A.example/", "http://b:81")}).origins == ("https://a.example", "http://b:81")
    said = [
        "null",
        "*",
        "app://*",
        "app://obsidian.md",
        "file://",
        "file:///*",
        "chrome-extension://abc",
        "Tauri://localhost",
    ]
    expected = ("null", "*", "app://*", "app://obsidian.md", "file://", "file://", "chrome-extension://abc")
    assert read({"origins": said}).origins == (*expected, "tauri://localhost")
    assert read(config="origins: [null, app://*]").origins == ("null", "app://*"), "as YAML has it"


@pytest.mark.parametrize(("said", "warned"), [("null", True), ("*", True), ("app://*", False), ("https://a.b", False)])
def test_an_origin_that_is_anybodys_is_warned_of(said, warned):
    _, warnings = settings_from({"origins": (said,)}, {})
    assert any("set an API key" in warning for warning in warnings) is warned
    assert settings_from({"origins": (said,), "api_key": "sesame"}, {})[1] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"), ("port", "five"), ("port", True), ("keep_alive", "soon"), ("device", "cuda:x"),
        ("device", "cuda:0,cuda:0"), ("device", "cuda,cuda:0"), ("device", "cpu,"), ("device", ","),
        ("device", "auto,cpu"), ("device", []), ("device", ",".join(["cpu"] * 33)),
        ("host", "a b"),
        ("host", ""), ("allow_remote", "10.0.0.0/99"), ("origins", "https://*.example"), ("origins", "https://*"),
        ("origins", "nowhere"), ("origins", "app://"), ("trusted_proxies", "all"), ("api_key", "x" * 1001),
        ("public_url", "example"), ("max_queue", 0),
        ("memory", "8"), ("memory", "10MB"), ("memory", "99999GB"), ("full_prec", "perhaps"), ("log_format", "xml"),
    ],
)  # fmt: skip
def test_what_a_setting_can_not_be_is_told(name, value):
    flag = {"origins": "origin", "trusted_proxies": "trusted-proxy"}.get(name, name.replace("_", "-"))
    with pytest.raises(ImagineError, match=f"--{flag} is .*; it must be ") as caught:
        read({name: value})
    assert caught.value.field == name


def test_the_source_is_named():
    with pytest.raises(ImagineError, match="IMAGINE_PORT is 'x'"):
        read(environ={"IMAGINE_PORT": "x"})
    with pytest.raises(ImagineError, match=r"^port in the configuration file is 'x'"):
        read(config="port: x")


def test_the_shape_of_other_servers_loads():
    settings, warnings = settings_from({}, {}, GUIDE)
    assert (settings.model, settings.api_key, settings.host) == ("dreamshaper_8", "sesame", "127.0.0.1")
    assert settings.port == 8080
    assert settings.defaults.neg == "ugly, deformed"
    assert settings.ref_image_max_size == 1024
    assert [(preset.name, preset.prompt_suffix) for preset in settings.presets] == [("anime", "anime style")]
    named = ("api_endpoints", "use_ref_images")
    assert [name for name in named if any(name in warning for warning in warnings)] == list(named)
    assert len(warnings) == len(named)


def test_defaults_are_checked_like_requests():
    assert read(config="defaults: {num_steps: 30, sampler: euler a}").defaults.num_steps == 30
    with pytest.raises(ImagineError, match="num_steps is 0"):
        read(config="defaults: {num_steps: 0}")
    with pytest.raises(ImagineError, match="'stepps'"):
        read(config="defaults: {stepps: 1}")


@pytest.mark.parametrize("text", ["[1]", "a: b: c", "!!python/object/apply:os.system [ls]", "image_generation: 3"])
def test_a_file_that_is_no_configuration_is_refused(text):
    with pytest.raises(ImagineError, match="configuration file"):
        read(config=text)


def test_a_key_is_read_from_its_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("sesame\n")
    assert read({"api_key_file": file}).api_key == "sesame"
    file.write_text("\n")
    with pytest.raises(ImagineError, match="is empty"):
        read({"api_key_file": file})
    with pytest.raises(ImagineError, match="can't be read"):
        read({"api_key_file": tmp_path / "none"})


def test_the_key_that_systemd_hands_over_is_taken(tmp_path):
    handed = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read(environ=handed).api_key is None
    (tmp_path / "imagine-api-key").write_text("sesame\n")
    assert read(environ=handed).api_key == "sesame"
    assert read(environ=handed, config="api_key: other").api_key == "sesame"
    assert read(environ=handed | {"IMAGINE_API_KEY": "other"}).api_key == "other"
    with pytest.raises(ImagineError, match=r"the credentials in .* can't be read"):
        read(environ={"CREDENTIALS_DIRECTORY": str(tmp_path / "none")})


def test_of_two_ways_to_say_the_key_the_nearer_counts(tmp_path):
    file = tmp_path / "key"
    file.write_text("from the file")
    assert read({"api_key": "said"}, {"IMAGINE_API_KEY_FILE": str(file)}).api_key == "said"
    assert read({"api_key_file": file}, {"IMAGINE_API_KEY": "said"}).api_key == "from the file"


def test_a_reload_takes_what_can_change():
    before = read(config="{port: 1, model: a, defaults: {steps: 9}}")
    after = read(config="{port: 2, model: b, api_key: sesame, device: cpu}")
    taken, fixed = before.reloaded(after)
    assert (taken.port, taken.model, taken.api_key, taken.defaults.num_steps) == (1, "b", "sesame", None)
    assert fixed == ["port", "device"]
    assert before.reloaded(before) == (before, [])


@pytest.mark.parametrize(
    "key", [" ", "   ", " k", "k ", "a\r\nb", "a\tb", "ключ", "schlüssel", "\udcff", "\x00", "\x7f"]
)
def test_a_key_that_no_client_can_send_is_refused(tmp_path, key):
    said = [({"api_key": key}, {}, None), ({}, {}, f"api_key: {json.dumps(key)}")]
    if key.strip() in ("", key):  # else what stands around it is left out
        said.append(({}, {"IMAGINE_API_KEY": key}, None))
    for source in said:
        with pytest.raises(ImagineError, match=r"(?i)api.key.* is set; it must be text of 1 to 1000 visible") as caught:
            settings_from(*source)
        assert caught.value.field == "api_key"


def test_what_is_in_a_keys_file_has_to_be_a_key(tmp_path):
    file = tmp_path / "key"
    file.write_text("two\nlines")
    with pytest.raises(ImagineError, match=f"the key in the file {file} must be text of 1 to 1000 visible") as caught:
        read({"api_key_file": file})
    assert "lines" not in str(caught.value)


def test_a_variable_that_is_no_text_is_told():
    with pytest.raises(ImagineError, match="IMAGINE_MODEL is not text in UTF-8"):
        read(environ={"IMAGINE_MODEL": "\udcff"})
    assert read(environ={"IMAGINE_HOME": "/\udcff"}).home == Path("/\udcff"), "a path may be any bytes"


BOMBS = {
    "aliases of aliases": "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in itertools.pairwise("abcdefghijklmnop")
    ),
    "itself": "host: &a [*a]",
    "a merge of merges": "a: &a {x: 1}\n" + "".join(
        f"{b}: &{b} {{<<: [{','.join([f'*{a}'] * 20)}]}}\n" for a, b in itertools.pairwise("abcdefghij")
    ),
    "depth": "host: " + "[" * 20_000,
}  # fmt: skip


@pytest.mark.parametrize("what", BOMBS)
@pytest.mark.parametrize("key", ["{}", "aliases:\n  {}", "unheard_of:\n  {}"])
def test_a_file_that_stands_for_more_than_it_holds_is_refused_at_once(what, key):
    text = key.format(BOMBS[what].replace("\n", "\n  " if "\n" in key else "\n"))
    with pytest.raises(ImagineError, match=r"aliases repeat|nested too deeply"):
        read(config=text)


def test_so_is_a_preset_file(tmp_path):
    file = tmp_path / "presets.yaml"
    file.write_text(BOMBS["aliases of aliases"])
    with pytest.raises(ImagineError, match="aliases repeat"):
        read_presets(file)


def test_a_vae_is_one_models_only():
    (said,) = read(config="per_model: {fox: {vae: good, cfg_scale: 3}}").per_model
    assert (said.defaults.vae, said.defaults.guidance) == ("good", 3.0)
    with pytest.raises(ImagineError, match="vae stands under a model's name in per_model"):
        read(config="defaults: {vae: good}")


def test_loras_are_one_models_only():
    settings = read(
        config="per_model: {fox: {loras: {ink: 0.3, my pen: 1}}, owl: {loras: [ink, {name: b, weight: 2}]}}"
    )
    assert settings.per_model[0].defaults.loras == {"ink": 0.3, "my pen": 1.0}
    assert settings.in_words()["per_model"] == 'fox (loras ink 0.3 and "my pen" 1.0), owl (loras ink and b 2)'
    with pytest.raises(ImagineError, match="loras stands under a model's name in per_model"):
        read(config="defaults: {loras: [ink]}")


def test_an_alias_is_fine():
    config = "defaults: &mine {steps: 9}\nper_model: {fox: {<<: *mine, cfg_scale: 3}, owl: *mine}"
    assert [said.defaults.num_steps for said in read(config=config).per_model] == [9, 9]


def test_a_key_is_never_shown():
    settings = read({"api_key": "sesame"})
    assert settings.in_words()["api_key"] == "set"
    assert read().in_words()["api_key"] == "none"
    assert "sesame" not in repr(settings) + str(settings)
    with pytest.raises(ImagineError) as caught:
        read({"api_key": 12345})
    assert "12345" not in str(caught.value)


def test_every_setting_has_its_words():
    assert [o.name for o in OPTIONS] == [f.name for f in dataclasses.fields(Settings)]
    assert all(o.help.endswith(".") and o.variable == f"IMAGINE_{o.name.upper()}" for o in OPTIONS)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("IMAGINE_PROT", ["the variable IMAGINE_PROT has no effect; did you mean IMAGINE_PORT?"]),
        ("IMAGINE_QUALITY", ["the variable IMAGINE_QUALITY has no effect"]),
        ("IMAGINE_CONFIG", []), ("IMAGINE_RUNTIME", []), ("IMAGINES", []),
    ],
)  # fmt: skip
def test_a_variable_that_is_no_settings_is_told(name, said):
    assert settings_from({}, {name: "1"})[1] == said


def test_a_log_shows_what_is_set_in_words():
    shown = str(Settings(port=8000, device="cpu", api_key="sesame"))
    assert "port 8000, device cpu" in shown
    assert "api_key set" in shown
    assert "sesame" not in shown
    assert not any(sign in shown for sign in ("{", "none", "False"))


def test_a_log_shows_what_models_get_as_their_owner_wrote_it():
    toy = "{steps: 9, neg: 'red, blue', text_encoders: [l, g], max_batch: 2}"
    shown = str(read(config=f"defaults: {{steps: 5}}\nper_model: {{toy: {toy}, owl: {{vae: soft}}}}"))
    assert "defaults (num_steps 5)" in shown
    assert 'per_model toy (num_steps 9, neg "red, blue", text_encoders l and g, max_batch 2), owl (vae soft)' in shown
