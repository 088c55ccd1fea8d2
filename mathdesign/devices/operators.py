r"""Operators: what a runtime executes as one thing, by kind and shape.

The unit that is timed and priced. Which tensors an operator reads, and how long those live, is said by
the steps of :mod:`mathdesign.memory.steps`.

A batch norm and an activation are folded into what stands before them, as inference runtimes fold them.
An operator reads ``c_in`` channels of ``height x width`` positions (a sequence: height 1) and gives
``c_out`` channels. Its *key* is one word that is parsed back to the same operator:

.. code-block:: text

    kind-CxHxW[-c_out][-kHxW][-sHxW][-gN]

    conv-3x224x224-32-k3x3-s2x2      a convolution, 3 channels of 224x224 to 32 of 112x112
    depthwise-32x112x112-k3x3-g32    its output is 32x112x112
    linear-768x1x128-3072            128 positions
    attention-2304x1x128-768-k1x128-g12   12 query heads; queries, keys and values enter as 2304 channels

Parts that say nothing (``c_out`` equal to ``c_in``, 1x1 kernels and strides, one group) are left out, and
have to be. Outputs are as large as padding makes them: the input over the stride, rounded up.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from mathdesign.spec.faults import did_you_mean

#: Integers in a key above this are refused: no operator comes near it.
LARGEST_SIZE = 9_999_999

Pair = tuple[int, int]


class OperatorError(ValueError):
    """No operator; the message says what was found and what is accepted."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator. Raises :class:`OperatorError` where it is none.

    ``kernel`` and ``stride`` are ``(height, width)``. Attention reads queries, keys and values as
    ``c_in`` channels and gives ``c_out``, the queries' width; ``groups`` are its query heads,
    ``kernel[1]`` the keys that each query sees (linear attention: sets of features; sliding: the window).
    """

    kind: str
    c_in: int
    height: int
    width: int
    c_out: int
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        if fault := _fault(self):
            raise OperatorError(fault)

    @property
    def key(self) -> str:
        """The canonical word; :func:`parse_key` is its inverse."""
        words = [self.kind, f"{self.c_in}x{self.height}x{self.width}"]
        if self.c_out != self.c_in:
            words.append(str(self.c_out))
        for letter, pair in (("k", self.kernel), ("s", self.stride)):
            if pair != (1, 1):
                words.append(f"{letter}{pair[0]}x{pair[1]}")
        if self.groups != 1:
            words.append(f"g{self.groups}")
        return "-".join(words)

    def __str__(self) -> str:
        return self.key

    @property
    def positions_in(self) -> int:
        """Input positions."""
        return self.height * self.width

    @property
    def out(self) -> Pair:
        """Height and width of the output."""
        if self.kind in GLOBAL:
            return (1, 1)
        return (-(-self.height // self.stride[0]), -(-self.width // self.stride[1]))

    @property
    def positions(self) -> int:
        """Output positions."""
        return self.out[0] * self.out[1]

    @property
    def macs(self) -> int:
        """Multiply-adds of one input, as the metric ``macs`` counts them."""
        return OPERATOR_KINDS[self.kind].macs(self)

    @property
    def weights(self) -> int:
        """Numbers of its matrix that are read; biases, one an output channel, are left out."""
        return OPERATOR_KINDS[self.kind].weights(self)

    @property
    def values_in(self) -> int:
        """Numbers that it reads besides weights."""
        return OPERATOR_KINDS[self.kind].reads(self)

    @property
    def values_out(self) -> int:
        """Numbers that it writes."""
        return self.c_out * self.positions

    def weight_bytes(self, value_bytes: int) -> int:
        """Bytes of the weights read; ``value_bytes`` is a number's (float32: 4, int8: 1)."""
        return self.weights * value_bytes

    def bytes_moved(self, value_bytes: int, batch: int = 1) -> int:
        """Bytes read and written for ``batch`` inputs, weights once."""
        return (self.weights + batch * (self.values_in + self.values_out)) * value_bytes


Count = Callable[[Operator], int]


def _nothing(operator: Operator) -> int:
    return 0


def _input(operator: Operator) -> int:
    return operator.c_in * operator.positions_in


def _matrix(operator: Operator) -> int:
    """Weights of a convolution or linear map."""
    kernel = operator.kernel[0] * operator.kernel[1]
    return operator.c_in // operator.groups * operator.c_out * kernel


def _applied(operator: Operator) -> int:
    """The matrix at every output position."""
    return _matrix(operator) * operator.positions


def _attention(operator: Operator) -> int:
    """Scores of every query with the keys that it sees, and as much again to read values."""
    return 2 * operator.positions_in * operator.kernel[1] * operator.c_out


def _cross(operator: Operator) -> int:
    """Queries of its own positions, keys and values of as many as each query sees."""
    memory = operator.c_in - operator.c_out
    return operator.c_out * operator.positions_in + memory * operator.kernel[1]


def _sliding(operator: Operator) -> int:
    """In runs of ``window`` queries, each with its own keys and the ``window - 1`` before them."""
    n, window = operator.positions_in, operator.kernel[1]
    runs, rest = divmod(n, window)
    pairs = 0 if runs == 0 else window * window + (runs - 1) * window * (2 * window - 1)
    if rest:
        pairs += rest * (rest + (window - 1 if runs else 0))
    return 2 * pairs * operator.c_out


def _linear_attention(operator: Operator) -> int:
    """Every token is added to the state of each key/value head and reads that of each query head."""
    size = operator.c_out // operator.groups
    kv_heads = (operator.c_in - operator.c_out) // 2 // size
    state = operator.kernel[1] * size * size
    return operator.positions_in * (operator.groups + kv_heads) * state


@dataclass(frozen=True, slots=True)
class OperatorKind:
    """What operators of a kind do, and how they are counted."""

    name: str
    meaning: str
    macs: Count = _nothing
    weights: Count = _nothing
    reads: Count = _input
    keeps: bool = False
    """Gives as many channels as it reads."""
    windowed: bool = False
    """Has a kernel and a stride."""
    grouped: bool = False


#: Every kind by name. A new one is a line here, and whoever makes networks of it names it.
OPERATOR_KINDS: dict[str, OperatorKind] = {
    kind.name: kind
    for kind in (
        OperatorKind("conv", "convolution", _applied, _matrix, windowed=True, grouped=True),
        OperatorKind("depthwise", "convolution of one input channel a group", _applied, _matrix,
                     windowed=True, grouped=True),
        OperatorKind("linear", "linear map at every position", _applied, _matrix),
        OperatorKind("attention", "softmax of queries and keys, times values", _attention,
                     windowed=True, grouped=True),
        OperatorKind("cross_attention", "attention to keys and values of another stream",
                     _attention, reads=_cross, windowed=True, grouped=True),
        OperatorKind("sliding_attention", "each token with the window before it", _sliding,
                     windowed=True, grouped=True),
        OperatorKind("linear_attention", "states of keys and values, read by queries",
                     _linear_attention, windowed=True, grouped=True),
        OperatorKind("embedding", "rows of a table looked up: c_in rows",
                     weights=lambda o: o.c_out * o.positions_in, reads=lambda o: o.positions_in),
        OperatorKind("pool", "mean or greatest of a window", keeps=True, windowed=True),
        OperatorKind("global_pool", "mean over all positions", keeps=True),
        OperatorKind("add", "sum of two inputs", reads=lambda o: 2 * _input(o), keeps=True),
        OperatorKind("mul", "product of two inputs, as gated maps have", keeps=True,
                     reads=lambda o: 2 * _input(o)),
        OperatorKind("excite", "each channel times a number of its own", keeps=True,
                     reads=lambda o: _input(o) + o.c_in),
        OperatorKind("norm", "a norm that nothing folds: over channels", keeps=True,
                     weights=lambda o: o.c_in),
        OperatorKind("act", "an activation that nothing folds", keeps=True),
        OperatorKind("rotary", "rotary positions of queries or keys", keeps=True),
        OperatorKind("shuffle", "channels in another order", keeps=True),
        OperatorKind("concat", "inputs side by side"),
        OperatorKind("skip", "nothing, where a runtime takes time for it", keeps=True),
    )
}  # fmt: skip
#: Kinds whose output is one position.
GLOBAL = ("global_pool",)

_SIZE = r"([1-9][0-9]{0,6})"
_KEY = re.compile(
    rf"([a-z_]{{1,40}})-{_SIZE}x{_SIZE}x{_SIZE}(?:-{_SIZE})?(?:-k{_SIZE}x{_SIZE})?"
    rf"(?:-s{_SIZE}x{_SIZE})?(?:-g{_SIZE})?"
)
FORM = "kind-CxHxW[-c_out][-kHxW][-sHxW][-gN], such as conv-3x224x224-32-k3x3-s2x2"


def parse_key(key: str) -> Operator:
    """The operator of a canonical key. Raises :class:`OperatorError`."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise OperatorError(f"{FORM}")
    kind, *sizes = match.groups()
    c_in, height, width, c_out, kh, kw, sh, sw, groups = (int(s) if s else 0 for s in sizes)
    found = Operator(
        kind, c_in, height, width, c_out or c_in, (kh or 1, kw or 1), (sh or 1, sw or 1), groups or 1
    )  # fmt: skip
    if found.key != key:
        raise OperatorError(f"parts that say nothing left out: {found.key}")
    return found


def is_key(key: str) -> bool:
    """Whether :func:`parse_key` takes ``key``, told three times as fast: tables hold millions."""
    match = _KEY.fullmatch(key)
    if match is None:
        return False
    kind_name, c_in, _, _, c_out, kh, kw, sh, sw, groups = match.groups()
    kind = OPERATOR_KINDS.get(kind_name)
    plain_parts = c_out == c_in or kh == kw == "1" or sh == sw == "1" or groups == "1"
    if kind is None or plain_parts or len(key) > 60:
        return _takes(key)
    if groups is not None or (kind.grouped and kind_name != "conv"):
        return _takes(key)
    return not (kind.keeps and c_out) and (kind.windowed or not (kh or sh))


def _takes(key: str) -> bool:
    try:
        parse_key(key)
    except OperatorError:
        return False
    return True


def convolution(
    c_in: int, height: int, width: int, c_out: int, kernel: int | Pair = 1, stride: int | Pair = 1,
    groups: int = 1,
) -> Operator:  # fmt: skip
    """A convolution, ``depthwise`` where each group has one input channel."""
    kind = "depthwise" if groups == c_in > 1 else "conv"
    return Operator(kind, c_in, height, width, c_out, _pair(kernel), _pair(stride), groups)


def linear(c_in: int, positions: int, c_out: int) -> Operator:
    """A linear map at every one of ``positions``."""
    return Operator("linear", c_in, 1, positions, c_out)


def plain(kind: str, channels: int, height: int, width: int) -> Operator:
    """An operator that keeps channels and, ``global_pool`` aside, positions."""
    return Operator(kind, channels, height, width, channels)


def _pair(size: int | Pair) -> Pair:
    return (size, size) if isinstance(size, int) else size


def _fault(operator: Operator) -> str:
    """Why it is no operator; empty: it is one."""
    kind = OPERATOR_KINDS.get(operator.kind)
    if kind is None:
        known = ", ".join(OPERATOR_KINDS)
        return f"a kind of {known}{did_you_mean(operator.kind, list(OPERATOR_KINDS))}"
    sizes = (
        operator.c_in, operator.height, operator.width, operator.c_out, *operator.kernel,
        *operator.stride, operator.groups,
    )  # fmt: skip
    if any(not 1 <= size <= LARGEST_SIZE for size in sizes):
        return f"sizes from 1 to {LARGEST_SIZE:,}"
    if kind.keeps and operator.c_out != operator.c_in:
        return f"a {kind.name} gives as many channels as it reads"
    if not kind.windowed and (operator.kernel, operator.stride) != ((1, 1), (1, 1)):
        return f"a {kind.name} has no kernel and no stride"
    if not kind.grouped and operator.groups != 1:
        return f"a {kind.name} has no groups"
    return _group_fault(operator)


def _group_fault(operator: Operator) -> str:
    groups, c_in, c_out = operator.groups, operator.c_in, operator.c_out
    if operator.kind.endswith("attention"):
        if c_out % groups or c_in < c_out or (c_in - c_out) % (2 * (c_out // groups)):
            return "queries of whole heads, and as many keys as values of whole heads"
        return ""
    if c_in % groups or c_out % groups:
        return f"groups that divide {c_in} and {c_out} channels"
    if (operator.kind == "depthwise") != (groups == c_in > 1) and operator.kind in (
        "conv",
        "depthwise",
    ):
        return "depthwise where each of several groups has one input channel, else conv"
    return ""
