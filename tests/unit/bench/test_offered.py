"""What there is to measure, and what is told where there is nothing."""

import argparse

import pytest

from wattscan.bench import cli
from wattscan.bench.offered import in_folder
from wattscan.bench.variants import choose
from wattscan.contracts import WattscanError
from wattscan.workloads import Workload

OFFERED = {"lesion": ["fp32", "int8"], "solo": [""]}


def test_a_folders_plain_models_are_found_by_their_names(tmp_path):
    for name in ("lesion-fp32", "lesion-int8", "solo"):
        (tmp_path / name / "1").mkdir(parents=True)
    (tmp_path / "clinical" / "1").mkdir(parents=True)
    (tmp_path / "clinical" / "1" / "card.json").touch()
    assert in_folder(tmp_path, plain=True) == OFFERED


def test_variants_are_chosen_with_the_reference_first():
    asked = Workload(protocol="oip", models=("lesion", "solo"))
    assert choose(OFFERED, asked, "it") == {"lesion": ("fp32", "int8"), "solo": ("",)}
    other = Workload(protocol="oip", models=("lesion",), reference="int8")
    assert choose(OFFERED, other, "it") == {"lesion": ("int8", "fp32")}


@pytest.mark.parametrize(
    ("offered", "workload", "told"),
    [
        ({}, Workload(), "it has no clinical task; --model NAME --protocol oip measures any other"),
        (OFFERED, Workload(tasks=("toe",)), "it has no model of 'toe'; it has: lesion, solo"),
        (OFFERED, Workload(tasks=("lesion",), variants=("fp16",)), "it has no fp16 model of 'les"),
    ],
)
def test_what_is_not_there_is_told(offered, workload, told):
    with pytest.raises(WattscanError, match=told):
        choose(offered, workload, "it")


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("jetson:8001", "http://jetson:8002/metrics"),
        ("http://jetson:8001", "http://jetson:8002/metrics"),
        ("me:secret@jetson:8001", "http://jetson:8002/metrics"),
        ("10.0.0.5:8001", "http://10.0.0.5:8002/metrics"),
        ("[fe80::1]:8001", "http://[fe80::1]:8002/metrics"),
        ("::1", "http://[::1]:8002/metrics"),
    ],
)
def test_the_page_is_looked_for_on_the_services_host(address, page):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    (found,) = cli._endpoints(parser.parse_args(["--endpoint", address]))
    assert found.page == page


def test_an_image_folder_that_is_not_there_is_told_before_anything_starts(tmp_path):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    missing = str(tmp_path / "nowhere")
    args = parser.parse_args(["--images", missing, "--out", str(tmp_path / "runs")])
    with pytest.raises(WattscanError, match=f"there is nothing at {missing}, which images names"):
        cli.run(args)
