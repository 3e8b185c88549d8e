"""SVG pictures: bars in table cells, and figures (columns, curves, charts).

Colours come from the page's style by class, so that pictures adapt to light, dark and print. A bar in a table
is decoration, since its number is printed; a figure has a title, a description and a table of its data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpsg.display import Html, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Point = tuple[float, float]
WIDTH, HEIGHT = 360.0, 240.0
LEFT, BOTTOM, TOP, RIGHT = 58.0, 40.0, 12.0, 22.0


def bar(share: float, *, kind: str = "first") -> Html:
    """A bar that fills a share of its cell, 0 to 1."""
    return _in_cell(_rect(0.0, share, 0.0, 10.0, f"{kind} bar"))


def compared(share: float, other: float | None, low: float = 0.0, high: float = 0.0) -> Html:
    """A bar, and a mark at ``other`` with a band from ``low`` to ``high`` around the mark."""
    parts = [_rect(0.0, share, 2.0, 6.0, "first bar")]
    if other is not None:
        parts += [
            _rect(max(low, 0.0), min(high, 1.0) - max(low, 0.0), 0.0, 10.0, "band"),
            _rect(other - 0.005, 0.012, 0.0, 10.0, "second bar"),
        ]
    return _in_cell(*parts)


def between(value: float, low: float, high: float) -> Html:
    """A value between its floor (left) and its ceiling (right); the bar is its interval."""
    track = _rect(0.0, 1.0, 4.0, 2.0, "band")
    width = max(min(high, 1.0) - max(low, 0.0), 0.0)
    interval = _rect(max(low, 0.0), width, 2.0, 6.0, "soft bar")
    return _in_cell(track, interval, _rect(min(max(value, 0.0), 1.0) - 0.008, 0.016, 0.0, 10.0, "first bar"))


def strip(found: int, count: int) -> Html:
    """A strip with a field for each of ``count`` things, the first ``found`` of them filled; over 400 things,
    their share is drawn.
    """
    fields = min(count, 400)
    filled = math.ceil(found * fields / max(count, 1))
    width = 1 / max(fields, 1)
    return _in_cell(
        *(
            _rect(i * width, 0.8 * width, 0.0, 10.0, "second bar" if i < filled else "band")
            for i in range(fields)
        )
    )


def _rect(start: float, width: float, y: float, height: float, kind: str) -> Html:
    start = min(max(start, 0.0), 1.0)
    width = min(max(width, 0.0), 1.0 - start)
    return tag("rect", x=100 * start, y=y, width=100 * width, height=height, class_=kind)


def _in_cell(*shapes: Html) -> Html:
    return tag(
        "svg",
        *shapes,
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        class_="cell",
        aria_hidden="true",
        focusable="false",
    )


def curve(  # two arguments by position, the rest by keyword
    name: str,
    lines: Sequence[tuple[str, Sequence[Point]]],
    *,
    title: str,
    desc: str,
    axes: tuple[str, str],
    band: tuple[float, float] | None = None,
    ticks: tuple[Sequence[tuple[float, str]], Sequence[tuple[float, str]]],
) -> Html:
    """Lines in the unit square, each with a class; ``band`` is a range of y to be marked."""
    shapes = [_frame(*ticks, axes)]
    if band is not None:
        bottom, top = _y(max(band[0], 0.0)), _y(min(band[1], 1.0))
        plot = WIDTH - LEFT - RIGHT
        shapes.append(tag("rect", x=LEFT, y=top, width=plot, height=bottom - top, class_="band"))
    shapes += [tag("polyline", points=_points(points), class_=kind) for kind, points in lines]
    return picture(name, shapes, title=title, desc=desc)


def columns(  # two arguments by position, the rest by keyword
    name: str,
    shares: Sequence[float],
    *,
    title: str,
    desc: str,
    axes: tuple[str, str],
    labels: Sequence[tuple[float, str]],
    gap: float = 0.08,
) -> Html:
    """Upright bars, as shares on a scale of round percentages; ``gap`` is the empty part of a bar's slot.

    ``labels`` are placed at shares of the width, 0 to 1.
    """
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2) if max(shares) <= 5 * s)
    steps = max(math.ceil(max(shares) / step), 1)
    slot, top = 1 / len(shares), steps * step
    bars = [
        tag(
            "rect",
            x=_x((i + gap / 2) * slot),
            y=_y(share / top),
            width=_x(slot * (1 - gap)) - _x(0.0),
            height=_y(0.0) - _y(share / top),
            class_="first bar",
        )
        for i, share in enumerate(shares)
    ]
    heights = [(i / steps, f"{100 * i * step:.0f}\u00a0%") for i in range(steps + 1)]
    return picture(name, [*bars, _frame(labels, heights, axes)], title=title, desc=desc)


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one kind in the unit square, which a chart joins by a line and marks with a letter.

    ``is_level`` draws a dashed line across the whole chart at the height of the only point.
    """

    kind: str
    letter: str
    points: tuple[Point, ...]
    is_line: bool = True
    is_level: bool = False


def chart(  # two arguments by position, the rest by keyword
    name: str,
    series: Sequence[Series],
    *,
    title: str,
    desc: str,
    across: str,
    ticks: tuple[Sequence[tuple[float, str]], Sequence[tuple[float, str]]],
) -> Html:
    """Series in one frame. A letter next to the last point of each tells them apart without their colour.

    The name of the vertical axis is only in the title, because long labels of ticks take its place.
    """
    shapes, taken = [_frame(*ticks, (across, ""))], list[Point]()
    for one in series:
        points = one.points
        if one.is_level:
            points = ((0.0, points[0][1]), (1.0, points[0][1]))
        if one.is_line and len(points) > 1:
            level = " level" if one.is_level else ""
            shapes.append(tag("polyline", points=_points(points), class_=f"line {one.kind}{level}"))
        if not one.is_level:
            dots = "".join(f"M{_x(x):.1f} {_y(y):.1f}h0" for x, y in points)
            shapes.append(tag("path", d=dots, class_=f"dots {one.kind}"))
    for one in series:
        x, y = (1.0, one.points[0][1]) if one.is_level else one.points[-1]
        spot = _free(_x(x), _y(y), taken)
        taken.append(spot)
        shapes.append(tag("text", one.letter, x=spot[0], y=spot[1], class_=f"letter {one.kind}"))
    return picture(name, shapes, title=title, desc=desc)


def _free(x: float, y: float, taken: Sequence[Point]) -> Point:
    """A position for a letter near a point, inside the picture and not on another letter."""
    for away in range(12):
        for side, up in ((6.0, 4.0), (6.0, -7.0), (6.0, 15.0), (-13.0, 4.0), (-13.0, -7.0), (-13.0, 15.0)):
            shift = 11.0 * away * (1 if up >= 0 else -1)
            spot = (min(x + side, WIDTH - 10), min(max(y + up + shift, 11.0), HEIGHT - BOTTOM - 2))
            if all(abs(spot[0] - a) >= 10 or abs(spot[1] - b) >= 11 for a, b in taken):
                return spot
    return (min(x + 6.0, WIDTH - 10), y)


def picture(name: str, shapes: Iterable[Html], *, title: str, desc: str) -> Html:
    """A picture with a name and a description for readers who cannot see it."""
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", desc, id=f"{name}-desc"),
        *shapes,
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        class_="figure",
    )


def _frame(
    across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]], axes: tuple[str, str]
) -> Html:
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    shapes = [tag("path", d=f"M{LEFT} {TOP}V{floor}H{right}", class_="axis")]
    shapes += [tag("text", label, x=_x(x), y=floor + 15, text_anchor="middle") for x, label in across]
    shapes += [tag("text", label, x=LEFT - 5, y=_y(y) + 4, text_anchor="end") for y, label in up]
    middle = (TOP + floor) / 2
    shapes.append(tag("text", axes[0], x=(LEFT + right) / 2, y=HEIGHT - 6, text_anchor="middle"))
    if axes[1]:
        turned = f"rotate(-90 13 {middle:.0f})"
        shapes.append(tag("text", axes[1], x=13, y=middle, text_anchor="middle", transform=turned))
    return tag("g", *shapes, class_="frame", aria_hidden="true")


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(max(share, 0.0), 1.0)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * min(max(share, 0.0), 1.0)
