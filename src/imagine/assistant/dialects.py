"""The two ways in which servers of language models are spoken to: Ollama's own, and OpenAI's, which most others speak.

Both are pure translation: a question to a body, a body to what the model wrote.

Sources: https://github.com/ollama/ollama/blob/main/docs/api.md, https://platform.openai.com/docs/api-reference/chat;
what servers get wrong is in their issues (ollama/ollama 14850, 15540, 16184, 16563, 17183).
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..messages import message
from .answers import words
from .question import Manner, ModelQuestion
from .trouble import AssistantTrouble

SEED = 0
"""The same wish gets the same plan, as far as the server keeps to it."""
_SHOWN = 120


class Written(NamedTuple):
    """What a model wrote, and why it stopped."""

    text: str
    ended: str


class ChatDialect(NamedTuple):
    """One of the two."""

    name: str
    path: str
    body: Callable[[ModelQuestion, Manner], dict[str, Any]]


def _ollama(asked: ModelQuestion, manner: Manner) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "user", "content": asked.text}
    if asked.picture is not None:
        said["images"] = [b64encode(asked.picture).decode("ascii")]
    body: dict[str, Any] = {
        "model": asked.model,
        "messages": [{"role": "system", "content": manner.instruction_of(asked)}, said],
        "stream": False,
        "keep_alive": asked.keep_alive,
        "options": {"temperature": 0, "seed": SEED, "num_predict": manner.room, "num_ctx": 8192},
    }
    if manner.strict:
        body["format"] = asked.schema
    if manner.silent:
        body["think"] = False
    return body


def _openai(asked: ModelQuestion, manner: Manner) -> dict[str, Any]:
    content: Any = asked.text
    if asked.picture is not None:
        shown = "data:image/jpeg;base64," + b64encode(asked.picture).decode("ascii")
        content = [{"type": "text", "text": asked.text}, {"type": "image_url", "image_url": {"url": shown}}]
    body: dict[str, Any] = {
        "model": asked.model,
        "messages": [
            {"role": "system", "content": manner.instruction_of(asked)},
            {"role": "user", "content": content},
        ],
        "stream": False,
        "temperature": 0,
        "seed": SEED,
        "max_tokens": manner.room,
    }
    if manner.strict:
        schema = {"name": asked.name, "strict": True, "schema": asked.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


OLLAMA = ChatDialect("ollama", "/api/chat", _ollama)
OPENAI = ChatDialect("openai", "/v1/chat/completions", _openai)


def written_in(body: bytes) -> Written:
    """What the model wrote, in whichever of the two shapes it came: some servers answer in the other's.

    Raises AssistantTrouble for what is neither, and for an error that came as a success.
    """
    documents = _documents(body)
    for each in documents:
        if each.get("error"):
            raise AssistantTrouble(message("assist.error", why=error_in(each)), "less")
    parts = [_part(each) for each in documents]
    ended = next((part.ended for part in reversed(parts) if part.ended), "")
    return Written("".join(part.text for part in parts), ended)


def error_in(document: Mapping[str, Any]) -> str:
    """What an error says, in either shape; "" for nothing."""
    error = document.get("error")
    if isinstance(error, Mapping):
        error = error.get("message")
    return words(error or document.get("message") or document.get("detail") or "", _SHOWN)


def _documents(body: bytes) -> list[dict[str, Any]]:
    """The one object; or the lines of a stream that nobody asked for."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AssistantTrouble(message("assist.no_json"), "otherwise") from error
    if (whole := _parsed(text)) is not None:
        return [whole]
    lines = (line.removeprefix("data:").strip() for line in text.splitlines() if line.strip())
    parsed = [_parsed(line) for line in lines if line not in ("[DONE]", "") and not line.startswith((":", "event:"))]
    documents = [each for each in parsed if each is not None]
    if not documents or len(documents) < len(parsed):
        raise AssistantTrouble(message("assist.no_reply"), "otherwise")
    return documents


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _part(document: Mapping[str, Any]) -> Written:
    """Of one document. Thoughts and calls of tools are left out: nothing here is a tool."""
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else document
    said = first.get("message") or first.get("delta")
    said = said if isinstance(said, Mapping) else {}
    if refusal := words(said.get("refusal") or "", _SHOWN):
        raise AssistantTrouble(message("assist.declined", why=refusal))
    ended = first.get("finish_reason") or document.get("done_reason") or ""
    if ended == "content_filter":
        raise AssistantTrouble(message("assist.declined", why="content_filter"))
    return Written(_text(said.get("content", first.get("text"))), ended if isinstance(ended, str) else "")


def _text(content: object) -> str:
    """A text, or a list of parts that have one."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""
