"""Sums over slots and pairs of slots under several budgets: ``viterbi``, ``highs`` and ``branch``.

    python benchmarks/additive_slots.py [--seconds 20] [--backends viterbi,highs,branch,cpsat] [--seeds 2]
        [--fbnet fbnet_latency.csv.gz] [--large]

``cpsat`` is no backend: it needs `pip install ortools` (:mod:`cpsat_slots`), and is skipped without.

Programs drawn by size (``tests/additive.py``), and with ``--fbnet`` the most multiply-adds of FBNet
within the median latency of one, two and three devices, from the table of HELP's authors (MIT).
Each backend proves to 1e-6 or is stopped. Kernels are compiled before. ``s`` is wall clock, ``cpu``
what this process used of it: where they differ, the machine was busy with something else.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mathdesign.programs.slots import SlotProblem
from mathdesign.solvers import Solution, SolveOptions, backend
from tests.additive import drawn, fbnet

CPSAT = "cpsat"
#: Name, slots, options, budgets, pairs of neighbours, values that follow the costs.
SIZES = (
    ("24 x 12, 2 budgets", 24, 12, 2, False, False),
    ("24 x 12, 2 budgets, alike", 24, 12, 2, False, True),
    ("24 x 12, 3 budgets, alike", 24, 12, 3, False, True),
    ("60 x 10, neighbours, 2 budgets", 60, 10, 2, True, False),
    ("60 x 10, neighbours, 2 budgets, alike", 60, 10, 2, True, True),
    ("100 x 16, neighbours, 4 budgets", 100, 16, 4, True, False),
    ("300 x 10, 2 budgets", 300, 10, 2, False, False),
    ("300 x 10, 4 budgets", 300, 10, 4, False, False),
)
LARGE = (
    ("300 x 10, 2 budgets, alike", 300, 10, 2, False, True),
    ("100 x 16, neighbours, 4 budgets, alike", 100, 16, 4, True, True),
    ("300 x 10, 4 budgets, alike", 300, 10, 4, False, True),
)
DEVICES = (
    ("pixel3",),
    ("raspi4",),
    ("pixel3", "raspi4"),
    ("pixel3", "raspi4", "eyeriss"),
)


def programs(words: argparse.Namespace) -> Iterator[tuple[str, SlotProblem]]:
    """What is asked, with names."""
    if words.fbnet is not None:
        for devices in DEVICES:
            yield f"FBNet, {', '.join(devices)}", fbnet(words.fbnet, devices)
    for name, *size in (*SIZES, *(LARGE if words.large else ())):
        for seed in range(words.seeds):
            yield f"{name}, seed {seed}", drawn(seed, *size)


def solved(name: str, program: SlotProblem, seconds: float) -> Solution:
    """By a backend, or by CP-SAT."""
    if name == CPSAT:
        return importlib.import_module("cpsat_slots").solve(program, seconds)
    return backend(name).solve(program, SolveOptions(gap=0.0, time_limit_s=seconds))


def available(names: list[str]) -> list[str]:
    """Those that can be had; what is missing is said."""
    if CPSAT in names and importlib.util.find_spec("ortools") is None:
        print(f"SKIPPED: {CPSAT} needs ortools: pip install ortools")
        return [name for name in names if name != CPSAT]
    return names


def cell(name: str, program: SlotProblem, seconds: float) -> str:
    """What one backend says."""
    began, used = time.perf_counter(), time.process_time()
    found = solved(name, program, seconds)
    took, used = time.perf_counter() - began, time.process_time() - used
    shown = "-" if found.objective is None else f"{found.objective:.9g}"
    return f"{shown:>12} {found.bound:>12.9g} {took:7.3f} {used:7.3f} {found.status.value:<9}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--backends", default="viterbi,highs,branch")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--fbnet", type=Path, help="fbnet_latency.csv.gz")
    parser.add_argument("--large", action="store_true", help="what nobody may prove in time")
    words = parser.parse_args()
    names = available(words.backends.split(","))
    for name in names:
        cell(name, drawn(0, 12, 4, 2, pairs=True), 5.0)  # compile or load
        cell(name, drawn(0, 60, 10, 3, alike=True), 1.0)
    head = "".join(f"{n:>12} {'bound':>12} {'s':>7} {'cpu':>7} {'status':<9}  " for n in names)
    print(f"{'program':<46} {head}")
    for title, program in programs(words):
        print(f"{title:<46}", *(f"{cell(n, program, words.seconds)} " for n in names), flush=True)


if __name__ == "__main__":
    main()
