r"""Metrics of a network that was never trained: columns for :mod:`mathdesign.search.ensemble`.

Each is computed on the built module with torch, on the CPU, from a seed, and leaves the module and
torch's global generator as they were. Greater is meant to be better.

* ``grad_norm``, ``synflow`` (Abdelfattah et al. 2021, arXiv 2101.08134; Tanaka et al. 2020,
  arXiv 2006.05467): the sum over tensors of :math:`\|\partial L / \partial\theta\|_2`; the sum of
  :math:`|\theta| \, \partial R / \partial |\theta|` for an input of ones, in double precision, norms
  in evaluation mode, reported as a logarithm because it spans hundreds of orders of magnitude.
* ``jacobian_covariance`` (Mellor et al., arXiv 2006.04647v1), from the eigenvalues :math:`v` of the
  correlations of the images' Jacobians: :math:`-\sum \ln(v + k) + 1 / (v + k)`, :math:`k = 10^{-5}`.
* ``nwot`` (Mellor et al., arXiv 2006.04647v3): log-determinant of the kernel that counts equal signs
  before the activations.
* ``zen`` (Lin et al. 2021, arXiv 2102.01063): log of the mean change of the last feature map under a
  small change of a Gaussian input, Gaussian weights, plus the logarithms that norms took out.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Added to eigenvalues; size of the change of the input; Gaussian networks drawn.
EIGENVALUE_FLOOR, CHANGE, ZEN_DRAWS = 1e-5, 1e-2, 8
ACTIVATIONS = ("ReLU", "ReLU6", "GELU", "SiLU", "Hardswish", "LeakyReLU", "ELU")


def untrained_metrics(
    module: nn.Module, channels: int, size: int, *, images: int = 16, seed: int = 0
) -> dict[str, float]:
    """Every metric of ``module`` on ``images`` Gaussian images of ``channels x size x size``.

    A value that does not exist (a singular kernel, no activation) is ``-inf``.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    batch = torch.randn(images, channels, size, size, generator=generator)
    found = {}
    for name, metric in METRICS.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            value = float(metric(copy.deepcopy(module).cpu(), batch))
        found[name] = value if math.isfinite(value) else -math.inf
    return found


def grad_norm(module: nn.Module, batch: Tensor) -> float:
    """Of the cross-entropy with labels drawn at random."""
    import torch

    scores = module.train()(batch)
    labels = torch.randint(0, scores.shape[1], (len(batch),))
    torch.nn.functional.cross_entropy(scores, labels).backward()  # type: ignore[no-untyped-call]
    return sum(float(p.grad.norm()) for p in module.parameters() if p.grad is not None)


def synflow(module: nn.Module, batch: Tensor) -> float:
    """Natural logarithm of the synaptic flow."""
    import torch

    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.abs_()
    ones = torch.ones(1, *batch.shape[1:], dtype=torch.float64)
    module(ones).sum().backward()
    flow = sum(
        float((p.detach() * p.grad).abs().sum()) for p in module.parameters() if p.grad is not None
    )
    return math.log(flow) if flow > 0 else -math.inf


def jacobian_covariance(module: nn.Module, batch: Tensor) -> float:
    """How differently the images are mapped to the sum of the outputs."""
    import torch

    images = batch.clone().requires_grad_()
    module.train()(images).sum().backward()
    assert images.grad is not None
    jacobians = images.grad.flatten(1).double()
    eigenvalues = torch.linalg.eigvalsh(torch.corrcoef(jacobians)) + EIGENVALUE_FLOOR
    return -float((eigenvalues.log() + 1 / eigenvalues).sum())


def nwot(module: nn.Module, batch: Tensor) -> float:
    """Over all activation modules, the signs of what enters them."""
    import torch

    kernel = torch.zeros(len(batch), len(batch), dtype=torch.float64)

    def add(_: Any, inputs: tuple[Tensor, ...]) -> None:
        signs = (inputs[0].flatten(1) > 0).double()
        kernel.add_(signs @ signs.T + (1 - signs) @ (1 - signs).T)

    hooked = [m for m in module.modules() if type(m).__name__ in ACTIVATIONS]
    for part in hooked:
        part.register_forward_pre_hook(add)
    with torch.no_grad():
        module.train()(batch)
    sign, value = torch.linalg.slogdet(kernel)
    return float(value) if hooked and sign > 0 else -math.inf


def zen(module: nn.Module, batch: Tensor) -> float:
    """Mean over draws of weights and images."""
    import torch

    last: list[Tensor] = []

    def remember(_: Any, __: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[-1] > 1:
            last[:] = [output]

    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for part in module.modules():
        part.register_forward_hook(remember)
    total = 0.0
    with torch.no_grad():
        for _ in range(ZEN_DRAWS):
            for part in module.modules():
                if isinstance(part, torch.nn.Conv2d | torch.nn.Linear):
                    part.weight.normal_()
            images = torch.randn_like(batch)
            features = []
            for changed in (images, images + CHANGE * torch.randn_like(images)):
                for norm in norms:
                    norm.reset_running_stats()
                    norm.momentum = 1.0
                module.train()(changed)
                features.append(last[0])
            change = (features[0] - features[1]).abs().mean()
            taken = sum(
                0.5 * float(n.running_var.mean().log()) for n in norms if n.running_var is not None
            )
            total += float(change.log()) + taken
    return total / ZEN_DRAWS


METRICS: Mapping[str, Callable[[Any, Any], float]] = {
    "grad_norm": grad_norm,
    "synflow": synflow,
    "jacobian_covariance": jacobian_covariance,
    "nwot": nwot,
    "zen": zen,
}
