"""Ctrl-C is heard, wherever it comes."""

import contextlib
import signal
import sys
import time

import pytest

from mathdesign.cli import interrupts
from mathdesign.cli.interrupts import insisting


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(interrupts, "AGAIN_S", 0.02)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def waits(seconds: float = 5.0) -> None:
    """Python code that lets an interrupt through."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.005)


def test_an_interrupt_that_a_library_swallows_comes_again(soon):
    swallowed = []

    def loading() -> None:
        """As C code below an import does: every error is cleared."""
        for _ in range(3):
            try:
                if not swallowed:
                    signal.raise_signal(signal.SIGINT)
                waits()
            except BaseException as error:
                swallowed.append(error)

    with pytest.raises(KeyboardInterrupt), insisting():
        loading()
        waits()
    assert len(swallowed) == 3


def test_an_interrupt_in_a_callback_comes_again_and_is_not_printed(soon, capsys):
    class Lock:
        """As in the import system, whose callbacks cannot raise."""

        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), insisting():
        Lock()
        waits()
    assert sys.unraisablehook is hook and "KeyboardInterrupt" not in capsys.readouterr().err


def test_one_that_was_heard_does_not_come_again(soon):
    with insisting():
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        interrupts.heard()
        waits(0.1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_ignores_interrupts_goes_on_ignoring_them(soon):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with insisting():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
