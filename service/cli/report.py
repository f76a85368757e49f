"""What a command says while it works and when it is done: on standard error, for people."""

import sys
from types import TracebackType
from typing import Self

from tqdm.auto import tqdm


class Report:
    """A progress bar on a terminal, a line for each picture elsewhere; failures at the end."""

    def __init__(self, total: int, verb: str) -> None:
        self._bar = tqdm(total=total, desc=verb, unit="picture", disable=None)
        self._failures: list[str] = []

    def add_done(self, line: str) -> None:
        """Count a picture that was done."""
        self._advance(line)

    def add_failed(self, line: str) -> None:
        """Count a picture that could not be done, and keep the line for the end."""
        self._failures.append(line)
        self._advance(f"failed: {line}")

    @property
    def failures(self) -> int:
        """How many pictures could not be done."""
        return len(self._failures)

    def conclude(self, summary: str) -> None:
        """Say what came of it all, and list what failed."""
        self._bar.close()
        print(summary, file=sys.stderr)
        if self._failures:
            print(f"{len(self._failures)} failed:", file=sys.stderr)
            for line in sorted(self._failures):
                print(f"  {line}", file=sys.stderr)

    def _advance(self, line: str) -> None:
        if self._bar.disable:
            print(line, file=sys.stderr, flush=True)
        self._bar.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()
