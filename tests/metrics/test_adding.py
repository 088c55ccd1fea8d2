"""A metric of one's own needs its record and its recount: every word, check and report has it."""

import subprocess
import sys

PROGRAM = '''
from mathdesign.metrics import METRICS
from mathdesign.metrics.base import Metric

def values(layer, profile):
    return (layer.values,) if layer.op == "act" else ()

METRICS["activations"] = Metric("activations", "values", "Activation values.", values)

import mathdesign
from mathdesign.kinds.load import json_schema, loads
from mathdesign.spec.faults import SpecError
from mathdesign.validators.convnet import recheck

recheck.LAYER_COUNTS["activations"] = lambda layer, _: (layer.op == "act") * layer.c_out * layer.area
TEXT = """
space:
  family: basic
  input: {channels: 1, size: 8}
  classes: 10
  stem: {width: [8, 16]}
  stages: [{stride: 2, width: 8..32/8, depth: 1..3}]
budgets: {activations: 1800}
rows: [{name: ROW, sum: {stem: width}, max: 100}]
"""
design = mathdesign.design(loads(TEXT.replace("ROW", "early")))
print(design.metrics["activations"] <= 1800, [use.metric for use in design.budgets])
for wrong in (TEXT.replace("ROW", "activations"), TEXT.replace("activations:", "activation:"),
              TEXT.replace("1800", "{min: 2, max: 1}")):
    try:
        loads(wrong)
    except SpecError as error:
        print(error.faults[0].found, error.faults[0].suggestion)
weighted = TEXT.replace("rows", "objective: {metric: activations}\\nrows").replace("ROW", "early")
print(mathdesign.design(loads(weighted)).certificate.objective == 1792)
print("activations" in json_schema()["$defs"]["BudgetsSpec"]["properties"])
try:
    mathdesign.design(loads(TEXT.replace("ROW", "early").replace("1800", "100")))
except mathdesign.Infeasible as error:
    print(error)
'''


def test_a_new_metric_is_a_budget_an_objective_a_fault_and_a_reason():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[:4] == [
        "True ['activations', 'early']",
        "'activations' again ",
        "unknown key 'activation' activations",
        "min 2 above max 1 ",
    ]
    assert lines[4:6] == ["True", "True"]
    assert "activations: asked max 100; least reachable alone 768" in run.stdout
