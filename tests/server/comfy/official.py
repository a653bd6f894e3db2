"""What a program does with comfy-api-simplified, in its own process: python official.py URL KEY PHOTO."""

import json
import sys

from comfy_api_simplified import ComfyApiError, ComfyApiWrapper, ComfyWorkflowWrapper

url, key, photo = sys.argv[1:]
graphs = json.load(sys.stdin)
api = ComfyApiWrapper(url, user="anybody", password=key)
for graph in graphs.values():
    for name, node in graph.items():
        node["_meta"] = {"title": f"node {name}"}
text = ComfyWorkflowWrapper(graphs["text"])
text.set_node_param("node 6", "text", "two foxes")
painted = api.queue_and_wait_images(text, "node 9")
sent = api.upload_image(photo)
over = ComfyWorkflowWrapper(graphs["image"])
over.set_node_param("node 10", "image", f"{sent['subfolder']}/{sent['name']}")
changed = api.queue_and_wait_images(over, "node 9")
refused = ""
try:
    api.queue_prompt(graphs["unknown"])
except ComfyApiError as error:
    refused = str(error)
api.interrupt()
print(json.dumps({
    "painted": {name: data.decode() for name, data in painted.items()},
    "changed": {name: data.decode() for name, data in changed.items()},
    "refused": refused,
    "queue": api.get_queue(),
    "stats": [*api.get_system_stats()],
    "nodes": [*api.get_object_info("KSampler")],
    "embeddings": api.get_embeddings(),
}))  # fmt: skip
