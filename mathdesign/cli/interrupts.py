"""Ctrl-C that no library can swallow.

Python raises ``KeyboardInterrupt`` wherever it happens to be. While libraries load that is often
in a weak reference's callback of the import system, or below C code that clears every error: there
it is printed or dropped, and the program goes on. Here it is raised again until somebody has heard.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: After so many seconds an interrupt that nobody has heard is raised again.
AGAIN_S = 0.5


@contextmanager
def insisting() -> Iterator[None]:
    """In here an interrupt comes again and again until :func:`heard`.

    Where interrupts are ignored or have another handler, nothing changes.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    alarm, told = signal.signal(signal.SIGALRM, _raise), sys.unraisablehook
    signal.signal(signal.SIGINT, _raise)

    def tell(swallowed: sys.UnraisableHookArgs) -> None:
        if not isinstance(swallowed.exc_value, KeyboardInterrupt):  # which comes again
            told(swallowed)

    sys.unraisablehook = tell
    try:
        yield
    finally:
        heard()
        sys.unraisablehook = told
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGALRM, alarm)


def heard() -> None:
    """The interrupt has reached somebody: it does not come again."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _raise(signum: int, frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    raise KeyboardInterrupt
