"""An answer over option lists: counted again from tables and blocks, scored again, told beside its predictor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mathdesign.devices.report import about as about_device
from mathdesign.devices.report import device_figures
from mathdesign.devices.sources import Device
from mathdesign.memory.figures import Held
from mathdesign.memory.steps import BYTES
from mathdesign.solvers.base import Solution
from mathdesign.spaces.blocks.executed import network_operators
from mathdesign.spaces.blocks.network import (
    after_all,
)
from mathdesign.spaces.lists.built import blocks_of
from mathdesign.spaces.lists.device_costs import by_options
from mathdesign.spaces.lists.network import OptionList
from mathdesign.spaces.lists.one_shot import OneShot
from mathdesign.spaces.lists.pose import PosedList
from mathdesign.surrogate.booster import rewritten
from mathdesign.surrogate.features import matrix
from mathdesign.surrogate.predictor import read_back
from mathdesign.validators.devices import device_costs, hold_claims, option_parts, option_total
from mathdesign.validators.lists.memory import verify_memory
from mathdesign.validators.lists.recheck import (
    booster_score,
    cell_variance,
    check_objective,
    chosen_volume,
    logs_of,
    measured_score,
    table_score,
    verify_list,
)


def worth_of(posed: PosedList, point: tuple[int, ...]) -> float:
    """What the objective says of a design, by what was measured where it was."""
    if posed.one_shot is None:
        return posed.program.value(point)
    return posed.one_shot.value(posed.program, point)


def verified(
    posed: PosedList, network: OptionList, costs: Mapping[str, int]
) -> tuple[dict[str, int], Held | None]:
    """Every cost, and what the network holds where memory is counted."""
    space = posed.space
    claimed = {**costs}
    own = {d.name: _device_cost(posed, d, network) for d in posed.devices}
    held: Held | None = None
    if posed.memory is not None and network.network is not None:
        limits = {b.metric: (b.upper, b.lower) for b in posed.budgets if b.metric in BYTES}
        counted, held = verify_memory(network.network, posed.memory, claimed, limits)
        own |= counted
    plain = [b for b in posed.budgets if b.metric not in own]
    found = verify_list(
        space.slots, posed.spec.metrics(space), plain, network.options, claimed, space.rules
    )
    hold_claims(posed.devices, own, claimed)
    return found | own, held


def _device_cost(posed: PosedList, device: Device, network: OptionList) -> int:
    """By the rows of its options, or by the operators of its blocks."""
    if by_options(device, posed.space):
        return option_total(device, network.options)
    blocks = blocks_of(posed.spec, network.name, network.options)
    assert blocks is not None
    return device_costs((device,), network_operators(blocks))[device.name]


def own_device_figures(
    posed: PosedList, device: Device, network: OptionList, total: int
) -> dict[str, Any]:
    """Shares by slot, or by kind of operator."""
    if by_options(device, posed.space):
        return about_device(device, option_parts(device, network.options), total)
    blocks = blocks_of(posed.spec, network.name, network.options)
    assert blocks is not None
    return device_figures((device,), network_operators(blocks))[device.name]


def rescored(
    posed: PosedList, network: OptionList, metrics: Mapping[str, int], objective: float
) -> str:
    """What gave the objective again; empty: LightGBM is not here to be asked.

    Raises ``ObjectiveMismatch``.
    """
    words, predictor = posed.spec.objective, posed.predictor
    found, by = [], []
    if words.metric is not None:
        found.append(float(metrics[words.metric]))
        by.append("costs")
    if (weights := words.log_weights(posed.space)) is not None:
        ordered = {slot.name: network.options[slot.name] for slot in posed.space.slots}
        found.append(logs_of(ordered, weights))
        by.append("logarithms")
    if words.entropy:
        found.append(cell_variance(network.options))
        by.append("variances")
    if words.volume is not None:
        found.append(_volume_again(posed, network.options))
        by.append("blocks")
    point, shot = posed.space.point(network.options), posed.one_shot
    if shot is not None and shot.guards:
        if shot.at(point) is None:
            found.append(-shot.margin)
        else:
            found.append(measured_score(Path(words.predictor or ""), network.options))
            by.append("what was measured")
            predictor = None
    if predictor is not None and predictor.kind == "tables":
        slots = predictor.space.slots
        found.append(table_score(slots, predictor.tables, network.options))
        by.append("tables")
    elif predictor is not None:
        features = predictor.space.features()
        row = matrix(features, np.array([point]))[0]
        texts = [rewritten(text, features) for text in predictor.members]
        score = booster_score(texts, row, words.uncertainty)
        if score is None:
            return ""
        found.append(score)
        by.append("lightgbm")
    check_objective(math.fsum(found), objective)
    return " and ".join(by)


def _volume_again(posed: PosedList, options: Mapping[str, str]) -> float:
    """The log-volume by the chosen blocks alone."""
    layers, words = posed.spec.layers(), posed.spec.objective.volume
    assert layers is not None and words is not None
    given, chosen = after_all(layers.stem, layers.given), []
    for slot in layers.slots:
        blocks = slot.options[options[slot.name]]
        chosen.append((blocks, given))
        given = after_all(blocks, given)
    return chosen_volume(chosen, words.kernel_size, words.squeeze_excitation, words.rise)


def about_predictor(posed: PosedList, solution: Solution, rescored_by: str) -> dict[str, Any]:
    """What is known of the predictor, and what it says of the answer in its target's unit."""
    predictor = posed.predictor
    if predictor is None:
        return {}
    quality, levels = predictor.quality, predictor.levels
    point = np.array(solution.point, dtype=np.int64)[None]
    score = predictor.objective(posed.space).at(point)
    found: dict[str, Any] = {
        "target": predictor.target, "model": predictor.kind,
        "predicted": float(read_back(score, levels)[0]),
        "measured": [levels[0][1], levels[-1][1]],
        "tau": quality.tau, "rmse": quality.rmse, "rows": quality.rows,
        "rescored_by": rescored_by, "sha256": predictor.digest(),
    }  # fmt: skip
    if posed.spec.objective.log_values is None and solution.objective is not None:
        found["objective"] = float(read_back(np.array([solution.objective]), levels)[0])
        if math.isfinite(solution.bound):
            bound = max(solution.bound, solution.objective)
            found["bound"] = float(read_back(np.array([bound]), levels)[0])
    if (shot := posed.one_shot) is not None and solution.point is not None:
        found["lower_bound"] = float(read_back(score - shot.margin, levels)[0])
        found |= _beside(posed, shot, solution.point)
    return found


def _beside(posed: PosedList, shot: OneShot, point: Sequence[int]) -> dict[str, Any]:
    """What a design was measured at, and the best measured row that keeps the budgets."""
    row = shot.best(posed.program)
    best = None
    if row is not None:
        best = {
            "rows": shot.rows(posed.program), "value": float(shot.values[row]),
            "options": posed.space.words(shot.points[row]),
        }  # fmt: skip
    own = shot.at(tuple(map(int, point)))
    return {
        "measured_here": None if own is None else float(shot.values[own]), "best_measured": best,
    }  # fmt: skip
