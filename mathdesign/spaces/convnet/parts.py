"""What the log-volume of a chain adds up, and the log-volume that weighs its parts otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

import numpy as np

from mathdesign.programs.base import FloatArray, IntArray
from mathdesign.programs.stages import DEPTH, WIDTH
from mathdesign.spaces.convnet.facts import stage_name
from mathdesign.spaces.convnet.pose import PosedChain
from mathdesign.spaces.convnet.volume import SQUEEZE, VolumeOptions, of_stage

#: Words of a log-volume that weigh a logarithm, one number for each body stage.
WORDS = ("depth", "inner", "kernel_size")


def parts(posed: PosedChain, points: IntArray) -> dict[str, FloatArray]:
    """``stage.word`` -> what it adds to the log-volume of each point, shape ``(points,)``."""
    options = posed.volume or VolumeOptions()
    logs, columns = np.log(points), posed.program.columns
    found: dict[str, FloatArray] = {}
    for term in posed.program.objective.logs:
        stage = posed.space.stages[term.stage]
        word = "inner" if term.decision == stage.block.inner else term.decision
        found[f"{stage.name}.{word}"] = term.weight * logs[:, columns[term.stage, term.decision]]
    for depth in posed.program.objective.depths:
        d, w = (points[:, columns[depth.stage, name]] for name in (DEPTH, WIDTH))
        found[f"{posed.space.stages[depth.stage].name}.depth"] = depth.at(d, w)
    body = [stage for stage in posed.space.stages if stage.role == "body"]
    for i, stage in enumerate(body):
        if SQUEEZE in stage.shape.options:
            unit = log(of_stage(options.squeeze_excitation, i, len(body)))
            worth = options.factor(i, len(body)) * unit
            found[f"{stage.name}.{SQUEEZE}"] = np.full(len(points), worth)
    return found


def weighted(stages: int, multipliers: Mapping[str, float]) -> dict[str, Any]:
    """The ``objective:`` whose parts count so many times as those of the default."""
    options = VolumeOptions()
    words: dict[str, list[float]] = {}
    for word in WORDS:
        times = [multipliers.get(f"{stage_name(i)}.{word}", 1.0) for i in range(stages)]
        words[word] = [
            round(of_stage(getattr(options, word), i, stages) * t, 4) for i, t in enumerate(times)
        ]
    worth = options.squeeze_excitation
    words[SQUEEZE] = [
        round(of_stage(worth, i, stages) ** multipliers.get(f"{stage_name(i)}.{SQUEEZE}", 1.0), 4)
        for i in range(stages)
    ]
    return {"volume": words}
