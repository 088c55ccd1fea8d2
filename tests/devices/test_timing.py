"""The timing protocol, on a clock that says what it is told to."""

import pytest

from mathdesign.devices.timing import CLOCKS, LONGEST_LOOP, Protocol, timed


class Machine:
    """A clock, and calls that take what they are said to, each slowed where the machine is."""

    def __init__(self, slow=lambda now: 1.0, tick=0.0):
        self.now, self.order, self.slow, self.tick = 0.0, [], slow, tick

    def clock(self):
        return self.now if not self.tick else self.now // self.tick * self.tick

    def call(self, name, seconds):
        def run():
            self.order.append(name)
            self.now += seconds * self.slow(self.now)

        return run


def test_fast_calls_fill_a_window_and_slow_ones_run_once_a_round():
    machine = Machine()
    fast, slow = timed(
        [machine.call("fast", 1e-6), machine.call("slow", 0.5)], Protocol(2, 5, 1e-3), machine.clock
    )
    assert fast.seconds == pytest.approx(1e-6) and fast.runs >= 5 * 1000
    assert slow.seconds == pytest.approx(0.5) and slow.runs == 5
    # Warm-up, the look at its length, a call that is not timed and one that is each round.
    assert machine.order.count("slow") == 2 + 1 + 2 * 5


def test_rounds_take_turns():
    machine = Machine()
    timed([machine.call("a", 1.0), machine.call("b", 1.0)], Protocol(1, 3, 0.0), machine.clock)
    assert "".join(machine.order) == "aa" + "bb" + "aabb" * 3


def test_a_minute_of_other_load_changes_nothing():
    """Slowed for less than half of the rounds: the medians of all calls stand."""
    calm = Machine()
    busy = Machine(slow=lambda now: 3.0 if 30 < now < 55 else 1.0)
    protocol = Protocol(1, 9, 0.0)
    found = [
        [t.seconds for t in timed([m.call("a", 1.0), m.call("b", 2.0)], protocol, m.clock)]
        for m in (calm, busy)
    ]
    assert found[0] == found[1] == [1.0, 2.0]


def test_spread_is_the_distance_of_quartiles():
    machine = Machine()
    lengths = iter([1.0, 1.0, 9.0, 1.0, 9.0, 2.0, 9.0, 3.0, 9.0, 4.0, 9.0, 5.0])

    def call():
        machine.now += next(lengths)

    (found,) = timed([call], Protocol(1, 5, 0.0), machine.clock)
    assert (found.seconds, found.spread, found.runs) == (3.0, 2.0 / 3.0, 5)


def test_the_first_call_of_a_window_is_not_timed():
    """It finds caches as the other calls left them."""
    machine, last = Machine(), []

    def call(name):
        def run():
            machine.now += 1.0 if last[-1:] == [name] else 5.0
            last.append(name)

        return run

    found = timed([call("a"), call("b")], Protocol(2, 3, 0.0), machine.clock)
    assert [t.seconds for t in found] == [1.0, 1.0]


def test_a_coarse_clock_gets_longer_loops():
    machine = Machine(tick=0.01)
    (found,) = timed([machine.call("a", 1e-4)], Protocol(1, 7, 1.0), machine.clock)
    assert found.seconds == pytest.approx(1e-4, rel=0.02)


def test_a_call_that_takes_no_time_ends():
    (found,) = timed([lambda: None], Protocol(1, 1, 1e-3), lambda: 0.0)
    assert (found.seconds, found.runs) == (0.0, LONGEST_LOOP)


@pytest.mark.parametrize("wrong", [(0, 1, 0.0), (1, 0, 0.0), (1, 1, -1.0), (1, 1, float("nan"))])
def test_protocols_that_time_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="at least one"):
        Protocol(*wrong)


@pytest.mark.parametrize("name", CLOCKS)
def test_real_milliseconds(name):
    """A sum of a million numbers takes longer than one of ten thousand, on both clocks."""
    import numpy as np

    short, long = np.ones(10_000), np.ones(1_000_000)
    found = timed([short.sum, long.sum], Protocol(2, 5, 1e-3), CLOCKS[name])
    assert 0 < 5 * found[0].seconds < found[1].seconds < 0.1
