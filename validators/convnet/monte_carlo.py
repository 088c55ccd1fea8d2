"""The entropy's closed form held to a simulation of what it describes.

The entropy of a chain rests on the log-variance of its output under Gaussian weights and inputs,
without norms and activations: each convolution multiplies the variance by ``c_in k^2 / groups``
(DeepMAD, arXiv 2303.02165, section 3). Here every convolution of the main path is really applied,
with weights and input from N(0, 1). Padding is circular and strides are left out: borders and
subsampling change which positions are seen, not the variance at one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mathdesign.spaces.convnet.network import Network
from mathdesign.validators.convnet.recheck import recheck, unrolled

#: Independent networks drawn; pixels a side; deviations that a right formula may be off.
DRAWS, SIDE, DEVIATIONS = 16, 6, 5.0


class EntropyMismatch(Exception):
    """The closed form is not what a simulation gives, beyond its statistical error."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """Log-variance of the output, nats: simulated with its standard error, and in closed form."""

    simulated: float
    error: float
    closed_form: float
    layers: int


def check_entropy(network: Network, seed: int = 0) -> Simulation:
    """Simulate ``network``. Raises :class:`EntropyMismatch` beyond five standard errors.

    Also where the simulation says nothing: a signal that vanished, or an error of no finite size.
    """
    found = simulate(network, seed)
    allowed = DEVIATIONS * found.error
    # "Not within" rather than "beyond": a comparison with NaN is never true.
    if not (math.isfinite(allowed) and abs(found.simulated - found.closed_form) <= allowed):
        raise EntropyMismatch(
            f"log-variance {found.simulated:.4f} +- {found.error:.4f} by simulation, "
            f"{found.closed_form:.4f} in closed form"
        )
    return found


def simulate(network: Network, seed: int = 0, draws: int = DRAWS) -> Simulation:
    """Log-variance of the output of the main path over ``draws`` random networks.

    Features are rescaled after every layer and the logarithms of the factors added, because the
    product of dozens of them has no usable sample mean. Given its input, a layer's factor has the
    expectation of the closed form exactly, so that the mean over draws is unbiased.
    """
    import torch
    from torch.nn.functional import conv2d, pad

    layers = [layer for _, layer in unrolled(network) if layer.main_path]
    generator = torch.Generator().manual_seed(seed)
    factors = torch.zeros(draws, len(layers), dtype=torch.float64)
    with torch.no_grad():
        for draw in range(draws):
            x = torch.randn(1, layers[0].c_in, SIDE, SIDE, generator=generator)
            for i, layer in enumerate(layers):
                k, fan = layer.kernel_size, layer.c_in // layer.groups
                weight = torch.randn(layer.c_out, fan, k, k, generator=generator)
                x = x / x.square().mean().sqrt()
                x = conv2d(pad(x, (k // 2,) * 4, mode="circular"), weight, groups=layer.groups)
                factors[draw, i] = x.double().square().mean()
    mean, spread = factors.mean(0), factors.std(0) / draws**0.5
    relative = (spread / mean).square()
    # The logarithm of a mean is low by half its relative variance.
    simulated = float((mean.log() + relative / 2).sum())
    return Simulation(
        simulated, math.sqrt(float(relative.sum())), recheck(network).log_widths[-1], len(layers)
    )
