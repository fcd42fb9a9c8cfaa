"""How much memory is left, as Linux tells it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from wattscan.serving.errors import MemoryShort
from wattscan.serving.memory import Memory

MIB = 1 << 20
MEMINFO = "MemTotal:       4000000 kB\nMemFree:          90000 kB\nMemAvailable:    2048000 kB\n"


def lay(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("groups", "files", "left"),
    [
        ("", {}, 2048000 * 1024),
        (
            "0::/system.slice/wattscan.service\n",
            {
                "system.slice/wattscan.service/memory.max": f"{512 * MIB}\n",
                "system.slice/wattscan.service/memory.current": f"{500 * MIB}\n",
                "system.slice/wattscan.service/memory.stat": f"anon 1\ninactive_file {88 * MIB}\n",
            },
            100 * MIB,
        ),
        # Its parent's limit is the nearer one.
        (
            "0::/pod/container\n",
            {
                "pod/container/memory.max": "max\n",
                "pod/container/memory.current": "1\n",
                "pod/memory.max": f"{64 * MIB}\n",
                "pod/memory.current": f"{60 * MIB}\n",
            },
            4 * MIB,
        ),
        # A container sees itself at the top, whatever its path is.
        (
            "0::/kubepods/x\n",
            {"memory.max": f"{64 * MIB}\n", "memory.current": f"{65 * MIB}\n"},
            -MIB,
        ),
        (
            "9:name=systemd:/\n4:memory,cpu:/docker/1\n0::/\n",
            {
                "memory/docker/1/memory.limit_in_bytes": f"{256 * MIB}\n",
                "memory/docker/1/memory.usage_in_bytes": f"{200 * MIB}\n",
                "memory/docker/1/memory.stat": f"total_inactive_file {MIB}\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
                "memory/memory.usage_in_bytes": f"{900 * MIB}\n",
            },
            57 * MIB,
        ),
        # Unreadable is not none.
        ("0::/x\n", {"x/memory.max": "much\n", "x/memory.current": ""}, 2048000 * 1024),
    ],
)
def test_the_least_of_machine_and_groups(tmp_path, groups, files, left):
    lay(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": groups})
    lay(tmp_path, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert Memory(tmp_path).left() == left


def test_where_nothing_tells_it_is_not_known(tmp_path):
    assert Memory(tmp_path).left() is None


def test_a_reading_serves_for_a_moment(tmp_path):
    now = 0.0
    lay(tmp_path, {"proc/meminfo": "MemAvailable: 10 kB\n"})
    memory = Memory(tmp_path, lambda: now)
    assert memory.left() == 10240
    lay(tmp_path, {"proc/meminfo": "MemAvailable: 5 kB\n"})
    assert memory.left() == 10240
    now = 0.06
    assert memory.left() == 5120


def test_what_is_claimed_by_others_is_not_left(tmp_path):
    lay(tmp_path, {"proc/meminfo": "MemAvailable: 10 kB\n"})
    memory = Memory(tmp_path)
    with ThreadPoolExecutor(1) as other:
        other.submit(memory.claim, 6000).result()
        with pytest.raises(MemoryShort, match="0 MiB of memory left"):
            memory.claim(4241)
        memory.claim(4240)
        memory.claim(10)  # a part of the same image: of one thread, the most counts
        with pytest.raises(MemoryShort):
            other.submit(memory.claim, 6001).result()
        memory.release()
        other.submit(memory.claim, 6001).result()


def test_what_is_freed_is_given_back_before_anything_is_refused(tmp_path, monkeypatch):
    lay(tmp_path, {"proc/meminfo": "MemAvailable: 1 kB\n"})
    monkeypatch.setattr(
        "wattscan.serving.memory._trim",
        lambda: lay(tmp_path, {"proc/meminfo": "MemAvailable: 9 kB\n"}),
    )
    memory = Memory(tmp_path)
    assert memory.left(512) == 1024
    assert memory.left(2000) == 9 * 1024
