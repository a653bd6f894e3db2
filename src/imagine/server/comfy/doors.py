"""What answers each path, imported once it is asked: who never is so never pays for it."""

from __future__ import annotations

from aiohttp import web


async def prompt(request: web.Request) -> web.StreamResponse:
    """As `routes.prompt`."""
    from .routes import prompt as answer

    return await answer(request)


async def queue_length(request: web.Request) -> web.StreamResponse:
    """As `routes.queue_length`."""
    from .routes import queue_length as answer

    return await answer(request)


async def history(request: web.Request) -> web.StreamResponse:
    """As `routes.history`."""
    from .routes import history as answer

    return await answer(request)


async def history_of_one(request: web.Request) -> web.StreamResponse:
    """As `routes.history_of_one`."""
    from .routes import history_of_one as answer

    return await answer(request)


async def change_history(request: web.Request) -> web.StreamResponse:
    """As `routes.change_history`."""
    from .routes import change_history as answer

    return await answer(request)


async def queue(request: web.Request) -> web.StreamResponse:
    """As `routes.queue`."""
    from .routes import queue as answer

    return await answer(request)


async def change_queue(request: web.Request) -> web.StreamResponse:
    """As `routes.change_queue`."""
    from .routes import change_queue as answer

    return await answer(request)


async def interrupt(request: web.Request) -> web.StreamResponse:
    """As `routes.interrupt`."""
    from .routes import interrupt as answer

    return await answer(request)


async def free(request: web.Request) -> web.StreamResponse:
    """As `routes.free`."""
    from .routes import free as answer

    return await answer(request)


async def listen(request: web.Request) -> web.StreamResponse:
    """As `sockets.listen`."""
    from .sockets import listen as answer

    return await answer(request)


async def upload_image(request: web.Request) -> web.StreamResponse:
    """As `files.upload_image`."""
    from .files import upload_image as answer

    return await answer(request)


async def upload_mask(request: web.Request) -> web.StreamResponse:
    """As `files.upload_mask`."""
    from .files import upload_mask as answer

    return await answer(request)


async def view(request: web.Request) -> web.StreamResponse:
    """As `files.view`."""
    from .files import view as answer

    return await answer(request)


async def system_stats(request: web.Request) -> web.StreamResponse:
    """As `about.system_stats`."""
    from .about import system_stats as answer

    return await answer(request)


async def object_info(request: web.Request) -> web.StreamResponse:
    """As `about.object_info`."""
    from .about import object_info as answer

    return await answer(request)


async def object_info_of_one(request: web.Request) -> web.StreamResponse:
    """As `about.object_info_of_one`."""
    from .about import object_info_of_one as answer

    return await answer(request)


async def model_folders(request: web.Request) -> web.StreamResponse:
    """As `about.model_folders`."""
    from .about import model_folders as answer

    return await answer(request)


async def models_in(request: web.Request) -> web.StreamResponse:
    """As `about.models_in`."""
    from .about import models_in as answer

    return await answer(request)


async def embeddings(request: web.Request) -> web.StreamResponse:
    """As `about.embeddings`."""
    from .about import embeddings as answer

    return await answer(request)


async def extensions(request: web.Request) -> web.StreamResponse:
    """As `about.extensions`."""
    from .about import extensions as answer

    return await answer(request)


async def features(request: web.Request) -> web.StreamResponse:
    """As `about.features`."""
    from .about import features as answer

    return await answer(request)
