"""What the built module of a convolutional network shows: counted, run, simulated, exported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mathdesign.spaces.convnet.network import Network
from mathdesign.validators.convnet.monte_carlo import EntropyMismatch, check_entropy
from mathdesign.validators.convnet.recount import RecountError, check_gradients, check_module
from mathdesign.validators.training.onnx_check import OnnxMismatch, Uncomparable, check_onnx

if TYPE_CHECKING:
    from torch import nn

Finding = tuple[str, bool, str]
"""Name of the check, verdict, what was found."""


def module_checks(network: Network, module: nn.Module) -> Iterator[Finding]:
    """Each check in turn; the first that fails is the last."""
    try:
        found = check_module(network, module)
        counted = f"{found.params:,} params, {found.macs:,} macs: agree to the unit"
        yield "torch flop counter", True, counted
        check_gradients(module, network.input_channels, network.input_size)
        yield "forward and backward", True, "finite outputs and gradients"
        simulated = check_entropy(network)
        words = (
            f"log-variance {simulated.simulated:.3f} +- {simulated.error:.3f}, "
            f"{simulated.closed_form:.3f} in closed form"
        )
        yield "entropy by simulation", True, words
        yield "onnxruntime", True, onnx_words(module, network.input_channels, network.input_size)
    except (RecountError, EntropyMismatch, OnnxMismatch) as error:
        yield "built module", False, str(error)


def onnx_words(module: nn.Module, channels: int, size: int | tuple[int, ...]) -> str:
    """What came of the comparison with onnxruntime. Raises ``OnnxMismatch``."""
    try:
        found = check_onnx(module, channels, size)
    except ImportError:
        return "not run: pip install 'mathdesign[onnx]'"
    except Uncomparable as error:
        return f"runs; not compared: {error}"
    return f"agrees with torch to {found.onnx:.1e} (single precision itself: {found.torch:.1e})"
