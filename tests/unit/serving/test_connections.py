"""What gRPC is told of connections, from the options on."""

import argparse

import pytest

from wattscan.serving import cli
from wattscan.serving.connection_options import connections
from wattscan.serving.connections import Connections
from wattscan.targets import load_target
from wattscan.units import Seconds


def asked(*words):
    parser = argparse.ArgumentParser()
    cli.add_serve_arguments(parser)
    return connections(parser.parse_args(words), load_target("cpu"))


def test_the_defaults_fit_the_targets_queue():
    standard = asked()
    assert standard == Connections(queue_limit=64)
    assert (standard.streams, standard.calls_of_a_client, standard.threads) == (128, 128, 256)
    options = dict(standard.options(1000))
    assert options["grpc.max_receive_message_length"] == 1000
    assert options["grpc.max_concurrent_streams"] == 128
    assert options["grpc.keepalive_time_ms"] == 60_000
    assert options["grpc.keepalive_timeout_ms"] == 20_000
    assert options["grpc.http2.min_ping_interval_without_data_ms"] == 10_000
    assert options["grpc.max_metadata_size"] == 16 * 1024
    assert "grpc.max_connection_age_ms" not in options


def test_each_option_arrives():
    connections = asked(
        *("--max-streams", "10", "--max-client-calls", "20", "--message-seconds", "5"),
        *("--keepalive-seconds", "30", "--keepalive-timeout-seconds", "0.5"),
        *("--least-ping-seconds", "1", "--max-connection-seconds", "1e6"),
        *("--connection-grace-seconds", "7", "--max-metadata-bytes", "4096"),
    )
    assert connections.message_seconds == 5
    assert (connections.calls_of_a_client, connections.threads) == (20, 40)
    options = dict(connections.options(1000))
    assert options["grpc.max_concurrent_streams"] == 10
    assert options["grpc.keepalive_time_ms"] == 30_000
    assert options["grpc.keepalive_timeout_ms"] == 500
    assert options["grpc.http2.min_ping_interval_without_data_ms"] == 1000
    assert options["grpc.max_connection_age_ms"] == 1_000_000_000 < 2**31
    assert options["grpc.max_connection_age_grace_ms"] == 7000
    assert options["grpc.absolute_max_metadata_size"] == 2 * options["grpc.max_metadata_size"]


def test_no_keepalive_is_none():
    options = dict(Connections(keepalive=Seconds(0.0)).options(1))
    assert not any(name.startswith("grpc.keepalive_time") for name in options)


@pytest.mark.parametrize(
    "words",
    [
        ("--max-streams", "0"),
        ("--max-client-calls", "1.5"),
        ("--message-seconds", "0"),
        ("--max-connection-seconds", "1e7"),
        ("--keepalive-seconds", "nan"),
    ],
)
def test_what_makes_no_sense_is_told(words, capsys):
    with pytest.raises(SystemExit):
        asked(*words)
    assert f"argument {words[0]}: {words[1]} is not a" in capsys.readouterr().err


def test_little_memory_has_grpc_take_in_less_ahead():
    probes = [
        dict(Connections().options(1, left)).get("grpc.http2.bdp_probe")
        for left in (None, 2 << 30, (2 << 30) - 1)
    ]
    assert probes == [None, None, 0]
