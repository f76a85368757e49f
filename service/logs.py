"""How a log line looks: plain or JSON, with the id of the request that it belongs to.

Never knows what is logged, and never logs itself.
"""

import json
import logging
import time
from contextvars import ContextVar
from typing import Any, Literal

LogFormat = Literal["plain", "json"]

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the request that is worked on; threads that work for it see it too."""

_PLAIN = "%(asctime)s %(levelname)s %(name)s [%(request_id)s]: %(message)s"


def make_handler(format_: LogFormat) -> logging.Handler:
    """Return a handler that writes such lines to standard error."""
    handler = logging.StreamHandler()
    handler.addFilter(_add_request_id)
    handler.setFormatter(JsonFormatter() if format_ == "json" else logging.Formatter(_PLAIN))
    return handler


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what a record was given as `fields` becomes members of it."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _format_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": getattr(record, "request_id", request_id.get()),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def _format_time(created_s: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(created_s))
    return f"{whole}.{int(created_s % 1 * 1000):03d}Z"


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True
