"""The official Python SDKs, unmodified, against a router. argv: base URL, key, action, model.

Prints one line of JSON: what the SDK returned, or the class of what it raised.
"""
import json
import sys

import anthropic
import openai

base_url, key, action, model = (sys.argv[1:] + [""])[:4]
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=20)
MESSAGES = [{"role": "user", "content": "hi"}]


def list_():
    return {"ids": [m.id for m in client.models.list()]}


def complete():
    answer = client.chat.completions.create(model=model, messages=MESSAGES)
    return {"text": answer.choices[0].message.content, "finish": answer.choices[0].finish_reason,
            "usage": answer.usage.model_dump()}


def stream():
    text, finish = "", None
    for chunk in client.chat.completions.create(model=model, messages=MESSAGES, stream=True):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
    return {"text": text, "finish": finish}


def tools():
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    answer = client.chat.completions.create(model=model, messages=MESSAGES, tools=[tool])
    return {"calls": [c.model_dump() for c in answer.choices[0].message.tool_calls]}


def messages():
    claude = anthropic.Anthropic(base_url=base_url.removesuffix("/v1"), api_key=key, max_retries=0, timeout=20)
    answer = claude.messages.create(model=model, max_tokens=50, messages=MESSAGES)
    return {"text": answer.content[0].text, "finish": answer.stop_reason}


def messages_stream():
    claude = anthropic.Anthropic(base_url=base_url.removesuffix("/v1"), api_key=key, max_retries=0, timeout=20)
    with claude.messages.stream(model=model, max_tokens=50, messages=MESSAGES) as events:
        text = "".join(events.text_stream)
        return {"text": text, "finish": events.get_final_message().stop_reason}


try:
    print(json.dumps({"list": list_, "complete": complete, "stream": stream, "tools": tools, "messages": messages,
                      "messages_stream": messages_stream}[action]()))
except (openai.APIError, anthropic.APIError) as error:
    print(json.dumps({"thrown": type(error).__name__, "status": getattr(error, "status_code", None),
                      "code": getattr(error, "code", None), "type": getattr(error, "type", None),
                      "message": str(error)}))
