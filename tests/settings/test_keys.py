"""Keys with names, and what an owner says of each."""

import pytest

from imagine.settings.keys import digest_of
from imagine.settings.settings import settings_from
from imagine.words.errors import ImagineError
from imagine.words.keys import KeyLimits
from imagine.words.moderation import KeyRules


def keys_in(text):
    settings, warnings = settings_from(environ={}, config=f"keys: {text}")
    assert warnings == []
    return settings.keys


def test_each_has_its_key_and_its_rules(tmp_path):
    file = tmp_path / "kids.key"
    file.write_text("hopscotch\n")
    parents, kids, guest = keys_in(
        f"{{parents: {{key: sesame, moderation: off}}, kids: {{key_file: {file}, moderation: {{policy: strict, "
        "topics: {spiders: 'spider*'}, stages: prompt, pictures: {threshold: 0.3}}}, guest: {key: 'knock, knock'}}"
    )
    assert (parents.name, parents.digest, parents.rules) == ("parents", digest_of("sesame"), KeyRules(policy="none"))
    pictures = {"threshold": 0.3, "thresholds": {}}
    rules = KeyRules(policy="strict", topics={"spiders": ("spider*",)}, stages=("prompt",), pictures=pictures)
    assert (kids.digest, kids.rules) == (digest_of("hopscotch"), rules)
    assert str(rules) == "strict; topics spiders; stages prompt; pictures above 0.3"
    assert (guest.digest, guest.rules) == (digest_of("knock, knock"), KeyRules())


def test_a_log_has_names_and_rules_and_no_key():
    settings, _ = settings_from(
        environ={}, config="keys: {parents: {key: sesame, moderation: none}, guest: {key: hopscotch}}"
    )
    assert settings.in_words()["keys"] == "parents (none), guest"
    assert "sesame" not in repr(settings) + str(settings) + repr(settings.keys)


def test_what_a_key_is_for_and_until_when():
    a, b, c = keys_in(
        "{a: {key: a, scopes: 'admin, generate', expires: 2027-01-31, priority: HIGH, weight: 2,"
        " limits: {pictures_per_day: 20, at_once: 1}}, b: {key: b, expires: '2027-01-31T12:00:00+02:00'}, c: {key: c}}"
    )
    assert (a.scopes, a.priority, a.weight, c.scopes) == (("generate", "admin"), "high", 2.0, ("generate",))
    assert (a.limits, c.limits) == (KeyLimits(pictures_per_day=20, at_once=1), KeyLimits())
    assert (a.expires, b.expires, c.expires) == (pytest.approx(1801439999.999), 1801389600.0, None)
    assert (a.may("models"), c.may("generate"), c.may("models")) == (True, True, False)
    told = "for generate, admin; until 2027-01-31T23:59Z; priority high; weight 2; pictures_per_day 20, at_once 1"
    assert str(a) == f"a ({told})"
    assert str(keys_in("{d: {key: d, expires: 9999-12-31}}")[0]) == "d (until 9999-12-31T23:59Z)"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("[sesame]", "a mapping of names"), ("{kids: sesame}", "a mapping of names"),
        ("{kids: {}}", "a key, or a key_file"),
        ("{kids: {key: sesame, key_file: x}}", "a key, or a key_file"),
        ("{kids: {key: 12}}", "key of 'kids' is text of 1"),
        ("{kids: {key: 'sesame '}}", "key of 'kids' is text of 1"), ("{kids: {keys: sesame}}", "a mapping of names"),
        ("{'': {key: sesame}}", "a name of letters"),
        ("{'a\\nb': {key: sesame}}", "a mapping of names|a name of letters"),
        ("{kids: {key: sesame, moderation: lax}}", "moderation of 'kids' is none, minors-only"),
        ("{kids: {key: sesame, moderation: {log: x}}}", "policy, topics, stages and pictures, without 'log'"),
        ("{kids: {key: sesame, moderation: {topics: {x: []}}}}", "moderation of 'kids' is such that the topic 'x'"),
        ("{kids: {key: sesame, scopes: [draw]}}", "scopes of 'kids' is among generate, models, worker, admin"),
        ("{kids: {key: sesame, expires: soon}}", "expires of 'kids' is a date"),
        ("{kids: {key: sesame, expires: 0}}", "expires of 'kids' is a date"),
        ("{kids: {key: sesame, priority: urgent}}", "priority of 'kids' is one of low"),
        ("{kids: {key: sesame, weight: 0}}", "weight of 'kids' is a number from"),
        ("{kids: {key: sesame, weight: .nan}}", "weight of 'kids' is a number from"),
        ("{kids: {key: sesame, expires: '9999-12-31T23:59:59-10:00'}}", "expires of 'kids' is a date"),
        ("{kids: {key: sesame, limits: {orders: -1}}}", "orders is a whole number"),
        ("{kids: {key: sesame, limits: {at_once: 0}}}", "at_once is a whole number from 1"),
        ("{kids: {key: sesame, limits: {orders: true}}}", "orders is a whole number"),
        ("{kids: {key: sesame, limits: {pictures: 3}}}", "limits of 'kids' is a mapping of pictures_per_hour"),
        ("{kids: {key_hash: sesame}}", "key of 'kids' is its SHA-256"),
        ("{kids: {key_env: IMAGINE_NO_SUCH}}", "key of 'kids' is in an environment variable"),
        ("{kids: {key: a}, Kids: {key: b}}", "a name and a key of its own, unlike 'kids' and 'Kids'"),
        ("{kids: {key: sesame}, parents: {key: sesame}}", "a key of its own, unlike 'kids' and 'parents'"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_in_a_sentence_without_the_key(said, why):
    with pytest.raises(ImagineError, match=why) as caught:
        keys_in(said)
    assert str(caught.value).startswith("keys in the configuration file is set; it must be")
    assert "sesame" not in str(caught.value)


def test_a_key_is_said_once(tmp_path):
    with pytest.raises(ImagineError, match="api_key is one of the keys"):
        settings_from(environ={"IMAGINE_API_KEY": "sesame"}, config="keys: {kids: {key: sesame}}")
    with pytest.raises(ImagineError, match="no such file"):
        keys_in(f"{{kids: {{key_file: {tmp_path / 'none'}}}}}")
