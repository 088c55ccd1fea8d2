"""Ctrl-C is heard, wherever it comes."""

import contextlib
import importlib
import signal
import sys
import time

import pytest

from mathdesign.cli import interrupts
from mathdesign.cli.interrupts import insisting
from mathdesign.cli.session import EXIT_BAD_INPUT, EXIT_FAILURE, STOPPED, Session


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


def test_an_error_that_stands_for_an_interrupt_is_one(soon, capsys):
    """As pydantic's, whose compiled code renames what is raised below it."""

    def building() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("a model that cannot be built") from None

    with pytest.raises(KeyboardInterrupt), insisting():
        building()
    with insisting():
        try:
            building()
        except ValueError as error:
            assert Session().fail(EXIT_BAD_INPUT, str(error)) == EXIT_FAILURE
    assert capsys.readouterr().err == f"{STOPPED}\n"
    with pytest.raises(ValueError, match="a bug"), insisting():
        raise ValueError("a bug")


LOADS = """
import signal, time
signal.raise_signal(signal.SIGINT)
for _ in range(10):
    time.sleep(0.01)
whole = True
"""


def test_an_interrupt_waits_for_what_is_being_imported(soon, tmp_path, monkeypatch):
    """Compiled libraries may abort the process where an interrupt comes while they load."""
    monkeypatch.setattr(interrupts, "LOOK_S", 0.01)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "loads_once.py").write_text(LOADS)
    with pytest.raises(KeyboardInterrupt), insisting():
        assert importlib.import_module("loads_once").whole
        waits()
    # A second one does not wait.
    (tmp_path / "loads_twice.py").write_text(
        LOADS.replace("time.sleep(0.01)", "signal.raise_signal(signal.SIGINT)")
    )
    with pytest.raises(KeyboardInterrupt), insisting():
        importlib.import_module("loads_twice")
    assert "loads_twice" not in sys.modules
