"""webuiapi, the Python client of AUTOMATIC1111's API, unchanged, against a running server: release 0.9.17 passes."""

import asyncio
import io
from urllib.parse import urlsplit

import pytest
from PIL import Image

from imagine.server.serve import serve
from imagine.settings.settings import Settings
from imagine.words.events import Finished
from imagine.words.recipe import meta_from_params
from tests.server.served import PATIENCE, PromptedWorker, add_model

webuiapi = pytest.importorskip("webuiapi", reason="needs webuiapi")


class PaintingWorker(PromptedWorker):
    """Its pictures are some, since this client opens them."""

    def _end(self, event):
        if isinstance(event, Finished):
            file = io.BytesIO()
            Image.new("RGB", (64, 64), "blue").save(file, "PNG")
            job = next(job for job in self.seen if job.job == event.job)
            event = Finished(job=event.job, data=file.getvalue(), meta=meta_from_params(job.params), timings={})
        super()._end(event)


def using(folder, act, **said):
    """Runs `act(client, worker)` on a thread with the client's defaults but for the address."""

    async def go():
        add_model(folder, "fox")
        stop, urls, worker = asyncio.Event(), asyncio.get_running_loop().create_future(), PaintingWorker()
        settings = Settings(home=folder, host="127.0.0.1", port=0, provenance=False, **said)
        server = asyncio.ensure_future(serve(settings, workers=[worker], ready=urls.set_result, stop=stop))
        async with asyncio.timeout(PATIENCE):
            place = urlsplit((await urls)[0])
            try:
                return await asyncio.to_thread(asked, place.hostname, place.port, worker)
            finally:
                stop.set()
                await server

    def asked(host, port, worker):
        """It asks for the scripts as it is made, with its key as a password."""
        client = webuiapi.WebUIApi(host=host, port=port, username="anybody", password=said.get("api_key"))
        with client.session:
            return act(client, worker)

    return asyncio.run(go())


def test_pictures_with_its_own_defaults(tmp_path):
    def act(client, worker):
        painted = client.txt2img(prompt="a fox", negative_prompt="fog", seed=1003, cfg_scale=7, batch_size=2)
        photo = Image.new("RGB", (64, 64), "red")
        mask = Image.new("L", (64, 64), 255)
        changed = client.img2img(images=[photo], prompt="a hat", mask_image=mask, denoising_strength=0.5, mask_blur=0)
        return painted, changed, [job.params for job in worker.seen]

    painted, changed, jobs = using(tmp_path, act, api_key="a-key-of-some-length")
    assert [image.size for image in painted.images] == [(64, 64)] * 2
    assert painted.info["all_seeds"] == [1003, 1004]
    assert painted.info["infotexts"][0].startswith("a fox\nNegative prompt: fog\nSteps: 20")
    assert changed.parameters["prompt"] == "a hat"
    assert (jobs[0].num_steps, jobs[0].sampler, jobs[2].strength) == (20, "euler a", 0.5)
    assert jobs[2].mask is not None


def test_all_else_that_it_asks(tmp_path):
    def act(client, worker):
        photo = Image.new("RGB", (64, 64), "red")
        client.util_set_model("fox")
        assert client.util_get_current_model().startswith("fox")
        client.util_wait_for_ready(check_interval=0.1)
        assert client.get_progress()["progress"] == 0
        assert client.png_info(photo).info == ""
        lists = (
            client.get_samplers(), client.get_schedulers(), client.get_upscalers(), client.get_prompt_styles(),
            client.get_latent_upscale_modes(), client.get_cmd_flags(), client.get_options(), client.get_memory(),
            client.get_scripts(),
        )  # fmt: skip
        assert all(lists)
        for ask in (
            client.get_loras, client.get_embeddings, client.get_hypernetworks, client.get_face_restorers,
            client.get_realesrgan_models, client.get_sd_vae, client.refresh_checkpoints, client.interrupt, client.skip,
        ):  # fmt: skip
            ask()
        assert client.extra_single_image(photo, upscaler_1="None").image.size == (64, 64)
        assert "canny" in client.controlnet_module_list()
        with pytest.raises(RuntimeError, match="no assistant"):
            client.interrogate(photo)
        return [job.params for job in worker.seen]

    assert using(tmp_path, act) == []
