"""Everything that can be checked about a finished design without a solver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mathdesign.result import Design
from mathdesign.spaces.convnet.network import Network

if TYPE_CHECKING:
    from torch import nn


def chain_checks(design: Design) -> list[dict[str, Any]]:
    """Everything that can be checked without a solver: name of the check, verdict, what was found."""
    from mathdesign.spaces.convnet.pose import to_program
    from mathdesign.spaces.convnet.words import Spec
    from mathdesign.validators.convnet.monte_carlo import EntropyMismatch, check_entropy
    from mathdesign.validators.convnet.recheck import verify
    from mathdesign.validators.convnet.recount import RecountError, check_gradients, check_module
    from mathdesign.validators.errors import RecheckError
    from mathdesign.validators.training.onnx_check import OnnxMismatch

    checks = []

    def note(check: str, found: str, ok: bool = True) -> None:
        checks.append({"check": check, "ok": ok, "found": found})

    try:
        spec = Spec.model_validate(dict(design.request))
        same = spec.content_hash() == design.certificate.request_sha256
        note("request hash", "as certified" if same else "differs from the certificate", same)
        program = to_program(spec)
        recount = verify(
            program.space,
            design.network.point,
            counting=spec.counting,
            entropy=program.entropy,
            metric_weights=program.metric_weights,
            budgets=program.budgets,
            effectiveness=program.effectiveness,
            objective=design.certificate.objective,
        )
        if dict(recount.metrics) != dict(design.metrics):
            note("metrics", f"{dict(recount.metrics)} by recount", False)
        bound = design.certificate.bound
        valid = bound is None or bound >= recount.objective * (1 - 1e-9)
        note("layer-by-layer recount", f"objective {recount.objective:.6f}, budgets kept")
        note("bound", "not below the objective" if valid else "below the objective", valid)
    except (RecheckError, ValueError) as error:
        note("layer-by-layer recount", str(error), False)
    try:
        module = design.build()
        found = check_module(design.network, module)
        note(
            "torch flop counter", f"{found.params:,} params, {found.macs:,} macs: agree to the unit"
        )
        check_gradients(module, design.network.input_channels, design.network.input_size)
        note("forward and backward", "finite outputs and gradients")
        simulated = check_entropy(design.network)
        note(
            "entropy by simulation",
            f"log-variance {simulated.simulated:.3f} +- {simulated.error:.3f}, "
            f"{simulated.closed_form:.3f} in closed form",
        )
        note("onnxruntime", _onnx(design.network, module))
    except (RecountError, EntropyMismatch, OnnxMismatch) as error:
        note("built module", str(error), False)
    return checks


def _onnx(network: Network, module: nn.Module) -> str:
    from mathdesign.validators.training.onnx_check import check_onnx

    try:
        difference = check_onnx(module, network.input_channels, network.input_size)
    except ImportError:
        return "not run: pip install 'mathdesign[onnx]'"
    return f"agrees with torch to {difference:.1e}"
