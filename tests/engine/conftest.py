"""Tiny checkpoints, written once for all tests."""

import socket
from contextlib import ExitStack

import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from tests.checkpoints import tiny_modules, write_checkpoint, write_whole_folder
from tests.engine.accelerator import write_half
from tests.engine.pretended import pretended
from tests.engine.running import model_at


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Gives the file of a family's tiny checkpoint and the modules in it."""
    folder, known = tmp_path_factory.mktemp("checkpoints"), {}

    def get(family="stable_diffusion", in_channels=4):
        key = (family, in_channels)
        if key not in known:
            modules = tiny_modules(family, in_channels=in_channels)
            path = folder / f"{family}-{in_channels}.safetensors"
            write_checkpoint(path, modules)
            known[key] = path, modules
        return known[key]

    return get


@pytest.fixture(scope="session")
def sd1(checkpoints):
    return model_at(checkpoints()[0])


@pytest.fixture(scope="session")
def sd3(tmp_path_factory):
    """A tiny Stable Diffusion 3 folder, which has no family of its own here."""
    path = tmp_path_factory.mktemp("whole") / "sd3"
    write_whole_folder(path)
    return model_at(path, "sd3")


@pytest.fixture
def accelerator():
    """Makes one."""
    with ExitStack() as opened:
        yield lambda kind="cuda", **has: opened.enter_context(pretended(kind, **has))


@pytest.fixture(scope="session")
def half(tmp_path_factory):
    """Small checkpoints in float16."""
    return write_half(tmp_path_factory.mktemp("half"))


@pytest.fixture
def one_thread():
    """As small networks' pictures are made: on several, torch's sums have another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def no_chance(monkeypatch):
    """diffusers takes the middle of what a VAE finds in a picture, as we do."""
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode())


@pytest.fixture
def no_network(monkeypatch):
    """Nobody opens a socket."""

    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
