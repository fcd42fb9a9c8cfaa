"""A device at the other end of a slow network: a service, a relay before it, and its power.

Run in a network namespace of its own:  edge_box.py FOLDER ADDRESS DELAY [serve's environment ...]

The counter in FOLDER/sys goes up by 20 W, and by 50 W while requests come; what it has counted is
written to FOLDER/truth.txt, as Unix seconds and joules.
"""

import contextlib
import queue
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from service_process import ServiceProcess

IDLE_WATTS, BUSY_WATTS, LASTS = 20.0, 50.0, 0.25
busy = {"until": 0.0}


def pump(source, sink, delay, tell):
    """Each piece arrives so much later; none is lost, and none waits for another."""
    pieces = queue.Queue()

    def write():
        with contextlib.suppress(OSError):
            while True:
                due, data = pieces.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)

    threading.Thread(target=write, daemon=True).start()
    data = b"."
    while data:
        try:
            data = source.recv(1 << 16)
        except OSError:
            data = b""
        if data:
            tell()
        pieces.put((time.monotonic() + delay, data))


def relay(address, port, to, delay, tell=lambda: None):
    server = socket.create_server((address, port))

    def accept():
        while True:
            client, _ = server.accept()
            host, _, number = to.rpartition(":")
            service = socket.create_connection((host, int(number)))
            for sock in (client, service):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=pump, args=(client, service, delay, tell), daemon=True).start()
            threading.Thread(
                target=pump, args=(service, client, delay, lambda: None), daemon=True
            ).start()

    threading.Thread(target=accept, daemon=True).start()


def asked():
    busy["until"] = time.monotonic() + LASTS


def count(folder):
    """The counter, and what it was when."""
    zone = folder / "sys" / "class" / "powercap" / "intel-rapl:0"
    joules, last, was_busy = 0.0, time.monotonic(), False
    with (folder / "truth.txt").open("w", buffering=1) as truth:
        while True:
            now = time.monotonic()
            # Up to the moment at which it ceased to be busy.
            until = min(max(busy["until"], last), now) if was_busy or now < busy["until"] else last
            joules += BUSY_WATTS * (until - last) + IDLE_WATTS * (now - until)
            last, was_busy = now, now < busy["until"]
            fresh = zone / "energy_uj.new"
            fresh.write_text(str(round(joules * 1e6)))
            fresh.replace(zone / "energy_uj")
            truth.write(f"{time.time():.6f} {joules:.6f}\n")
            time.sleep(0.001)


def main():
    folder, address, delay = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    environment = dict(pair.split("=", 1) for pair in sys.argv[4:])
    zone = folder / "sys" / "class" / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0")
    (zone / "max_energy_range_uj").write_text("262143328850")
    (zone / "energy_uj").write_text("0")
    heat = folder / "sys" / "class" / "thermal" / "thermal_zone0"
    heat.mkdir(parents=True)
    (heat / "type").write_text("x86_pkg_temp")
    (heat / "temp").write_text("41000")
    threading.Thread(target=count, args=(folder,), daemon=True).start()
    service = ServiceProcess(
        folder / "serve.log", "--sysfs", folder / "sys", environment=environment
    )
    try:
        relay(address, 8001, service.ready["grpc"], delay, asked)
        relay(address, 8002, service.ready["metrics"].split("/")[2], delay)
        print("ready", flush=True)
        sys.stdin.read()
    finally:
        service.end()


if __name__ == "__main__":
    main()
