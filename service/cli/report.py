"""What a command says while it works and when it is done: on standard error, for people."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm.auto import tqdm

_SILENCE_S = 5.0
_MOST_LISTED = 1000


class _Progress:
    """A bar that is there on a terminal only, and is closed with the block."""

    def __init__(self, total: int | None, verb: str, unit: str) -> None:
        self._bar = tqdm(total=total, desc=verb, unit=unit, disable=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()


class Report(_Progress):
    """A progress bar on a terminal, a line for each picture elsewhere; failures at the end."""

    def __init__(self, total: int | None, verb: str) -> None:
        super().__init__(total, verb, "picture")
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


class BulkReport(_Progress):
    """More pictures than one would read lines of: a count now and then, failures at once."""

    def __init__(self, verb: str) -> None:
        super().__init__(None, verb, "picture")
        self._pace = _Pace()
        self._listed: list[str] = []
        self.done = self.failed = 0

    def add_done(self) -> None:
        """Count a picture that was done."""
        self.done += 1
        self._advance()

    def add_failed(self, line: str) -> None:
        """Count a picture that could not be done, say so, and keep the line for the end."""
        self.failed += 1
        if self.failed <= _MOST_LISTED:
            self._listed.append(line)
        self._bar.write(f"failed: {line}", file=sys.stderr)
        self._advance()

    def conclude(self, summary: str) -> None:
        """Say what came of it all, and list what failed."""
        self._bar.close()
        print(summary, file=sys.stderr)
        if self._listed:
            beyond = self.failed - len(self._listed)
            print(f"{self.failed} failed:", file=sys.stderr)
            print(*(f"  {line}" for line in sorted(self._listed)), sep="\n", file=sys.stderr)
            if beyond:
                print(f"  and {beyond} more, named above", file=sys.stderr)

    def _advance(self) -> None:
        self._bar.update()
        if self._bar.disable and self._pace.is_time():
            rate = (self.done + self.failed) / self._pace.passed_s
            counted = f"{self.done} done, {self.failed} failed"
            print(f"{counted}, {rate:.1f} pictures/s", file=sys.stderr, flush=True)


class _Pace:
    """When it is time to say something again."""

    def __init__(self) -> None:
        self._begun_s = self._told_s = time.perf_counter()

    @property
    def passed_s(self) -> float:
        return time.perf_counter() - self._begun_s

    def is_time(self) -> bool:
        now_s = time.perf_counter()
        if now_s - self._told_s < _SILENCE_S:
            return False
        self._told_s = now_s
        return True


class FrameReport(_Progress):
    """The frames of a video counted: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, total: int | None, verb: str) -> None:
        super().__init__(total, verb, "frame")
        self._total = total
        self.done = 0
        self._pace = _Pace()

    def warn(self, text: str) -> None:
        """Say at once what is not as one would expect."""
        self._bar.write(f"sharpen: {text}", file=sys.stderr)

    def count(self) -> None:
        """Count a frame that was done."""
        self.done += 1
        self._bar.update()
        if self._bar.disable and self._pace.is_time():
            print(self._tell(self._pace.passed_s), file=sys.stderr, flush=True)

    def _tell(self, passed_s: float) -> str:
        rate = self.done / passed_s
        if self._total is None:
            return f"{self.done} frames, {rate:.1f} frames/s"
        left_s = max(0.0, (self._total - self.done) / rate)
        done = f"{self.done} of about {self._total} frames"
        return f"{done}, {rate:.1f} frames/s, {left_s:.0f} s left"
