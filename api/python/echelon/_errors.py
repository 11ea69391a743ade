"""Failures of calls."""

from __future__ import annotations

import json
from typing import Any


class LLMError(Exception):
    """Why a call failed.

    Attributes:
        kind: ``rate_limited``, ``deadline_exceeded``, ``upstream`` and so on; see docs/embedding.md.
        status: HTTP status that a client of the gateway would see; 0: none.
        code, param: As the gateway tells them; may be empty.
        retry_after: Seconds until the same call can succeed, or None.
        request_id, route, attempts: How far the call came.
        decision: The decision record, or None.
        partial_text: Text of a stream that broke after its content had begun.
    """

    def __init__(self, message: str, kind: str = "upstream", status: int = 0, code: str = "",
                 param: str = "", retry_after: float | None = None, request_id: str = "",
                 route: str = "", attempts: int = 0, decision: str = "",
                 partial_text: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.request_id = request_id
        self.route = route
        self.attempts = attempts
        self.decision: dict[str, Any] | None = json.loads(decision) if decision else None
        self.partial_text = partial_text
