"""A page of another site in a real browser: OpenAI's own client in it, and pictures that it shows by their address."""

import functools
import http.server
import threading

import pytest
from playwright.sync_api import expect

from imagine.settings.values import networks
from tests.nginx import nginx
from tests.page.acts import arrive, generate
from tests.page.browser import ELSEWHERE, PATIENCE
from tests.server.openai.test_openai_node_sdk import HERE, installed

DRAW = """async ({base, key, model}) => {
    const {default: OpenAI} = await import("/openai/index.mjs");
    const client = new OpenAI({baseURL: `${base}v1`, apiKey: key, maxRetries: 0, dangerouslyAllowBrowser: true});
    try {
        const reply = await client.images.generate({model, prompt: "a fox", size: "256x256"});
        return {item: reply.data[0], models: (await client.models.list()).data.length};
    } catch (error) {
        return {error: error.constructor.name};
    }
}"""
SHOW = """async (url) => {
    const image = new Image();
    image.src = url;
    try { await image.decode(); } catch { return 0; }
    return image.naturalWidth;
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    protocol_version = "HTTP/1.1"  # hundreds of modules are asked for, over few connections
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/":
            self.send_response(200)
            page = b"<!doctype html><title>Elsewhere</title><link rel=icon href=data:,>"
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
        else:
            super().do_GET()


@pytest.fixture(scope="module")
def elsewhere():
    """The address of a site with OpenAI's client for browsers, which needs nothing of Node."""
    installed()
    serve = functools.partial(Quiet, directory=str(HERE / "node_modules"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield f"http://{ELSEWHERE}:{site.server_address[1]}"
        finally:
            site.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def visitor(chrome, elsewhere):
    """A window on that site, which loads the client once."""
    context = chrome.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.goto(f"{elsewhere}/")
    yield page
    context.close()


def test_openais_client_draws_from_a_site_that_is_let_in(serve, elsewhere, visitor):
    site, page = serve(origins=(elsewhere,)), visitor
    seen = page.evaluate(DRAW, {"base": site.url, "key": "any", "model": "dall-e-3"})
    assert seen["models"] > 1
    assert len(seen["item"]["b64_json"]) > 1000
    assert page.evaluate(SHOW, seen["item"]["url"]) == 256


def test_a_site_that_is_not_let_in_draws_with_the_key_alone(serve, visitor):
    site, page = serve(api_key="sesame"), visitor
    assert page.evaluate(DRAW, {"base": site.url, "key": "wrong", "model": "fox"}) == {"error": "APIConnectionError"}
    seen = page.evaluate(DRAW, {"base": site.url, "key": "sesame", "model": "gpt-image-1"})
    assert len(seen["item"]["b64_json"]) > 1000
    by_url = page.evaluate(DRAW, {"base": site.url, "key": "sesame", "model": "fox"})
    assert page.evaluate(SHOW, by_url["item"]["url"]) == 256
    assert page.evaluate(SHOW, by_url["item"]["url"] + "x") == 0


def test_without_a_key_it_draws_nothing(serve, visitor):
    site = serve()
    assert visitor.evaluate(DRAW, {"base": site.url, "key": "any", "model": "fox"}) == {"error": "APIConnectionError"}
    assert site.worker.seen == []


def test_our_page_works_below_a_path(windows, serve, outliving, tmp_path):
    site = serve(api_key="sesame", trusted_proxies=networks("127.0.0.1"))
    base = outliving.enter_context(nginx(tmp_path, site.port))
    windows.expected += ["401"]
    page = windows.open(f"{base}/imagine", ready=False, ignore_https_errors=True)
    page.click("#status")
    page.fill("#server-key", "sesame")
    page.click("#server-form [type=submit]")
    arrive(page)
    generate(page, "a fox")
    assert page.url == f"{base}/imagine/"
    expect(page.locator(".thumb")).to_have_count(1)
