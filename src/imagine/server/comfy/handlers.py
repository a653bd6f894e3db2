"""Who answers each path: imported with the first that is asked."""

from __future__ import annotations

from collections.abc import Mapping

from ..http.dialect import Handler
from . import about, files, routes, sockets

HANDLERS: Mapping[str, Handler] = {
    "prompt": routes.prompt,
    "queue_length": routes.queue_length,
    "history": routes.history,
    "history_of_one": routes.history_of_one,
    "change_history": routes.change_history,
    "queue": routes.queue,
    "change_queue": routes.change_queue,
    "interrupt": routes.interrupt,
    "free": routes.free,
    "listen": sockets.listen,
    "upload_image": files.upload_image,
    "upload_mask": files.upload_mask,
    "view": files.view,
    "system_stats": about.system_stats,
    "object_info": about.object_info,
    "object_info_of_one": about.object_info_of_one,
    "model_folders": about.model_folders,
    "models_in": about.models_in,
    "embeddings": about.embeddings,
    "extensions": about.extensions,
    "features": about.features,
}
"""By what `dialect.py` calls them."""
