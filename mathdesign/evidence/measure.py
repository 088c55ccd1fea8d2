"""What runs of a study are judged by: accuracy on images, bits per byte of text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """What runs are judged by, and how it is shown."""

    name: str
    """In results."""
    what: str
    """In words."""
    unit: str
    """Of differences."""
    watched: str
    """In the entries of a curve."""
    along: str
    """In the entries of a curve: where on it they are."""
    axes: tuple[str, str]
    """Of a picture of curves."""
    turn: str
    """What a round is called."""
    scale: float = 1.0
    """Of what is shown, times the value."""
    digits: int = 2
    suffix: str = ""
    less: bool = False
    """Whether less is better."""

    def gain(self, value: float) -> float:
        """The value, turned so that more is better."""
        return -value if self.less else value

    def text(self, value: float) -> str:
        """As it is shown."""
        return f"{self.scale * value:.{self.digits}f}{self.suffix}"

    def difference(self, value: float) -> str:
        """A difference as it is shown, in :attr:`unit`."""
        return f"{self.scale * value:+.{self.digits}f}"


ACCURACY = Measure(
    "test_accuracy", "test accuracy", "points", "validation_accuracy", "number",
    ("epoch", "validation accuracy (%)"), "epoch", 100.0, 2, "%",
)  # fmt: skip
BITS = Measure(
    "bits_per_byte", "bits per byte", "bits per byte", "bits_per_byte", "step",
    ("step", "bits per byte held out"), "check", 1.0, 4, less=True,
)  # fmt: skip
