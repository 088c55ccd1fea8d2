"""Some two thousand mutants of every kind of file; ``benchmarks/mutants.py`` runs ten thousand of each."""

from pathlib import Path

import pytest

from tests.mutants import Room, outcome, rooms

#: Rooms whose commands solve, train or build are drawn from less often.
MUTANTS = {"specification": 220, "design": 100, "sweep": 60, "table": 40, "store": 60, "search": 60}
#: So many of the others.
OTHERS = 90


@pytest.fixture(scope="module")
def every_room(tmp_path_factory: pytest.TempPathFactory) -> list[Room]:
    return rooms(tmp_path_factory.mktemp("rooms") / "good")


@pytest.mark.filterwarnings("ignore")
def test_no_mutant_ends_in_a_traceback_or_leaves_a_file(every_room: list[Room], tmp_path: Path):
    bad, count = [], 0
    for room in every_room:
        commands = tuple(c for c in room.commands if c[0] != "validate") or room.commands
        light = Room(room.name, room.folder, room.targets, commands, room.change, room.data)
        for seed in range(MUTANTS.get(room.name.split()[0], OTHERS)):
            bad.append(outcome(light, seed, tmp_path / "work"))
            count += 1
    assert count >= 2000
    assert not [found for found in bad if found is not None]
