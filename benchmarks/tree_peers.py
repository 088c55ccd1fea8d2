"""The maximum of a tree ensemble, proven: us against OMLT, ENTMOOT, PySCIPOpt-ML and toulbar2.

Every peer gets the same LightGBM model twice: as trained ("shipped"), and with each threshold moved
halfway between the feature's neighbouring values ("snapped"), because thresholds of 1e-35 on one-hot
features are below any solver's tolerance. toulbar2, a solver of weighted constraints, gets a variable a
tree, of its leaves, tied to the slots that confine them. Choices, links to the features and budgets are the same
rows for all of them. Truth is enumeration where the space allows it, else our proven optimum, which
the snapped peers confirm or contradict.

    python benchmarks/tree_peers.py --spaces px --shapes 30x8,300x4 --seeds 5 --limit 60

`--python` names the interpreter that has the peers installed (omlt, onnxmltools, entmoot,
pyscipopt-ml, highspy, pytoulbar2), where that is another one. A cell is seconds and verdict; WRONG shows the
value that the peer calls optimal and what its design is truly worth.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PEERS = ("omlt", "entmoot", "pyscipopt_ml")
#: toulbar2 embeds no trees by itself: leaves are posed by us, so that there is nothing to snap.
POSED = ("toulbar2",)
TOLERANCE = 1e-6


def main() -> None:
    """Print one line for each space, ensemble, budget and method."""
    if len(sys.argv) > 2 and sys.argv[1] == "--child":
        print("\nRESULT " + json.dumps(child(json.loads(Path(sys.argv[2]).read_text()))))
        return
    from tree_instances import SHAPES, space

    from mathdesign.solvers.base import SolveOptions
    from mathdesign.solvers.portfolio import solve

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spaces", default="px")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--budgets", default="", help="Names; default: all of the space.")
    parser.add_argument("--peers", default=",".join((*PEERS, *POSED)))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=60.0, help="Seconds for a peer.")
    parser.add_argument("--ours", type=float, default=300.0, help="Seconds for us.")
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    peers = [p for p in options.peers.split(",") if p]
    first = space("px")  # Compiled code is loaded, or compiled, before anything is timed.
    solve(first.problem(first.fit("30x8", 99)[0], "both50%"), SolveOptions(gap=0.0))
    print(f"{'space':6}{'ensemble':9}{'budget':11}{'method':24}{'right':>6}{'wrong':>6}{'open':>6}"
          f"{'mean s':>9}{'most s':>9}  worst")  # fmt: skip
    for name in options.spaces.split(","):
        found = space(name)
        budgets = options.budgets.split(",") if options.budgets else list(found.budgets)
        for shape in options.shapes.split(","):
            for budget in budgets:
                tally: dict[str, list[tuple[str, float, str]]] = {}
                for seed in range(options.seeds):
                    ensemble, booster, _ = found.fit(shape, seed)
                    problem = found.problem(ensemble, budget)
                    start = time.perf_counter()
                    words = SolveOptions(gap=0.0, time_limit_s=options.ours)
                    ours = solve(problem, words)
                    seconds = time.perf_counter() - start
                    truth = ours.objective if ours.objective is not None else float("nan")
                    confirmed = "optimal, not enumerated"
                    if problem.size <= 10**7:
                        points = np.array(found.points)
                        truth = float(ensemble.at(points)[problem.feasible_rows(points)].max())
                        confirmed = "equals enumeration"
                    good = ours.status.value == "optimal" and abs(ours.objective - truth) <= 1e-9
                    state = (
                        "right" if good else "open" if ours.status.value != "optimal" else "wrong"
                    )
                    tally.setdefault("mathdesign", []).append((state, seconds, confirmed))
                    for peer in peers:
                        for mode in ("posed",) if peer in POSED else ("shipped", "snapped"):
                            text = booster.model_to_string()
                            text = snapped(text, found) if mode == "snapped" else text
                            words = instance(found, budget, text, peer, options.limit)
                            answer = ask(options.python, words, options.limit)
                            verdict = judge(answer, problem, ensemble, truth)
                            tally.setdefault(f"{peer}, {mode}", []).append(verdict)
                for method, rows in tally.items():
                    states = [state for state, _, _ in rows]
                    times = [seconds for _, seconds, _ in rows]
                    worst = next((note for s, _, note in rows if s == "wrong"), rows[0][2])
                    print(f"{name:6}{shape:9}{budget:11}{method:24}{states.count('right'):6}"
                          f"{states.count('wrong'):6}{states.count('open'):6}{np.mean(times):9.3f}"
                          f"{max(times):9.3f}  {worst}", flush=True)  # fmt: skip


def snapped(text: str, found: Any) -> str:
    """The model text with every threshold halfway between values of its feature."""
    values = []
    for feature in found.features:
        sums = {0.0}
        for table in feature.tables:
            sums = {a + float(b) for a in sums for b in table}
        values.append(sorted(sums))
    lines, features = [], []
    for line in text.splitlines():
        if line.startswith("tree_sizes="):
            continue  # sizes in bytes, no longer true; LightGBM reads on without them
        if line.startswith("split_feature="):
            features = [int(f) for f in line.split("=")[1].split()]
        if line.startswith("threshold="):
            moved = []
            for feature, word in zip(features, line.split("=")[1].split()):
                below = max(v for v in values[feature] if v <= float(word))
                above = min(v for v in values[feature] if v > float(word))
                moved.append(repr((below + above) / 2))
            line = "threshold=" + " ".join(moved)
        lines.append(line)
    return "\n".join(lines) + "\n"


def instance(found: Any, budget: str, text: str, peer: str, limit: float) -> dict[str, Any]:
    """All that a peer needs, as JSON."""
    rows = []
    for row in found.budgets[budget]:
        sums = found.metrics[row.metric]
        rows.append({
            "upper": int(row.upper) - int(sums.constant),
            "unary": [t.tolist() for t in sums.unary],
            "pairs": [[p.first, p.second, p.table.tolist()] for p in sums.pairs],
        })  # fmt: skip
    return {
        "peer": peer, "limit": limit, "model": text, "rows": rows,
        "sizes": [len(s.options) for s in found.slots],
        "features": [
            {"slots": list(f.slots), "tables": [np.asarray(t, float).tolist() for t in f.tables]}
            for f in found.features
        ],
    }  # fmt: skip


def ask(python: str, words: dict[str, Any], limit: float) -> dict[str, Any]:
    """The answer of a peer in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instance.json"
        path.write_text(json.dumps(words))
        command = [python, __file__, "--child", str(path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=3 * limit + 60)
        except subprocess.TimeoutExpired:
            return {"status": "stopped", "seconds": 3 * limit + 60, "error": "did not stop"}
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    error = (done.stderr.strip().splitlines() or ["no output"])[-1]
    return {"status": "error", "seconds": 0.0, "error": error}


def judge(
    answer: dict[str, Any], problem: Any, ensemble: Any, truth: float
) -> tuple[str, float, str]:
    """right, wrong or open; seconds; what to show."""
    seconds = float(answer.get("seconds", 0.0))
    if answer["status"] != "optimal":
        bound = answer.get("bound")
        note = answer.get("error") or f"gap {bound - truth:.3f}" if bound is not None else str(
            answer.get("error", "no bound"))  # fmt: skip
        return "open", seconds, note[:70]
    point = np.array(answer["point"], dtype=np.int64)[None]
    worth = float(ensemble.at(point)[0]) if problem.feasible_rows(point)[0] else float("-inf")
    claim = float(answer["claimed"])
    scale = max(1.0, abs(truth))
    if abs(claim - truth) <= TOLERANCE * scale and worth >= truth - TOLERANCE * scale:
        return "right", seconds, ""
    return (
        "wrong",
        seconds,
        f"claims {claim:.4f}, its design is worth {worth:.4f}, truth {truth:.4f}",
    )


def child(words: dict[str, Any]) -> dict[str, Any]:
    """Pose and solve with one peer; seconds are the solver's alone."""
    import lightgbm

    booster = lightgbm.Booster(model_str=words["model"])
    peers = {
        "omlt": by_omlt, "entmoot": by_entmoot, "pyscipopt_ml": by_pyscipopt, "toulbar2": by_toulbar2
    }  # fmt: skip
    answer: dict[str, Any] = peers[words["peer"]](words, booster)
    return answer


def pyomo_choices(model: Any, words: dict[str, Any]) -> list[Any]:
    """Choice binaries, budgets, and an expression for every feature."""
    import pyomo.environ as pyo

    keys = [(i, k) for i, n in enumerate(words["sizes"]) for k in range(n)]
    model.choice = pyo.Var(keys, domain=pyo.Binary)
    model.one = pyo.ConstraintList()
    for i, n in enumerate(words["sizes"]):
        model.one.add(sum(model.choice[i, k] for k in range(n)) == 1)
    model.budget, model.both, model.product = (
        pyo.ConstraintList(),
        pyo.VarList(),
        pyo.ConstraintList(),
    )
    for row in words["rows"]:
        total = sum(
            c * model.choice[i, k] for i, t in enumerate(row["unary"]) for k, c in enumerate(t) if c
        )
        for first, second, table in row["pairs"]:
            for k, costs in enumerate(table):
                for m, cost in enumerate(costs):
                    both = model.both.add()
                    both.setlb(0)
                    model.product.add(both >= model.choice[first, k] + model.choice[second, m] - 1)
                    total = total + cost * both
        model.budget.add(total / row["upper"] <= 1)
    return [
        sum(value * model.choice[i, k] for i, table in zip(f["slots"], f["tables"])
            for k, value in enumerate(table) if value)
        for f in words["features"]
    ]  # fmt: skip


def bounds(feature: dict[str, Any]) -> tuple[float, float]:
    """Least and greatest value of a feature."""
    return sum(map(min, feature["tables"])), sum(map(max, feature["tables"]))


def solve_pyomo(model: Any, claimed: Any, words: dict[str, Any]) -> dict[str, Any]:
    """Maximise ``claimed`` with HiGHS to gap 0."""
    import pyomo.environ as pyo

    model.goal = pyo.Objective(expr=claimed, sense=pyo.maximize)
    solver = pyo.SolverFactory("appsi_highs")
    solver.config.time_limit = words["limit"]
    solver.config.load_solution = False
    solver.highs_options = {"threads": 1, "mip_rel_gap": 0.0, "mip_abs_gap": 1e-7}
    start = time.perf_counter()
    found = solver.solve(model)
    seconds = time.perf_counter() - start
    if "ptimal" not in str(found.solver.termination_condition):
        bound = found.problem.upper_bound
        return {"status": "stopped", "seconds": seconds, "bound": float(bound) if bound else None}
    solver.load_vars()
    point = [
        max(range(n), key=lambda k, i=i: pyo.value(model.choice[i, k]))
        for i, n in enumerate(words["sizes"])
    ]
    return {"status": "optimal", "seconds": seconds, "claimed": pyo.value(claimed), "point": point}


def by_omlt(words: dict[str, Any], booster: Any) -> dict[str, Any]:
    """OMLT's big-M formulation of the ensemble, from ONNX."""
    import pyomo.environ as pyo
    from omlt import OmltBlock
    from omlt.gbt import GBTBigMFormulation, GradientBoostedTreeModel
    from onnxmltools.convert import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    size = len(words["features"])
    onnx = convert_lightgbm(booster, initial_types=[("x", FloatTensorType([None, size]))])
    ranges = {i: bounds(f) for i, f in enumerate(words["features"])}
    model = pyo.ConcreteModel()
    features = pyomo_choices(model, words)
    model.trees = OmltBlock()
    definition = GradientBoostedTreeModel(onnx, scaled_input_bounds=ranges)
    model.trees.build_formulation(GBTBigMFormulation(definition))
    model.link = pyo.ConstraintList()
    for i, feature in enumerate(features):
        model.link.add(model.trees.inputs[i] == feature)
    return solve_pyomo(model, model.trees.outputs[0], words)


def by_entmoot(words: dict[str, Any], booster: Any) -> dict[str, Any]:
    """ENTMOOT's tree model; it trains its own, so the booster is put where it keeps that."""
    import pyomo.environ as pyo
    from entmoot.models.mean_models.tree_ensemble import TreeEnsemble
    from entmoot.problem_config import ProblemConfig

    config = ProblemConfig(rnd_seed=1)
    for i, feature in enumerate(words["features"]):
        low, high = bounds(feature)
        if (low, high) == (0.0, 1.0):
            config.add_feature("binary", name=f"f{i}")
        else:
            config.add_feature("real", (low, high), name=f"f{i}")
    config.add_min_objective(name="y")
    trees = TreeEnsemble(config, params={"train_lib": "lgbm"})
    trees._tree_dict = {"y": booster}
    model = config.get_pyomo_model_core()
    features = pyomo_choices(model, words)
    trees.add_to_pyomo_model(model, add_mu_var=False)
    model.link = pyo.ConstraintList()
    for i, feature in enumerate(features):
        model.link.add(model._all_feat[i] == feature)
    claimed = sum(
        model._leaf_weight(label, tree, leaf) * model._z[label, tree, leaf]
        for label, tree, leaf in model._z
    )
    return solve_pyomo(model, claimed, words)


def by_pyscipopt(words: dict[str, Any], booster: Any) -> dict[str, Any]:
    """PySCIPOpt-ML through the scikit-learn wrapper that it asks for."""
    from lightgbm import LGBMRegressor
    from pyscipopt import Model, quicksum
    from pyscipopt_ml.add_predictor import add_predictor_constr

    size = len(words["features"])
    wrapper = LGBMRegressor(n_estimators=booster.num_trees())
    wrapper._Booster, wrapper.fitted_, wrapper._n_features = booster, True, size
    wrapper._n_features_in, wrapper._le = size, None
    scip = Model()
    scip.hideOutput()
    scip.setParam("limits/time", words["limit"])
    scip.setParam("limits/gap", 0.0)
    scip.setParam("parallel/maxnthreads", 1)
    sizes = words["sizes"]
    choice = {(i, k): scip.addVar(vtype="B") for i, n in enumerate(sizes) for k in range(n)}
    for i, n in enumerate(sizes):
        scip.addCons(quicksum(choice[i, k] for k in range(n)) == 1)
    for row in words["rows"]:
        terms = [c / row["upper"] * choice[i, k]
                 for i, t in enumerate(row["unary"]) for k, c in enumerate(t) if c]  # fmt: skip
        for first, second, table in row["pairs"]:
            for k, costs in enumerate(table):
                for m, cost in enumerate(costs):
                    both = scip.addVar(lb=0)
                    scip.addCons(both >= choice[first, k] + choice[second, m] - 1)
                    terms.append(cost / row["upper"] * both)
        scip.addCons(quicksum(terms) <= 1)
    inputs = []
    for feature in words["features"]:
        low, high = bounds(feature)
        var = scip.addVar(lb=low, ub=high)
        scip.addCons(var == quicksum(
            v * choice[i, k] for i, t in zip(feature["slots"], feature["tables"]) for k, v in enumerate(t)
        ))  # fmt: skip
        inputs.append(var)
    output = scip.addVar(lb=None, ub=None)
    add_predictor_constr(scip, wrapper, np.array([inputs]), np.array([[output]]))
    scip.setObjective(output, sense="maximize")
    start = time.perf_counter()
    scip.optimize()
    seconds = time.perf_counter() - start
    if scip.getStatus() not in ("optimal", "gaplimit"):
        bound = scip.getDualbound()
        return {
            "status": "stopped",
            "seconds": seconds,
            "bound": bound if abs(bound) < 1e19 else None,
        }
    point = [
        max(range(n), key=lambda k, i=i: scip.getVal(choice[i, k])) for i, n in enumerate(sizes)
    ]
    return {"status": "optimal", "seconds": seconds, "claimed": scip.getObjVal(), "point": point}


def by_toulbar2(words: dict[str, Any], booster: Any) -> dict[str, Any]:
    """A variable a slot and one a tree, whose values are its leaves."""
    import pytoulbar2

    never, slots = 1000.0, words["sizes"]
    if any(row["pairs"] for row in words["rows"]):
        return {"status": "error", "seconds": 0.0, "error": "budgets on pairs are not posed"}
    network = pytoulbar2.CFN(never, 8)
    for i, n in enumerate(slots):
        network.AddVariable(f"x{i}", range(n))
    base = 0.0
    for t, tree in enumerate(booster.dump_model()["tree_info"]):
        leaves = list(leaf_boxes(tree["tree_structure"], words))
        value = np.array([v for v, _ in leaves])
        base += value.max()
        leaf = network.AddVariable(f"z{t}", range(len(leaves)))
        network.AddFunction([leaf], (value.max() - value).tolist())
        for i in range(len(slots)):
            allowed = np.array([box[i] for _, box in leaves])
            if not allowed.all():
                network.AddFunction([leaf, i], np.where(allowed, 0.0, never).ravel().tolist())
    for row in words["rows"]:
        terms = [(i, k, int(c)) for i, t in enumerate(row["unary"]) for k, c in enumerate(t) if c]
        network.AddGeneralizedLinearConstraint(terms, "<=", int(row["upper"]))
    start = time.perf_counter()
    found = network.Solve(timeLimit=int(words["limit"]))
    seconds = time.perf_counter() - start
    if not found or seconds >= words["limit"]:
        return {"status": "stopped", "seconds": seconds}
    return {
        "status": "optimal", "seconds": seconds, "claimed": base - found[1],
        "point": found[0][: len(slots)],
    }  # fmt: skip


def leaf_boxes(root: dict[str, Any], words: dict[str, Any]) -> Any:
    """Each leaf's value, and for each slot which options reach it; features of one slot only."""
    stack = [(root, [np.ones(n, dtype=bool) for n in words["sizes"]])]
    while stack:
        node, box = stack.pop()
        if "split_index" not in node:
            yield float(node["leaf_value"]), box
            continue
        feature = words["features"][node["split_feature"]]
        (slot,), (table,) = feature["slots"], feature["tables"]
        left = np.array(table) <= float(node["threshold"])
        for child_node, side in ((node["left_child"], left), (node["right_child"], ~left)):
            part = [*box[:slot], box[slot] & side, *box[slot + 1 :]]
            if part[slot].any():
                stack.append((child_node, part))


if __name__ == "__main__":
    main()
