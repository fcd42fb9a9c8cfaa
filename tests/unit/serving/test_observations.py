"""What the serving part of the page says, and how large the page is."""

import re

import numpy as np
import pytest
import trustme
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from serving_rig import Rig

import full_page
from wattscan.serving.observations import CertificateCollector, ModelsCollector
from wattscan.serving.pipeline import positive_share
from wattscan.serving.security.tls import TlsFiles
from wattscan.targets import load_target

LABELS = {"target": "cpu", "task": "nerve-ultrasound", "precision": "int8"}
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def rig():
    made = Rig(queue_limit=7)
    made.registry.register(ModelsCollector(load_target("cpu"), made.pipeline.models))
    return made


def value(registry, name, **labels):
    return registry.get_sample_value(name, {**LABELS, **labels})


def test_the_limit_of_the_queue_stands_beside_its_depth(rig):
    assert value(rig.registry, "wattscan_queue_limit") == 7
    assert value(rig.registry, "wattscan_queue_depth") == 0


def test_answers_are_counted_with_their_share_of_positive_outputs(rig):
    names = ("wattscan_output_images_total", "wattscan_output_positive_total")
    # The engine answers 1 for each pixel above 0, and -1 for the others.
    for _ in range(60):
        rig.ask()
    for _ in range(39):
        rig.ask(pixels=np.zeros((420, 580), np.uint8))
    # Not before there are a hundred: what was found in one image is nobody's business.
    assert [value(rig.registry, name) for name in names] == [None, None]
    rig.ask()
    assert [value(rig.registry, name) for name in names] == [100, 61]


@pytest.mark.parametrize(
    ("logits", "share"), [([1, -1, 2, -2], 0.5), ([0.0, 0.0], 0.0), ([], 0.0), ([np.nan, 1], 0.5)]
)
def test_above_one_half_is_a_logit_above_zero(logits, share):
    assert positive_share(np.array(logits, np.float32)) == share


def test_an_exemplar_names_the_trace_in_openmetrics_alone(rig):
    rig.ask(trace_id=TRACE)
    rig.ask()
    lines = [line for line in openmetrics(rig.registry).decode().splitlines() if " # {" in line]
    (line,) = lines
    assert line.startswith("wattscan_request_duration_seconds_bucket{") and 'stage="total"' in line
    assert re.search(rf' # {{trace_id="{TRACE}"}} [0-9.e-]+ [0-9.]+$', line)
    assert TRACE not in generate_latest(rig.registry).decode()


def test_the_certificates_end_is_told_and_absent_when_it_cannot_be_read(tmp_path):
    made = trustme.CA().issue_cert("server.example")
    for name, data in (("key", made.private_key_pem), ("cert", made.cert_chain_pems[0])):
        (tmp_path / name).write_bytes(data.bytes())
    files = TlsFiles(tmp_path / "cert", tmp_path / "key")
    registry = CollectorRegistry()
    registry.register(CertificateCollector(load_target("cpu"), files))
    name = "wattscan_tls_certificate_expiry_timestamp_seconds"
    assert registry.get_sample_value(name, {"target": "cpu"}) == files.expiry()
    (tmp_path / "cert").unlink()
    assert registry.get_sample_value(name, {"target": "cpu"}) is None


def test_three_tasks_in_two_variants_have_at_most_1500_series():
    counts = full_page.series(full_page.registry().collect())
    # Every bucket of every stage, every protocol with four statuses.
    assert counts["wattscan_request_duration_seconds"] == 6 * 6 * 15
    assert 500 < sum(counts.values()) <= 1500
