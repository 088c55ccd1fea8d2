"""Fair rivals of a design: what someone without a solver would take under the same budgets.

* ``random:N``: designs of the same space, rules and budgets, drawn by a seed, that use at least 90%
  of every budget that the design itself uses to 90%: a random walk by the published mutator
  (DeepMAD's), then random moves that never increase the violation.
* ``uniform``: the family's well-known network, every width scaled by one factor to the budgets.
* ``published``, or a network's name: the same with a published structure.
* ``params``, ``macs``: the proven design that maximises only that.

Scaled networks keep the budgets on params, macs and blocks; rules, effectiveness and rows are the
program's own idea of a good network and are not imposed on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from mathdesign.evidence.networks import (
    DEFAULT_PUBLISHED,
    HAND_SCALED,
    PUBLISHED,
    UNIFORM,
    Known,
    KnownStage,
)
from mathdesign.result import Design
from mathdesign.spaces.convnet.network import Network

#: Of each budget that the design itself uses that far.
LEAST_USE = 0.9
#: Mutations before the walk towards the budgets; attempts for one random design.
MIXING, ATTEMPTS = 300, 20
#: Factors of width are searched to this fraction.
FACTOR_STEPS = 400
MOST_RANDOM = 1000
RANDOM = re.compile(r"random:(\d{1,4})")
#: The design itself, in every study.
OURS = "design"


class BaselineError(ValueError):
    """A baseline that cannot be had; the message says why and what is accepted."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network to train. ``group`` is the word that asked for it; ``note`` says what it is."""

    name: str
    group: str
    network: Network
    note: str = ""


def candidates(design: Design, words: Sequence[str], seed: int = 0) -> list[Candidate]:
    """The design, then what ``words`` ask for. Raises :class:`BaselineError` with every fault."""
    found = [Candidate(OURS, OURS, design.network, "the design itself")]
    faults = []
    for word in words:
        try:
            found += _asked(design, word, seed)
        except BaselineError as error:
            faults.append(str(error))
    if faults:
        raise BaselineError("\n".join(faults))
    return found


def _asked(design: Design, word: str, seed: int) -> list[Candidate]:
    family = next(s.family for s in design.network.stages if s.role == "body")
    if match := RANDOM.fullmatch(word):
        count = int(match[1])
        if not 1 <= count <= MOST_RANDOM:
            raise BaselineError(f"{word}: accepted: random:1 to random:{MOST_RANDOM}")
        return list(_random(design, count, seed))
    if word in ("params", "macs"):
        return [_greatest(design, word)]
    name = {"uniform": UNIFORM, "published": DEFAULT_PUBLISHED}.get(word, {}).get(family, word)
    known = {**HAND_SCALED, **PUBLISHED}.get(name)
    if known is None:
        accepted = "random:N, uniform, published, params, macs"
        names = ", ".join([*HAND_SCALED, *PUBLISHED])
        raise BaselineError(f"{word}: no such baseline; accepted: {accepted}, or one of {names}")
    return [scaled(design, known, word)]


def _random(design: Design, count: int, seed: int) -> Iterator[Candidate]:
    """``count`` different feasible designs."""
    from mathdesign.solvers.heuristic.construct import STEPS, WidthChain, descend
    from mathdesign.solvers.heuristic.moves import Moves
    from mathdesign.solvers.heuristic.scoring import Scoring
    from mathdesign.spaces.convnet.pose import to_program
    from mathdesign.spaces.convnet.words import Spec

    program = to_program(Spec.model_validate(dict(design.request)))
    used = {b.metric: b.used for b in design.budgets}
    budgets = []
    for b in program.budgets:
        floor = b.lower or 0
        if b.upper is not None and used[b.metric] >= LEAST_USE * b.upper:
            floor = max(floor, -int(-LEAST_USE * b.upper // 1))
        budgets.append(replace(b, lower=floor))
    problem = replace(program.program, budgets=tuple(budgets))
    scoring, moves = Scoring(problem), Moves(problem)
    chain, seen = WidthChain(moves), {design.network.point}
    for number in range(1, count + 1):
        rng = Random(f"{seed} {number}")
        for _ in range(ATTEMPTS):
            index = chain.random(rng)
            if index is None or moves.frozen:
                break
            for _ in range(MIXING):
                index = moves.mutate(index, rng)
            end = descend(scoring, moves, index, rng, STEPS, lambda: None)
            if end.violation == 0.0 and end.index is not None:
                point = scoring.point(end.index)
                if point not in seen:
                    seen.add(point)
                    network = Network.from_point(program.space, point, f"random{number}")
                    note = f"random, at least {LEAST_USE:.0%} of the budgets"
                    yield Candidate(f"random{number}", "random", network, note)
                    break
        else:
            raise BaselineError(f"random:{count}: only {number - 1} different designs found")


def _greatest(design: Design, metric: str) -> Candidate:
    """The design that maximises only ``metric`` under the same budgets, to the same gap."""
    from mathdesign.api import Infeasible, NoDesignFound
    from mathdesign.api import design as solve
    from mathdesign.spaces.convnet.words import Spec

    request = {**dict(design.request), "objective": {"metric": metric}, "name": f"most-{metric}"}
    try:
        answer = solve(Spec.model_validate(request))
    except (Infeasible, NoDesignFound) as error:
        raise BaselineError(f"{metric}: {error}") from None
    return Candidate(
        metric, metric, answer.network, f"maximises {metric} ({answer.certificate.status})"
    )


def scaled(design: Design, known: Known, word: str) -> Candidate:
    """``known`` at the design's input and classes, widths scaled by one factor to its budgets.

    Raises :class:`BaselineError` where even the narrowest exceeds a budget.
    """
    strides = _strides(design.network, known)
    limits = {b.metric: b.upper for b in design.budgets if b.upper is not None}
    limits = {m: u for m, u in limits.items() if m in ("params", "macs", "blocks")}
    if not limits.keys() & {"params", "macs"}:
        limits = {m: float(design.metrics[m]) for m in ("params", "macs")}
    counting = design.request.get("counting", "macs")
    low, high = 0.0, 8.0
    best: tuple[float, Network] | None = None
    while high - low > 1 / FACTOR_STEPS:
        factor = (low + high) / 2
        network = _at(design.network, known, strides, factor)
        if _keeps(network, limits, counting):
            best, low = (factor, network), factor
        else:
            high = factor
    if best is None:
        raise BaselineError(f"{word}: even the narrowest {known.name} exceeds a budget")
    note = f"{known.name}, widths x {best[0]:.3f}"
    return Candidate(known.name, word, best[1], note)


def _keeps(network: Network, limits: Mapping[str, float], counting: Any) -> bool:
    from mathdesign.validators.convnet.recheck import count

    counted = count(network, counting)
    return all(counted[metric] <= limit for metric, limit in limits.items())


def _strides(ours: Network, known: Known) -> list[int]:
    """Of stem and stages, so that the last stage sees the design's resolution.

    Too much downsampling is taken away from the front, as people do for small images; too little
    is added there.
    """
    strides = [2, *(s.stride for s in known.stages)]
    wanted = sum(s.shape.stride == 2 for s in ours.stages if s.role != "classifier")
    for i in range(len(strides)):
        if strides.count(2) > wanted and strides[i] == 2:
            strides[i] = 1
        elif strides.count(2) < wanted and strides[i] == 1:
            strides[i] = 2
    return strides


def _at(ours: Network, known: Known, strides: Sequence[int], factor: float) -> Network:
    """The network with every width times ``factor``, rounded to multiples of 8."""
    document = ours.to_dict()
    stages = [_conv("stem", known.stem, 3, strides[0], factor)]
    for i, (stage, stride) in enumerate(zip(known.stages, strides[1:]), 1):
        stages.append(_body(f"stage{i}", known, stage, stride, factor))
    if known.head:
        stages.append(_conv("head", known.head, 1, 1, factor))
    document |= {"name": known.name, "stages": [*stages, document["stages"][-1]]}
    return Network.from_dict(document)


def _body(name: str, known: Known, stage: KnownStage, stride: int, factor: float) -> dict[str, Any]:
    width = _eights(stage.width * factor)
    words: dict[str, Any] = {
        "name": name, "role": "body", "family": known.family, "stride": stride, "width": width,
        "kernel_size": stage.kernel_size, "depth": stage.depth,
    }  # fmt: skip
    if stage.inner:
        # The ratio is kept exactly where the width was rounded.
        words["bottleneck"] = _eights(width * stage.inner / stage.width)
    if known.squeeze_excitation:
        words["squeeze_excitation"] = True
    return words


def _conv(role: str, width: int, kernel: int, stride: int, factor: float) -> dict[str, Any]:
    return {
        "name": role, "role": role, "family": "conv", "stride": stride,
        "width": _eights(width * factor), "kernel_size": kernel, "depth": 1,
    }  # fmt: skip


def _eights(value: float) -> int:
    return max(8, int(value / 8 + 0.5) * 8)
