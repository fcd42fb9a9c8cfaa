"""Made-up runs of several targets, for the tables across them."""

from compared_runs import report, spec
from synthetic import Spec

PLUG = {"sensor": "shelly", "domain": "plug", "scope": "system", "method": "integrated"}
BOARD = {"sensor": "ina3221", "domain": "VDD_IN", "scope": "board", "method": "integrated"}
LATER = 1_732_386_400.0


def target(name: str, instance: str):
    """Makes the run one of another target."""

    def edit(sample):
        labels = dict(sample.labels)
        if labels.get("job") == "wattscan-target":
            labels |= {"target": name, "instance": instance}
        elif "target" in labels:
            labels["target"] = name
        if "target_instance" in labels:
            labels["target_instance"] = instance
        if sample.name == "wattscan_target_info":
            labels["title"] = name.upper()
        return sample._replace(labels=labels)

    return edit


def spec_of(name: str, instance: str = "", run: str = "", **more) -> Spec:
    """A valid run of a target, `run-<name>` on `<name>:8002` unless it is told."""
    edits = (*more.pop("edits", ()), target(name, instance or f"{name}:8002"))
    return spec(run=run or f"run-{name}", edits=edits, **more)


def report_of_target(name: str, instance: str = "", run: str = "", **more):
    """The same, reduced."""
    return report(spec_of(name, instance, run, **more))
