"""Fair rivals of a design: what someone without a solver would take under the same budgets.

* ``random:N``: designs of the same space, rules and budgets, drawn by a seed, that use at least 90%
  of every budget that the design itself uses to 90%, or where it uses none so far, 90% of what it
  uses of the one that it uses most (:mod:`mathdesign.solvers.heuristic.draws`).
* ``params``, ``macs``: the proven design that maximises only that.
* The objectives of the kind (``volume``, ``entropy``, ...): the proven design that maximises that,
  unless the design itself does.
* What people scale by hand (the kind's ladders: ``uniform``, ``published``, ``gpt2``, ...): the
  largest one that keeps the budgets, as counted by the code that rechecks answers.
* ``zoo:NAME``: that network of the zoo as it was published, on the design's own task, if it keeps the
  budgets.

Scaled networks may lie outside of the space: its domains, rules, effectiveness and rows are the
program's own idea of a good network and are not imposed on them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Any

from mathdesign.evidence.scaled import SIZES, NoRival, highest_rung
from mathdesign.kinds import AnyKind, kind_of
from mathdesign.programs.base import Budget
from mathdesign.result import Design
from mathdesign.spaces.kind import CannotBuild, Ladder, NamedNetwork, Posed
from mathdesign.spec.blocks import Specification
from mathdesign.spec.faults import did_you_mean
from mathdesign.zoo.designs import design_of
from mathdesign.zoo.members import PREFIX, NoMember, member

#: Of each budget that the design itself uses that far.
LEAST_USE = 0.9
MOST_RANDOM = 1000
RANDOM = re.compile(r"random:(\d{1,4})")
#: The design itself, in every study.
OURS = "design"
#: The group of random designs, which are also judged together.
RANDOMS = "random"


class BaselineError(ValueError):
    """Words that ask for no rival of this kind; the message says what is accepted."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network to train. ``group`` is the word that asked for it; ``note`` says what it is."""

    name: str
    group: str
    network: NamedNetwork
    note: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rival that cannot be had, and why."""

    rival: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rivals:
    """Who takes part, the design first, and who could not."""

    candidates: tuple[Candidate, ...]
    skipped: tuple[Skipped, ...] = ()


def rivals_of(design: Design, words: Sequence[str], seed: int = 0) -> Rivals:
    """The design and what ``words`` ask for. Raises :class:`BaselineError` with every unknown word."""
    refuse_unknown(design, words)
    field = _Field(design, seed)
    entered = [Candidate(OURS, OURS, design.network, "the design itself")]
    skipped = []
    for word in dict.fromkeys(words):
        try:
            for found in _asked(field, word):
                _refuse_twin(design.kind, found, entered)
                entered.append(found)
        except NoRival as error:
            skipped.append(Skipped(word, str(error)))
    return Rivals(tuple(entered), tuple(skipped))


def _refuse_twin(kind: AnyKind, found: Candidate, others: Sequence[Candidate]) -> None:
    """Raise :class:`NoRival` for a network that takes part already; what is random is all its own."""
    words = plain_words(kind, found.network)
    for other in others:
        if RANDOMS not in (found.group, other.group) and plain_words(kind, other.network) == words:
            raise NoRival(f"the same network as {other.group}")


def plain_words(kind: AnyKind, network: NamedNetwork) -> str:
    """What a network is made of, as text: equal for networks that differ in name alone."""
    return repr(unnamed(kind.words_of(network)))


def unnamed(words: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping without what is called ``name`` in it and in the mappings that it holds."""
    return {
        key: unnamed(value) if isinstance(value, Mapping) else value
        for key, value in words.items()
        if key != "name"
    }


@dataclass(frozen=True)
class _Field:
    """A design with all that rivals are made of."""

    design: Design
    seed: int

    @property
    def kind(self) -> AnyKind:
        return self.design.kind

    @cached_property
    def spec(self) -> Specification:
        return self.design.specification()

    @cached_property
    def posed(self) -> Posed[Any]:
        posed: Posed[Any] = self.kind.pose(self.spec)
        return posed

    @cached_property
    def objectives(self) -> Mapping[str, Mapping[str, Any]]:
        """By the word that asks for them, as ``objective:`` says them."""
        return {m: {"metric": m} for m in SIZES} | dict(self.kind.rival_objectives(self.spec))

    @cached_property
    def ladders(self) -> Mapping[str, Ladder[Any]]:
        return self.kind.ladders(self.design.network)


def accepted(design: Design) -> tuple[str, ...]:
    """Every word that asks for a rival of this design."""
    field = _Field(design, 0)
    return ("random:N", *field.objectives, *field.ladders, f"{PREFIX}NAME")


def refuse_unknown(design: Design, words: Sequence[str]) -> None:
    """Raise :class:`BaselineError` with every word that asks for no rival; nothing is solved."""
    field, faults = _Field(design, 0), []
    for word in words:
        match = RANDOM.fullmatch(word)
        if match and not 1 <= int(match[1]) <= MOST_RANDOM:
            faults.append(f"{word}: accepted: random:1 to random:{MOST_RANDOM}")
        elif word.startswith(PREFIX):
            try:
                member(word)
            except NoMember as error:
                faults.append(str(error))
        elif not match and word not in field.objectives and word not in field.ladders:
            known = accepted(design)
            cure = did_you_mean(word, known)
            faults.append(f"{word}: no such rival; accepted: {', '.join(known)}{cure}")
    if len(drawn := {word for word in words if RANDOM.fullmatch(word)}) > 1:
        faults.append(f"{', '.join(sorted(drawn))}: accepted: one number of random designs")
    if faults:
        raise BaselineError("\n".join(faults))


def _asked(field: _Field, word: str) -> Iterator[Candidate]:
    """What one known word asks for. Raises :class:`NoRival`, perhaps after some were given."""
    if match := RANDOM.fullmatch(word):
        yield from _random(field, int(match[1]))
    elif word in field.ladders or word.startswith(PREFIX):
        ladder = field.ladders[word] if word in field.ladders else _published(field, word)
        rung = highest_rung(field.design, field.spec, ladder)
        yield Candidate(ladder.name, word, ladder.rung(rung), ladder.told(rung))
    else:
        yield _greatest(field, word)


def _published(field: _Field, word: str) -> Ladder[Any]:
    """A network of the zoo, of one size: a ladder of one rung. Raises :class:`NoRival`."""
    found = member(word)
    if kind_of(found.request) is not field.kind:
        raise NoRival(f"it is of {kind_of(found.request).name}, the design of {field.kind.name}")
    if not field.kind.counts(field.spec, field.design.network):
        raise NoRival("networks of this space are not counted outside of it")
    try:
        network = field.kind.reading(design_of(found).network, field.design.network)
    except (CannotBuild, ValueError) as error:
        raise NoRival(str(error)) from None
    told = f"{found.name} as published ({found.source})"
    return Ladder(found.name, 1, lambda _: network, lambda _: told)


# ---- random --------------------------------------------------------------------------------------


def _random(field: _Field, count: int) -> Iterator[Candidate]:
    """``count`` different feasible designs, counted again one by one."""
    from mathdesign.solvers.base import UnsupportedProblem
    from mathdesign.solvers.heuristic.draws import ATTEMPTS, draws

    kind, posed = field.kind, field.posed
    program, note = _filled(field)
    try:
        draw = draws(program)
    except UnsupportedProblem as error:
        raise NoRival(str(error)) from None
    seen = {plain_words(kind, field.design.network)}
    for number in range(1, count + 1):
        rng = Random(f"{field.seed} {number}")
        for _ in range(ATTEMPTS):
            point = draw(rng)
            network = None if point is None else kind.network(posed, point)
            if network is None or (words := plain_words(kind, network)) in seen:
                continue
            seen.add(words)
            _recheck(posed, kind, network, point)
            yield Candidate(f"random{number}", RANDOMS, network, note)
            break
        else:
            raise NoRival(f"only {number - 1} different designs found")


def _filled(field: _Field) -> tuple[Any, str]:
    """The program in which budgets are used that far, and which ones, in words."""
    program = field.posed.program
    budgets = [b for b in program.budgets if not b.inherent]
    floors, note = _floors(budgets, {b.metric: b.used for b in field.design.budgets})
    filled = []
    for b in budgets:
        lowers = [low for low in (b.lower, floors.get(b.metric)) if low is not None]
        filled.append(replace(b, lower=max(lowers, default=None)))
    return program.with_budgets([*filled, *program.ceilings]), note


def _floors(budgets: Sequence[Budget], used: Mapping[str, float]) -> tuple[dict[str, int], str]:
    """The least use by metric, and in words. Where a design fills no budget, what it uses counts."""
    uppers = {b.metric: b.upper for b in budgets if b.upper}
    full = [metric for metric, upper in uppers.items() if used[metric] >= LEAST_USE * upper]
    note = f"random, at least {LEAST_USE:.0%} of"
    if full:
        words = "the budgets" if len(full) == len(uppers) else " and ".join(full)
        return {m: math.ceil(LEAST_USE * uppers[m]) for m in full}, f"{note} {words}"
    if not uppers:
        return {}, "random"
    most = max(uppers, key=lambda metric: used[metric] / uppers[metric])
    return {most: math.ceil(LEAST_USE * used[most])}, f"{note} the design's {most}"


def _recheck(posed: Posed[Any], kind: AnyKind, network: Any, point: Any) -> None:
    """Raise ``RecheckError`` unless the independent recount agrees that budgets are kept."""
    from mathdesign.solvers.base import Solution, Status, Termination

    drawn = Solution(
        "random", Status.FEASIBLE, Termination.COMPLETED, point, posed.program.value(point)
    )
    kind.recheck(posed, network, drawn)


# ---- the best by something else ------------------------------------------------------------------


def _greatest(field: _Field, word: str) -> Candidate:
    """The design that maximises only that under the same budgets, to the same gap."""
    from mathdesign.api import Infeasible, NoDesignFound
    from mathdesign.api import design as solve
    from mathdesign.kinds.load import validated
    from mathdesign.solvers.base import UnsupportedProblem
    from mathdesign.spec.document import Document
    from mathdesign.spec.faults import SpecError

    request = field.kind.restated(field.spec, field.objectives[word])
    try:
        spec = validated(Document("request", {**request, "name": _name(word)}))
        if spec.to_dict()["objective"] == field.spec.to_dict()["objective"]:
            raise NoRival("the design itself maximises it")
        answer = solve(spec)
    except (Infeasible, NoDesignFound, SpecError, UnsupportedProblem) as error:
        raise NoRival("; ".join(str(error).splitlines())) from None
    note = f"maximises {word} ({answer.certificate.status})"
    return Candidate(word, word, answer.network, note)


def _name(word: str) -> str:
    """A name that a request may have."""
    return "most-" + re.sub(r"[^A-Za-z0-9]+", "-", word).strip("-")
