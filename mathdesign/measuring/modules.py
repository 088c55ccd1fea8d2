"""One operator as a torch module with its inputs, in evaluation mode, as the networks have it.

Convolutions carry a bias and an activation: what is left of a convolution, its batch norm and what
follows when a runtime has folded them (:mod:`.folding` does that to whole networks here). Attention is the
part of the networks' own classes between their projections: what is measured is what they run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mathdesign.devices.operators import Operator
from mathdesign.measuring.surroundings import NONE, Surroundings

if TYPE_CHECKING:
    from torch import Tensor, nn

    Inputs = tuple[Tensor, ...]
    Made = tuple[nn.Module, Inputs]


class CannotMeasure(ValueError):
    """No module stands for an operator or network; the message says why."""


def made(operator: Operator, around: Surroundings, batch: int = 1) -> Made:
    """A module and what it reads, ``batch`` inputs at once, random numbers in both.

    Raises :class:`CannotMeasure`.
    """
    maker = MAKERS.get(operator.kind)
    if maker is None:
        raise CannotMeasure(f"{operator.key}: nothing runs operators of kind {operator.kind} here")
    try:
        module, inputs = maker(operator, around, batch)
    except (ValueError, RuntimeError) as error:
        raise CannotMeasure(f"{operator.key}: {' '.join(str(error).split())[:200]}") from None
    return module.eval(), inputs


def _image(operator: Operator, batch: int) -> Tensor:
    import torch

    return torch.randn(batch, operator.c_in, operator.height, operator.width)


def _sequence(operator: Operator, batch: int) -> Tensor:
    """Positions as tokens; an image of one position as a vector, which classifiers read."""
    import torch

    if operator.positions_in == 1:
        return torch.randn(batch, operator.c_in)
    return torch.randn(batch, operator.positions_in, operator.c_in)


def _module(forward: Callable[..., Any]) -> nn.Module:
    """A module without weights whose pass is ``forward``."""
    from torch import nn

    class Part(nn.Module):
        def forward(self, *inputs: Tensor) -> Any:
            return forward(*inputs)

    return Part()


def _after(first: nn.Module, then: nn.Module | Callable[..., Any]) -> nn.Module:
    """``then`` of what ``first`` gives; a copy of it has copies of both."""
    from torch import nn

    class After(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.then = first, then

        def forward(self, x: Tensor) -> Any:
            return self.then(self.first(x))

    return After()


def activation(name: str) -> nn.Module | None:
    """The module of an activation, in place as networks have it; ``None``: none."""
    from torch import nn

    by_name: dict[str, Callable[[], nn.Module]] = {
        "relu": lambda: nn.ReLU(inplace=True), "relu6": lambda: nn.ReLU6(inplace=True),
        "silu": lambda: nn.SiLU(inplace=True), "gelu": nn.GELU,
        "hardswish": lambda: nn.Hardswish(inplace=True),
    }  # fmt: skip
    return None if name == NONE else by_name[name]()


def _conv(operator: Operator, around: Surroundings, batch: int) -> Made:
    from torch import nn

    kernel, stride = operator.kernel, operator.stride
    # Patches that do not overlap need no padding.
    padding = tuple(0 if k == s else k // 2 for k, s in zip(kernel, stride))
    conv = nn.Conv2d(
        operator.c_in, operator.c_out, kernel, stride, padding, groups=operator.groups  # type: ignore[arg-type]
    )  # fmt: skip
    act = activation(around.activation)
    module = conv if act is None else _after(conv, act)
    return module, (_image(operator, batch),)


def _linear(operator: Operator, around: Surroundings, batch: int) -> Made:
    from torch import nn

    module = nn.Linear(operator.c_in, operator.c_out, around.bias)
    return module, (_sequence(operator, batch),)


def _heads(operator: Operator) -> tuple[int, int, int]:
    """Heads of queries, of keys and values, and their size."""
    size = operator.c_out // operator.groups
    return operator.groups, (operator.c_in - operator.c_out) // 2 // size, size


def _mixer(operator: Operator, around: Surroundings) -> nn.Module:
    """The networks' own class of such attention; its projections are left alone."""
    from mathdesign.spaces.transformer.mixers import MIXERS
    from mathdesign.spaces.transformer.mixers.attention import Style

    shape = (1, Style(around.norm, False, False, True), *_heads(operator))
    seen, n = operator.kernel[1], operator.positions_in
    name, options = {
        "linear_attention": ("linear", {"features": seen, "horizon": n}),
        "sliding_attention": ("sliding", {"window": seen}),
    }.get(operator.kind, ("softmax", {"window": seen if seen < n else 0}))
    mixer: Any = MIXERS[name].torch_class()
    module: nn.Module = mixer(*shape, **options)
    return module


def _attention(operator: Operator, around: Surroundings, batch: int) -> Made:
    import torch

    from mathdesign.spaces.transformer.mixers.attention import Flow

    heads, kv_heads, size = _heads(operator)
    mixer: Any = _mixer(operator, around)
    flow = Flow(causal=around.causal and operator.kind != "cross_attention")
    n = operator.positions_in
    seen = operator.kernel[1] if operator.kind == "cross_attention" else n

    def forward(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        parts = (mixer.split(q, heads), mixer.split(k, kv_heads), mixer.split(v, kv_heads))
        if operator.kind == "cross_attention":
            mixed = mixer.attend(*parts)
        else:
            mixed = mixer.mix(*parts, flow, None)
        together: Tensor = mixed.transpose(1, 2).flatten(2)
        return together

    wide, narrow = heads * size, kv_heads * size
    shapes = ((batch, n, wide), (batch, seen, narrow), (batch, seen, narrow))
    return _module(forward), tuple(torch.randn(shape) for shape in shapes)


def _embedding(operator: Operator, around: Surroundings, batch: int) -> Made:
    import torch
    from torch import nn

    tokens = torch.randint(0, operator.c_in, (batch, operator.positions_in))
    return nn.Embedding(operator.c_in, operator.c_out), (tokens,)


def _pool(operator: Operator, around: Surroundings, batch: int) -> Made:
    from torch import nn

    kernel, stride = operator.kernel, operator.stride
    padding = tuple(0 if k == s else k // 2 for k, s in zip(kernel, stride))
    return nn.AvgPool2d(kernel, stride, padding, ceil_mode=kernel == stride), (  # type: ignore[arg-type]
        _image(operator, batch),
    )


def _global_pool(operator: Operator, around: Surroundings, batch: int) -> Made:
    from torch import nn

    if operator.height == 1:
        return _module(lambda x: x.mean(1)), (_sequence(operator, batch),)
    return nn.AdaptiveAvgPool2d(1), (_image(operator, batch),)


def _norm(operator: Operator, around: Surroundings, batch: int) -> Made:
    from torch import nn

    from mathdesign.spaces.transformer.mixers.attention import RMSNorm

    norm = RMSNorm(operator.c_in) if around.norm == "rms" else nn.LayerNorm(operator.c_in)
    if operator.height == 1:
        return norm, (_sequence(operator, batch),)

    last = _after(_module(lambda x: x.permute(0, 2, 3, 1)), norm)
    return _after(last, lambda x: x.permute(0, 3, 1, 2)), (_image(operator, batch),)


def _act(operator: Operator, around: Surroundings, batch: int) -> Made:
    # Not in place: the same numbers would be squashed again and again.
    from torch.nn import functional

    by_name: dict[str, Callable[[Tensor], Tensor]] = {"relu": functional.relu, "relu6": functional.relu6, "silu": functional.silu,
               "gelu": functional.gelu, "hardswish": functional.hardswish}  # fmt: skip
    forward = by_name.get(around.activation, functional.gelu)
    module: nn.Module = _module(lambda x: forward(x))
    return module, (_image(operator, batch),)


def _rotary(operator: Operator, around: Surroundings, batch: int) -> Made:
    import torch

    half = max(1, operator.c_in // 2)
    angles = torch.randn(operator.positions_in, half)

    def forward(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    x = torch.randn(batch, 1, operator.positions_in, 2 * half)
    return _module(forward), (x, angles.cos(), angles.sin())


def _two(forward: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Made]:
    """Operators of two inputs of one shape."""

    def make(operator: Operator, around: Surroundings, batch: int) -> Made:
        return _module(forward), (_image(operator, batch), _image(operator, batch))

    return make


def _gated(a: Tensor, b: Tensor) -> Tensor:
    """The gate's activation is folded into its map, which does not know that it has one: it is here."""
    from torch.nn import functional

    return a * functional.silu(b)


def _excite(operator: Operator, around: Surroundings, batch: int) -> Made:
    import torch

    scales = torch.rand(batch, operator.c_in, 1, 1)
    return _module(lambda x, s: x * s), (_image(operator, batch), scales)


def _shuffle(operator: Operator, around: Surroundings, batch: int) -> Made:
    from torch import nn

    groups = 2 if operator.c_in % 2 == 0 else 1
    return nn.ChannelShuffle(groups), (_image(operator, batch),)


def _concat(operator: Operator, around: Surroundings, batch: int) -> Made:
    import torch

    x = _image(operator, batch)
    more = torch.randn(batch, max(0, operator.c_out - operator.c_in), *x.shape[2:])
    return _module(lambda a, b: torch.cat((a, b), 1)), (x, more)


def _skip(operator: Operator, around: Surroundings, batch: int) -> Made:
    from torch import nn

    return nn.Identity(), (_image(operator, batch),)


MAKERS: dict[str, Callable[[Operator, Surroundings, int], Made]] = {
    "conv": _conv, "depthwise": _conv, "linear": _linear, "attention": _attention,
    "cross_attention": _attention, "sliding_attention": _attention, "linear_attention": _attention,
    "embedding": _embedding, "pool": _pool, "global_pool": _global_pool,
    "add": _two(lambda a, b: a + b), "mul": _two(_gated), "excite": _excite,
    "norm": _norm, "act": _act, "rotary": _rotary, "shuffle": _shuffle, "concat": _concat,
    "skip": _skip,
}  # fmt: skip
"""By kind of operator: all of :data:`mathdesign.devices.operators.OPERATOR_KINDS`."""
