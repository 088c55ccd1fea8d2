r"""Attention to the last ``window`` tokens: the window slides, every token has its own.

Built in runs of :math:`w` queries that read their own keys and the :math:`w - 1` before them, which
multiplies :math:`2 h s \cdot m (m + \min(a, w - 1))` for the :math:`m` queries of a run that starts
at token :math:`a`: about twice what the window alone needs, as masks are not exploited. A generated
token reads the window alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathdesign.spaces.transformer.mixers.base import Windowed
from mathdesign.spaces.transformer.shape import Layer

if TYPE_CHECKING:
    from mathdesign.spaces.transformer.mixers.attention import Attention


class Sliding(Windowed):
    """A token sees itself and the ``window - 1`` before it (Gemma 3, Mistral): causal."""

    name = "sliding"
    families = ("decoder_lm",)
    closed = True
    own_class = True

    def macs(self, layer: Layer, tokens: int) -> int:
        """Whole runs after the first are alike; the last one may be short."""
        w = layer.window
        if tokens <= w:
            return 2 * tokens * tokens * layer.query_width
        runs, rest = divmod(tokens, w)
        pairs = w * w + (runs - 1) * w * (2 * w - 1) + rest * (rest + w - 1)
        return 2 * pairs * layer.query_width

    def peak_values(self, layer: Layer, tokens: int) -> int:
        """What the runs read is put together once they all are there."""
        twice = layer.query_width if tokens > layer.window else 0
        return super().peak_values(layer, tokens) + tokens * twice

    def torch_class(self) -> type[Attention]:
        """Run after run of queries; the cache is a ring of ``window`` positions."""
        import torch
        from torch import Tensor

        from mathdesign.spaces.transformer.mixers.attention import Attention, Cache, Flow, Style

        class SlidingAttention(Attention):
            """Causal attention of every token to itself and the ``window - 1`` tokens before it."""

            def __init__(
                self, width: int, style: Style, heads: int, kv_heads: int, head_size: int,
                window: int, features: int = 1, horizon: int = 1,
            ) -> None:  # fmt: skip
                super().__init__(width, style, heads, kv_heads, head_size, window)

            def mix(
                self, q: Tensor, k: Tensor, v: Tensor, flow: Flow, cache: Cache | None
            ) -> Tensor:
                n = q.shape[2]
                if cache is not None and n == 1:
                    k, v = self.remembered(k, v, flow.start, cache)
                    bias = flow.bias
                    if bias is not None:
                        # The ring holds its last position in the slot before its first one.
                        bias = bias[..., -k.shape[2] :].roll((flow.start + 1) % k.shape[2], -1)
                    return self.attend(q, k, v, bias)
                if cache is not None:
                    self.fill(k, v, cache)
                if n <= self.window:
                    return self.masked(q, k, v, flow)
                runs = [self.run(q, k, v, flow, at) for at in range(0, n, self.window)]
                return torch.cat(runs, 2)

            def run(self, q: Tensor, k: Tensor, v: Tensor, flow: Flow, at: int) -> Tensor:
                """What ``window`` queries from ``at`` on read."""
                first, end = max(0, at - self.window + 1), min(at + self.window, q.shape[2])
                queries = torch.arange(at, end, device=q.device)[:, None]
                distance = queries - torch.arange(first, end, device=q.device)
                visible = (distance >= 0) & (distance < self.window)
                bias = q.new_zeros(()) if flow.bias is None else flow.bias[..., at:end, first:end]
                bias = torch.where(visible, bias, -torch.inf)
                return self.attend(q[:, :, at:end], k[:, :, first:end], v[:, :, first:end], bias)

            def fill(self, k: Tensor, v: Tensor, cache: Cache) -> None:
                """Keep the last keys and values of a first pass, each in its slot of the ring."""
                n = k.shape[2]
                kept = torch.arange(max(0, n - self.window), n, device=k.device)
                cache["keys"][:, :, kept % self.window] = k[:, :, kept]
                cache["values"][:, :, kept % self.window] = v[:, :, kept]

            def remembered(
                self, k: Tensor, v: Tensor, start: int, cache: Cache
            ) -> tuple[Tensor, Tensor]:
                """All keys and values that the token at ``start`` sees, in the order of the ring."""
                at, seen = start % self.window, min(start + 1, self.window)
                cache["keys"][:, :, at : at + 1] = k
                cache["values"][:, :, at : at + 1] = v
                return cache["keys"][:, :, :seen], cache["values"][:, :, :seen]

        return SlidingAttention
