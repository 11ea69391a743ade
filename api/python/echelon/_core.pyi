from typing import Any, Callable, Optional

__version__: str

class Usage:
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int

class ToolCall:
    id: str
    name: str
    arguments: str

class Completion:
    text: str
    thinking: str
    tool_calls: list[ToolCall]
    finish_reason: str
    usage: Usage
    model: str
    route: str
    request_id: str
    attempts: int
    dropped: list[str]
    json: str

class Chunk:
    text: str
    thinking: str
    json: str

class ThinkingConfig:
    enabled: bool
    budget_tokens: Optional[int]

class TaskGroupConfig:
    group: str
    tier: str
    models: list[str]
    priority: int
    timeout: float
    max_retries: int
    concurrency_limit: Optional[int]
    rpm_limit: Optional[int]
    temperature: Optional[float]
    response_format: str
    function_calling: str
    thinking_config: Optional[ThinkingConfig]
    fallback_strategy: str

class Prompt:
    @staticmethod
    def from_json(body: str) -> Prompt: ...

class CallOptions:
    fallback_groups: list[str]
    priority: int
    temperature: Optional[float]
    max_tokens: Optional[int]
    body_json: str
    request_id: str
    client_key: str
    def __init__(self) -> None: ...
    def set_timeout(self, seconds: float) -> None: ...
    def set_node_config(self, text: str) -> None: ...

class CallHandle:
    def cancel(self) -> None: ...

class CompletionStream:
    def next(self) -> Optional[Chunk]: ...
    def completion(self) -> Completion: ...
    def cancel(self) -> None: ...
    def when_ready(self, ready: Callable[[], Any]) -> None: ...

class LlmClient:
    @property
    def target(self) -> str: ...
    def call(self, targets: Optional[list[str]], prompt: Prompt,
             options: CallOptions) -> Completion: ...
    def open(self, targets: Optional[list[str]], prompt: Prompt,
             options: CallOptions) -> CompletionStream: ...
    def start(self, targets: Optional[list[str]], prompt: Prompt, options: CallOptions,
              done: Callable[[Completion], Any], failed: Callable[[Any], Any]) -> CallHandle: ...

class ConfigManager:
    def __init__(self, path: str, simulate: bool = ...) -> None: ...
    @staticmethod
    def from_text(yaml: str, simulate: bool = ..., name: str = ...) -> ConfigManager: ...
    def get_task_group_config(self, group: str, tier: str) -> TaskGroupConfig: ...
    def get_task_group_configs(self, group: str) -> list[TaskGroupConfig]: ...
    def targets(self) -> list[str]: ...
    def warnings(self) -> list[str]: ...
    def check(self, node: str) -> None: ...

class LlmFactory:
    def __init__(self, config: ConfigManager, threads: int, script: str, node: str, listen: str,
                 seeds: list[str]) -> None: ...
    @staticmethod
    def connect(url: str, api_key: str, admin_token: str, ca_file: str) -> LlmFactory: ...
    def create_client_from_group(self, target: str) -> LlmClient: ...
    def create_client(self, node: str) -> LlmClient: ...
    def reload(self) -> None: ...
    def ready(self) -> bool: ...
    def state(self) -> str: ...
    def decision(self, request_id: str) -> str: ...
    def shutdown(self, grace: float) -> None: ...
