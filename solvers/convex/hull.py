"""The convex hull of points in the plane, as linear rows."""

from __future__ import annotations

import math


def hull(pairs: list[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """Rows ``a x + b y <= c`` of the convex hull of points (Andrew's monotone chain).

    A segment gives its line from both sides, a point its coordinates.
    """
    points = sorted(set(pairs))
    if len(points) == 1:
        ((x, y),) = points
        return [(1.0, 0.0, x), (-1.0, 0.0, -x), (0.0, 1.0, y), (0.0, -1.0, -y)]

    def chain(ordered: list[tuple[float, float]]) -> list[tuple[float, float]]:
        kept: list[tuple[float, float]] = []
        for p in ordered:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], p) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    corners = chain(points) + chain(points[::-1])
    rows = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1]):
        length = math.hypot(x1 - x0, y1 - y0)
        a, b = (y1 - y0) / length, (x0 - x1) / length
        rows.append((a, b, max(a * x + b * y for x, y in points)))
    return rows


def _turn(o: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
