"""echelon: an actor-based, distributed router for LLM requests, inside your process.

    config_manager = ConfigManager("configs/llms")
    llm_factory = LlmFactory(config_manager)
    llm_client = llm_factory.create_client_from_group("plan_group.echelon1")
    result = await llm_client.call_with_group("plan_group.echelon1", "Plan a trip.")
"""

from __future__ import annotations

import atexit
import json
import weakref
from pathlib import Path
from typing import Any, Sequence, Union

from . import _core
from ._client import CompletionStream, LlmClient, NodeConfig, Prompt
from ._core import Chunk, Completion, TaskGroupConfig, ThinkingConfig, ToolCall, Usage
from ._errors import LLMError

__version__: str = _core.__version__
__all__ = ["Chunk", "Completion", "CompletionStream", "ConfigManager", "LLMError", "LlmClient",
           "LlmFactory", "NodeConfig", "Prompt", "TaskGroupConfig", "ThinkingConfig", "ToolCall",
           "Usage"]

_running: "weakref.WeakSet[LlmFactory]" = weakref.WeakSet()


class ConfigManager:
    """A configuration that was read and checked.

    Args:
        path: A YAML file, or a folder of them.
        simulate: Every provider is played by the built-in simulator: no keys are needed.

    Raises:
        LLMError: kind ``configuration``, with every fault as ``file:line:col: error: text [rule]``.
    """

    def __init__(self, path: Union[str, Path], *, simulate: bool = False) -> None:
        self._inner = _core.ConfigManager(str(path), simulate)

    @classmethod
    def from_text(cls, yaml: str, *, simulate: bool = False,
                  name: str = "config.yaml") -> "ConfigManager":
        """The same from a text; `name` stands for the file in faults."""
        self = cls.__new__(cls)
        self._inner = _core.ConfigManager.from_text(yaml, simulate, name)
        return self

    def get_task_group_config(self, group: str, tier: str) -> TaskGroupConfig:
        """One tier. Raises LLMError (``unknown_target``)."""
        return self._inner.get_task_group_config(group, tier)

    def get_task_group_configs(self, group: str) -> list[TaskGroupConfig]:
        """Every tier of a group, by priority. Raises LLMError (``unknown_target``)."""
        return self._inner.get_task_group_configs(group)

    def targets(self) -> list[str]:
        """Names of all nodes, pools, groups, tiers and models."""
        return self._inner.targets()

    def warnings(self) -> list[str]:
        """What is odd about it, as ``file:line:col: warning: text [rule]``."""
        return self._inner.warnings()

    def check(self, node_config: NodeConfig) -> None:
        """Checks a node from code. Raises LLMError (``configuration``) with every fault."""
        self._inner.check(json.dumps(node_config))


class LlmFactory:
    """A router in this process, or the way to one elsewhere (:meth:`connect`).

    With ``cluster`` in the configuration (or `node`) it is a member of that cluster. Use it as a
    context manager, or call :meth:`shutdown`; what still runs at the end of Python is shut down.
    """

    def __init__(self, config: ConfigManager, *, threads: int = 1, simulator_script: str = "",
                 node: str = "", cluster_listen: str = "", seeds: Sequence[str] = ()) -> None:
        self._adopt(_core.LlmFactory(config._inner, threads, simulator_script, node,
                                     cluster_listen, list(seeds)))

    @classmethod
    def connect(cls, url: str, *, api_key: str = "", admin_token: str = "",
                ca_file: str = "") -> "LlmFactory":
        """A client of ``echelon serve`` at `url`."""
        self = cls.__new__(cls)
        self._adopt(_core.LlmFactory.connect(url, api_key, admin_token, ca_file))
        return self

    def _adopt(self, inner: _core.LlmFactory) -> None:
        self._inner = inner
        _running.add(self)

    def create_client_from_group(self, target: str) -> LlmClient:
        """A client of a node, pool, group, tier or model. Raises LLMError (``unknown_target``)."""
        return LlmClient(self._inner.create_client_from_group(target))

    def create_client(self, node_config: NodeConfig) -> LlmClient:
        """A client of a node from code. Raises LLMError (``configuration``) with every fault."""
        return LlmClient(self._inner.create_client(json.dumps(node_config)))

    def reload(self) -> None:
        """Reads the configuration's files again: all or nothing, state is kept."""
        self._inner.reload()

    def ready(self) -> bool:
        """Whether calls can be admitted now."""
        return self._inner.ready()

    def state(self) -> dict[str, Any]:
        """Every actor with its permits, queue, limiter and breaker: as ``GET /admin/state``."""
        return json.loads(self._inner.state())

    def decision(self, request_id: str) -> dict[str, Any] | None:
        """The decision record of a finished call, or None."""
        text = self._inner.decision(request_id)
        return json.loads(text) if text else None

    def shutdown(self, grace: float = 0.0) -> None:
        """Lets calls in flight end for `grace` seconds, ends the others, and stops."""
        self._inner.shutdown(grace)

    def __enter__(self) -> "LlmFactory":
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


@atexit.register
def _stop_all() -> None:
    # Threads of a router must not call into an interpreter that is gone.
    for factory in list(_running):
        factory.shutdown()
