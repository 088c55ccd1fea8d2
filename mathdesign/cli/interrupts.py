"""Ctrl-C that no library can swallow, rename or turn into a crash.

Python raises ``KeyboardInterrupt`` wherever it happens to be. While libraries load that is below
compiled code: some of it clears every error, so that the program goes on (callbacks of the import
system do too), some raises an error of its own in its place (pydantic's, building a model), some
ends the process (pybind11's, in ``torch.distributed``: SIGABRT). So an interrupt waits until what is
being imported is there; later it is raised again until somebody has heard, and an error that ends
the program after one is that interrupt.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: After so many seconds an interrupt that nobody has heard is raised again.
AGAIN_S = 0.5
#: So often it is looked whether an import has ended, seconds.
LOOK_S = 0.05
STDERR, WAITING = 2, b"stopping when what is being loaded is there (Ctrl-C again: at once)\n"
#: Where the frames of an import come from.
IMPORTING = "<frozen importlib._bootstrap>"


@contextmanager
def insisting() -> Iterator[None]:
    """In here an interrupt waits for imports, and comes again and again until :func:`heard`.

    A second one does not wait. Where interrupts are ignored or have another handler, nothing changes.
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
    except Exception as error:
        if heard():
            raise KeyboardInterrupt from error
        raise
    finally:
        heard()
        sys.unraisablehook = told
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGALRM, alarm)


def heard() -> bool:
    """The interrupt has reached somebody: it does not come again. Whether there was one."""
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    return left > 0


def _raise(signum: int, frame: FrameType | None) -> None:
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    insisted = signum == signal.SIGINT and left > 0
    if not insisted and _is_importing(frame):
        if signum == signal.SIGINT:
            # Not through the stream, which may be in the middle of a line.
            with contextlib.suppress(OSError):
                os.write(STDERR, WAITING)
        signal.setitimer(signal.ITIMER_REAL, LOOK_S)
        return
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False
