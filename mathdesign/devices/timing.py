r"""How long calls take on a machine that does other things too.

A call faster than the clock can tell is run in a loop that fills a *window*. Calls are timed in
*rounds*: one window of every call, then the next round, so that whatever slows the machine for a while
slows a few windows of all of them instead of all windows of a few. The time of a call is the median of
its windows; its *spread* the distance between their quartiles over that median. What comes first is
not timed: it allocates, compiles, fills caches; nor is the first call of each window, which finds the
caches as the other calls left them.

Two clocks. ``wall`` is what a user waits. ``cpu`` is the processor time of the calling thread: on an
idle machine and one thread the same, and where other processes take turns on the same core it leaves
their turns out (not the caches that they empty). With more threads it would leave out the other ones.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Clock = Callable[[], float]
"""Seconds since some beginning."""
Call = Callable[[], Any]

#: By name; see the top of this file.
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.thread_time}
#: A loop is never longer than this, whatever the clock says: a call that takes no time at all.
LONGEST_LOOP = 1_000_000


@dataclass(frozen=True, slots=True)
class Protocol:
    """How often calls are run.

    ``warm_up``: calls before the first window, at least; ``rounds``: windows of each call;
    ``window_s``: seconds that a window takes at least.
    """

    warm_up: int = 2
    rounds: int = 7
    window_s: float = 2e-3

    def __post_init__(self) -> None:
        if self.warm_up < 1 or self.rounds < 1 or not self.window_s >= 0:
            raise ValueError("a protocol has at least one warm-up call and one round")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one call, the spread of its windows as a share of them, calls that were timed."""

    seconds: float
    spread: float
    runs: int


def timed(calls: Sequence[Call], protocol: Protocol, clock: Clock) -> list[Timing]:
    """Time ``calls`` beside one another, one :class:`Timing` each, in order."""
    loops = [_loop(call, protocol, clock) for call in calls]
    windows: list[list[float]] = [[] for _ in calls]
    for _ in range(protocol.rounds):
        for call, loop, own in zip(calls, loops, windows):
            call()
            own.append(_window(call, loop, clock))
    return [_timing(own, loop) for own, loop in zip(windows, loops)]


def _loop(call: Call, protocol: Protocol, clock: Clock) -> int:
    """Calls that fill a window, found while warming up."""
    for _ in range(protocol.warm_up):
        call()
    loop = 1
    while loop < LONGEST_LOOP:
        took = loop * _window(call, loop, clock)
        if took >= protocol.window_s:
            break
        # What one window says of the next is rough: no more than ten times as long at once.
        wanted = 10 * loop if took <= 0 else math.ceil(1.1 * loop * protocol.window_s / took)
        loop = min(max(wanted, loop + 1), 10 * loop, LONGEST_LOOP)
    return loop


def _window(call: Call, loop: int, clock: Clock) -> float:
    """Seconds of one of ``loop`` calls in a row."""
    start = clock()
    for _ in range(loop):
        call()
    return (clock() - start) / loop


def _timing(windows: Sequence[float], loop: int) -> Timing:
    middle = statistics.median(windows)
    if len(windows) < 2 or middle <= 0:
        return Timing(middle, 0.0, loop * len(windows))
    low, _, high = statistics.quantiles(windows, n=4, method="inclusive")
    return Timing(middle, (high - low) / middle, loop * len(windows))
