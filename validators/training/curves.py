"""The loss curve of a training run as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from mathdesign.files import png
from mathdesign.validators.training.images import Epoch


def curve_png(curve: Sequence[Epoch], title: str = "") -> bytes:
    """Loss and accuracy over epochs as PNG (no display needed)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), dpi=120, layout="constrained")
    epochs = [epoch.number for epoch in curve]
    for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy")):
        for part in ("train", "validation"):
            values = [getattr(epoch, f"{part}_{what}") for epoch in curve]
            axes.plot(epochs, values, marker="o", markersize=3, label=part)
        axes.set(xlabel="epoch", ylabel=f"{what} (nats)" if what == "loss" else what)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    # Dollar signs in a user's title would start a formula.
    figure.suptitle(title.replace("$", r"\$"))
    return png(figure)
