import json
import logging
import sys

import pytest

from service.logs import JsonFormatter, make_handler, request_id


def make_record(message: str = "sharpened %s", **extra: object) -> logging.LogRecord:
    logger = logging.getLogger("service.test")
    return logger.makeRecord(
        logger.name, logging.WARNING, __file__, 1, message, ("it",), None, extra=extra
    )


@pytest.mark.parametrize("format_", ["plain", "json"])
def test_every_line_of_a_request_has_its_id(format_: str) -> None:
    handler = make_handler(format_)
    record = make_record()
    token = request_id.set("job-17")
    try:
        assert handler.filter(record)
    finally:
        request_id.reset(token)

    line = handler.format(record)
    assert "\n" not in line
    assert "job-17" in line
    assert "sharpened it" in line


def test_json_has_the_fields_as_members() -> None:
    entry = json.loads(JsonFormatter().format(make_record(fields={"status": 200})))

    assert entry["level"] == "warning"
    assert entry["logger"] == "service.test"
    assert entry["message"] == "sharpened it"
    assert entry["request_id"] == "-"
    assert entry["status"] == 200
    assert entry["time"].endswith("Z")


def test_json_keeps_an_exception_on_its_line() -> None:
    record = make_record()
    try:
        raise LookupError("as planned")
    except LookupError:
        record.exc_info = sys.exc_info()

    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert "as planned" in json.loads(line)["exception"]
