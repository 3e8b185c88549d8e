"""How long it takes to draw the noise: to make its table, to draw from the table, and both. OpenDP is
measured too if it is installed.

    python benchmarks/noise.py [--draws 1000000] [--sigmas 1 12 100 1000] [--opendp-draws 20000] [--json]

OpenDP draws fewer, because it is slow; the ratio is that of the times per draw, within a repeat. Aim: a
million draws within half a second once the table is made.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
from time import perf_counter
from typing import TYPE_CHECKING

from rpsg.privacy.noise import OpenDPNoise, RoundedGaussian, noise_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AIM = 0.5
SIGMAS = (1.0, 12.0, 100.0, 1000.0)


def seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def spread(values: Sequence[float]) -> dict[str, float]:
    """Smallest, median and largest of the repeats."""
    figures = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(figure, 4) for name, figure in figures.items()}


def one_turn(sigma: float, draws: int, opendp_draws: int) -> dict[str, float]:
    """Seconds for the table, the draws, both, and how many times longer a draw of OpenDP takes."""
    noise_table.cache_clear()
    table = seconds(lambda: noise_table(sigma))
    drawing = seconds(lambda: RoundedGaussian().draw(sigma, draws))
    turn = {"table_seconds": table, "draws_seconds": drawing, "together_seconds": table + drawing}
    if opendp_draws:
        theirs = seconds(lambda: OpenDPNoise().draw(sigma, opendp_draws))
        turn["opendp_microseconds_per_draw"] = 1e6 * theirs / opendp_draws
        turn["opendp_to_ours_per_draw"] = (theirs / opendp_draws) / (drawing / draws)
    return turn


def measure(
    sigmas: Sequence[float], draws: int, opendp_draws: int, repeats: int
) -> dict[str, dict[str, dict[str, float]]]:
    """For each sigma its figures over the repeats; those of OpenDP only if it can be imported."""
    if importlib.util.find_spec("opendp") is None:
        opendp_draws = 0
    elif opendp_draws:
        OpenDPNoise().draw(1.0, 1)  # the first call loads the library
    out = {}
    for sigma in sigmas:
        turns = [one_turn(sigma, draws, opendp_draws) for _ in range(repeats)]
        out[f"{sigma:g}"] = {name: spread([turn[name] for turn in turns]) for name in turns[0]}
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=1_000_000)
    parser.add_argument("--sigmas", type=float, nargs="+", default=list(SIGMAS))
    parser.add_argument("--opendp-draws", type=int, default=20_000, help="0 leaves OpenDP out")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    figures = measure(options.sigmas, options.draws, options.opendp_draws, options.repeats)
    if options.json:
        print(json.dumps({"settings": vars(options), "aim": AIM, "figures": figures}))
        return
    print(f"{options.draws:,} draws")
    for sigma, its in figures.items():
        for name, figure in its.items():
            print(
                f"sigma {sigma:6} {name:30} {figure['min']:9.3f} {figure['median']:9.3f} {figure['max']:9.3f}"
            )
    print(f"(min, median, max of {options.repeats}; aim: draws_seconds <= {AIM} for a million draws)")


if __name__ == "__main__":
    main()
