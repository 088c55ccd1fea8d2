"""Small programs of every form that hold something: what ceilings of peaks are tested on."""

from dataclasses import replace

import numpy as np

from mathdesign.programs.base import Budget, Program
from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import Held, MixProblem
from mathdesign.programs.slots import PairTable, SlotProblem
from mathdesign.programs.stages import Alive, Derived, Stage, When
from tests import hard

PEAK = "alive"
#: Areas of maps: what a channel counts.
AREAS = (1, 2, 3, 16, 49, 3136)


def held_chain(seed: int) -> DesignProblem:
    """A chain of :mod:`tests.hard` with operators, and a ceiling at what some design has or near."""
    rng = np.random.default_rng([seed, 7])
    while True:
        program = hard.hard_program(int(rng.integers(10**6)))
        if program.form == "chain" and len(program.stages) > 1:
            break
    stages = tuple(_with_operators(rng, stage, s) for s, stage in enumerate(program.stages))
    program = replace(program, stages=stages)
    return _near(rng, program.unlimited() if rng.random() < 0.7 else program)


def _with_operators(rng: np.random.Generator, stage: Stage, s: int) -> Stage:
    symbols = [d.name for d in stage.decisions if d.name not in ("depth", "kernel_size")]
    symbols += [d.name for d in stage.derived if isinstance(d, Derived)]
    found = []
    for k in range(int(rng.integers(1, 5))):
        when = list(When)[int(rng.choice(3, p=(0.5, 0.3, 0.2)))]
        if s == 0 and when is When.SAME:
            when = When.ALWAYS
        known = [*symbols, "prev"] if when is When.ALWAYS else symbols
        chosen = rng.choice(known, size=int(rng.integers(1, min(len(known), 3) + 1)), replace=False)
        terms = [(str(n), int(rng.choice(AREAS) * rng.integers(1, 4))) for n in chosen]
        found.append(Alive(f"op{k}", tuple(terms), int(rng.integers(0, 40)), when))
    return replace(stage, alive={PEAK: tuple(found)})


def _near(rng: np.random.Generator, program: Program) -> Program:
    """With a ceiling at what some design has, or near."""
    seen = sorted(program.peaks(hard.random_point(rng, program))[PEAK] for _ in range(3))
    at = int(rng.integers(seen[0], seen[-1] + 1)) + int(rng.integers(-1, 2))
    return program.with_budgets([*program.asked, Budget(PEAK, max(at, 0))])


def _of_form(rng: np.random.Generator, form: str) -> Program:
    while True:
        seed = int(rng.integers(10**6))
        if hard.form_of(seed) == form:
            program = hard.hard_program(seed)
            return program.unlimited() if rng.random() < 0.5 else program


def held_slots(seed: int) -> SlotProblem:
    """Slots that hold something, alone or in pairs."""
    rng = np.random.default_rng([seed, 8])
    while len((program := _of_form(rng, "slots")).slots) < 2:
        pass
    sizes = [len(slot.options) for slot in program.slots]
    tables = []
    alone = rng.random() < 0.5
    for i, size in enumerate(sizes):
        j = i - 1 if i else 1
        values = rng.integers(0, 1000, (size, 1) if alone else (size, sizes[j]))
        tables.append(PairTable(i, j, np.broadcast_to(values, (size, sizes[j])).copy()))
    return _near(rng, replace(program, alive={PEAK: tuple(tables)}))


def held_mixes(seed: int) -> MixProblem:
    """Mixes whose frames and options hold something."""
    rng = np.random.default_rng([seed, 9])
    program = _of_form(rng, "mixes")
    held = tuple(
        Held(
            int(rng.integers(0, 300)),
            tuple(rng.integers(0, 1000, len(group.values)) for group in frame.groups),
        )
        for frame in program.frames
    )
    return _near(rng, replace(program, alive={PEAK: held}))
