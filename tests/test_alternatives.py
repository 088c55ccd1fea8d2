"""What choosing otherwise costs equals enumeration; recipe variables are slots that cost nothing."""

import itertools
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from mathdesign import api
from mathdesign.alternatives import alternatives
from mathdesign.cli.main import app
from mathdesign.kinds.load import loads
from mathdesign.spec.faults import SpecError


def spec(seed: int, limit: int):
    rng = np.random.default_rng(seed)
    slots = [
        {"name": f"s{i}", "options": [f"o{k}" for k in range(3)],
         "costs": {"worth": rng.integers(0, 50, 3).tolist(), "time": rng.integers(1, 20, 3).tolist()}}
        for i in range(4)
    ]  # fmt: skip
    document = {"version": 1, "name": "why", "space": {"family": "slots", "slots": slots},
                "objective": {"metric": "worth"}, "budgets": {"time": limit}}  # fmt: skip
    return loads(json.dumps(document)), slots


def best(slots, limit, banned=None):
    """The greatest worth by enumeration; ``banned`` = (slot, option)."""
    found = None
    for point in itertools.product(range(3), repeat=4):
        if banned is not None and point[banned[0]] == banned[1]:
            continue
        worth, time = (
            sum(s["costs"][m][k] for s, k in zip(slots, point)) for m in ("worth", "time")
        )
        if time <= limit:
            found = worth if found is None else max(found, worth)
    return found


@pytest.mark.parametrize("seed", range(25))
def test_losses_equal_enumeration(seed):
    limit = 30
    words, slots = spec(seed, limit)
    if best(slots, limit) is None:
        with pytest.raises(api.Infeasible):
            api.design(words)
        return
    design = api.design(words)
    for i, found in enumerate(alternatives(design)):
        without = best(slots, limit, (i, int(design.network.options[f"s{i}"][1])))
        assert found.slot == f"s{i}" and found.proven
        if without is None:
            assert found.loss is None and found.other is None
        else:
            assert found.loss == pytest.approx(design.certificate.objective - without)
            assert found.other != found.option and found.changed >= 1


def test_the_command_shows_the_costliest_slot_first(tmp_path):
    words, _ = spec(0, 60)
    path = tmp_path / "design.yaml"
    path.write_text(api.design(words).to_yaml())
    done = CliRunner().invoke(app, ["why", str(path)])
    assert done.exit_code == 0 and "choosing otherwise" in done.output
    found = json.loads(CliRunner().invoke(app, ["why", str(path), "--json"]).output)
    assert len(found["slots"]) == 4 and all(s["loss"] >= 0 for s in found["slots"])
    path.write_text("format: 1\n")
    assert CliRunner().invoke(app, ["why", str(path)]).exit_code == 2


RECIPE = """version: 1
space:
  family: nats_size
  recipe:
    - {name: rate, options: [0.1, 0.01], ordered: true}
    - {name: optimizer, options: [sgd, adamw]}
objective: {metric: params}
budgets: {macs: 20M}
"""


def test_a_recipe_adds_choices_and_no_costs():
    words = loads(RECIPE)
    space, plain = (
        words.table_space(),
        loads(RECIPE.split("  recipe")[0] + RECIPE[RECIPE.index("obj") :]),
    )
    assert [s.name for s in space.slots[-2:]] == ["rate", "optimizer"]
    assert space.size == 4 * plain.table_space().size and space.name != plain.table_space().name
    with_recipe, without = api.design(words), api.design(plain)
    assert with_recipe.metrics == without.metrics
    assert with_recipe.network.options["rate"] in ("0.1", "0.01")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: rate", "name: c1", "'c1' twice"),
        ("options: [sgd, adamw]", "options: [sgd, adamw], costs: {macs: [1, 2]}", "costs nothing"),
        ("options: [0.1, 0.01]", "options: [low, 0.01]", "a word"),
    ],
)
def test_bad_recipes_are_named(old, new, words):
    with pytest.raises(SpecError, match=words):
        loads(RECIPE.replace(old, new))
