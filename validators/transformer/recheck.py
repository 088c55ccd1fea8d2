"""Transformers recounted from their plain words, by code that shares nothing with the poser.

Every weight matrix of the network is listed by its shape, and the multiply-adds of each are its
entries times the tokens that pass through it. Entropy is summed from its definition
(docs/transformers.md), not through the program's tables.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mathdesign.validators.errors import (
    BudgetExceeded,
    ObjectiveMismatch,
    OutsideSpace,
    RecheckError,
)

#: The claimed objective and the recounted one agree to this, relative to max(1, |counted|).
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class TransformerRecount:
    """What was counted: integers by metric, entropy and log-volume in nats, depth / width."""

    metrics: dict[str, int]
    entropy: float
    effectiveness: float
    volume: float


@dataclass(frozen=True, slots=True)
class _Part:
    """A layer in its place: stack number, its width, tokens, width of the memory (0: none)."""

    stack: int
    width: int
    tokens: int
    memory: int
    layer: Mapping[str, Any]


def recount(
    words: Mapping[str, Any], length: int | None = None, batch: int = 1, value_bytes: int = 2
) -> TransformerRecount:
    """Everything that a network's words say about its cost."""
    parts = list(_parts(words, length))
    frame, embedding = _frame_shapes(words)
    weights = sum(_params(words, part) for part in parts)
    plain = weights + sum(r * c for r, c, _ in frame) + _frame_vectors(words)
    layers = [p.layer for p in parts]
    generating = [p for p in parts if p.memory or words["kind"] != "encoder_decoder"]
    generates = words["kind"] in ("decoder_lm", "prefix_lm", "encoder_decoder")
    head = _head_macs(words)
    tokens = [_tokens(words, length, i) for i in range(len(words["stacks"]))]
    passes = sum(r * c * tokens[min(i, len(tokens) - 1)] for r, c, i in frame if i >= 0)
    passes += sum(r * c for r, c, i in frame if i == -1)
    if words.get("image"):
        image = words["image"]
        patches = (image["size"] // image["patch"]) ** 2
        passes += sum(r * c * patches for r, c, i in frame if i == -2)
    metrics = {
        "params": plain + embedding,
        "non_embedding_params": plain,
        "macs": sum(_macs(p) for p in parts) + passes + head * tokens[-1],
        "token_macs": 0,
        "kv_cache_bytes": 0,
        "layers": len(layers),
        "softmax_layers": sum(x["attention"] == "softmax" for x in layers),
        "linear_layers": sum(x["attention"] == "linear" for x in layers),
    }
    if generates:
        step = sum(_token_macs(p) for p in generating) + head
        metrics["token_macs"] = step + sum(r * c for r, c, i in frame if i >= 0)
        metrics["kv_cache_bytes"] = batch * value_bytes * sum(_cache(p) for p in generating)
    return TransformerRecount(
        metrics,
        math.fsum(term for part in parts for term in _entropies(part)),
        math.fsum(sum(x["repeat"] for x in s["layers"]) / s["width"] for s in words["stacks"]),
        _volume(words),
    )


#: Channels of the residual stream that one more layer needs before it counts in full.
CHANNELS_PER_LAYER = 12


def _volume(words: Mapping[str, Any]) -> float:
    """The logarithm of (mean width of layers * harmonic mean of depth and a share of width), by stack.

    The mean width is the geometric mean of what all linear maps of a stack's layers read.
    """
    found = 0.0
    for i, stack in enumerate(words["stacks"], 1):
        read = [
            math.log(c)
            for x in stack["layers"]
            for _ in range(x["repeat"])
            for c in (stack["width"], x["heads"] * x["head_size"], stack["width"], x["ffn"])
        ]
        depth = len(read) / 4
        counts = depth * stack["width"] / (stack["width"] + CHANNELS_PER_LAYER * depth)
        found += i / len(words["stacks"]) * (math.fsum(read) / len(read) + math.log(counts))
    return found


def _parts(words: Mapping[str, Any], length: int | None) -> Iterator[_Part]:
    for i, stack in enumerate(words["stacks"]):
        memory = words["stacks"][0]["width"] if i and words["kind"] == "encoder_decoder" else 0
        for run in stack["layers"]:
            for _ in range(run["repeat"]):
                yield _Part(i, stack["width"], _tokens(words, length, i), memory, run)


def _tokens(words: Mapping[str, Any], length: int | None, stack: int) -> int:
    if words.get("image"):
        tokens = (words["image"]["size"] // words["image"]["patch"]) ** 2
        tokens += words["kind"] == "vit" and words["class_token"]
    else:
        tokens = words["context"] if length is None else length
    for s in words["stacks"][: stack + 1]:
        tokens //= s["pool"]
    return int(tokens)


def _matrices(part: _Part, memory: int) -> list[tuple[int, int]]:
    """Query, key, value and output matrices of an attention part that reads width ``memory``."""
    x, d = part.layer, part.width
    q, kv = x["heads"] * x["head_size"], x["kv_heads"] * x["head_size"]
    return [(d, q), (memory, kv), (memory, kv), (q, d)]


def _ffn(part: _Part) -> list[tuple[int, int]]:
    d, f = part.width, part.layer["ffn"]
    return [(d, f), (f, d)] + [(d, f)] * part.layer["gated"]


def _params(words: Mapping[str, Any], part: _Part) -> int:
    style = words["style"]
    qkv = style["bias"] if style["qkv_bias"] is None else style["qkv_bias"]
    total, norms = 0, 0
    for memory in [part.width] + [part.memory] * (part.memory > 0):
        query, key, value, out = _matrices(part, memory)
        total += sum(r * c for r, c in (query, key, value, out))
        total += qkv * (query[1] + key[1] + value[1]) + style["bias"] * out[1]
        norms += 1
        if "qk" in style.get("extra_norms", ()):
            total += 2 * _norm(words, part.layer["head_size"])
    if "sandwich" in style.get("extra_norms", ()):
        total += (norms + 1) * _norm(words, part.width)
    total += sum(r * c + style["bias"] * c for r, c in _ffn(part))
    return int(total + (norms + 1) * _norm(words, part.width))


def _norm(words: Mapping[str, Any], width: int) -> int:
    return width * (2 if words["style"]["norm"] == "layer" else 1)


def _frame_shapes(words: Mapping[str, Any]) -> tuple[list[tuple[int, int, int]], int]:
    """Matrices outside layers with where they apply, and the number of look-up weights.

    Where: a stack's number (once for each of its tokens), -1 (once), -2 (once a patch).
    """
    widths = [s["width"] for s in words["stacks"]]
    first, last, kind = widths[0], widths[-1], words["kind"]
    generates = kind in ("decoder_lm", "prefix_lm", "encoder_decoder")
    shapes = [(a, b, i + 1) for i, (a, b) in enumerate(itertools.pairwise(widths)) if a != b]
    if generates and words["tied"] and last != first:
        shapes.append((last, first, len(widths)))
    embedding = words["vocabulary"] * first
    if not words["tied"] and generates:
        embedding += words["vocabulary"] * last
    if words["positions"] == "learned":
        n = words["context"]
        if words.get("image"):
            n = (words["image"]["size"] // words["image"]["patch"]) ** 2
            n += kind == "vit" and words["class_token"]
        embedding += n * first
    if words["positions"] == "relative":
        embedding += 32 * sum(s["layers"][0]["heads"] for s in words["stacks"])
    embedding += words["token_types"] * first
    embedding += (kind == "vit" and words["class_token"]) * first
    if words["pooler"]:
        shapes.append((last, last, -1))
    if words["classes"]:
        shapes.append((last, words["classes"], -1))
    if words.get("image"):
        shapes.append((words["image"]["channels"] * words["image"]["patch"] ** 2, first, -2))
    return shapes, int(embedding)


def _frame_vectors(words: Mapping[str, Any]) -> int:
    """Norms outside layers and biases."""
    widths = [s["width"] for s in words["stacks"]]
    shapes, _ = _frame_shapes(words)
    total = sum(c for _, c, where in shapes if where < 0 or words["style"]["bias"])
    total += words["embedding_norm"] * _norm(words, widths[0])
    if words["style"]["norm_first"]:
        ends = widths if words["kind"] == "encoder_decoder" else widths[-1:]
        total += sum(_norm(words, w) for w in ends)
    return int(total)


def _head_macs(words: Mapping[str, Any]) -> int:
    """Scores of the next token, once a token."""
    if words["kind"] not in ("decoder_lm", "prefix_lm", "encoder_decoder"):
        return 0
    return int(words["vocabulary"] * words["stacks"][0 if words["tied"] else -1]["width"])


def _seen(part: _Part) -> int:
    x = part.layer
    windowed = x["attention"] in ("window", "sliding")
    return min(part.tokens, x["window"]) if windowed else part.tokens


def _pairs(part: _Part) -> int:
    """Queries times the keys that they are multiplied with, a sequence."""
    n, seen = part.tokens, _seen(part)
    if part.layer["attention"] != "sliding":
        return n * seen
    # Runs of ``seen`` queries; each run reads itself and one token less than that before it.
    starts = range(0, n, seen)
    return sum(min(seen, n - at) * (min(at, seen - 1) + min(seen, n - at)) for at in starts)


def _state(part: _Part) -> int:
    """Entries of linear attention's state, one head."""
    return int(part.layer["features"] * part.layer["head_size"] ** 2)


def _macs(part: _Part) -> int:
    x, n = part.layer, part.tokens
    total = n * sum(r * c for r, c in _matrices(part, part.width) + _ffn(part))
    if x["attention"] == "linear":
        total += n * (x["kv_heads"] + x["heads"]) * _state(part)
    else:
        total += 2 * _pairs(part) * x["heads"] * x["head_size"]
    if part.memory:
        query, key, value, out = _matrices(part, part.memory)
        seen = n * x["memory_layers"]
        total += n * (query[0] * query[1] + out[0] * out[1])
        total += seen * (key[0] * key[1] + value[0] * value[1])
        total += 2 * n * seen * query[1]
    return int(total)


def _token_macs(part: _Part) -> int:
    x = part.layer
    total = sum(r * c for r, c in _matrices(part, part.width) + _ffn(part))
    if x["attention"] == "linear":
        total += (x["kv_heads"] + x["heads"]) * _state(part)
    else:
        total += 2 * _seen(part) * x["heads"] * x["head_size"]
    if part.memory:
        query, _, _, out = _matrices(part, part.memory)
        total += query[0] * query[1] + out[0] * out[1]
        total += 2 * part.tokens * x["memory_layers"] * query[1]
    return int(total)


def _cache(part: _Part) -> int:
    x = part.layer
    kv = x["kv_heads"] * x["head_size"]
    if x["attention"] == "linear":
        own = x["kv_heads"] * (_state(part) + x["features"] * x["head_size"])
    else:
        own = 2 * _seen(part) * kv
    return int(own + 2 * kv * part.tokens * x["memory_layers"] * (part.memory > 0))


def _entropies(part: _Part) -> Iterator[float]:
    """Each Gaussian vector that the layer makes: dimensions / 2 * log of its variance."""
    x, d = part.layer, part.width
    q, kv = x["heads"] * x["head_size"], x["kv_heads"] * x["head_size"]
    for source in [d] + [part.memory] * (part.memory > 0):
        yield d * math.log(source * q) / 2
        for _ in ("keys", "values"):
            yield min(kv, source) * math.log(source) / 2
    yield d * math.log(x["ffn"] * d ** (1 + x["gated"])) / 2
    if x["attention"] == "linear":
        rank = x["features"] * x["head_size"]
        yield -d * math.log(max(part.tokens, rank) / rank) / 2


# ---- against a request ---------------------------------------------------------------------------


def counted(words: Mapping[str, Any], spec: Any) -> TransformerRecount:
    """Everything that ``spec`` may limit, of any network: inside its space or not."""
    at = spec.at
    found = recount(words, at.length, at.batch, at.value_bytes)
    for metric in spec.linear_metrics:
        found.metrics[metric.name] = _linear(words, spec, metric.terms, found)
    if "weight_bytes" in spec.budgets and "weight_bytes" not in found.metrics:
        found.metrics["weight_bytes"] = found.metrics["params"] * at.value_bytes
    if "activation_bytes" in spec.budgets:
        found.metrics["activation_bytes"] = _activation_bytes(words, at)
    return found


def verify_transformer(
    words: Mapping[str, Any], spec: Any, claimed: Mapping[str, int], objective: float
) -> TransformerRecount:
    """Recount a network and hold it against what was asked and what is claimed of it.

    Raises :class:`RecheckError`: outside the space, a figure that differs, a budget exceeded, an
    objective that differs.
    """
    _inside(words, spec)
    found = counted(words, spec)
    for name, count in found.metrics.items():
        if name in claimed and claimed[name] != count:
            raise RecheckError(f"{name}: claimed {claimed[name]:,}, counted {count:,}")
    for name, budget in spec.budgets.items():
        used = found.metrics[name]
        if budget.max is not None and used > budget.max:
            raise BudgetExceeded(f"{name}: {used:,} exceeds {budget.max:,}")
        if budget.min is not None and used < budget.min:
            raise BudgetExceeded(f"{name}: {used:,} is less than {budget.min:,}")
    limit = spec.effectiveness_limit()
    exact = sum(
        Fraction(sum(x["repeat"] for x in s["layers"]), s["width"]) for s in words["stacks"]
    )
    if limit is not None and exact > limit:
        raise BudgetExceeded(f"effectiveness: {float(exact)} exceeds {float(limit)}")
    goal = spec.objective.metric
    reals = {"entropy": found.entropy, "volume": found.volume}
    value = reals[goal] if goal in reals else float(found.metrics[goal])
    read = {"resolution": (words.get("image") or {}).get("size"), "context": words.get("context")}
    for name, size in read.items():
        if (weight := getattr(spec.objective, name)) and size:
            value += weight * math.log(size)
    value = -value if spec.objective.minimise else value
    # Beside what is counted: no claim of NaN or infinity is near it.
    if not abs(value - objective) <= TOLERANCE * max(1.0, abs(value)):
        raise ObjectiveMismatch(f"objective: claimed {objective!r}, counted {value!r}")
    return found


def _inside(words: Mapping[str, Any], spec: Any) -> None:
    """Raise :class:`OutsideSpace` unless every choice is one of the request's."""
    if len(words["stacks"]) != len(spec.space.stacks) or words["kind"] != spec.space.family:
        raise OutsideSpace("another family or number of stacks than requested")
    extra = sorted(words["style"].get("extra_norms", ()))
    if extra != sorted(set(spec.space.extra_norms or ())):
        raise OutsideSpace(f"extra_norms: {extra} are not those requested")
    for i, (stack, asked) in enumerate(zip(words["stacks"], spec.space.stacks)):
        depth = sum(x["repeat"] for x in stack["layers"])
        ratios = asked.ffn_ratio or ()
        ffns = asked.ffn or [(2 * stack["width"] * r + 1) // 2 for r in ratios]
        if asked.layers == "shared" and len(stack["layers"]) > 1:
            raise OutsideSpace(f"stacks[{i}]: layers differ, requested alike")
        checks = [("width", stack["width"], asked.width), ("depth", depth, asked.depth)]
        for x in stack["layers"]:
            size, heads = x["head_size"], x["heads"]
            checks += [
                ("heads", heads, asked.heads or (Fraction(stack["width"], size),)),
                ("head_size", size, asked.head_size or (Fraction(stack["width"], heads),)),
                ("kv_heads", x["kv_heads"], asked.kv_heads or (heads,)),
                ("ffn", x["ffn"], ffns),
                ("attention", x["attention"], asked.attention),
                ("memory_layers", x["memory_layers"], asked.memory_layers),
            ]
        for name, value, accepted in checks:
            if value not in accepted:
                raise OutsideSpace(f"stacks[{i}].{name}: {value} was not among the choices")
        if asked.softmax_every is not None:
            _window_rule(i, stack, asked.softmax_every)


def _window_rule(index: int, stack: Mapping[str, Any], every: int) -> None:
    kinds = [x["attention"] for x in stack["layers"] for _ in range(x["repeat"])]
    for i in range(len(kinds) - every + 1):
        if "softmax" not in kinds[i : i + every]:
            raise OutsideSpace(f"stacks[{index}]: layers {i}..{i + every - 1} have no softmax")


def _linear(
    words: Mapping[str, Any], spec: Any, terms: Mapping[str, float], found: TransformerRecount
) -> int:
    """A linear metric: rounded up for what layers do not change, and for each choice of a layer."""
    at = spec.at
    additive = ("params", "non_embedding_params", "macs", "token_macs", "kv_cache_bytes")
    bare = dict.fromkeys(additive, 0)
    total = 0
    for i, (stack, asked) in enumerate(zip(words["stacks"], spec.space.stacks)):
        for run in stack["layers"]:
            own = _run_costs(words, i, run, at)
            copies = run["repeat"] if asked.layers == "shared" else 1
            for name in additive:
                bare[name] += run["repeat"] * own[name]
            part = sum(
                (Fraction(repr(w)) * copies * own.get(t, 0) for t, w in terms.items()), Fraction(0)
            )
            total += math.ceil(part) * (run["repeat"] // copies)
    fixed = {name: found.metrics[name] - bare[name] for name in additive}
    fixed |= {"constant": 1, "width": words["stacks"][0]["width"]}
    return total + math.ceil(
        sum((Fraction(repr(w)) * fixed.get(t, 0) for t, w in terms.items()), Fraction(0))
    )


def _run_costs(
    words: Mapping[str, Any], stack: int, run: Mapping[str, Any], at: Any
) -> dict[str, int]:
    pair = words["kind"] == "encoder_decoder"
    memory = words["stacks"][0]["width"] if stack and pair else 0
    width = words["stacks"][stack]["width"]
    part = _Part(stack, width, _tokens(words, at.length, stack), memory, run)
    generates = words["kind"] in ("decoder_lm", "prefix_lm") or memory > 0
    weights = _params(words, part)
    return {
        "params": weights,
        "non_embedding_params": weights,
        "macs": _macs(part),
        "token_macs": _token_macs(part) * generates,
        "kv_cache_bytes": _cache(part) * at.batch * at.value_bytes * generates,
        "layers": 1,
        "softmax_layers": int(run["attention"] == "softmax"),
        "linear_layers": int(run["attention"] == "linear"),
        "layer_width": width,
        "heads": run["heads"],
        "query_width": run["heads"] * run["head_size"],
        "kv_width": run["kv_heads"] * run["head_size"],
        "ffn": run["ffn"],
    }


def _activation_bytes(words: Mapping[str, Any], at: Any) -> int:
    """As ``layer_peak_values`` of the space's costs says, each layer one of several."""
    peak = 0
    for part in _parts(words, at.length):
        x, d, f = part.layer, part.width, part.layer["ffn"]
        q, kv = x["heads"] * x["head_size"], x["kv_heads"] * x["head_size"]
        extra = words["style"].get("extra_norms", ()) if words["style"]["norm"] == "rms" else ()
        out = d + d + d * ("sandwich" in extra)
        steps = [d + q + 2 * kv, 2 * q + 2 * kv, q + out, d + (1 + x["gated"]) * f,
                 (2 + x["gated"]) * f, f + out]  # fmt: skip
        if words["positions"] == "rotary" or "qk" in extra:
            steps.append(d + max(3 * q, q + 3 * kv))
        if x["attention"] == "sliding" and part.tokens > x["window"]:
            steps.append(3 * q + 2 * kv)
        peak = max(peak, part.tokens * (2 * d + max(steps)))
    if words["kind"] in ("decoder_lm", "prefix_lm", "encoder_decoder"):
        tokens = _tokens(words, at.length, len(words["stacks"]) - 1)
        peak = max(peak, tokens * (words["stacks"][-1]["width"] + words["vocabulary"]))
    return int(peak * at.batch * at.value_bytes)
