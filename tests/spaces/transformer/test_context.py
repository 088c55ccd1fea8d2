"""The context of a language model as a choice, and what an image or a context is worth if asked."""

import math

import pytest

import mathdesign
from mathdesign.api import Infeasible
from mathdesign.checking import checks
from mathdesign.kinds import kind_of_spec
from mathdesign.result import Design
from mathdesign.spec.faults import SpecError

TEXT = """
name: context
space:
  family: {family}
  vocabulary: 64
  context: {context}
  positions: {positions}
  stacks:
    - {{width: [16, 32], depth: 1..3, head_size: 8, ffn: [32, 64]}}
objective: {objective}
budgets: {{{budgets}}}
solve: {{gap: 0, backend: {backend}}}
"""
CONTEXTS = (16, 32, 64)


def spec(context="[16, 32, 64]", objective="{metric: volume}", budgets="", backend="auto",
         family="decoder_lm", positions="learned"):  # fmt: skip
    words = {"context": context, "objective": objective, "budgets": budgets, "backend": backend}
    return mathdesign.loads(TEXT.format(**words, family=family, positions=positions))


def best_alone(**words) -> Design:
    found = []
    for n in CONTEXTS:
        try:
            found.append(mathdesign.design(spec(context=n, **words)))
        except Infeasible:
            continue
    return max(found, key=lambda design: design.certificate.objective)


@pytest.mark.parametrize("backend", ["auto", "frames", "highs", "scan"])
@pytest.mark.parametrize(
    ("objective", "budgets"),
    [
        ("{metric: volume}", "macs: 600k"),
        ("{metric: entropy}", "macs: 600k"),
        ("{metric: kv_cache_bytes}", "macs: 900k"),
        ("{metric: volume, context: 1.5}", "macs: 900k"),
        ("{metric: volume}", "kv_cache_bytes: {min: 6k}, macs: 900k"),
        ("{metric: volume, minimise: true, context: -2}", "params: {min: 9k}"),
    ],
)
def test_the_best_over_contexts_is_the_best_of_each(objective, budgets, backend):
    words = {"objective": objective, "budgets": budgets}
    both = mathdesign.design(spec(**words, backend=backend))
    alone = best_alone(**words)
    assert both.certificate.objective == pytest.approx(alone.certificate.objective, rel=1e-9)
    assert both.certificate.status == "optimal"
    assert mathdesign.problem(spec(**words)).form == "union"


def test_nothing_in_the_default_objective_sees_the_context():
    """Under a budget that it is a part of, the least is taken; a weight makes it worth something."""
    for weight, context in ((0, 16), (5, 64)):
        objective = f"{{metric: volume, context: {weight}}}"
        design = mathdesign.design(spec(objective=objective, budgets="macs: 1.2M"))
        assert design.network.context == context


def test_a_design_is_saved_checked_and_pinned(tmp_path):
    pytest.importorskip("torch")
    own = mathdesign.load({**spec().to_dict(), "pins": {"context": 32, "stack1.width": 16}})
    design = mathdesign.design(own)
    assert (design.network.context, design.network.width) == (32, 16)
    loaded = Design.load(design.save(tmp_path / "design.yaml"))
    assert loaded == design and all(check.ok for check in checks(loaded))
    assert loaded.kind.text(loaded.network).context == 32
    with pytest.raises(SpecError, match=r"pins\.context: found 33; accepted: 16, 32, 64"):
        mathdesign.load({**spec().to_dict(), "pins": {"context": 33}})


def test_one_context_is_as_it_was():
    one = spec(context="32")
    assert one.content_hash() == spec(context="[32]").content_hash()
    assert one.to_dict()["space"]["context"] == one.space.context == 32
    assert mathdesign.problem(one).form == "mixes"
    assert spec(context="16..64/16").to_dict()["space"]["context"] == "16..64/16"
    assert spec(context="[64, 131072]").space.contexts == (64, 131072)


@pytest.mark.parametrize(
    ("context", "words"),
    [("-1", "greater than or equal to 0"), ("[0, 16]", "greater than or equal to 1"),
     ("[]", "less than or equal to"), ("9999999", "less than or equal to 4194304"),
     ("0", "1 token or more"), ("much", "a positive integer"), ("true", "a positive integer")],
)  # fmt: skip
def test_contexts_that_are_none(context, words):
    with pytest.raises(SpecError, match=words) as caught:
        spec(context=context)
    assert [fault.path for fault in caught.value.faults] == ["space.context"]


VIT = """
space:
  family: vit
  image: {{size: [16, 32], patch: 8}}
  classes: 10
  stacks: [{{width: [16, 32], depth: 1..2, head_size: 8, ffn: [32, 64]}}]
objective: {{metric: {metric}{more}}}
budgets: {{macs: 200k}}
solve: {{gap: 0}}
"""


def test_images_of_a_vision_transformer_have_a_weight_too():
    plain = mathdesign.design(mathdesign.loads(VIT.format(metric="volume", more="")))
    seen = mathdesign.design(mathdesign.loads(VIT.format(metric="volume", more=", resolution: 9")))
    assert (plain.network.image.size, seen.network.image.size) == (16, 32)
    assert seen.certificate.objective > 9 * math.log(32)
    pinned = mathdesign.loads(VIT.format(metric="volume", more="") + "pins: {resolution: 32}\n")
    assert mathdesign.design(pinned).network.image.size == 32
    kind = kind_of_spec(pinned)
    assert "context" not in kind.choices(pinned)


def test_weights_of_what_is_not_read():
    with pytest.raises(SpecError, match="did you mean resolution"):
        mathdesign.loads(VIT.format(metric="volume", more=", context: 1"))
    with pytest.raises(SpecError, match="a weight beside metric params"):
        mathdesign.loads(VIT.format(metric="params", more=", resolution: 1"))
    with pytest.raises(SpecError, match="did you mean context"):
        spec(objective="{metric: volume, resolution: 1}")
