"""The server's log: one JSON object a line, each with the id of the request that it is about."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from evalnb_server.monitoring.requests import current_id


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, request_id; an access line's own fields besides."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. Breaks inside a message cannot forge another line: JSON escapes them."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": current_id(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure() -> None:
    """Send this process's log to standard error as JSON lines; libraries' chatter below warnings is left out."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "pyvips"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
