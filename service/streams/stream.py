"""The conversation itself: frames come in, sharpened ones go out, and no backlog grows.

Three tasks: one reads, and lets only the newest frame wait; one has frames sharpened, the next as
soon as the network is done with the one before; one tells of frames that were not. Whatever is
wrong with a frame is told, and the others go on. Never decodes, encodes or runs a network itself.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from pydantic_core import to_json
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from service.access import Work
from service.errors import NotReadyError, TooBusyError
from service.problems import describe_error
from service.resources import Resources
from service.settings import Settings
from service.streams.messages import AnswerHeader, Dropped, Failed, Outcome, Reason, pack_answer
from service.streams.options import StreamOptions, change_options
from service.streams.rate import Rate
from service.streams.waiting import Frame, NewestFrame
from service.streams.work import Sharpened, sharpen_frame
from sharpening.errors import SharpeningError

Note = Callable[[Outcome, Work | None], None]
AskResources = Callable[[], Resources]

_MOST_NOTICES = 256
"""Of frames that were not sharpened, unsent: with a client that reads none, reading stops then."""
_FLOOD = 10
"""Messages beyond the rate are read as fast as so many times the rate, and no faster."""


class Stream:
    """One client's frames, from the first to the last."""

    def __init__(
        self,
        websocket: WebSocket,
        options: StreamOptions,
        settings: Settings,
        ask_resources: AskResources,
        note: Note,
    ) -> None:
        """`ask_resources` is called for each frame, so that new weights count from the next one.

        `note` is told what became of each frame, and of a sharpened one what that took.
        """
        self.counts: Counter[Outcome] = Counter()
        self._websocket = websocket
        self._options = options
        self._settings = settings
        self._ask_resources = ask_resources
        self._note = note
        self._waiting = NewestFrame()
        self._notices: asyncio.Queue[Dropped | Failed | None] = asyncio.Queue(_MOST_NOTICES)
        self._came = 0
        self._stopped = False
        self._reading: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Converse until the client falls silent for `stream_idle_s`.

        Raises `NotReadyError` after `stop`, and `WebSocketDisconnect` if the client has left. But
        for that, all that was taken is finished first.
        """
        has_left = False
        try:
            async with asyncio.TaskGroup() as group:
                self._reading = group.create_task(self._read())
                group.create_task(self._work(group))
                group.create_task(self._tell())
        except* WebSocketDisconnect:
            has_left = True
        if has_left:
            raise WebSocketDisconnect
        if self._stopped:
            raise NotReadyError("the service is stopping: open a stream at another one")

    def stop(self) -> None:
        """Take no more frames."""
        if self._reading is not None:
            self._stopped = True
            self._reading.cancel()

    async def _read(self) -> None:
        rate = Rate(self._settings.max_frames_per_s)
        try:
            while (message := await self._receive()) is not None:
                in_time = rate.take()
                if message.get("text") is not None:
                    await self._change(message["text"])
                else:
                    await self._take(message["bytes"], in_time)
                if not in_time:
                    await asyncio.sleep(1 / (_FLOOD * rate.per_s))
        finally:
            self._waiting.close()

    async def _receive(self) -> Message | None:
        """Return the next message, or None if none comes for too long."""
        try:
            async with asyncio.timeout(self._settings.stream_idle_s):
                message = await self._websocket.receive()
        except TimeoutError:
            return None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        return message

    async def _change(self, message: str) -> None:
        try:
            options = change_options(self._options, message)
            self._ask_resources().models.get(options.model)
        except SharpeningError as error:
            await self._notices.put(self._describe(None, error))
        else:
            self._options = options

    async def _take(self, data: bytes, in_time: bool) -> None:
        frame = Frame(self._came, data, self._options, time.perf_counter())
        self._came += 1
        if not in_time:
            await self._drop(frame, "busy")
        elif (replaced := self._waiting.put(frame)) is not None:
            await self._drop(replaced, "newer")

    async def _work(self, group: asyncio.TaskGroup) -> None:
        """Begin a frame when the network is done with the one before, and that before it is sent.

        So one frame is encoded and sent while the next is decoded and runs through the network, and
        no more than that one waits for a slow client.
        """
        before: asyncio.Task[None] | None = None
        while (frame := await self._waiting.take()) is not None:
            through = asyncio.Event()
            serving = group.create_task(self._serve(frame, before, through))
            await through.wait()
            await _end(before)
            before = serving
        await _end(before)
        await self._notices.put(None)

    async def _serve(
        self, frame: Frame, before: asyncio.Task[None] | None, through: asyncio.Event
    ) -> None:
        try:
            sharpened = await sharpen_frame(frame, self._ask_resources(), through.set)
        except TooBusyError:
            await self._drop(frame, "busy")
        except Exception as error:
            self._count("failed")
            await self._notices.put(self._describe(frame.sequence, error))
        else:
            await _end(before)
            await self._answer(frame, sharpened)
        finally:
            through.set()

    async def _answer(self, frame: Frame, sharpened: Sharpened) -> None:
        header = AnswerHeader(
            sequence=frame.sequence,
            width=sharpened.width,
            height=sharpened.height,
            format=frame.options.format,
            model=sharpened.model,
            strength=frame.options.strength,
            dropped=self.counts["newer"] + self.counts["busy"],
            timings_ms=sharpened.timings_ms,
        )
        await self._send({"bytes": pack_answer(header, sharpened.picture)})
        self._count("sharpened", sharpened.work)

    async def _drop(self, frame: Frame, reason: Reason) -> None:
        self._count(reason)
        await self._notices.put(Dropped(frame.sequence, reason))

    async def _tell(self) -> None:
        while (notice := await self._notices.get()) is not None:
            await self._send({"text": to_json(notice).decode()})

    async def _send(self, content: Message) -> None:
        """Send a message; a client that does not read it in time has left."""
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                await self._websocket.send({"type": "websocket.send", **content})
        except TimeoutError as error:
            raise WebSocketDisconnect(1006) from error

    def _count(self, outcome: Outcome, work: Work | None = None) -> None:
        self.counts[outcome] += 1
        self._note(outcome, work)

    def _describe(self, sequence: int | None, error: Exception) -> Failed:
        return Failed(sequence, describe_error(error, self._websocket.state.request_id))


async def _end(task: asyncio.Task[None] | None) -> None:
    """Wait for the end of a task, whatever it is."""
    if task is not None:
        await asyncio.wait([task])
