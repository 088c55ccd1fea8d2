"""The Python interface."""

from pathlib import Path

import pytest

import mathdesign
from mathdesign.solvers import Status
from tests.places import ROOT

TINY = (ROOT / "examples/03_digits_tiny/design.yaml").read_text()


def test_the_readme_in_python():
    spec = mathdesign.load(ROOT / "examples/03_digits_tiny/design.yaml")
    design = mathdesign.design(spec)
    assert design.certificate.status == "optimal"
    problem = mathdesign.problem(spec)
    assert isinstance(problem, mathdesign.DesignProblem)
    for backend in ("brute", "highs", "scipy"):
        solution = mathdesign.solve(problem, backend=backend)
        assert solution.objective == pytest.approx(design.certificate.objective, rel=1e-6)
    assert sum(p.numel() for p in design.build().parameters()) == design.metrics["params"]


def test_an_infeasible_request_explains_itself():
    spec = mathdesign.loads(TINY.replace("macs: 4M", "macs: 1k"))
    with pytest.raises(mathdesign.Infeasible) as caught:
        mathdesign.design(spec)
    by_metric = {b.metric: b for b in caught.value.explanation.budgets}
    assert by_metric["macs"].impossible_alone and by_metric["macs"].alone == 463_680
    assert not by_metric["params"].impossible_alone


def test_progress_and_choice_are_heard():
    heard: list[str] = []
    spec = mathdesign.loads(TINY.replace("backend: auto", "backend: highs"))
    hooks = mathdesign.Hooks(
        on_choice=lambda problem, choice: heard.append(choice.backend.name),
        on_progress=lambda report: heard.append(report.phase),
    )
    mathdesign.design(spec, hooks)
    assert heard[0] == "highs" and len(heard) > 1


def test_designs_survive_yaml_and_json_byte_for_byte():
    design = mathdesign.design(mathdesign.loads(TINY))
    for write, read in (
        (mathdesign.Design.to_yaml, mathdesign.Design.from_yaml),
        (mathdesign.Design.to_json, mathdesign.Design.from_json),
    ):
        text = write(design)
        assert read(text) == design and write(read(text)) == text


def test_forced_backends_that_cannot_are_refused():
    spec = mathdesign.quick("bottleneck", "3x224x224", {"macs": "1G"})
    with pytest.raises(ValueError, match="enumeration stops"):
        mathdesign.solve(mathdesign.problem(spec), backend="brute")


def test_a_heuristic_claims_no_proof():
    spec = mathdesign.loads(TINY.replace("backend: auto", "backend: evolution"))
    certificate = mathdesign.design(spec).certificate
    assert certificate.bound is None and certificate.gap is None and not certificate.proven
    assert Status(certificate.status) is Status.FEASIBLE


def test_public_names_are_all_there():
    for name in mathdesign.__all__:
        assert getattr(mathdesign, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mathdesign.nothing


def test_the_program_is_handed_out_for_other_solvers(tmp_path: Path):
    spec = mathdesign.loads(TINY)
    problem = mathdesign.problem(spec)
    best = mathdesign.solve(problem, backend="brute").objective
    assert best is not None
    for name in ("tiny.mps", "tiny.lp"):
        problem.write(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    pytest.importorskip("pyomo")
    for form in ("minlp", "milp"):
        assert problem.to_pyomo(form).nobjectives() == 1
    pytest.importorskip("cvxpy")
    assert problem.to_cvxpy() is not None


def test_the_cure_of_an_impossible_effectiveness_works():
    spec = TINY.replace("params: 100k", "effectiveness: 1e-3, params: 1k")
    with pytest.raises(mathdesign.Infeasible) as caught:
        mathdesign.design(mathdesign.loads(spec))
    (cure,) = [line for line in caught.value.explanation.lines() if line.startswith("this works")]
    limits = dict(part.split(" max ") for part in cure.split(": ")[1].split(" (")[0].split(", ", 1))
    mended = spec.replace("params: 1k", f"params: {limits['params'].replace(',', '')}")
    mended = mended.replace("effectiveness: 1e-3", f"effectiveness: {limits['effectiveness']}")
    assert mathdesign.design(mathdesign.loads(mended)).certificate.status == "optimal"
