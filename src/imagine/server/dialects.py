"""Every dialect that the server speaks: a new one is a folder, and a line here."""

from __future__ import annotations

from .a1111.dialect import A1111
from .comfy.dialect import COMFY
from .huggingface.dialect import HUGGING_FACE
from .mcp.dialect import MCP
from .native.dialect import NATIVE
from .ollama.dialect import OLLAMA
from .openai.dialect import OPENAI
from .openapi import DESCRIPTION
from .replicate.dialect import REPLICATE

DIALECTS = (COMFY, NATIVE, DESCRIPTION, REPLICATE, OPENAI, OLLAMA, HUGGING_FACE, MCP, A1111)
"""The first whose path it is answers: a model of OWNER/NAME in Replicate's words, which hold OpenAI's too, and what
ComfyUI calls folders of models before models that are called so."""
