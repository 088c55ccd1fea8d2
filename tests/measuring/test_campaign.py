"""Measuring goes on where it was stopped, killed or refused; what is there is never lost or mixed."""

import os
import signal

import pytest

from mathdesign.devices.header import Header
from mathdesign.devices.operators import parse_key
from mathdesign.devices.table import read_table
from mathdesign.devices.timing import Timing
from mathdesign.measuring import campaign
from mathdesign.measuring.campaign import OtherMeasurement, measure

HEADER = Header("latency", "us", "a board", "torch", 1, date="2026-11-29", versions="torch 2")
OPERATORS = [parse_key(f"conv-{c}x7x7-40") for c in range(1, 25)]


class Machine:
    """Times operators by their channels, seconds passing; may be stopped or killed after a few."""

    def __init__(self, slow=1.0, killed_after=10**9, refuses=()):
        self.now, self.timed, self.slow = 0.0, [], slow
        self.killed_after, self.refuses = killed_after, refuses

    def clock(self):
        return self.now

    def timer(self, operators):
        found = []
        for operator in operators:
            if len(self.timed) >= self.killed_after:
                os.kill(os.getpid(), signal.SIGKILL)
            self.timed.append(operator.key)
            self.now += 1.0
            if operator.key in self.refuses:
                found.append("no kernel")
            else:
                found.append(Timing(self.slow * operator.c_in * 1e-6, 0.5, 3))
        return found

    def measure(self, path, operators=OPERATORS, budget=1e9, passes=1, header=HEADER, **more):
        return measure(
            path,
            header,
            operators,
            self.timer,
            budget_s=budget,
            passes=passes,
            now=self.clock,
            **more,
        )


def costs(path):
    return {key: row.cost for key, row in read_table(path).rows.items()}


ALL = {o.key: 1000 * o.c_in for o in OPERATORS}


def test_all_of_it_becomes_a_table(tmp_path):
    found = Machine().measure(tmp_path / "a/t.csv")
    assert costs(tmp_path / "a/t.csv") == ALL
    assert (found.done, found.operators, found.passes, found.stopped) == (24, 24, 1, False)
    table = read_table(tmp_path / "a/t.csv")
    assert table.header.words() == HEADER.words()
    assert (table.rows["conv-4x7x7-40"].spread, table.rows["conv-4x7x7-40"].runs) == (2000, 3)


def test_when_the_time_is_spent_the_same_command_goes_on(tmp_path):
    path, first = tmp_path / "t.csv", Machine()
    found = first.measure(path, budget=10)  # two groups of eight: the second begins in time
    assert (found.done, found.passes, found.stopped) == (16, 0, False)
    assert costs(path) == {key: ALL[key] for key in first.timed}
    second = Machine()
    assert second.measure(path).done == 24
    assert second.timed == [o.key for o in OPERATORS[16:]] and costs(path) == ALL


def test_killed_at_any_point_it_goes_on_behind_the_last_whole_line(tmp_path):
    path = tmp_path / "t.csv"
    child = os.fork()
    if child == 0:
        Machine(killed_after=13).measure(path)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    log = tmp_path / "t.csv.log"
    assert log.read_text().count("operator") == 8  # the group that was whole
    log.write_bytes(log.read_bytes()[:-7])  # and a line that was being written
    second = Machine()
    second.measure(path)
    assert second.timed == [o.key for o in OPERATORS[7:]] and costs(path) == ALL
    assert log.read_text().count("\n") == 25
    third = Machine()
    assert third.measure(path).done == 24 and third.timed == []


def test_stopped_by_the_user_it_says_so(tmp_path):
    machine = Machine()
    found = machine.measure(tmp_path / "t.csv", should_stop=lambda: len(machine.timed) >= 8)
    assert found.stopped and found.done == 8 and len(costs(tmp_path / "t.csv")) == 8


def test_passes_take_turns_and_their_median_stands(tmp_path):
    path = tmp_path / "t.csv"
    for slow, done in ((1.0, 1), (9.0, 2), (1.0, 3)):  # the machine was busy in the second pass
        assert Machine(slow).measure(path, passes=done).passes == done
    assert costs(path) == ALL
    assert read_table(path).rows["conv-4x7x7-40"].runs == 9
    machine = Machine()
    machine.measure(tmp_path / "u.csv", OPERATORS[:10], passes=2)
    assert machine.timed[:10] == machine.timed[10:] == [o.key for o in OPERATORS[:10]]


def test_what_cannot_be_timed_is_told_and_not_tried_again(tmp_path):
    path, odd = tmp_path / "t.csv", OPERATORS[3].key
    found = Machine(refuses=(odd,)).measure(path, passes=2)
    assert found.refused == {odd: "no kernel"} and found.passes == 2
    assert set(costs(path)) == set(ALL) - {odd}
    again = Machine()
    assert again.measure(path, passes=2).refused == {odd: "no kernel"} and again.timed == []


def test_times_of_different_kinds_are_never_mixed(tmp_path):
    from dataclasses import replace

    path = tmp_path / "t.csv"
    Machine().measure(path, OPERATORS[:2])
    before = path.read_bytes()
    other = replace(HEADER, threads=2, device="another board", date="2027-01-01")
    with pytest.raises(
        OtherMeasurement, match=r"device: a board there, another.*threads: 1 there, 2"
    ):
        Machine().measure(path, header=other)
    assert path.read_bytes() == before
    later = replace(HEADER, date="2027-01-01")
    Machine().measure(path, header=later)
    assert read_table(path).header.date == "2026-11-29" and costs(path) == ALL


def test_a_table_of_somebody_else_is_not_overwritten(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("mine")
    with pytest.raises(OtherMeasurement, match="without the log"):
        Machine().measure(path)
    assert path.read_text() == "mine"
    (tmp_path / "t.csv.log").write_text('{"log": 7}\n')
    with pytest.raises(OtherMeasurement, match="no log of a measurement"):
        Machine().measure(path)


def test_hostile_lines_of_a_log_are_left_out(tmp_path):
    path = tmp_path / "t.csv"
    Machine().measure(path, OPERATORS[:1])
    bad = ['{"operator": "conv-2x7x7-40", "seconds": -1, "spread": 0, "runs": 1}', "[1]", "{", "{}",
           '{"operator": 7, "seconds": 1}', '{"operator": "conv-2x7x7-40", "seconds": NaN}',
           '{"operator": "conv-2x7x7-40", "seconds": true, "spread": 0, "runs": 1}',
           '{"operator": "conv-2x7x7-40", "seconds": Infinity, "spread": 0, "runs": 1}',
           '{"operator": "rm -rf", "seconds": 1, "spread": 0, "runs": 1}']  # fmt: skip
    with (tmp_path / "t.csv.log").open("a") as log:
        log.write("\n".join(bad) + "\n")
    Machine().measure(path, OPERATORS[:3])
    assert costs(path) == {o.key: ALL[o.key] for o in OPERATORS[:3]}


def test_progress_counts_operators_and_seconds(tmp_path):
    seen = []
    Machine().measure(tmp_path / "t.csv", budget=20, on_progress=seen.append)
    assert [(p.done, p.elapsed_s, p.left_s) for p in seen] == [(0, 0, 20), (8, 8, 12), (16, 16, 4)]
    from mathdesign.cli.session import measuring_line

    assert "8/24 operators" in measuring_line(seen[1]) and "12 s left" in measuring_line(seen[1])


def test_spread_is_between_passes_where_that_is_more():
    passes = [Timing(s, 0.01, 5) for s in (1.0, 2.0, 3.0)]
    assert campaign.together(passes) == Timing(2.0, 0.5, 15)
    assert campaign.together(passes[:1]) == passes[0]
