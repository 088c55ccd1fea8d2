"""A foreign solver's process: what comes back, what does not, and what a solver that breaks leaves."""

import os
import signal
import sys
import threading
import time

import pytest

from mathdesign.solvers.minlp import foreign
from mathdesign.solvers.minlp.foreign import ForeignFailure, apart

pytestmark = pytest.mark.skipif(not foreign.FORKS, reason="no fork")


def test_reports_are_heard_in_order_and_the_answer_comes_back():
    heard = []

    def work(hear):
        return [hear(k) for k in range(4)], os.getpid()

    (went_on, where), interrupted = apart(work, lambda k: heard.append(k) is None and k < 2, 5.0)
    assert not interrupted
    assert heard == [0, 1, 2, 3] and went_on == [True, True, False, False]
    assert where != os.getpid()


def test_what_the_solver_prints_is_nowhere(capfd):
    def work(_hear):
        os.write(1, b"x" * 200_000)
        os.write(2, b"x" * 200_000)
        return 1

    assert apart(work, bool, 5.0) == (1, False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("with_signal", [signal.SIGSEGV, signal.SIGFPE, signal.SIGABRT, None])
def test_a_process_that_dies_or_fails_is_a_failure(with_signal):
    def work(_hear):
        if with_signal is None:
            raise OverflowError("too much")
        os.kill(os.getpid(), with_signal)

    with pytest.raises(ForeignFailure, match="died" if with_signal else "too much"):
        apart(work, bool, 5.0)


def test_a_process_that_outlasts_its_limit_is_ended(monkeypatch):
    monkeypatch.setattr(foreign, "GRACE_S", 0.05)
    began = time.monotonic()
    with pytest.raises(ForeignFailure, match="time limit"):
        apart(lambda _: time.sleep(60), bool, 0.0)
    assert time.monotonic() - began < 10


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("answers", [True, False])
def test_ctrl_c_waits_for_what_the_solver_has(answers):
    def work(_hear):
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            if not answers:
                raise
        return "its incumbent"

    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    if answers:
        assert apart(work, bool, 60.0) == ("its incumbent", True)
    else:
        with pytest.raises(KeyboardInterrupt):
            apart(work, bool, 60.0)
