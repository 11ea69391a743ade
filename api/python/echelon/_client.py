"""Calls: awaitable, as streams, and blocking."""

from __future__ import annotations

import asyncio
import json
from typing import Any, AsyncIterator, Iterator, Mapping, Optional, Sequence, Union

from . import _core
from ._core import Chunk, Completion
from ._errors import LLMError

Prompt = Union[str, Sequence[Mapping[str, Any]], Mapping[str, Any]]
"""A text, a list of messages, or a whole body of OpenAI's chat completions."""
NodeConfig = Mapping[str, Any]
"""A workflow node, with the keys of ``workflow_nodes.<name>`` in the configuration."""


def _prompt(prompt: Prompt) -> _core.Prompt:
    if isinstance(prompt, str):
        body: Mapping[str, Any] = {"messages": [{"role": "user", "content": prompt}]}
    elif isinstance(prompt, Mapping):
        body = prompt
    else:
        body = {"messages": list(prompt)}
    return _core.Prompt.from_json(json.dumps(body))


def _options(*, timeout: Optional[float] = None, priority: int = 5,
             temperature: Optional[float] = None, max_tokens: Optional[int] = None,
             fallback_groups: Sequence[str] = (), request_id: str = "", client_key: str = "",
             node_config: Optional[NodeConfig] = None, **body: Any) -> _core.CallOptions:
    options = _core.CallOptions()
    options.fallback_groups = list(fallback_groups)
    options.priority = priority
    options.temperature = temperature
    options.max_tokens = max_tokens
    options.request_id = request_id
    options.client_key = client_key
    if timeout is not None:
        options.set_timeout(timeout)
    if node_config is not None:
        options.set_node_config(json.dumps(node_config))
    if body:
        options.body_json = json.dumps(body)
    return options


class CompletionStream:
    """A stream, to be read with ``async for`` or ``for``. A slow reader holds the upstream.

    Leaving it early (or the ``with`` block) cancels the call.
    """

    def __init__(self, inner: _core.CompletionStream) -> None:
        self._inner = inner

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()

        def tell() -> None:
            if not ready.done():
                ready.set_result(None)

        self._inner.when_ready(lambda: _in_loop(loop, tell))
        try:
            await ready
        except asyncio.CancelledError:
            self._inner.cancel()
            raise
        chunk = self._inner.next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        chunk = self._inner.next()
        if chunk is None:
            raise StopIteration
        return chunk

    def completion(self) -> Completion:
        """The whole answer; reads what is left. Blocks unless the stream is over."""
        return self._inner.completion()

    def cancel(self) -> None:
        """Ends the call."""
        self._inner.cancel()

    def __enter__(self) -> "CompletionStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    async def __aenter__(self) -> "CompletionStream":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cancel()


def _in_loop(loop: asyncio.AbstractEventLoop, what: Any, *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(what, *args)
    except RuntimeError:  # The loop is closed: nobody waits any more.
        pass


class LlmClient:
    """Calls one target, and others by name. Made by :class:`LlmFactory`.

    Every call takes the options ``timeout`` (seconds), ``priority`` (0-9), ``temperature``,
    ``max_tokens``, ``fallback_groups``, ``request_id``, ``client_key``, ``node_config`` (without
    targets), and any other field of OpenAI's chat completions by its name. All raise
    :class:`LLMError`.
    """

    def __init__(self, inner: _core.LlmClient) -> None:
        self._inner = inner

    @property
    def target(self) -> str:
        """What :meth:`call` asks."""
        return self._inner.target

    async def call(self, prompt: Prompt, **options: Any) -> Completion:
        """Calls the client's own target."""
        return await self._await(None, prompt, options)

    async def call_with_group(self, target: str, prompt: Prompt, **options: Any) -> Completion:
        """Calls a node, pool, group, tier or model."""
        return await self._await([target], prompt, options)

    async def call_with_fallback_groups(self, targets: Sequence[str], prompt: Prompt,
                                        **options: Any) -> Completion:
        """Calls the first target, then the others in order, within one deadline."""
        return await self._await(list(targets), prompt, options)

    def stream(self, prompt: Prompt, **options: Any) -> CompletionStream:
        """Streams from the client's own target."""
        return self._open(None, prompt, options)

    def stream_with_group(self, target: str, prompt: Prompt, **options: Any) -> CompletionStream:
        """Streams from a node, pool, group, tier or model."""
        return self._open([target], prompt, options)

    def stream_with_fallback_groups(self, targets: Sequence[str], prompt: Prompt,
                                    **options: Any) -> CompletionStream:
        """Streams from the first target that can, in order."""
        return self._open(list(targets), prompt, options)

    def call_sync(self, prompt: Prompt, **options: Any) -> Completion:
        """As :meth:`call`, blocking the thread."""
        return self._inner.call(None, _prompt(prompt), _options(**options))

    def call_with_group_sync(self, target: str, prompt: Prompt, **options: Any) -> Completion:
        """As :meth:`call_with_group`, blocking the thread."""
        return self._inner.call([target], _prompt(prompt), _options(**options))

    def call_with_fallback_groups_sync(self, targets: Sequence[str], prompt: Prompt,
                                       **options: Any) -> Completion:
        """As :meth:`call_with_fallback_groups`, blocking the thread."""
        return self._inner.call(list(targets), _prompt(prompt), _options(**options))

    def _open(self, targets: Optional[list[str]], prompt: Prompt,
              options: Mapping[str, Any]) -> CompletionStream:
        return CompletionStream(self._inner.open(targets, _prompt(prompt), _options(**options)))

    async def _await(self, targets: Optional[list[str]], prompt: Prompt,
                     options: Mapping[str, Any]) -> Completion:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Completion] = loop.create_future()

        def done(x: Completion) -> None:
            if not answer.done():
                answer.set_result(x)

        def failed(x: LLMError) -> None:
            if not answer.done():
                answer.set_exception(x)

        handle = self._inner.start(targets, _prompt(prompt), _options(**options),
                                   lambda x: _in_loop(loop, done, x),
                                   lambda x: _in_loop(loop, failed, x))
        try:
            return await answer
        except asyncio.CancelledError:
            handle.cancel()
            raise
