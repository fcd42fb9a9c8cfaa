"""The recording's parser: what it takes, what it refuses, and how fast it is."""

import gzip
import sys
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from synthetic import Spec, recording

from wattscan.collector.recording import parse_recording, read_recording
from wattscan.contracts import WattscanError

TEXT = b"""# TYPE a counter
a_total{job="j",instance="i"} 1 10.000
# TYPE b gauge
b{job="j",instance="i",zone="x y"} +Inf 10.000
a_total{job="j",instance="i"} 2.5 11.250
b{job="j",instance="i",zone="x y"} 3e-2 11.250
c 4 11.250
# EOF
"""


def test_families_come_in_any_order():
    source = parse_recording(TEXT, "r")
    (series,) = source.select("a_total", {"job": "j"}, 0, 99)
    assert series.labels == {"job": "j", "instance": "i"}
    assert series.times.tolist() == [10.0, 11.25]
    assert series.values.tolist() == [1.0, 2.5]
    assert series.times.dtype == series.values.dtype == np.float64
    assert not source.cut_short
    assert source.last("b", {"zone": "x y"}, None, None)[0].value == 0.03
    assert source.last("c", {}, None, None)[0].labels == {}


def test_ranges_hold_both_ends_and_matchers_match():
    source = parse_recording(TEXT, "r")
    assert source.select("a_total", {}, 11.25, 11.25)[0].values.tolist() == [2.5]
    assert source.select("a_total", {}, 12, 13) == []
    assert source.select("a_total", {"job": "other"}, 0, 99) == []
    assert source.select("nothing", {}, 0, 99) == []
    assert source.last("a_total", {}, 0, 11)[0].value == 1.0


def test_labels_in_another_order_are_the_same_series():
    text = b'a{x="1",y="2"} 5 10.0\na{y="2",x="1",z=""} 7 11.0\n# EOF\n'
    (series,) = parse_recording(text, "r").select("a", {}, 0, 99)
    assert series.times.tolist() == [10.0, 11.0]
    assert series.values.tolist() == [5.0, 7.0]


def test_escaped_labels_and_exemplars():
    text = rb'h_bucket{a="q\"} # \\ \n",le="1"} 5 10.000 # {trace_id="t"} 0.7 9.9' + b"\n"
    (series,) = parse_recording(text, "r").select("h_bucket", {}, 0, 99)
    assert series.labels == {"a": 'q"} # \\ \n', "le": "1"}
    assert series.values.tolist() == [5.0]
    hash_in_label = b'a{x="1 # 2"} 5 10.000\n'
    assert parse_recording(hash_in_label, "r").last("a", {}, None, None)[0].value == 5


def test_no_end_means_cut_short_and_a_half_line_is_left_out():
    whole = TEXT.replace(b"# EOF\n", b"")
    assert parse_recording(whole, "r").cut_short
    # Cut in the middle of the time stamp: it would still read as a number.
    half = parse_recording(whole[:-5], "r")
    assert half.cut_short
    assert half.select("c", {}, 0, 99) == []
    assert half.last("b", {}, None, None)[0].value == 0.03


def test_a_half_end_is_no_end():
    assert parse_recording(TEXT[:-4], "r").cut_short


def test_an_end_without_a_line_break_is_an_end():
    assert not parse_recording(TEXT.rstrip(), "r").cut_short


@pytest.mark.parametrize(
    "line",
    [
        b"a 1",
        b"a one 10.0",
        b"a 1 noon",
        b'a{x="1} 1 10.0',
        b"a{x=1} 1 10.0",
        b"\x80\xff\x00 1 10.0",
        b"",
        b"#nonsense",
        b"{} 1 10.0",
        b"a 1 inf",
        b'a{x="1",x="2"} 1 10.0',
        b'a{x="1",y="",x="1"} 1 10.0',
    ],
)
def test_garbage_is_refused_with_its_line(line):
    with pytest.raises(WattscanError, match=r"^line 2 of r is not OpenMetrics"):
        parse_recording(b"b 1 9.0\n" + line + b"\nb 2 11.0\n", "r")


def test_samples_after_the_end_are_refused():
    with pytest.raises(WattscanError, match="line 3 of r comes after"):
        parse_recording(b"a 1 1.0\n# EOF\na 2 2.0\n", "r")


@pytest.mark.parametrize("content", [b"", b"# EOF\n", b"half a line"])
def test_nothing_in_it(content):
    with pytest.raises(WattscanError, match="r is not a recording"):
        parse_recording(content, "r")


def test_a_missing_file(tmp_path):
    with pytest.raises(WattscanError, match="cannot be read: No such file"):
        read_recording(tmp_path / "none.om")


def test_milliseconds_are_cut_as_prometheus_cuts_them():
    stamps = [f"{1732286400 + second}.{second % 1000:03d}" for second in range(2000)]
    text = "".join(f"a 1 {stamp}\n" for stamp in stamps).encode()
    times = parse_recording(text, "r").select("a", {}, 0, 2e9)[0].times
    assert times.tolist() == [int(float(stamp) * 1000) / 1000 for stamp in stamps]


def test_one_sample_stays_of_two_with_one_time():
    (series,) = parse_recording(b"a 1 1.0\na 1 1.0\na 2 2.0\n", "r").select("a", {}, 0, 9)
    assert series.times.tolist() == [1.0, 2.0]


def test_a_line_costs_a_few_calls():
    """What a recording takes to read, whatever the machine does besides: calls, not seconds."""
    page = recording(Spec(profile="quick", interval=1.0)).encode()
    calls = Counter()
    sys.setprofile(lambda _frame, event, _argument: calls.update([event]))
    try:
        parse_recording(page, "r")
    finally:
        sys.setprofile(None)
    assert calls["call"] + calls["c_call"] < 8 * page.count(b"\n")


def test_a_gzipped_recording_is_read_whatever_its_name(tmp_path):
    path = tmp_path / "recording.om"
    path.write_bytes(gzip.compress(b"a 1 900.000\n# EOF\n"))
    (last,) = read_recording(path).last("a", {}, None, None)
    assert last.value == 1.0


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:20] + b"xxxx" + b[24:]])
def test_a_gzipped_recording_that_is_damaged_is_told(tmp_path, damage):
    path = tmp_path / "recording.om.gz"
    path.write_bytes(damage(gzip.compress(b"a 1 900.000\n" * 1000)))
    with pytest.raises(WattscanError, match="is a gzip file that is cut short or damaged"):
        read_recording(path)


def test_times_in_milliseconds_are_told():
    with pytest.raises(WattscanError, match="line 1 of r has its time, 1732286400000, in milli"):
        parse_recording(b"a 1 1732286400000\n", "r")


def test_names_of_any_characters_are_read():
    """OpenMetrics as Prometheus 3 writes it: somebody else's series do not spoil a recording."""
    text = (
        b'{"http.server.duration",job="x y"} 1 10.000\n'
        b'{"a # b"} 1 10.000 # {trace_id="t"} 0.7 9.9\n'
        b'{"a",job="quoted"} 3 10.000\n'
        b'a{"service.name"="q\\"}",job="j"} 2 10.000\n'
    )
    source = parse_recording(text + b"# EOF\n", "r")
    assert [(s.labels, s.values[0]) for s in source.select("a", {}, 0, 99)] == [
        ({"job": "j", "service.name": 'q"}'}, 2.0),
        ({"job": "quoted"}, 3.0),
    ]
    assert source.last("http.server.duration", {}, None, None)[0].labels == {"job": "x y"}
    assert source.last("a # b", {}, None, None)[0].value == 1.0


@pytest.mark.parametrize("line", [b'{"a"="b"} 1 10.0', b'{"a" 1 10.0', b'a{"b"} 1 10.0'])
def test_quotation_marks_alone_make_no_series(line):
    with pytest.raises(WattscanError, match="line 1 of r is not OpenMetrics"):
        parse_recording(line + b"\n", "r")


@pytest.mark.parametrize("begin", [b"", b"# ", b"a 1 10.0 "])
def test_a_line_without_end_is_told_before_it_fills_the_memory(tmp_path, begin):
    path = tmp_path / "recording.om"
    path.write_bytes(gzip.compress(b"a 1 9.0\n" + begin + b" " * (64 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(WattscanError, match=r"^line 2 of .* is longer than 1 MiB"):
            read_recording(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
