"""A run as it was cut short: its phases and its record."""

from wattscan.bench.record import Record

RECORD = Record("cpu", "quick", "SingleStream", ("brain-mri",), "models", 2022, 20.0, "/sys")
BEGIN = 1_732_286_400
PHASES = ("idle", "warmup", "load", "cooldown")


def recording(folder, windows, tail="", name="one"):
    """A generator's page, scraped once. `windows`: (precision, repeat, {phase: (start, end)}), in
    seconds since BEGIN."""
    common = f'job="g",instance="h:1",run="{name}",target="cpu"'
    lines = [
        f'wattscan_run_info{{{common},target_instance="h:2",profile="quick"}} 1 {BEGIN + 900}.000'
    ]
    for precision, repeat, phases in windows:
        for phase, times in phases.items():
            labels = f'{common},task="brain-mri",precision="{precision}",repeat="{repeat}"'
            for edge, time in zip(("start", "end"), times, strict=True):
                if time is not None:
                    metric = f"wattscan_run_phase_{edge}_timestamp_seconds"
                    told = f'{metric}{{{labels},phase="{phase}"}} {BEGIN + time} {BEGIN + 900}.000'
                    lines.append(told)
    (folder / "recording.om").write_text("\n".join(lines) + "\n" + tail)


def whole(begin):
    return {p: (begin + 10 * n, begin + 10 * n + 10) for n, p in enumerate(PHASES)}


ALL = [(p, r, whole(100 * n)) for n, (p, r) in enumerate(
    [("fp32", 1), ("int8", 1), ("int8", 2), ("fp32", 2)]
)]  # fmt: skip
