"""What one scrape of a busy service's page costs, in CPU time: text, and OpenMetrics as Prometheus
asks for it."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from prometheus_client.exposition import choose_encoder

sys.path.insert(0, str(Path(__file__).parents[1]))

import full_page

FORMATS = {
    "text": "text/plain;version=0.0.4",
    "OpenMetrics": "application/openmetrics-text;version=1.0.0",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scrapes",
        type=int,
        default=100,
        help="how many scrapes to time in each format (default 100)",
    )
    options = parser.parse_args()
    registry = full_page.registry()
    counts = full_page.series(registry.collect())
    print(f"{sum(counts.values())} series, three tasks in two variants\n")
    print("| format | size [KB] | exemplars | median [ms CPU] | least | most |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, accepted in FORMATS.items():
        encode, _ = choose_encoder(accepted)
        took = []
        for _ in range(options.scrapes):
            begun = time.process_time()
            page = encode(registry)
            took.append(1e3 * (time.process_time() - begun))
        told = (statistics.median(took), min(took), max(took))
        figures = " | ".join(f"{each:.1f}" for each in told)
        print(f"| {name} | {len(page) / 1e3:.0f} | {page.count(b' # {')} | {figures} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
