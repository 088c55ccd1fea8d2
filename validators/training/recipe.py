"""The recipe of a training run on images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """A recipe. The learning rate rises linearly over the warm-up, then falls as a cosine.

    ``warm_up`` is a fraction of all steps. ``crop``: images are shifted by up to an eighth of
    their size; mirrored images are added where the data allow it. Weight decay spares vectors
    (norms and biases). Results repeat for one number of CPU ``threads``; one is also the
    steadiest on a shared machine. ``None`` keeps torch's number. ``device``: ``auto`` is the GPU
    where there is one; there, products are in bfloat16, and results need not repeat to the bit.
    """

    epochs: int = 20
    batch_size: int = 64
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 5e-3
    weight_decay: float = 0.05
    warm_up: float = 0.1
    label_smoothing: float = 0.1
    crop: bool = True
    seed: int = 0
    threads: int | None = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compile: bool = False


STANDARD = TrainingOptions()
"""The recipe of whoever asks for none."""
