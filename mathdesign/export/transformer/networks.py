"""Whole transformers from the parts. Printed into ``model.py`` after them, as it stands."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mathdesign.export.transformer.parts import Embedding, Stack, initialise, rotary_tables
from mathdesign.spaces.transformer.mixers.attention import Cache, Flow, Style

Rows = tuple[tuple[int, int, tuple[dict[str, Any], ...]], ...]
"""Width, pool and layers of every stack."""


def rotary_sizes(rows: Rows, positions: str) -> set[int]:
    """Head sizes for which rotary tables are needed."""
    if positions != "rotary":
        return set()
    return {layer["head_size"] for _, _, layers in rows for layer in layers}


class LanguageModel(nn.Module):
    """A decoder: (batch, tokens) to scores of the next token, (batch, tokens, vocabulary)."""

    def __init__(
        self, *, vocabulary: int, context: int, stacks: Rows, style: Style, positions: str,
        tied: bool, token_types: int = 0, embedding_norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.context, self.sizes = context, rotary_sizes(stacks, positions)
        width, last = stacks[0][0], stacks[-1][0]
        self.embedding = Embedding(
            vocabulary, width, context if positions == "learned" else 0, token_types,
            style.make_norm(width) if embedding_norm else None,
        )  # fmt: skip
        before = [width, *(row[0] for row in stacks)]
        self.stacks = nn.ModuleList(
            Stack(
                row[0], row[2], style, before=before[i], causal=True, horizon=context,
                relative=positions == "relative", last=i == len(stacks) - 1,
            )
            for i, row in enumerate(stacks)
        )  # fmt: skip
        self.back = nn.Linear(last, width, style.bias) if tied and last != width else nn.Identity()
        self.head = None if tied else nn.Linear(last, vocabulary, bias=False)
        initialise(self, sum(len(row[2]) for row in stacks))

    def forward(
        self, tokens: Tensor, caches: list[list[Cache]] | None = None, start: int = 0,
        prefix: int = 0,
    ) -> Tensor:  # fmt: skip
        """With ``caches``: the whole prompt first (``start`` 0), then token by token.

        The first ``prefix`` tokens see each other whatever their order.
        """
        flow = Flow(True, prefix, start)
        x = self.embedding(tokens, start)
        flow.rotary = rotary_tables(self.sizes, start, tokens.shape[1], x)
        for i, stack in enumerate(self.stacks):
            x = stack(x, flow, None if caches is None else caches[i])
        x = self.back(self.stacks[-1].norm(x))
        return (
            functional.linear(x, self.embedding.tokens.weight)
            if self.head is None
            else self.head(x)
        )

    def new_caches(self, batch: int, length: int) -> list[list[Cache]]:
        """Empty caches for ``length`` tokens, of the type of the weights."""
        like = self.embedding.tokens.weight
        return [stack.new_caches(batch, length, like) for stack in self.stacks]

    @torch.no_grad()
    def generate(
        self, tokens: Tensor, new: int, temperature: float = 0.0,
        generator: torch.Generator | None = None, prefix: int = 0,
    ) -> Tensor:  # fmt: skip
        """``tokens`` continued by ``new``: the likeliest, or drawn at a ``temperature``."""
        length = tokens.shape[1] + new
        if length > self.context:
            raise ValueError(f"{length} tokens are more than the context of {self.context}")
        caches, given, start = self.new_caches(len(tokens), length), tokens, 0
        for _ in range(new):
            scores = self(given, caches, start, prefix)[:, -1]
            start += given.shape[1]
            given = choose(scores, temperature, generator)
            tokens = torch.cat((tokens, given), 1)
        return tokens


def choose(scores: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """The next token of every sequence, shape (batch, 1)."""
    if temperature <= 0:
        return scores.argmax(-1, keepdim=True)
    return torch.multinomial((scores / temperature).softmax(-1), 1, generator=generator)


class Encoder(nn.Module):
    """(batch, tokens) to states (batch, tokens, width), or to scores of classes.

    With a pooler and no classes: states and the pooled first token.
    """

    def __init__(
        self, *, vocabulary: int, context: int, stacks: Rows, style: Style, positions: str,
        classes: int = 0, token_types: int = 0, embedding_norm: bool = False, pooler: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.sizes = rotary_sizes(stacks, positions)
        width, last = stacks[0][0], stacks[-1][0]
        self.embedding = Embedding(
            vocabulary, width, context if positions == "learned" else 0, token_types,
            style.make_norm(width) if embedding_norm else None,
        )  # fmt: skip
        before = [width, *(row[0] for row in stacks)]
        self.stacks = nn.ModuleList(
            Stack(
                row[0], row[2], style, before=before[i], horizon=context,
                relative=positions == "relative", last=i == len(stacks) - 1,
            )
            for i, row in enumerate(stacks)
        )  # fmt: skip
        self.pooler = nn.Linear(last, last) if pooler else None
        self.head = nn.Linear(last, classes) if classes else None
        initialise(self, sum(len(row[2]) for row in stacks))

    def states(self, tokens: Tensor, types: Tensor | None = None) -> Tensor:
        """The last stream, normed: (batch, tokens, width)."""
        x = self.embedding(tokens, 0, types)
        flow = Flow(rotary=rotary_tables(self.sizes, 0, tokens.shape[1], x))
        for stack in self.stacks:
            x = stack(x, flow)
        return self.stacks[-1].norm(x)

    def forward(
        self, tokens: Tensor, types: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        x = self.states(tokens, types)
        pooled = None if self.pooler is None else torch.tanh(self.pooler(x[:, 0]))
        if self.head is not None:
            return self.head(x.mean(1) if pooled is None else pooled)
        return x if pooled is None else (x, pooled)


class EncoderDecoder(nn.Module):
    """(batch, source) and (batch, target) to scores (batch, target, vocabulary)."""

    def __init__(
        self, *, vocabulary: int, context: int, stacks: Rows, style: Style, positions: str,
        tied: bool, token_types: int = 0, embedding_norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.context, self.sizes = context, rotary_sizes(stacks, positions)
        (width, _, encoder), (last, _, decoder) = stacks
        self.embedding = Embedding(
            vocabulary, width, context if positions == "learned" else 0, token_types,
            style.make_norm(width) if embedding_norm else None,
        )  # fmt: skip
        relative = positions == "relative"
        self.encoder = Stack(
            width, encoder, style, before=width, relative=relative, horizon=context
        )
        self.decoder = Stack(
            last, decoder, style, before=width, memory_width=width, causal=True,
            relative=relative, horizon=context,
        )  # fmt: skip
        self.back = nn.Linear(last, width, style.bias) if tied and last != width else nn.Identity()
        self.head = None if tied else nn.Linear(last, vocabulary, bias=False)
        self.kept = max((layer.get("memory_layers", 1) for layer in decoder), default=1)
        initialise(self, len(encoder) + len(decoder))

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        """What the last layers of the encoder gave, as many as the decoder reads, normed."""
        x = self.embedding(source)
        flow = Flow(rotary=rotary_tables(self.sizes, 0, source.shape[1], x))
        # Two parts a layer; the first step is the stream on entry.
        ends: list[Tensor] = []
        for i, stream in enumerate(self.encoder.steps(x, flow)):
            if i and i % 2 == 0:
                ends = [*ends, stream][-self.kept :]
        return tuple(self.encoder.norm(end) for end in ends)

    def decode(
        self, target: Tensor, memory: tuple[Tensor, ...], caches: list[Cache] | None = None,
        start: int = 0,
    ) -> Tensor:  # fmt: skip
        """Scores of the next token; with ``caches``: the prompt first, then token by token."""
        x = self.embedding(target, start)
        tables = rotary_tables(self.sizes, start, target.shape[1], x)
        x = self.decoder(x, Flow(True, 0, start, tables, memory=memory), caches)
        x = self.back(self.decoder.norm(x))
        return (
            functional.linear(x, self.embedding.tokens.weight)
            if self.head is None
            else self.head(x)
        )

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.decode(target, self.encode(source))

    def new_caches(self, batch: int, length: int) -> list[Cache]:
        """Empty caches of the decoder for ``length`` tokens."""
        return self.decoder.new_caches(batch, length, self.embedding.tokens.weight)

    @torch.no_grad()
    def generate(
        self, source: Tensor, target: Tensor, new: int, temperature: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:  # fmt: skip
        """``target`` continued by ``new`` tokens: the likeliest, or drawn at a ``temperature``."""
        length = target.shape[1] + new
        if length > self.context:
            raise ValueError(f"{length} tokens are more than the context of {self.context}")
        memory, caches = self.encode(source), self.new_caches(len(source), length)
        given, start = target, 0
        for _ in range(new):
            scores = self.decode(given, memory, caches, start)[:, -1]
            start += given.shape[1]
            given = choose(scores, temperature, generator)
            target = torch.cat((target, given), 1)
        return target


def nested_order(side: int, roots: list[int]) -> Tensor:
    """Order of a ``side x side`` grid in which squares of ``roots`` follow each other, nested.

    So pooling and windows take neighbours in the list (Hiera, arXiv 2306.00989).
    """
    rest, factors = side, list(roots)
    for root in roots:
        rest //= root
    while rest > 1:
        factors.append(next(f for f in range(2, rest + 1) if rest % f == 0))
        rest //= factors[-1]
    grid = torch.arange(side * side, device="cpu").reshape(*factors[::-1], *factors[::-1])
    k = len(factors)
    return grid.permute([axis for i in range(k) for axis in (i, k + i)]).flatten()


class VisionTransformer(nn.Module):
    """Images (batch, channels, size, size) to scores (batch, classes), or states without."""

    order: Tensor

    def __init__(
        self, *, channels: int, size: int, patch: int, stacks: Rows, style: Style, positions: str,
        classes: int, class_token: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        width, last, side = stacks[0][0], stacks[-1][0], size // patch
        self.patches = nn.Conv2d(channels, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width)) if class_token else None
        tokens = side * side + class_token
        learned = positions == "learned"
        self.positions = nn.Parameter(torch.zeros(1, tokens, width)) if learned else None
        order = nested_order(side, [round(pool**0.5) for _, pool, _ in stacks if pool > 1])
        self.register_buffer("order", order, persistent=False)
        before = [width, *(row[0] for row in stacks)]
        self.stacks = nn.ModuleList(
            Stack(
                row[0], row[2], style, before=before[i], pool=row[1], horizon=tokens,
                last=i == len(stacks) - 1,
            )
            for i, row in enumerate(stacks)
        )  # fmt: skip
        self.head = nn.Linear(last, classes) if classes else None
        initialise(self, sum(len(row[2]) for row in stacks))
        for table in (self.class_token, self.positions):
            if table is not None:  # As large as patches of normalised images, or none is seen.
                nn.init.normal_(table)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        if len(self.stacks) > 1:
            x = x[:, self.order]
        if self.class_token is not None:
            x = torch.cat((self.class_token.expand(len(x), -1, -1), x), 1)
        if self.positions is not None:
            x = x + self.positions
        for stack in self.stacks:
            x = stack(x, Flow())
        x = self.stacks[-1].norm(x)
        if self.head is None:
            return x
        return self.head(x.mean(1) if self.class_token is None else x[:, 0])
