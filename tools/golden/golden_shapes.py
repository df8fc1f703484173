"""Makes tests/golden/serve/shapes.json: JSON schemas of what a server of OpenAI's API sends, from the typed models of the Open Responses
specification and of OpenAI's own client, so that the tests can judge without either.

    build/compat/venv/bin/python tools/golden/golden_shapes.py      (the versions: tests/compat/requirements.txt)
"""
import importlib.metadata
import json
import pathlib
import typing

import openresponses_types.types as spec
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import ResponseUsage
from pydantic import TypeAdapter

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/serve/shapes.json"
WORDS = ("description", "title", "examples", "default", "discriminator", "format", "maxLength", "minLength", "maximum", "minimum", "pattern")


def bare(x, names=False):
    """Without what no judgement needs; names: the keys are members or definitions, not words of a schema."""
    if isinstance(x, dict):
        return {k: bare(v, k in ("properties", "$defs") and not names) for k, v in x.items() if names or k not in WORDS}
    return [bare(v) for v in x] if isinstance(x, list) else x


def main():
    events = [getattr(spec, n) for n in dir(spec) if n.endswith("StreamingEvent")]
    kinds = dict(response=spec.ResponseResource, response_usage=ResponseUsage, event=typing.Union[tuple(events)], chat=ChatCompletion,
                 chat_chunk=ChatCompletionChunk, chat_usage=CompletionUsage)
    shapes = {"made from": {p: importlib.metadata.version(p) for p in ("openai", "openresponses-types")}}
    shapes.update({name: bare(TypeAdapter(kind).json_schema()) for name, kind in kinds.items()})
    GOLDEN.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in shapes.items()) + "\n}\n")


if __name__ == "__main__":
    main()
