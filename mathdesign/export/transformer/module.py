"""A transformer as PyTorch: as a file that stands alone, and as the same module built in memory.

The classes of ``parts``, ``networks`` and of the kinds of attention are *used* by :func:`build` and
*printed* by :func:`source`, those that the network needs; a line that ends in ``# only: a word`` is
printed where the network has what the word says. Layers are data, one row for each run of equal
ones. No generated text is ever executed here, and printing imports no torch.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathdesign.export.printed import printed
from mathdesign.spaces.kind import CannotBuild
from mathdesign.spaces.transformer import mixers
from mathdesign.spaces.transformer.mixers import MIXERS, OWN
from mathdesign.spaces.transformer.network import Transformer
from mathdesign.spaces.transformer.norms import normed
from mathdesign.spaces.transformer.shape import VISION, Layer

if TYPE_CHECKING:
    from torch import nn

#: Modules that are printed, before and after the kinds of attention.
BEFORE = (Path(mixers.__file__).parent / "attention.py",)
AFTER = tuple(Path(__file__).parent / name for name in ("parts.py", "networks.py"))
CLASSES = {
    "decoder_lm": "LanguageModel",
    "prefix_lm": "LanguageModel",
    "encoder": "Encoder",
    "encoder_decoder": "EncoderDecoder",
    "vit": "VisionTransformer",
    "hierarchical_vit": "VisionTransformer",
}
#: The columns of a printed row; what has its default in every layer is left out.
DEFAULTS = {f.name: f.default for f in fields(Layer)}

#: The mark of a line that is not always printed.
ONLY = re.compile(r"  # only: (\w+)")
#: What only our own tools read.
NOTES = re.compile(r"  # (fmt: skip|noqa|type: ignore).*")

HEADER = """\
# {name}
# A transformer ({kind}) of {depth} layers: {params:,} parameters, {non_embedding:,} without
# embeddings; {macs:,} multiply-adds for {what}. Needs torch 2.5.
"""

IMPORTS = """\
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
"""

FOOTER = '''\
def build() -> {name}:
    """The network, freshly initialised."""
    return {name}(
{arguments}
    )


if __name__ == "__main__":
    network = build().eval()
    with torch.no_grad():
        output = network({example})
    output = output[0] if isinstance(output, tuple) else output
    print(f"{{sum(p.numel() for p in network.parameters()):,}} parameters")
    print(f"output shape {{tuple(output.shape)}}")
'''


def build(net: Transformer) -> nn.Module:
    """The module of ``net``, initialised from torch's global generator.

    Language models: tokens ``(batch, n)`` to scores ``(batch, n, vocabulary)``; an encoder-decoder
    takes two; an encoder gives states; vision: images to scores. Same state dictionary as the
    exported file's. Raises :class:`CannotBuild`.
    """
    from mathdesign.export.transformer import networks as transformer_networks
    from mathdesign.spaces.transformer.mixers.attention import Style

    arguments = _arguments(net)
    arguments["style"] = Style(**arguments["style"])
    module: nn.Module = getattr(transformer_networks, CLASSES[net.kind])(**arguments)
    return module


def built_params(network: Transformer) -> int | None:
    """Weights of the module, shared ones once, without storage; ``None``: cannot be built here."""
    try:
        import torch

        with torch.device("meta"):
            module = build(network)
    except (ImportError, CannotBuild):
        return None
    return sum(p.numel() for p in module.parameters())


def source(net: Transformer, *, objective: float | None = None) -> str:
    """``model.py``: plain torch, importing nothing of ours. Raises :class:`CannotBuild`.

    ``objective`` is mentioned on top if given. Text from users is escaped.
    """
    arguments = _arguments(net)
    vision = net.kind in VISION
    what = "an image" if vision else f"{net.context} tokens"
    header = HEADER.format(
        name=ascii(net.name), kind=net.kind, depth=net.depth, params=net.params(), what=what,
        non_embedding=net.non_embedding_params(), macs=net.macs(),
    )  # fmt: skip
    if objective is not None:
        header += f"# Objective {objective:.6f}.\n"
    name = CLASSES[net.kind]
    lines = [f"        {key}={_value(key, value)}," for key, value in arguments.items()]
    footer = FOOTER.format(name=name, arguments="\n".join(lines), example=_example(net))
    classes = _needed(name, frozenset(_words(net)))
    return f"{header}\n{IMPORTS}\n" + "\n\n\n".join([*classes, footer])


def _arguments(net: Transformer) -> dict[str, Any]:
    """Arguments of the network's class. Raises :class:`CannotBuild`."""
    if reasons := list(_reasons(net)):
        raise CannotBuild("; ".join(reasons))
    style: dict[str, Any] = {
        "norm": net.style.norm,
        "bias": net.style.bias,
        "qkv_bias": net.style.has_qkv_bias,
        "norm_first": net.style.norm_first,
    }
    if net.style.extra_norms:
        style["normed"] = normed(net.style)
    stacks = tuple((s.width, s.pool, tuple(asdict(x) for x in s.layers)) for s in net.stacks)
    common = {"stacks": stacks, "style": style, "positions": net.positions}
    if net.image is not None:
        vision = {"classes": net.classes, "class_token": net.has_class_token}
        return {**asdict(net.image), **common, **vision}
    text = {
        "vocabulary": net.vocabulary,
        "context": net.context,
        "token_types": net.token_types,
        "embedding_norm": net.embedding_norm,
    }
    if net.kind == "encoder":
        return {**text, **common, "classes": net.classes, "pooler": net.pooler}
    return {**text, **common, "tied": net.tied}


def _reasons(net: Transformer) -> Iterator[str]:
    """Why no module can be made."""
    layers = {layer for stack in net.stacks for layer in stack.layers}
    unbuilt = (why for x in layers for why in MIXERS[x.attention].unbuilt(x, net.kind))
    yield from sorted(set(unbuilt))
    if any(not stack.layers for stack in net.stacks):
        yield "a stack without layers is not built"
    if net.positions == "relative":
        for i, stack in enumerate(net.stacks):
            if len({x.heads for x in stack.layers if x.attention != "linear"}) > 1:
                yield f"stacks[{i}]: relative positions need the same heads in all layers"


def _words(net: Transformer) -> Iterator[str]:
    """What the network has that not all have, as ``# only:`` names it; kinds of attention."""
    kinds = {layer.attention for stack in net.stacks for layer in stack.layers}
    if net.style.extra_norms:
        yield "NormedLinear"
    if own := kinds & set(OWN):
        yield "OWN_MIXERS"
        yield from own


def _example(net: Transformer) -> str:
    """An input, as source."""
    if net.image is not None:
        return f"torch.zeros(1, {net.image.channels}, {net.image.size}, {net.image.size})"
    tokens = f"torch.zeros(1, {min(net.context, 16)}, dtype=torch.long)"
    return f"{tokens}, {tokens}" if net.kind == "encoder_decoder" else tokens


# ---- printing ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Definition:
    """A top-level definition as it is printed, and the names that it mentions."""

    name: str
    text: str
    mentions: frozenset[str]


@functools.cache
def _definitions(words: frozenset[str]) -> tuple[_Definition, ...]:
    """Every definition that a network with ``words`` may need, in the order of printing."""
    own = [kind for kind in OWN if kind in words]
    kinds = [printed(type(MIXERS[kind]).torch_class) for kind in ("linear", *own)]
    found = [d for file in BEFORE for d in _top_level(file.read_text(encoding="utf-8"), words)]
    found += [d for kind in kinds for d in _top_level(kind.text, words)]
    if own:
        table = ", ".join(f"{kind!r}: {x.name}" for kind, x in zip(own, kinds[1:]))
        found += _top_level(f"OWN_MIXERS = {{{table}}}", words)
    return (*found, *(d for f in AFTER for d in _top_level(f.read_text(encoding="utf-8"), words)))


def _top_level(text: str, words: frozenset[str]) -> Iterator[_Definition]:
    """The definitions of one text, but for annotated ones."""
    kept = [line for line in text.splitlines() if set(ONLY.findall(line)) <= words]
    for node in ast.parse("\n".join(kept)).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            name = node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        else:
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        lines = kept[first - 1 : node.end_lineno]
        body = "\n".join(NOTES.sub("", ONLY.sub("", line)) for line in lines)
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        yield _Definition(name, body, frozenset(names))


def _needed(wanted: str, words: frozenset[str]) -> list[str]:
    """Texts of ``wanted`` and of all that it mentions, in the order of the modules."""
    definitions = _definitions(words)
    known, names, ahead = {d.name: d for d in definitions}, set[str](), {wanted}
    while ahead:
        name = ahead.pop()
        names.add(name)
        ahead |= (known[name].mentions & set(known)) - names
    return [d.text for d in definitions if d.name in names]


def _value(key: str, value: Any) -> str:
    """An argument as source."""
    if key == "style":
        return f"Style({', '.join(f'{k}={v!r}' for k, v in value.items())})"
    if key != "stacks":
        return repr(value)
    shown = [k for k in DEFAULTS if any(x[k] != DEFAULTS[k] for _, _, s in value for x in s)]
    shown = [*dict.fromkeys([*list(DEFAULTS)[:4], *shown])]
    lines = ["(  # width, pool, layers"]
    for width, pool, layers in value:
        lines.append(f"            ({width}, {pool}, (")
        runs: list[list[Any]] = []
        for layer in layers:
            if runs and runs[-1][1] == layer:
                runs[-1][0] += 1
            else:
                runs.append([1, layer])
        for count, layer in runs:
            row = ", ".join(f"{k}={layer[k]!r}" for k in shown)
            lines.append(f"                *[dict({row})] * {count},")
        lines.append("            )),")
    return "\n".join([*lines, "        )"])
