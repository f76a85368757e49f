"""Who is let in, who waits and who is sent away."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from service.admission import LEAST_PIXELS, Admission, Limits, Pace, Place
from service.errors import AbandonedError, TooBusyError

pytestmark = pytest.mark.anyio

MEGA = 1_000_000
LIMITS = Limits(in_flight_pixels=4 * MEGA, queued_pixels=6 * MEGA, wait_s=60)
AT_ONCE_S = 0.001


class Crowd:
    """Enters pictures by name and notes in which order they are let in."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.entered: list[str] = []
        self._leave: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, megapixels: float, **options: bool) -> asyncio.Task[None]:
        self._leave[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._stay(name, round(megapixels * MEGA), options))
        await settle()
        return self._tasks[name]

    async def leave(self, *names: str) -> None:
        for name in names:
            self._leave[name].set()
        await settle()

    async def go_away(self, name: str) -> None:
        self._tasks[name].cancel()
        await settle()

    async def _stay(self, name: str, pixels: int, options: dict[str, bool]) -> None:
        async with self.admission.admit(pixels, kind="student", **options):
            self.entered.append(name)
            await self._leave[name].wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def crowd() -> Crowd:
    return Crowd(Admission(LIMITS))


async def test_pictures_are_let_in_while_their_pixels_fit(crowd: Crowd) -> None:
    await crowd.come("a", 2)
    await crowd.come("b", 2)
    await crowd.come("c", 0.1)

    assert crowd.entered == ["a", "b"]
    assert crowd.admission.in_flight_pixels == 4 * MEGA
    assert (crowd.admission.queued, crowd.admission.queued_pixels) == (1, MEGA // 10)


async def test_who_leaves_makes_room_for_the_next(crowd: Crowd) -> None:
    for name in "abc":
        await crowd.come(name, 2)
    await crowd.leave("a")

    assert crowd.entered == ["a", "b", "c"]
    await crowd.leave("b", "c")
    assert crowd.admission.in_flight_pixels == crowd.admission.queued == 0


async def test_a_large_picture_is_not_overtaken_by_small_ones(crowd: Crowd) -> None:
    await crowd.come("first", 3)
    await crowd.come("large", 4)
    await crowd.come("small", 0.5)
    assert crowd.entered == ["first"]

    await crowd.leave("first")
    assert crowd.entered == ["first", "large"]
    await crowd.leave("large")
    assert crowd.entered == ["first", "large", "small"]


async def test_a_picture_larger_than_everything_is_worked_on_alone(crowd: Crowd) -> None:
    await crowd.come("small", 1)
    await crowd.come("huge", 5)
    await crowd.come("next", 1)
    assert crowd.entered == ["small"]

    await crowd.leave("small")
    assert crowd.entered == ["small", "huge"]
    await crowd.leave("huge")
    assert crowd.entered == ["small", "huge", "next"]


async def test_a_full_queue_sends_away_and_says_when_to_come_again(crowd: Crowd) -> None:
    await crowd.come("in flight", 4)
    await crowd.come("waiting", 5)

    with pytest.raises(TooBusyError) as busy:
        await (await crowd.come("too much", 2))

    assert busy.value.retry_after_s >= 1
    await crowd.come("still fits", 1)
    assert crowd.admission.queued == 2


async def test_a_patient_one_is_never_sent_away() -> None:
    crowd = Crowd(Admission(Limits(4 * MEGA, 6 * MEGA, AT_ONCE_S)))
    await crowd.come("in flight", 4)
    await crowd.come("waiting", 6, patient=True)
    await crowd.come("waiting too", 6, patient=True)
    await asyncio.sleep(5 * AT_ONCE_S)

    await crowd.leave("in flight", "waiting", "waiting too")

    assert crowd.entered == ["in flight", "waiting", "waiting too"]


async def test_who_waited_too_long_is_sent_away_and_lets_the_next_in() -> None:
    crowd = Crowd(Admission(Limits(4 * MEGA, 6 * MEGA, AT_ONCE_S)))
    await crowd.come("in flight", 3)
    overdue = await crowd.come("overdue", 2)
    await crowd.come("small", 1, patient=True)

    with pytest.raises(TooBusyError, match="no place came free"):
        await overdue

    assert crowd.entered == ["in flight", "small"]


async def test_who_goes_away_while_waiting_frees_the_queue_at_once(crowd: Crowd) -> None:
    await crowd.come("in flight", 3)
    await crowd.come("large", 4)
    await crowd.come("small", 1)

    await crowd.go_away("large")

    assert crowd.entered == ["in flight", "small"]
    assert crowd.admission.queued == 0


async def test_who_goes_away_as_its_turn_comes_takes_no_place(crowd: Crowd) -> None:
    await crowd.come("in flight", 4)
    waiting = await crowd.come("waiting", 4)
    crowd._leave["in flight"].set()
    await asyncio.sleep(0)  # the turn is given, its owner has not run yet
    waiting.cancel()
    await settle()

    assert crowd.entered == ["in flight"]
    assert crowd.admission.in_flight_pixels == 0
    await crowd.come("next", 4)
    assert crowd.entered[-1] == "next"


async def test_who_goes_away_in_the_same_moment_as_another_leaves_harms_neither(
    crowd: Crowd,
) -> None:
    leaving = await crowd.come("in flight", 4)
    waiting = await crowd.come("waiting", 4)
    await crowd.come("next", 2)
    crowd._leave["in flight"].set()
    waiting.cancel()  # its place in the queue is found cancelled before it can leave it
    await settle()

    assert leaving.exception() is None
    assert waiting.cancelled()
    assert crowd.entered == ["in flight", "next"]
    await crowd.leave("next")
    assert crowd.admission.in_flight_pixels == crowd.admission.queued == 0


async def test_an_error_frees_the_place(crowd: Crowd) -> None:
    with pytest.raises(LookupError):
        async with crowd.admission.admit(MEGA, kind="student"):
            raise LookupError

    assert crowd.admission.in_flight_pixels == 0


async def test_a_tiny_picture_counts_as_more_than_its_pixels(crowd: Crowd) -> None:
    await crowd.come("one pixel", 1e-6)

    assert crowd.admission.in_flight_pixels == LEAST_PIXELS


async def test_time_to_come_again_is_what_is_there_over_what_passes_in_a_second() -> None:
    now = 0.0
    admission = Admission(LIMITS, clock=lambda: now)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            place = await stack.enter_async_context(admission.admit(2 * MEGA, kind="student"))
            place.check()
        now = 4.0  # 4 megapixels in 4 seconds
    crowd = Crowd(admission)
    await crowd.come("in flight", 4)
    await crowd.come("waiting", 5)

    with pytest.raises(TooBusyError) as busy:
        await (await crowd.come("too much", 2))

    assert busy.value.retry_after_s in (10, 11)  # 9 megapixels at a pace of 0.9

    now += 4
    assert admission.retry_after_s == pytest.approx(6, abs=0.1)


async def test_work_that_would_begin_late_says_when_to_come_again() -> None:
    now = 0.0
    admission = Admission(LIMITS, clock=lambda: now)
    crowd = Crowd(admission)
    await crowd.come("slow", 2)
    admission._pace.note("student", MEGA, 10)

    async def begin_late() -> None:
        nonlocal now
        async with admission.admit(MEGA, kind="student") as place:
            now = LIMITS.wait_s + 1
            await crowd.come("waiting", 4)
            place.check()

    with pytest.raises(TooBusyError) as busy:
        await begin_late()

    assert busy.value.retry_after_s == 40  # of what waits; what is worked on is overdue


def test_pace_of_each_kind_is_its_own_and_moves() -> None:
    pace = Pace()
    pace.note("student", 10 * MEGA, 1)
    pace.note("teacher", 1 * MEGA, 1)

    assert pace.estimate_s("student", 20 * MEGA) == pytest.approx(2)
    assert pace.estimate_s("teacher", 2 * MEGA) == pytest.approx(2)
    assert pace.estimate_s("new model", 2 * MEGA) == pytest.approx(2)
    for _ in range(50):
        pace.note("student", 20 * MEGA, 1)
    assert pace.estimate_s("student", 20 * MEGA) == pytest.approx(1, rel=0.01)


def test_work_that_begins_late_is_not_begun_and_what_is_begun_goes_on() -> None:
    now = 0.0
    late, in_time = (Place("student", MEGA, 10, lambda: now) for _ in range(2))
    in_time.check()
    now = 11.0

    with pytest.raises(TooBusyError):
        late.check()
    in_time.check()


def test_work_that_nobody_waits_for_stops() -> None:
    place = Place("student", MEGA, None, lambda: 0.0)
    place.check()
    place.abandon()

    with pytest.raises(AbandonedError):
        place.check()
