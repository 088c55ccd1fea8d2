"""The published programs, under the name that the benchmarks of the exact engine know."""

from mathdesign.bench.published import *  # noqa: F403
