"""The registry and the choice: what may be asked is asked without paying for it."""

import subprocess
import sys

import pytest

from mathdesign.programs.chain import DesignProblem
from mathdesign.programs.mixes import MixProblem
from mathdesign.programs.slots import SlotProblem
from mathdesign.programs.union import Union
from mathdesign.solvers import (
    BACKENDS,
    Ability,
    UnsupportedProblem,
    backend,
    choose,
    names,
    portfolio,
)
from tests.gallery import GALLERY

FORMS = (DesignProblem, SlotProblem, MixProblem, Union)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_declares_what_it_accepts_and_can_do(name):
    solver = backend(name)
    assert solver.name.partition(":")[0] == name and solver.summary
    assert solver.accepts and set(solver.accepts) <= set(FORMS)
    assert all(isinstance(ability, Ability) for ability in solver.abilities)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_can_be_proven_chosen_and_forced(form):
    accepted = names(form)
    assert accepted[0] == "auto" and {"highs", "scipy", "brute", "scan"} <= set(accepted)
    proving = [n for n in BACKENDS if Ability.PROVES in backend(n).abilities]
    assert len([n for n in accepted if n in proving]) >= 4


@pytest.mark.parametrize("entry", GALLERY, ids=lambda entry: entry.name)
def test_a_choice_comes_with_its_reason(entry):
    problem = entry.make()
    choice = choose(problem)
    assert choice.reason and portfolio.cannot(choice.backend, problem) is None
    assert Ability.PROVES in choice.backend.abilities


def test_names_that_are_no_backend_are_named_with_those_that_are():
    with pytest.raises(KeyError, match="accepted: brute"):
        backend("exakt")
    with pytest.raises(KeyError, match="unknown backend 'exact:3'"):
        backend("exact:3")


def test_a_backend_of_another_form_says_which_it_treats():
    chain = next(e.make() for e in GALLERY if isinstance(e.make(), DesignProblem))
    with pytest.raises(UnsupportedProblem, match="form mixes, this one is chain"):
        choose(chain, "frames")


def test_choosing_imports_no_compiler_and_no_solver_that_is_not_chosen():
    code = (
        "import sys, mathdesign\n"
        "spec = mathdesign.load('examples/30_tiny_lm/design.yaml')\n"
        "from mathdesign.solvers import choose\n"
        "print(choose(mathdesign.problem(spec)).backend.name)\n"
        "print([m for m in ('numba', 'pyomo', 'cvxpy', 'pyscipopt', 'torch', 'lightgbm')"
        " if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["frames", "[]"]
