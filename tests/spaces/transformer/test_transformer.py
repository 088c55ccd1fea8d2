"""Transformers from YAML: against enumeration of whole networks, rechecks, faults, attention."""

import itertools
import math

import numpy as np
import pytest

import mathdesign
from mathdesign.api import Infeasible
from mathdesign.spaces.transformer import entropy as closed
from mathdesign.spaces.transformer.mixers import MIXERS
from mathdesign.spaces.transformer.network import Stack, Transformer
from mathdesign.spaces.transformer.pose import arranged, to_mix_problem
from mathdesign.spaces.transformer.shape import Layer
from mathdesign.spec.faults import SpecError
from mathdesign.validators.errors import RecheckError
from mathdesign.validators.transformer.recheck import recount, verify_transformer

DECODER = """
name: tiny
space:
  family: decoder_lm
  vocabulary: 256
  context: 64
  stacks:
    - {width: [32, 64], depth: 2..4, head_size: 16, heads: [2, 4], kv_heads: [1, 2],
       ffn_ratio: [2, 3.5], attention: [softmax, linear]}
solve: {gap: 0}
"""
PAIR = """
name: pair
space:
  family: encoder_decoder
  vocabulary: 100
  context: 16
  stacks:
    - {width: [16, 32], depth: 2, heads: 2, ffn: [32, 64], layers: free}
    - {width: [16, 32], depth: 1..2, heads: [2, 4], ffn: [32, 48], memory_layers: [1, 2],
       layers: shared}
solve: {gap: 0}
effectiveness: 0.2
"""
VIT = """
name: vit
space:
  family: vit
  classes: 10
  image: {size: [16, 32], patch: [4, 8]}
  stacks:
    - {width: [16, 32], depth: 1..2, heads: [2, 4], ffn_ratio: [2, 4]}
solve: {gap: 0}
effectiveness: 0.2
"""
POOLED = """
name: pooled
space:
  family: hierarchical_vit
  classes: 10
  image: {size: 32, patch: 4}
  stacks:
    - {width: 16, depth: 1..2, heads: [1, 2], ffn_ratio: 4, attention: window, window: 16}
    - {width: [32, 48], depth: 1..2, heads: [2, 4], ffn_ratio: [2, 4], pool: 4}
solve: {gap: 0}
effectiveness: 0.5
"""


def every_network(spec):
    """Every network of the space, layers in every order, from the program's own plans."""
    program = to_mix_problem(spec)
    for plan in program.plans:
        stacks = []
        for stack, options, (least, most) in zip(plan.shell.stacks, plan.options, plan.depths):
            choices = set()
            for n in range(least, most + 1):
                for chosen in itertools.product(options, repeat=n):
                    layers = [o.layer for o in chosen for _ in range(o.copies)]
                    choices.add(Stack(stack.width, tuple(layers), stack.pool))
            stacks.append(sorted(choices, key=repr))
        for chosen in itertools.product(*stacks):
            shell = plan.shell
            yield Transformer(name="t", stacks=chosen, image=shell.image, **spec.space.frame)


def measured(net, spec):
    at = spec.at
    found = {
        "params": net.params(),
        "non_embedding_params": net.non_embedding_params(),
        "macs": net.macs(at.length),
        "kv_cache_bytes": net.kv_cache_bytes(at.batch, at.length, at.value_bytes),
        "entropy": closed.entropy(net, at.length),
    }
    if "generates" in spec.space.kinds:
        found["token_macs"] = net.token_macs(at.length)
    return found


SLIDING = DECODER.replace("[softmax, linear]", "[softmax, sliding], window: 8")


@pytest.mark.parametrize(
    "text",
    [DECODER, SLIDING, PAIR, VIT, POOLED],
    ids=["lm", "sliding", "pair", "vit", "pool"],
)
def test_optimum_equals_enumeration_of_whole_networks(text):
    """Each objective and each budget at several levels; three ways of counting agree."""
    spec = mathdesign.loads(text)
    limit = float(spec.effectiveness_limit() or math.inf)
    seen = {}
    for net in every_network(spec):
        if closed.effectiveness(net) <= limit + 1e-12:
            seen.setdefault(tuple(sorted(measured(net, spec).items())), net)
    assert seen
    table = [dict(key) for key in seen]
    for net in list(seen.values())[:: max(1, len(seen) // 40)]:
        mine, again = measured(net, spec), recount(net.to_dict(), spec.at.length)
        assert again.entropy == pytest.approx(mine.pop("entropy"), rel=1e-12)
        assert {name: again.metrics[name] for name in mine} == mine
    for objective, budget in itertools.product(("entropy", "params"), table[0]):
        if budget == "entropy" or (objective == "params" and budget != "macs"):
            continue
        values = sorted(row[budget] for row in table)
        for share in (0.0, 0.3, 0.7):
            upper = int(values[int(share * (len(values) - 1))])
            document = spec.to_dict() | {
                "objective": {"metric": objective}, "budgets": {budget: upper},
                "effectiveness": limit,
            }  # fmt: skip
            best = max(row[objective] for row in table if row[budget] <= upper)
            found = mathdesign.design(type(spec).model_validate(document))
            assert found.certificate.status == "optimal"
            assert found.certificate.objective == pytest.approx(best, rel=1e-9), (objective, budget)


def test_the_whole_path_round_trips(tmp_path):
    spec = mathdesign.loads(DECODER + "budgets: {params: 90k, activation_bytes: 60k}\n")
    design = mathdesign.design(spec)
    assert mathdesign.Design.from_dict(design.to_dict()) == design
    assert mathdesign.design(spec).to_yaml() == design.to_yaml()
    assert design.metrics["params"] <= 90_000
    assert design.metrics["activation_bytes"] <= 60_000
    assert sum(p.numel() for p in design.build().parameters()) == design.metrics["params"]


def test_infeasible_says_what_each_budget_could_reach():
    spec = mathdesign.loads(DECODER + "budgets: {params: 1k, kv_cache_bytes: 1M}\n")
    with pytest.raises(Infeasible) as caught:
        mathdesign.design(spec)
    reach = {r.metric: r for r in caught.value.explanation.budgets}
    assert reach["params"].alone > 1000
    assert not reach["kv_cache_bytes"].impossible_alone


def test_a_tampered_design_is_found_out():
    design = mathdesign.design(mathdesign.loads(DECODER))
    words = design.network.to_dict()
    spec = mathdesign.loads(DECODER)
    words["stacks"][0]["layers"][0]["ffn"] += 1
    with pytest.raises(RecheckError, match="ffn"):
        verify_transformer(words, spec, design.metrics, design.certificate.objective)
    claimed = dict(design.metrics) | {"macs": design.metrics["macs"] - 1}
    with pytest.raises(RecheckError, match="macs"):
        verify_transformer(design.network.to_dict(), spec, claimed, design.certificate.objective)


def test_all_faults_at_once_with_the_nearest_values():
    text = """
space:
  family: decoder_lm
  vocabulary: 0
  context: 64
  positions: learned
  stacks:
    - {width: 64, depth: 2, heads: 5, ffn: 64}
    - {width: 64, depth: 2, heads: 8, head_size: 8, kv_heads: 3, ffn: 64, ffn_ratio: 2}
at: {length: 128}
budgets: {parms: 1M}
"""
    with pytest.raises(SpecError) as caught:
        mathdesign.loads(text)
    message = str(caught.value)
    for piece in (
        "vocabulary", "a divisor of the width (64: 4 or 8)", "a divisor of heads (2 or 4)",
        "exactly one of ffn and ffn_ratio", "position table", "parms", "params",
    ):  # fmt: skip
        assert piece in message, piece


MIXING = """
space:
  family: decoder_lm
  vocabulary: 256
  context: 65536
  stacks:
    - {width: 256, depth: 8, heads: 4, head_size: 64, ffn: 1024, attention: [softmax, linear],
       features: FEATURES}
at: {length: LENGTH}
OBJECTIVE
effectiveness: 1
solve: {gap: 0}
"""


@pytest.mark.parametrize(("features", "crossover"), [(1, 64), (2, 128)])
def test_attention_flips_at_the_crossover(features, crossover):
    """Fewest multiply-adds: softmax below n* = d_h (cosFormer: 2 d_h), linear above."""
    cheapest = "objective: {metric: macs, minimise: true}"
    for length, linear in ((crossover // 2, 0), (crossover - 1, 0), (crossover + 1, 8)):
        text = MIXING.replace("LENGTH", str(length)).replace("FEATURES", str(features))
        found = mathdesign.design(mathdesign.loads(text.replace("OBJECTIVE", cheapest)))
        assert found.metrics["linear_layers"] == linear, length


def test_attention_mixes_as_the_sequence_grows():
    """Most entropy under one cost a token: all softmax, then fewer and fewer, then none."""
    softmax = []
    for length in (256, 1024, 2048, 4096, 16384):
        budget = f"budgets: {{macs: {length * 12_000_000}}}"
        text = MIXING.replace("LENGTH", str(length)).replace("FEATURES", "1")
        found = mathdesign.design(mathdesign.loads(text.replace("OBJECTIVE", budget)))
        softmax.append(found.metrics["softmax_layers"])
    assert softmax[0] == 8 and softmax[-1] == 0
    assert softmax == sorted(softmax, reverse=True)
    assert any(0 < n < 8 for n in softmax)


@pytest.mark.parametrize("depth", range(1, 13))
def test_a_full_layer_closes_each_run_of_kinds_that_are_closed(depth, monkeypatch):
    """The same rule on counts is exact for them; one in six of eighteen is Gemma 3's order."""
    monkeypatch.setattr(type(MIXERS["window"]), "closed", True)
    soft, window = Layer(1, 1, 2, 2), Layer(1, 1, 2, 2, attention="window", window=4)
    for every, n in itertools.product(range(1, 7), range(depth + 1)):
        layers = arranged([soft] * n + [window] * (depth - n), every)
        assert sorted(x.attention for x in layers) == ["softmax"] * n + ["window"] * (depth - n)
        runs = [layers[i : i + every] for i in range(depth - every + 1)]
        assert all(soft in run for run in runs) == (depth <= every * n + every - 1)
    assert arranged([soft] * 3 + [window] * 15, 6) == ((window,) * 5 + (soft,)) * 3
    assert arranged([soft] * 4 + [window] * 22, 6)[-2:] == (window, window)
    assert arranged([soft, window, window]) == (window, soft, window)


@pytest.mark.parametrize("depth", range(1, 13))
def test_a_softmax_layer_in_every_few(depth):
    """The rule on counts is exactly the rule on windows of the arranged layers."""
    soft, linear = Layer(1, 1, 2, 2), Layer(1, 1, 2, 2, attention="linear")
    for every, n in itertools.product(range(1, 7), range(depth + 1)):
        kinds = [x.attention for x in arranged([linear] * (depth - n) + [soft] * n)]
        windows = [kinds[i : i + every] for i in range(depth - every + 1)]
        assert all("softmax" in w for w in windows) == (depth <= every * n + every - 1)
    text = DECODER.replace("attention:", "softmax_every: 2, attention:")
    found = mathdesign.design(mathdesign.loads(text + "budgets: {kv_cache_bytes: 20k}\n"))
    assert found.metrics["softmax_layers"] >= found.metrics["layers"] // 2


def test_linear_metrics_are_budgets_like_others():
    text = DECODER + (
        "linear_metrics: [{name: latency_us, terms: {constant: 10.5, layers: 2.25, macs: 1e-5}}]\n"
    )
    free = mathdesign.design(mathdesign.loads(text))
    limit = free.metrics["latency_us"] - 2
    tight = mathdesign.design(mathdesign.loads(text + f"budgets: {{latency_us: {limit}}}\n"))
    assert tight.metrics["latency_us"] <= limit
    assert tight.certificate.objective < free.certificate.objective


def test_entropy_agrees_with_monte_carlo():
    """Variances of the Gaussian network, and the dimensions that values span."""
    rng = np.random.default_rng(0)
    d, q, kv, f, draws = 12, 16, 8, 24, 4000
    layer = Layer(4, 2, 4, f, gated=True)
    written, gated, spans = [], [], []
    for _ in range(draws):
        x = rng.normal(size=d)
        value = rng.normal(size=(kv, d)) @ x
        heads = np.repeat(value.reshape(2, 4), 2, axis=0).ravel()
        written.append((rng.normal(size=(d, q)) @ heads) ** 2)
        inner = (rng.normal(size=(f, d)) @ x) * (rng.normal(size=(f, d)) @ x)
        gated.append((rng.normal(size=(d, f)) @ inner) ** 2)
    attention, feed = np.array(written).mean(1), np.array(gated).mean(1)
    for sample, exact in ((attention, d * q), (feed, f * d * d + 2 * f * d)):
        error = sample.std() / math.sqrt(draws)
        assert abs(sample.mean() - exact) < 4 * error
    tokens = rng.normal(size=(200, d))
    spans = np.linalg.matrix_rank(tokens @ rng.normal(size=(d, kv)))
    assert spans == min(kv, d)
    ours = closed.layer_entropy(d, layer, 64)
    by_hand = d / 2 * math.log(d * q) + d / 2 * math.log(f * d * d) + 2 * kv / 2 * math.log(d)
    assert ours == pytest.approx(by_hand, rel=1e-12)


INSTATUNE = """
name: instatune
space:
  family: encoder
  vocabulary: 30522
  context: 512
  token_types: 2
  embedding_norm: true
  pooler: true
  norm_first: false
  stacks:
    - {width: 768, depth: DEPTH, heads: [6, 8, 10, 12], head_size: 64, ffn: [1024, 2048, 3072]}
at: {length: 128}
objective: {metric: entropy}
solve: {gap: 1.0e-7}
"""


def test_a_dozen_options_for_each_of_a_dozen_layers():
    """InstaTune's 12^12 lists of layers (and shorter ones), proven; BERT-base is its largest."""
    text = INSTATUNE.replace("DEPTH", "6..12")
    full = mathdesign.design(mathdesign.loads(text))
    assert full.metrics["params"] == 109_482_240
    for share in (0.5, 0.7, 0.9):
        macs = int(share * full.metrics["macs"])
        found = mathdesign.design(mathdesign.loads(text + f"budgets: {{macs: {macs}}}\n"))
        assert found.certificate.status == "optimal"


def test_instatune_of_four_layers_equals_enumeration():
    spec = mathdesign.loads(INSTATUNE.replace("DEPTH", "2..4"))
    table = {}
    for net in every_network_of_mixes(spec):
        macs = net.macs(128)
        table[macs] = max(table.get(macs, 0.0), closed.entropy(net, 128))
    for share in (0.4, 0.6, 0.8):
        macs = int(share * max(table))
        document = spec.to_dict() | {"budgets": {"macs": macs}}
        found = mathdesign.design(type(spec).model_validate(document))
        best = max(v for m, v in table.items() if m <= macs)
        assert found.certificate.objective == pytest.approx(best, rel=1e-9)


def every_network_of_mixes(spec):
    """Like :func:`every_network`, each multiset of layers once."""
    for plan in to_mix_problem(spec).plans:
        (stack,), (options,), ((least, most),) = plan.shell.stacks, plan.options, plan.depths
        for n in range(least, most + 1):
            for chosen in itertools.combinations_with_replacement(options, n):
                layers = tuple(o.layer for o in chosen)
                stacks = (Stack(stack.width, layers),)
                yield Transformer(name="t", stacks=stacks, **spec.space.frame)


def test_validate_trains_on_text(tmp_path, capsys):
    from mathdesign.cli.session import Session
    from mathdesign.cli.validate import validate

    (tmp_path / "words.txt").write_text("the quick brown fox jumps over the lazy dog. " * 400)
    spec = mathdesign.loads(DECODER + "budgets: {params: 90k}\nvalidate: {steps: 20}\n")
    path = tmp_path / "design.yaml"
    path.write_text(mathdesign.design(spec).to_yaml())
    changes = {"data": str(tmp_path / "words.txt"), "seed": None, "epochs": None, "size": None}
    assert validate(Session(json=False, quiet=True), path, changes, True, None) == 0
    assert "bits_per_byte" in (tmp_path / "training.json").read_text()


def test_validate_trains_a_vision_transformer(tmp_path):
    from mathdesign.cli.session import Session
    from mathdesign.cli.validate import validate

    spec = mathdesign.loads("""
space:
  family: vit
  classes: 10
  image: {channels: 1, size: 8, patch: 2}
  stacks: [{width: 32, depth: 2, heads: 4, ffn_ratio: 2}]
""")
    path = tmp_path / "design.yaml"
    path.write_text(mathdesign.design(spec).to_yaml())
    changes = {"data": "digits", "epochs": 2, "size": None, "seed": None}
    session = Session(json=False, quiet=True)
    assert validate(session, path, changes, True, None) == 0
    assert "test_accuracy" in (tmp_path / "training.json").read_text()
    assert validate(session, path, changes | {"size": 16}, True, None) == 2


def test_a_network_that_is_too_thin_is_explained_by_name():
    spec = mathdesign.loads(DECODER.replace("solve:", "effectiveness: 0.0001\nsolve:"))
    with pytest.raises(Infeasible) as caught:
        mathdesign.design(spec)
    (reach,) = caught.value.explanation.budgets
    least = min(closed.effectiveness(net) for net in every_network(spec))
    assert reach.metric == "effectiveness" and reach.impossible_alone
    assert reach.alone == pytest.approx(least, rel=1e-12)
    cured = spec.model_copy(update={"effectiveness": least * (1 + 1e-9)})
    assert mathdesign.design(cured).certificate.proven
