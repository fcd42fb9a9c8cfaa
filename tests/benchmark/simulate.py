"""How many of the intervals that `wattscan collect` prints hold the truth: `make simulate`.

1,000 whole recordings are drawn at random (`tests/unit/collector/made_runs.py` says what of), and
1,000 that nothing is wrong with, scraped at 1 s; each is reduced as `collect` reduces it. Then
1,000 pairs of faultless ones are compared as `compare` does, twice. It fails where fewer than
93.5 % of the intervals of `valid` figures hold the truth, fewer than 90 % of the faultless cells
are `valid`, or more than 2.5 % of the compared ones are called worse beyond a threshold falsely.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/collector"))

from draws import anything, faultless
from simulation import Tally, simulate, simulate_pairs

LEAST_HELD, LEAST_VALID, MOST_FALSE = 0.935, 0.90, 0.025
_EVERY = 50


def main() -> int:
    """Print a table; 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--runs",
        type=int,
        default=1000,
        help="how many runs of each kind to simulate (default 1000)",
    )
    parser.add_argument(
        "--seed", type=int, default=2022, help="the seed of the random numbers (default 2022)"
    )
    args = parser.parse_args()
    kept = True
    for title, drawn in (("any run", anything), ("faultless, scraped at 1 s", faultless)):
        tally = simulate(drawn, args.runs, args.seed, _progress(title, args.runs))
        kept &= _told(title, tally)
        if drawn is faultless:
            kept &= tally.valid >= LEAST_VALID * tally.cells
    title = "two faultless runs, compared"
    pairs = simulate_pairs(faultless, args.runs, args.seed, _progress(title, args.runs))
    kept &= _told(title, pairs)
    kept &= pairs.false_alarms <= MOST_FALSE * pairs.cells
    print(f"{pairs.false_alarms} called worse beyond the threshold that are not")
    print("kept" if kept else "NOT KEPT")
    return 0 if kept else 1


def _told(title: str, tally: Tally) -> bool:
    print(f"\n{title}: {tally.valid} of {tally.cells} cells are valid ({tally.valid_share:.1%})")
    print("| interval | valid figures | hold the truth | median half width |")
    print("| --- | --- | --- | --- |")
    for figure in sorted(tally.tried):
        width = float(np.median(tally.widths[figure]))
        print(f"| {figure} | {tally.tried[figure]} | {tally.share(figure):.1%} | {width:.1%} |")
    why = ", ".join(f"{code} {count}" for code, count in tally.reasons.most_common(8))
    print(f"not valid for: {why or 'nothing'}")
    return all(tally.share(figure) >= LEAST_HELD for figure in tally.tried)


def _progress(title: str, runs: int) -> Callable[[int], None]:
    def told(done: int) -> None:
        if done % _EVERY == 0:
            print(f"{title}: {done} of {runs}", file=sys.stderr, flush=True)

    return told


if __name__ == "__main__":
    sys.exit(main())
