"""Multiply-adds of a module, seen from outside: by the calls of torch that one forward pass makes.

Knows nothing of families, options or layers: every convolution, linear map, matrix product and
attention is counted where it is called, from the shapes of what is given to it, and nothing is
computed. ``torch.utils.flop_counter`` says the same and takes some times longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Calls that give a tensor of their first argument's shape and multiply nothing with weights of
#: their own beyond one a value.
ALIKE = frozenset({
    "batch_norm", "layer_norm", "rms_norm", "group_norm", "relu", "relu_", "gelu", "silu", "silu_",
    "sigmoid", "sigmoid_", "hardtanh", "hardtanh_", "hardswish", "hardswish_", "hardsigmoid",
    "hardsigmoid_", "tanh", "dropout", "softmax", "masked_fill", "pow", "square", "rsqrt", "neg",
})  # fmt: skip
#: Calls of two arguments that broadcast.
PAIRED = frozenset({"add", "add_", "__add__", "__radd__", "iadd", "__iadd__", "mul", "mul_",
                    "__mul__", "__rmul__", "__imul__", "sub", "__sub__"})  # fmt: skip
#: What gives weights their values, in place.
FILLED = frozenset({
    "normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_",
    "xavier_uniform_", "xavier_normal_", "zeros_", "ones_", "constant_", "zero_", "fill_",
})  # fmt: skip


def drawn_nowhere() -> AbstractContextManager[None]:
    """While it holds, weights are not initialised: of a module without storage nobody sees them."""
    import torch
    from torch.overrides import TorchFunctionMode

    class NoValues(TorchFunctionMode):
        """Functions of ``torch.nn.init`` and what fills a tensor leave it as it is."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            filled = getattr(func, "__name__", "") in FILLED
            return (
                (args or tuple((kwargs or {}).values()))[0]
                if filled
                else func(*args, **(kwargs or {}))
            )

    @contextmanager
    def held() -> Iterator[None]:
        with torch.no_grad(), NoValues():
            yield

    return held()


def macs_of(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    """Multiply-adds of one call of ``module``, in evaluation mode, without storage.

    ``inputs`` and the weights of ``module`` are on the meta device.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    counted = {"macs": 0}

    class Calls(TorchFunctionMode):
        """Counts products, and hands on shapes."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name, given = getattr(func, "__name__", ""), kwargs or {}
            if name in ALIKE:
                return args[0]
            if name in PAIRED and (same := _broadcast(args)) is not None:
                return same
            if name == "mean" and (made := _mean(args, given)) is not None:
                return made
            if name == "cat" and (made := _cat(args, given)) is not None:
                return made
            if name in PRODUCTS:
                result, macs = PRODUCTS[name](func, args, given)
                counted["macs"] += macs
                return result
            return func(*args, **given)

    with torch.no_grad(), Calls():
        module.eval()(*inputs)
    return counted["macs"]


def _broadcast(args: Sequence[Any]) -> Tensor | None:
    """The operand that has shape and type of the result; ``None``: neither surely has."""
    import torch

    tensors: list[Tensor] = [a for a in args[:2] if isinstance(a, torch.Tensor)]
    if not all(t.is_floating_point() and t.dtype == tensors[0].dtype for t in tensors):
        return None
    shape = torch.broadcast_shapes(*(t.shape for t in tensors))  # type: ignore[no-untyped-call]
    return next((t for t in tensors if t.shape == shape), None)


def _mean(args: Sequence[Any], given: Mapping[str, Any]) -> Tensor | None:
    """A mean over axes that stay with one position; ``None``: another one."""
    x, *more = args
    axes = more[0] if more else given.get("dim")
    if axes is None or not given.get("keepdim"):
        return None
    shape = list(x.shape)
    for axis in (axes,) if isinstance(axes, int) else axes:
        shape[axis] = 1
    return x.new_empty(shape)  # type: ignore[no-any-return]


def _cat(args: Sequence[Any], given: Mapping[str, Any]) -> Tensor | None:
    """Tensors of one number of axes, one after the other along one of them."""
    tensors, *more = args
    axis = more[0] if more else given.get("dim", 0)
    first = tensors[0]
    if any(t.dim() != first.dim() or t.dtype != first.dtype for t in tensors):
        return None
    shape = list(first.shape)
    shape[axis] = sum(t.shape[axis] for t in tensors)
    return first.new_empty(shape)  # type: ignore[no-any-return]


Product = Callable[[Any, Sequence[Any], Mapping[str, Any]], tuple[Any, int]]


def _convolution(func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> tuple[Any, int]:
    result = func(*args, **given)
    return result, result.numel() * math.prod(args[1].shape[1:])


def _linear(func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> tuple[Any, int]:
    x, weight = args[:2]
    result = x.new_empty((*x.shape[:-1], weight.shape[0]))
    return result, x.numel() * weight.shape[0]


def _matmul(func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> tuple[Any, int]:
    result = func(*args, **given)
    return result, result.numel() * args[0].shape[-1]


def _attention(func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> tuple[Any, int]:
    query, key, value = args[:3]
    result = query.new_empty((*query.shape[:-1], value.shape[-1]))
    return result, query.numel() * key.shape[-2] + result.numel() * key.shape[-2]


PRODUCTS: Mapping[str, Product] = {
    "conv1d": _convolution, "conv2d": _convolution, "conv3d": _convolution, "linear": _linear,
    "matmul": _matmul, "__matmul__": _matmul, "bmm": _matmul,
    "scaled_dot_product_attention": _attention,
}  # fmt: skip
