"""The fake hub is held to Hugging Face's own client: what that reads from it is what ours may rely on."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from tests.library.fake_sites import COMMIT, FakeSites, weights

hub = pytest.importorskip("huggingface_hub")


def test_the_official_client_is_served_by_the_fake(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # the environment may have said otherwise
    data = weights()

    async def go():
        async with FakeSites() as fake, asyncio.timeout(240):
            fake.repositories["owner/fox"] = {"fox.safetensors": data, "config.json": b"{}"}
            api = hub.HfApi(endpoint=fake.hub, token=False)
            told = await asyncio.to_thread(api.model_info, "owner/fox", revision="main", files_metadata=True)
            path = await asyncio.to_thread(
                api.hf_hub_download, "owner/fox", "fox.safetensors", cache_dir=tmp_path / "cache"
            )
            return told, Path(path).read_bytes()

    try:
        told, read = asyncio.run(go())
    finally:
        hub.close_session()
    assert read == data
    assert told.sha == COMMIT
    files = {file.rfilename: file for file in told.siblings}
    assert files["fox.safetensors"].lfs.sha256 == hashlib.sha256(data).hexdigest()
    assert files["config.json"].blob_id
