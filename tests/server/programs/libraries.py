"""What LangChain's `ChatOpenAI` and LiteLLM get of a server, as JSON: `libraries.py URL`, by a Python that has them."""

import base64
import io
import json
import os
import struct
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm
from langchain_openai import ChatOpenAI

URL = sys.argv[1]
AT = {"api_base": f"{URL}/v1", "api_key": "any"}
TOOL = {"type": "image_generation", "size": "64x96", "seed": 7}


def sides(data):
    return struct.unpack(">II", data[16:24])


def picture_of(reply):
    return base64.b64decode(reply.data[0].b64_json)


chat = ChatOpenAI(model="fox", base_url=f"{URL}/v1", api_key="any", output_version="responses/v1").bind_tools([TOOL])
first = chat.invoke("a fox")
second = chat.invoke("at night", previous_response_id=first.response_metadata["id"])
blocks = [block for said in (first, second) for block in said.content_blocks]
drawn = picture_of(litellm.image_generation(model="openai/fox", prompt="a fox", size="64x96", **AT))
edited = picture_of(litellm.image_edit(model="openai/gpt-image-1", image=io.BytesIO(drawn), prompt="an owl", **AT))
azure = litellm.image_generation(
    model="azure/fox", prompt="a fox", size="64x96", api_base=URL, api_key="any", api_version="2025-04-01-preview"
)
made = litellm.responses(model="openai/fox", input="a fox", tools=[TOOL], **AT)
print(
    json.dumps(
        {
            "langchain": {
                "sizes": [sides(base64.b64decode(block["base64"])) for block in blocks],
                "kinds": sorted({block["type"] for block in blocks}),
            },
            "litellm": {"generation": sides(drawn), "edit": sides(edited), "azure": sides(picture_of(azure))},
            "responses": [each["type"] if isinstance(each, dict) else each.type for each in made.output],
        }
    )
)
