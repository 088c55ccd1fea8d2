"""One transformer, every choice made: plain frozen data with exact counts.

A network is a chain of :class:`Stack`: a stack is a list of layers of one width. Causal and
prefix decoders, encoders and vision transformers have one stack (or several: blocks of their own
width, joined by a linear projection); a hierarchical vision transformer pools tokens between its
stacks; an encoder-decoder has exactly two, the second with cross-attention. ``to_dict`` and
``from_dict`` are inverse to each other and trust nothing.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Any

from mathdesign.spaces.transformer import costs
from mathdesign.spaces.transformer.network_faults import (
    ArchitectureError,
    architecture_faults,
    read,
)
from mathdesign.spaces.transformer.shape import (
    GENERATES,
    Description,
    Image,
    Layer,
    Stack,
    Style,
)

__all__ = ["Image", "Layer", "Stack", "Style", "Transformer"]

#: T5's number of buckets of relative distance; one bias a bucket and head, once a stack.
RELATIVE_BUCKETS = 32


@dataclass(frozen=True, slots=True)
class Transformer(Description):
    """A whole network. Raises :class:`~mathdesign.spaces.transformer.network_faults.ArchitectureError`."""

    def __post_init__(self) -> None:
        if faults := tuple(architecture_faults(self)):
            raise ArchitectureError(faults)

    @property
    def width(self) -> int:
        """Width of the embeddings."""
        return self.stacks[0].width

    @property
    def depth(self) -> int:
        """Number of layers of all stacks."""
        return sum(len(stack.layers) for stack in self.stacks)

    @property
    def tokens(self) -> int:
        """Tokens that enter the first stack: patches and class token, or the whole context."""
        if self.image is None:
            return self.context
        return self.image.patches + self.has_class_token

    @property
    def has_class_token(self) -> bool:
        """Whether a class token is there: ``vit`` alone (pooled tokens would lose it)."""
        return self.kind == "vit" and self.class_token

    def stack_tokens(self, length: int | None = None) -> tuple[int, ...]:
        """Tokens in each stack for an input of ``length`` tokens (default: all)."""
        tokens, found = self.tokens if length is None else length, []
        for stack in self.stacks:
            tokens //= stack.pool
            found.append(tokens)
        return tuple(found)

    # ---- weights ---------------------------------------------------------------------------

    def embedding_params(self) -> int:
        """Look-up tables: tokens, an untied head, positions, token types, the class token."""
        tables = self.vocabulary * (1 if self.tied or self.kind == "encoder" else 2)
        if self.positions == "learned":
            tables += self.tokens
        total = (tables + self.token_types + self.has_class_token) * self.width
        if self.positions == "relative":
            total += RELATIVE_BUCKETS * sum(s.layers[0].heads for s in self.stacks if s.layers)
        if self.kind in GENERATES and not self.tied:
            total += self.vocabulary * (self.stacks[-1].width - self.width)
        return total

    def non_embedding_params(self) -> int:
        """All other weights: layers, norms, projections between widths, patches, classifier."""
        total = sum(
            costs.layer_params(self.style, stack.width, layer, self._memory_width(i))
            for i, stack in enumerate(self.stacks)
            for layer in stack.layers
        )
        total += sum(a * b + self.style.bias * b for a, b, _ in self.projections())
        return total + self._frame_params()

    def params(self) -> int:
        """All weights; a tied matrix counts once."""
        return self.embedding_params() + self.non_embedding_params()

    def projections(self) -> tuple[tuple[int, int, int], ...]:
        """Linear maps between widths: ``(from, to, index of the stack that it leads into)``.

        Before each stack of another width than the one before it (a decoder: from the embeddings,
        which have the encoder's width) and, with index ``len(stacks)``, back to the width of a
        tied output head.
        """
        widths = [stack.width for stack in self.stacks]
        pairs = [(a, b, i + 1) for i, (a, b) in enumerate(itertools.pairwise(widths)) if a != b]
        if self.kind in GENERATES and self.tied and widths[-1] != widths[0]:
            pairs.append((widths[-1], widths[0], len(widths)))
        return tuple(pairs)

    def _frame_params(self) -> int:
        """What neither layers nor look-up tables hold."""
        last, norm = self.stacks[-1].width, self.style.norm_params
        total = self.embedding_norm * norm(self.width) + self.pooler * (last * last + last)
        if self.style.norm_first:
            ends = self.stacks if self.kind == "encoder_decoder" else self.stacks[-1:]
            total += sum(norm(stack.width) for stack in ends)
        if self.classes:
            total += last * self.classes + self.classes
        if self.image is not None:
            total += (self.image.channels * self.image.patch**2 + 1) * self.width
        return total

    def _memory_width(self, stack: int) -> int:
        """Width of the stream that the cross-attention of ``stack`` reads; 0: there is none."""
        return self.stacks[0].width if self.kind == "encoder_decoder" and stack == 1 else 0

    # ---- multiply-adds -----------------------------------------------------------------------

    def macs(self, length: int | None = None) -> int:
        """Multiply-adds of one sequence of ``length`` tokens (default: the whole context).

        Language models: with the output head at every token. Encoder-decoder: ``length`` tokens
        on either side. Vision: of one image.
        """
        tokens = self.stack_tokens(length)
        memory = tokens[0] if self.kind == "encoder_decoder" else 0
        if memory:
            tokens = (tokens[0], tokens[0])
        total = sum(
            costs.layer_macs(stack.width, layer, n, self._memory_width(i), memory)
            for i, (stack, n) in enumerate(zip(self.stacks, tokens))
            for layer in stack.layers
        )
        total += sum(a * b * tokens[min(i, len(tokens) - 1)] for a, b, i in self.projections())
        return total + self._frame_macs(tokens[-1])

    def _frame_macs(self, tokens: int) -> int:
        last = self.stacks[-1].width
        total = self.pooler * last * last + last * self.classes
        if self.kind in GENERATES:
            total += tokens * self.vocabulary * (self.width if self.tied else last)
        if self.image is not None:
            total += self.image.patches * self.image.channels * self.image.patch**2 * self.width
        return total

    def token_macs(self, length: int | None = None) -> int:
        """Multiply-adds of generating one token that attends to ``length`` positions, itself
        included, keys and values of earlier ones cached (encoder-decoder: of the decoder alone,
        with ``length`` encoder positions). Raises ``ValueError`` where nothing is generated.
        """
        if self.kind not in GENERATES:
            raise ValueError(f"a {self.kind} generates no tokens")
        n = self.context if length is None else length
        pair = self.kind == "encoder_decoder"
        stacks = list(enumerate(self.stacks))[1 if pair else 0 :]
        total = sum(
            costs.layer_token_macs(stack.width, layer, n, self._memory_width(i), n if pair else 0)
            for i, stack in stacks
            for layer in stack.layers
        )
        total += sum(a * b for a, b, _ in self.projections())
        return total + self.vocabulary * (self.width if self.tied else self.stacks[-1].width)

    # ---- memory ------------------------------------------------------------------------------

    def kv_cache_bytes(
        self, batch: int = 1, length: int | None = None, value_bytes: int = 2
    ) -> int:
        """Bytes of all caches for ``batch`` sequences of ``length`` tokens (default: context)."""
        if self.kind not in GENERATES:
            return 0
        n = self.context if length is None else length
        pair = self.kind == "encoder_decoder"
        stacks = self.stacks[1:] if pair else self.stacks
        values = sum(
            costs.layer_cache_values(layer, n, n if pair else 0)
            for stack in stacks
            for layer in stack.layers
        )
        return batch * values * value_bytes

    def activation_bytes(
        self, batch: int = 1, length: int | None = None, value_bytes: int = 2
    ) -> int:
        """Bytes alive at once, at the most, in a forward pass without gradients: the greatest of
        all layers (:func:`mathdesign.spaces.transformer.costs.layer_peak_values`) and the logits.
        """
        tokens = self.stack_tokens(length)
        rotary = self.positions == "rotary"
        # What enters a stack stays alive until its end: from the second layer on beside the stream.
        peaks = [
            costs.layer_peak_values(stack.width, layer, n, rotary, self.style)
            + (i > 0) * n * stack.width
            for stack, n in zip(self.stacks, tokens)
            for i, layer in enumerate(stack.layers)
        ]
        if self.kind in GENERATES:
            peaks.append(tokens[-1] * (self.stacks[-1].width + self.vocabulary))
        return batch * value_bytes * max(peaks, default=0)

    def weight_bytes(self, value_bytes: int = 2) -> int:
        """Bytes of all weights."""
        return self.params() * value_bytes

    # ---- words -------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Words, numbers and lists; equal consecutive layers are written once, with ``repeat``."""
        data = asdict(self)
        if not self.style.extra_norms:  # younger than the first saved designs
            del data["style"]["extra_norms"]
        data["stacks"] = [
            {"width": s.width, "pool": s.pool, "layers": _runs(s.layers)} for s in self.stacks
        ]
        return data

    @classmethod
    def from_dict(cls, data: object) -> Transformer:
        """The inverse of :meth:`to_dict`. Trusts nothing: raises ``ArchitectureError``."""
        return cls(**read(data))


def _runs(layers: tuple[Layer, ...]) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    for layer in layers:
        entry = asdict(layer)
        if runs and {**runs[-1], "repeat": 1} == {**entry, "repeat": 1}:
            runs[-1]["repeat"] += 1
        else:
            runs.append({**entry, "repeat": 1})
    return runs
