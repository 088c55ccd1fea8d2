"""The picture of a fit: predicted against measured, on rows that the model had not seen."""

from __future__ import annotations

import io
from pathlib import Path

from mathdesign.files import write_atomic
from mathdesign.programs.base import FloatArray


def draw_calibration(held_out: FloatArray, labels: FloatArray, path: Path, title: str) -> Path:
    """Write a PNG with one point a row and the diagonal; equal data give equal bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    low, high = float(min(held_out.min(), labels.min())), float(max(held_out.max(), labels.max()))
    axes.plot([low, high], [low, high], color="#999999", linewidth=1)
    axes.scatter(held_out, labels, s=9, alpha=0.6, color="#0072b2", linewidths=0)
    axes.set(xlabel="predicted (held out)", ylabel="measured", title=title)
    axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=120, metadata={"Software": None})
    return write_atomic(path, buffer.getvalue())
