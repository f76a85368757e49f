"""Many items at once: what fails alone, and what ends it all."""

import itertools
import threading

import pytest

from service.cli.pool import Done, Failed, do_each
from service.client import PictureRefusedError, Problem, ServiceFailedError, UnavailableError
from sharpening.errors import BrokenImageError, DeviceError, SharpeningError


def refuse(kind: type, status: int) -> SharpeningError:
    error: SharpeningError = kind(Problem(title="No", status=status))
    return error


@pytest.mark.parametrize(
    "error",
    [
        BrokenImageError("damaged"),
        refuse(PictureRefusedError, 422),
        refuse(ServiceFailedError, 500),
    ],
)
def test_an_error_of_one_picture_leaves_the_others_alone(error: SharpeningError) -> None:
    def work(item: int) -> int:
        if item == 2:
            raise error
        return item * 10

    outcomes = list(do_each([1, 2, 3], work, jobs=2))

    assert {outcome.item: outcome for outcome in outcomes} == {
        1: Done(1, 10),
        2: Failed(2, error),
        3: Done(3, 30),
    }


@pytest.mark.parametrize("error", [refuse(UnavailableError, 503), DeviceError("gone"), OSError()])
def test_any_other_error_ends_it_and_drops_what_has_not_begun(error: Exception) -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        raise error

    with pytest.raises(type(error)):
        list(do_each(range(100), work, jobs=1))

    assert len(begun) < 100


def test_items_are_taken_only_as_there_is_room_for_them() -> None:
    taken = itertools.count()
    done = do_each(taken, lambda item: item, jobs=3)

    assert len(list(itertools.islice(done, 50))) == 50
    done.close()

    assert next(taken) <= 50 + 2 * 3


def test_so_many_jobs_are_under_way_at_once() -> None:
    meeting = threading.Barrier(3, timeout=30)

    outcomes = list(do_each([1, 2, 3], lambda _: meeting.wait(), jobs=3))

    assert len(outcomes) == 3
