"""Training that taught nothing, said as such: what a guess would score, and whether a run beat it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy.typing as npt

#: Guessing does as well as a run that is not warned of in fewer than one of so many tries.
TRIES = 1000


def guessed_accuracy(labels: npt.ArrayLike) -> float:
    """Accuracy of naming the commonest of ``labels`` always: the best that looks at no image."""
    import numpy as np

    counts = np.unique(np.asarray(labels), return_counts=True)[1]
    return float(counts.max() / counts.sum())


def guess_probability(right: int, images: int, chance: float) -> float:
    """Probability that guesses, each right with probability ``chance``, are right ``right`` times or more.

    The upper tail of the binomial distribution, summed from its definition.
    """
    if right <= 0 or chance >= 1:
        return 1.0
    terms = (
        math.lgamma(images + 1) - math.lgamma(k + 1) - math.lgamma(images - k + 1)
        + k * math.log(chance) + (images - k) * math.log1p(-chance)
        for k in range(right, images + 1)
    )  # fmt: skip
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def accuracy_warning(accuracy: float, images: int, chance: float) -> str | None:
    """What to say of a test accuracy that guessing may well reach; ``None`` where it may not."""
    right = round(accuracy * images)
    if guess_probability(right, images, chance) * TRIES < 1:
        return None
    return (
        f"test accuracy {accuracy:.2%} on {images:,} images is not distinguishable from chance "
        f"({chance:.2%}): the network has learnt nothing"
    )


def context_free_bits(train: npt.ArrayLike, held_out: npt.ArrayLike, vocabulary: int) -> float:
    """Bits a token held out of a model that knows how often each token occurs, and no context.

    Frequencies are of the training part, one added to each; at most what even odds give.
    """
    import numpy as np

    counts = np.bincount(np.asarray(train), minlength=vocabulary) + 1.0
    bits = -np.log2(counts / counts.sum())[np.asarray(held_out)].mean()
    return min(float(bits), math.log2(vocabulary))


def text_warning(bits: float, baseline: float) -> str | None:
    """What to say of a language model that does not use what it reads; ``None`` where it does."""
    if bits < baseline:
        return None
    return (
        f"{bits:.4f} bits per byte are no better than {baseline:.4f}, those of token frequencies "
        "without any context: the network has learnt nothing from the text"
    )
