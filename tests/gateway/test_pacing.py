"""The rate limits of WorkOS are never exceeded, however long calls take on their way."""

import random
import threading
from collections.abc import Iterator, Sequence

import pytest

from gateway.pacing import RateLimit

# Of the stand-in for WorkOS, which counts a call somewhere between its sending and its answer.
SECOND = 1.0


class World:
    """A clock that moves only when its sleep is called."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def world() -> World:
    return World()


def send_calls(world: World, limit: RateLimit, ways: Sequence[tuple[float, float]]) -> Iterator[float]:
    """Send a call for each pair of (way there, way back). Yields when WorkOS counts each."""
    for there, back in ways:
        with limit.pass_call():
            world.now += there
            yield world.now
            world.now += back


def count_most(times: Sequence[float], span: float) -> int:
    """The most calls within any span of time."""
    return max(sum(start <= one < start + span - 1e-9 for one in times) for start in times)


@pytest.mark.parametrize("rate", [1.0, 4.0, 16.0, 50.0])
@pytest.mark.parametrize("seed", range(5))
def test_no_window_holds_more_calls_than_the_limit(world: World, rate: float, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - delays that can be repeated
    limit = RateLimit(rate, clock=world.clock, sleep=world.sleep)

    def pick() -> float:
        # Now and then a call is held up, on one of its ways.
        return 0.025 + (chance.random() if chance.random() < 0.2 else 0)

    counted = []
    for at in send_calls(world, limit, [(pick(), pick()) for _ in range(400)]):
        counted.append(at)
        # And now and then nobody sends anything.
        world.now += 3 * chance.random() if chance.random() < 0.02 else 0

    assert count_most(counted, SECOND) <= rate


def test_slow_rate_leaves_more_than_a_second_between_calls(world: World) -> None:
    limit = RateLimit(0.5, clock=world.clock, sleep=world.sleep)

    counted = list(send_calls(world, limit, [(0.01, 0.01)] * 5))

    assert count_most(counted, 2.0) == 1


def test_calls_of_50_ms_use_nine_tenths_of_the_limit(world: World) -> None:
    limit = RateLimit(4, clock=world.clock, sleep=world.sleep)
    started = world.now

    assert len(list(send_calls(world, limit, [(0.025, 0.025)] * 1000))) == 1000

    assert 250 < world.now - started < 250 * 1.04


def test_call_that_was_held_up_costs_no_time_of_the_others(world: World) -> None:
    limit = RateLimit(4, clock=world.clock, sleep=world.sleep)
    # One of four takes half a second; all four fit into a second.
    ways = [(0.025, 0.5 if number % 4 == 0 else 0.025) for number in range(400)]
    started = world.now

    list(send_calls(world, limit, ways))

    # The place of the slow one is free half a second later: the others do not wait for each other, too.
    assert world.now - started < 400 / 4 * 1.56


def test_nothing_passes_while_workos_asks_us_to_slow_down(world: World) -> None:
    limit = RateLimit(4, clock=world.clock, sleep=world.sleep)
    list(send_calls(world, limit, [(0.02, 0.02)] * 2))
    limit.hold(7)
    limit.hold(3)
    held_at = world.now

    counted = list(send_calls(world, limit, [(0.02, 0.02)] * 9))

    assert counted[0] >= held_at + 7
    assert count_most(counted, SECOND) <= 4


def test_refused_call_gives_its_place_back(world: World) -> None:
    limit = RateLimit(1, clock=world.clock, sleep=world.sleep)
    for _ in range(3):
        with pytest.raises(OSError, match="no route"), limit.pass_call():
            raise OSError("no route")

    assert world.now == pytest.approx(1002)


def test_threads_share_the_limit() -> None:
    """Their sleeps overlap, so each sleep moves the clock, under a lock."""
    world, lock = World(), threading.Lock()
    sent: list[float] = []

    def sleep(seconds: float) -> None:
        with lock:
            world.now += seconds

    limit = RateLimit(5, clock=world.clock, sleep=sleep)

    def send() -> None:
        for _ in range(50):
            with limit.pass_call():
                sent.append(world.now)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sent) == 300
    assert world.now >= 1000 + 300 / 5 - 1
