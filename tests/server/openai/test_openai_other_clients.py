"""Image clients of other libraries, where they are installed: they are heavy, and nothing here needs them."""

import asyncio
import base64

import pytest

from tests.server.openai.painting import KEY, opened, png, with_server
from tests.server.openai.test_openai_python_sdk import fetched

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def with_address(folder, act):
    """Runs `act(base_url)` on a thread beside a server."""

    async def run(url, served):
        await asyncio.to_thread(act, url)

    with_server(folder, run, api_key=KEY)


def test_langchain(tmp_path):
    dalle = pytest.importorskip(
        "langchain_community.utilities.dalle_image_generator", reason="needs langchain-community"
    )

    def act(url):
        wrapper = dalle.DallEAPIWrapper(model="dall-e-2", size="256x256", api_key=KEY, base_url=url)
        status, headers, data = fetched(wrapper.run("a fox"))
        assert (status, headers["Content-Type"]) == (200, "image/png")
        assert opened(data).size == (256, 256)

    with_address(tmp_path, act)


def test_litellm(tmp_path):
    litellm = pytest.importorskip("litellm", reason="needs litellm")

    def act(url):
        asked = {"api_base": url, "api_key": KEY}
        reply = litellm.image_generation(model="openai/dall-e-3", prompt="a fox", size="1024x1024", **asked)
        assert opened(fetched(reply.data[0].url)[2]).size == (1024, 1024)
        reply = litellm.image_edit(model="openai/gpt-image-1", image=png(), prompt="a fox", **asked)
        assert opened(base64.b64decode(reply.data[0].b64_json)).size == (64, 64)

    with_address(tmp_path, act)
