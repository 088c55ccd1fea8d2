"""Every kind of space behaves alike: each cell of the table of drifts, over all families.

A document of each family is made small by what its kind calls a preset or by hand; what is asked of
it below is asked of all.
"""

import json
import math

import pytest
from typer.testing import CliRunner

import mathdesign
from mathdesign.api import Hooks, Infeasible
from mathdesign.cli.main import app
from mathdesign.kinds import KINDS, families, kind_of, kind_of_spec
from mathdesign.kinds.load import json_schema
from mathdesign.programs.base import Program
from mathdesign.result import Design, DesignError
from mathdesign.solvers import UnsupportedProblem, names
from mathdesign.spaces.kind import Kind, Posed
from mathdesign.spec.faults import SpecError

CONVNET = """
space:
  family: {family}
  input: {{channels: 3, size: 16}}
  classes: 10
  stem: {{width: 8}}
  stages:
    - {{stride: 2, width: [8, 16], kernel_size: 3, depth: [1, 2]{more}}}
budgets: {{{budgets}}}
solve: {{gap: 0{solve}}}
"""
MORE = {
    "bottleneck": ", bottleneck: [8]", "convnext": ", bottleneck: [16]",
    "inverted_residual": ", expansion: [2]", "regnet": ", bottleneck: [8, 16], group_width: [8]",
}  # fmt: skip
SLOTS = """
space:
  family: slots
  slots:
    - {{name: a, options: [x, y, z], costs: {{macs: [10, 20, 30]}}}}
    - {{name: b, options: [1, 2, 4], ordered: true, costs: {{macs: [1, 2, 3]}}}}
objective: {{metric: macs}}
budgets: {{{budgets}}}
solve: {{gap: 0{solve}}}
"""
NAMED = """
space: {{family: {family}}}
objective: {{metric: {metric}}}
budgets: {{{budgets}}}
solve: {{gap: 0{solve}}}
"""
LAYERS = """
space:
  family: layers
  input: {{channels: 3, size: 8}}
  stem: [{{block: conv, width: 4}}]
  slots:
    - {{name: a, width: 4, options: [{{block: conv}}, {{block: inverted_residual, expansion: 2}}, skip]}}
    - {{name: b, width: 8, options: [{{block: conv}}, {{block: conv, kernel: 1, name: thin}}]}}
  tail: [{{block: classifier}}]
objective: {{metric: macs}}
budgets: {{{budgets}}}
solve: {{gap: 0{solve}}}
"""
METRICS = {"nasbench101": "edges"}
TOKENS = """
space:
  family: {family}
  {reads}
  stacks:
{stacks}
budgets: {{{budgets}}}
solve: {{gap: 0{solve}}}
"""
STACK = "    - {width: [16, 32], depth: 1..2, head_size: 8, ffn: [32, 64]}\n"
IMAGE = "image: {size: 32, patch: 8}\n  classes: 10"
READS = {
    "vit": IMAGE, "hierarchical_vit": IMAGE, "encoder": "vocabulary: 64\n  context: 16",
}  # fmt: skip


def document(family: str, budgets: str = "", solve: str = "") -> str:
    """A small specification of a family."""
    if family in KINDS[0].families:
        return CONVNET.format(
            family=family, more=MORE.get(family, ""), budgets=budgets, solve=solve
        )
    if family == "slots":
        return SLOTS.format(budgets=budgets, solve=solve)
    if family == "layers":
        return LAYERS.format(budgets=budgets, solve=solve)
    if family in KINDS[1].families:
        metric = METRICS.get(family, "macs")
        return NAMED.format(family=family, metric=metric, budgets=budgets, solve=solve)
    reads = READS.get(family, "vocabulary: 64\n  context: 16")
    stacks = STACK * (2 if family == "encoder_decoder" else 1)
    return TOKENS.format(family=family, reads=reads, stacks=stacks, budgets=budgets, solve=solve)


def metric_of(family: str) -> str:
    return METRICS.get(family, "macs")


every_family = pytest.mark.parametrize("family", families())


def test_families_name_one_kind_each():
    assert len(families()) == len(set(families()))
    assert all(family in kind_of({"space": {"family": family}}).families for family in families())


@pytest.mark.parametrize("document", [None, 3, {}, {"space": 1}, {"space": {"family": ["basic"]}}])
def test_a_document_without_a_family_is_of_the_first_kind(document):
    assert kind_of(document) is KINDS[0]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_complete(kind):
    assert isinstance(kind, Kind) and issubclass(kind.program, Program)
    assert {"format", "metrics", "budgets", "certificate", "request"} <= set(kind.layout)
    assert [family["name"] for family in kind.described()] == list(kind.families)


@every_family
def test_a_specification_is_posed_as_a_program(family):
    spec = mathdesign.loads(document(family))
    kind = kind_of_spec(spec)
    posed = kind.pose(spec)
    assert isinstance(posed, Posed) and isinstance(posed.program, kind.program)
    program = mathdesign.problem(spec)
    assert program.size == posed.program.size > 1
    assert set(kind.reported(posed)) <= set(program.metric_names)
    assert all(program.unit(metric) for metric in kind.reported(posed)), program.units


@every_family
def test_the_pipeline_gives_a_design_that_is_checked_saved_and_loaded(family, tmp_path):
    spec = mathdesign.loads(document(family))
    told = []
    design = mathdesign.design(spec, Hooks(on_choice=lambda program, choice: told.append(choice)))
    assert told[0].backend.name == design.certificate.backend and told[0].reason
    assert design.certificate.proven and design.certificate.bound is not None
    assert design.kind is kind_of_spec(spec)
    for name in ("design.yaml", "design.json"):
        assert Design.load(design.save(tmp_path / name)) == design
    assert mathdesign.design(spec).to_yaml() == design.to_yaml()
    solution = mathdesign.solve(mathdesign.problem(spec))
    assert solution.objective == pytest.approx(design.certificate.objective, rel=1e-9)


@every_family
def test_hooks_are_heard_before_solving(family):
    order = []
    hooks = Hooks(
        on_choice=lambda *_: order.append("choice"), on_progress=lambda *_: order.append("progress")
    )
    mathdesign.design(mathdesign.loads(document(family)), hooks)
    assert order[0] == "choice"


@every_family
def test_a_misspelt_backend_is_a_fault_with_its_place(family):
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(document(family, solve=", backend: exakt"))
    (fault,) = caught.value.faults
    accepted = names(kind_of({"space": {"family": family}}).program)
    assert fault.path == "solve.backend" and fault.line > 0
    assert fault.accepted == ", ".join(accepted) and "auto" in accepted


@every_family
def test_a_backend_of_another_form_is_named_with_those_that_fit(family):
    form = kind_of({"space": {"family": family}}).program
    other = "frames" if form.form != "mixes" else "exact"
    with pytest.raises(SpecError, match=r"solve\.backend"):
        mathdesign.loads(document(family, solve=f", backend: {other}"))


@every_family
@pytest.mark.parametrize(
    ("limits", "found"), [("{min: 5, max: 4}", "min 5 above max 4"), ("{}", "no limit")]
)
def test_limits_that_contradict_themselves_are_faults(family, limits, found):
    with pytest.raises(SpecError, match=found) as caught:
        mathdesign.loads(document(family, budgets=f"{metric_of(family)}: {limits}"))
    assert caught.value.faults[0].path.startswith("budgets.")


@every_family
def test_an_impossible_budget_is_explained(family):
    metric = metric_of(family)
    spec = mathdesign.loads(document(family, budgets=f"{metric}: {{max: 0}}"))
    if family == "nasbench101":  # no cell is without an edge
        spec = mathdesign.loads(document(family, budgets="edges: {min: 10}"))
    with pytest.raises(Infeasible) as caught:
        mathdesign.design(spec)
    (reach,) = (r for r in caught.value.explanation.budgets if r.metric == metric)
    assert reach.impossible_alone and math.isfinite(reach.alone)
    text = "\n".join(caught.value.explanation.lines())
    assert metric in text and "asked" in text


@every_family
def test_the_cure_that_an_explanation_proposes_works(family):
    metric = metric_of(family)
    low = family == "nasbench101"
    asked = "edges: {min: 10}" if low else f"{metric}: {{max: 0}}"
    with pytest.raises(Infeasible) as caught:
        mathdesign.design(mathdesign.loads(document(family, budgets=asked)))
    (reach,) = caught.value.explanation.budgets
    value = int(reach.alone if reach.together is None else reach.together)
    cured = f"{metric}: {{{reach.side}: {value}}}"
    assert mathdesign.design(mathdesign.loads(document(family, budgets=cured))).certificate.proven


@every_family
def test_check_tells_size_backend_and_reach(family, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(document(family))
    result = CliRunner().invoke(app, ["check", str(path), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["size"] >= 1 and told["backend"]
    reach = told[metric_of(family)]
    assert reach["least"] <= reach["greatest"]
    path.write_text(document(family, solve=", backend: exakt"))
    assert CliRunner().invoke(app, ["check", str(path)]).exit_code == 2
    assert CliRunner().invoke(app, ["design", str(path)]).exit_code == 2


@every_family
def test_a_forced_backend_that_cannot_is_refused_alike(family, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(document(family, solve=", backend: 'pyomo:nosuch'"))
    spec = mathdesign.load(path)
    with pytest.raises(UnsupportedProblem, match="nosuch"):
        mathdesign.design(spec)
    for command in ("check", "design"):
        assert CliRunner().invoke(app, [command, str(path)]).exit_code == 2


@every_family
def test_every_family_is_listed_and_in_the_schema(family, tmp_path):
    result = CliRunner().invoke(app, ["families", "--json"])
    listed = {entry["name"]: entry for entry in json.loads(result.stdout)}
    assert {"summary", "block", "decisions", "preset"} <= set(listed[family])
    schema = json_schema()
    assert family in schema["properties"]["space"]["properties"]["family"]["enum"]
    named = [b for b in schema["allOf"] if "properties" in b["if"]]
    (branch,) = (
        b for b in named if family in b["if"]["properties"]["space"]["properties"]["family"]["enum"]
    )
    assert branch["then"]["$ref"].split("/")[-1] in schema["$defs"]


@every_family
def test_programs_are_handed_out(family, tmp_path):
    program = mathdesign.problem(mathdesign.loads(document(family)))
    if program.size > 1e6:
        pytest.skip("too large a program for a file in a test")
    for suffix in ("mps", "lp"):
        program.write(tmp_path / f"program.{suffix}")
        assert (tmp_path / f"program.{suffix}").stat().st_size > 0
    assert program.to_pyomo("milp") is not None


@every_family
@pytest.mark.parametrize("broken", ["format", "request", "certificate", "metrics"])
def test_an_incomplete_design_is_refused(family, broken):
    design = mathdesign.design(mathdesign.loads(document(family)))
    data = design.to_dict()
    del data[broken]
    with pytest.raises(DesignError):
        Design.from_dict(data)
