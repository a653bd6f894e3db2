"""Which file looks at the pictures of a request, and what of it is refused: by the rules that hold for who asks."""

import asyncio
import dataclasses
import logging

import pytest

from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import Gateway
from imagine.server.orders.picture_check import checker_of
from imagine.settings.keys import NamedKey, digest_of
from imagine.words.moderation import KeyRules, ModerationSettings, PictureSettings
from tests.server.served import PromptedWorker, add_classifier, ask, settings_at

STANDARD = {"sexual", "sexual/minors", "violence/graphic", "self-harm", "hate"}
STRICT = STANDARD | {"suggestive", "violence", "illicit"}


async def job_of(client, path="/generate", headers=None, **said):
    async with client.post(path, json={"prompt": "a fox", **said}, headers=headers or {}) as answer:
        assert answer.status == 200, await answer.text()
        return client.worker.seen[-1]


async def refused(client):
    async with client.post("/generate", json={"prompt": "a fox"}) as answer:
        return answer.status, (await answer.json())["error"]


@pytest.mark.parametrize(
    ("owner", "asked", "seen", "above"),
    [
        ("none", None, None, None), ("minors-only", None, None, None), ("minors-only", "standard", STANDARD, 0.7),
        ("standard", None, STANDARD, 0.7), ("standard", "strict", STRICT, 0.5), ("strict", "none", STRICT, 0.5),
    ],
)  # fmt: skip
def test_the_stricter_policy_says_what_is_refused(tmp_path, owner, asked, seen, above):
    async def act(client):
        check = (await job_of(client, moderation=asked)).check
        assert (check and set(check.refused)) == seen
        if check:
            assert check.checker.name == "looks"
            assert set(check.refused.values()) == {above}
            assert check.stages == ("preview", "picture")
            assert check.checker.stamps
            assert check.checker.digest

    ask(tmp_path, act, moderation=ModerationSettings(policy=owner))


def test_the_owner_says_which_what_and_from_when_on(tmp_path):
    add_classifier(tmp_path / "models", "mine")
    pictures = PictureSettings(model="mine", threshold=0.4, thresholds={"cats": 0.2, "sexual": 1.0}, fail="open")
    said = ModerationSettings(topics={"hearts": ("heart",)}, stages=("prompt", "picture"), pictures=pictures)

    async def act(client):
        check = (await job_of(client)).check
        assert (check.checker.name, check.stages, check.fail) == ("mine", ("picture",), "open")
        assert (check.refused["hearts"], check.refused["cats"], check.refused["sexual"]) == (0.4, 0.2, 1.0)
        assert check.seen_in({"hearts": 0.5, "cats": 0.9, "sexual": 1.0, "dogs": 1.0}) == {"cats": 0.9, "hearts": 0.5}
        said = dataclasses.replace(client.gateway.settings, moderation=ModerationSettings(policy="none"))
        assert client.gateway.reload(said) == []
        assert (await job_of(client)).check is None

    ask(tmp_path, act, moderation=said)


def test_each_key_has_its_own_topics_and_policy(tmp_path):
    keys = (
        NamedKey(
            name="kids", digest=digest_of("k" * 20), rules=KeyRules(policy="strict", topics={"spiders": ("spider",)})
        ),
        NamedKey(name="big", digest=digest_of("b" * 20), rules=KeyRules(policy="none")),
    )

    async def act(client):
        by_key = {}
        for key in keys:
            job = await job_of(client, headers={"Authorization": f"Bearer {key.name[0] * 20}"})
            by_key[key.name] = job.check and set(job.check.refused)
        assert by_key == {"kids": STRICT | {"spiders"}, "big": None}

    ask(tmp_path, act, keys=keys, moderation=ModerationSettings(topics={"hearts": ("heart",)}))


def test_each_key_has_its_own_stages_and_way_of_looking(tmp_path):
    add_classifier(tmp_path / "models", "mine")
    ways = {
        "kids": KeyRules(policy="strict", pictures={"threshold": 0.3}),
        "artist": KeyRules(stages=("prompt", "picture"), pictures={"model": "mine", "fail": "open"}),
        "parents": KeyRules(policy="standard", stages=()),
        "guest": KeyRules(),
    }
    keys = tuple(NamedKey(name=name, digest=digest_of(name * 5), rules=rules) for name, rules in ways.items())

    async def act(client):
        checks = {
            key.name: (await job_of(client, headers={"Authorization": f"Bearer {key.name * 5}"})).check for key in keys
        }
        kids, artist = checks["kids"], checks["artist"]
        assert (kids.checker.name, kids.refused["suggestive"], kids.stages) == ("looks", 0.3, ("preview", "picture"))
        assert (artist.checker.name, artist.stages, artist.fail, artist.policy) == ("mine", ("picture",), "open", None)
        assert (checks["parents"], checks["guest"]) == (None, None)
        asked = {"prompt": "a nude woman"}
        for key, status in (("parents", 200), ("kids", 400)):
            async with client.post("/generate", json=asked, headers={"Authorization": f"Bearer {key * 5}"}) as answer:
                assert answer.status == status, "whose prompts nobody reads, by the owner's word"
        assert client.gateway.missing_checker() is None

    ask(tmp_path, act, keys=keys, moderation=ModerationSettings(policy="none"))


def test_a_key_that_says_how_its_pictures_are_looked_at_keeps_what_it_does_not_say(tmp_path):
    add_classifier(tmp_path / "models", "mine")
    keys = (NamedKey(name="kids", digest=digest_of("k" * 20), rules=KeyRules(pictures={"fail": "closed"})),)
    everybody = PictureSettings(model="mine", thresholds={"sexual": 0.9}, fail="open")

    async def act(client):
        kids = (await job_of(client, headers={"Authorization": f"Bearer {'k' * 20}"})).check
        assert (kids.checker.name, kids.fail, kids.refused["sexual"]) == ("mine", "closed", 0.9)

    ask(tmp_path, act, keys=keys, moderation=ModerationSettings(pictures=everybody))


@pytest.mark.parametrize(
    ("owner", "held"),
    [
        ({}, ("minors-only", True, False, False)),
        ({"policy": "standard", "stages": ("prompt",)}, ("standard", True, False, False)),
        ({"policy": "strict", "stages": ("picture",)}, ("strict", False, False, True)),
        ({"policy": "none", "topics": {"hearts": ("heart",)}}, ("none", False, True, False)),
        ({"policy": "none", "pictures": PictureSettings(model="looks")}, ("none", False, False, True)),
    ],
)
def test_health_says_what_is_checked_of_whoever_asks(tmp_path, owner, held):
    keys = (
        NamedKey(
            name="kids", digest=digest_of("k" * 20), rules=KeyRules(policy="strict", stages=("prompt", "picture"))
        ),
    )

    async def act(client):
        for key, expected in (("", held), ("k" * 20, ("strict", True, held[2], True))):
            async with client.get("/health", headers={"Authorization": f"Bearer {key}"} if key else {}) as answer:
                said = (await answer.json())["moderation"]
            assert tuple(said[each] for each in ("policy", "prompts", "own", "pictures")) == expected

    ask(tmp_path, act, keys=keys, moderation=ModerationSettings(**owner))


@pytest.mark.parametrize("fail", ["closed", "open"])
def test_what_is_to_look_and_is_not_there_is_said_at_the_start(tmp_path, fail, caplog):
    caplog.set_level(logging.ERROR)

    async def act(client):
        await client.gateway.entries()
        async with client.get("/health") as answer:
            problem = (await answer.json())["moderation"]["problem"]
        assert problem.startswith("pictures are to be looked at, and can't be by the classifier 'absent': ")
        assert problem in caplog.text
        if fail == "closed":
            status, error = await refused(client)
            assert status == 422
            assert error.startswith("the picture isn't shown, since the classifier 'absent', which looks at pictures")
            assert client.worker.seen == []
        else:
            async with client.post("/generate", json={"prompt": "a fox"}) as answer:
                warnings = (await answer.json())["warnings"]
            assert [
                text for text in warnings if text.startswith("nobody looked at the picture: the classifier 'absent'")
            ]
            assert client.worker.seen[-1].check is None

    said = PictureSettings(model="absent", fail=fail)
    ask(tmp_path, act, moderation=ModerationSettings(pictures=said))


def test_what_only_a_key_needs_and_is_not_there_is_said_too(tmp_path):
    rules = KeyRules(pictures={"model": "absent"})

    async def act(client):
        await client.gateway.entries()
        assert "'absent'" in str(client.gateway.missing_checker())

    ask(tmp_path, act, keys=(NamedKey(name="kids", digest=digest_of("hopscotch"), rules=rules),))


def test_what_ships_is_there_for_who_asks_before_the_folders_were_looked_at(tmp_path):
    settings = settings_at(tmp_path)
    registry = Registry(settings.roots, shipped=[add_classifier(tmp_path / "shipped", "looks")])
    gateway = Gateway(settings, workers=[PromptedWorker()], registry=registry)
    assert asyncio.run(checker_of(gateway, None)).name == "looks"
