"""Smart plugs and meters that publish over MQTT, through a broker on the local network.

Interface: MQTT 3.1.1. The user's password goes to the broker as it is: a broker of one's own.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wattscan import plugins
from wattscan.contracts import EngineAbsent, Sensor, SensorAbsent, SensorFailed
from wattscan.device_http import host_of, number_at, parse_json
from wattscan.inlet import InletEnergy, InletPower, domain_of
from wattscan.settings import check_keys, number, one_of, text, uncertainty, whole_number
from wattscan.units import ENERGY_UNITS, Joules, Seconds, Watts

_SETTINGS = {
    "broker", "port", "topic", "power_field", "energy_field", "energy_unit", "username",
    "password_file", "stale_after_seconds", "domain", "uncertainty_ratio",
}  # fmt: skip
_PORT = 1883  # IANA's for MQTT without TLS
_STALE_AFTER = Seconds(10.0)
# A plug's count moves in coarse steps: 0.001 kWh at 5 W.
_COUNT_PERIOD = Seconds(720.0)
_CONNECT_TIMEOUT = Seconds(0.8)
_RECONNECT_SECONDS = (1, 8)
_LARGEST_MESSAGE = 64 * 1024


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """What a topic's messages hold: power, energy or both; see `contracts.SensorModule.find`.

    Settings: `broker` (host), `port` (1883), `topic`, `power_field` (watts) and `energy_field` as
    dotted paths into the JSON (neither, or an empty one: the message is the number, a power),
    `energy_unit` (`Wh`, `kWh`, `J`), `username`, `password_file`, `stale_after_seconds` (10),
    `domain` (`inlet`), `uncertainty_ratio` (of the plug's data sheet).
    """
    check_keys(settings, _SETTINGS)
    if not host_of(settings, "broker") or not text(settings, "topic"):
        raise SensorAbsent("no MQTT plug is set: give broker and topic in the target's TOML")
    unit = one_of(settings, "energy_unit", ENERGY_UNITS, "Wh")
    told = (domain_of(settings), uncertainty(settings))
    try:
        plugins.sdk("paho.mqtt.client", "meters")
    except EngineAbsent as error:
        raise SensorAbsent(str(error)) from None
    stale_after = Seconds(number(settings, "stale_after_seconds", _STALE_AFTER))
    topic = _Topic(_access(settings), stale_after)
    found: list[Sensor] = []
    if "power_field" in settings or "energy_field" not in settings:
        read = partial(topic.power, text(settings, "power_field"))
        found.append(InletPower("mqtt", *told, read, stale_after))
    if "energy_field" in settings:
        count = partial(topic.energy, text(settings, "energy_field"), ENERGY_UNITS[unit])
        found.append(InletEnergy("mqtt_energy", *told, count, _COUNT_PERIOD))
    return found


@dataclass(frozen=True)
class _Access:
    """How to get at a topic. Its password is kept out of every text."""

    broker: str
    port: int
    topic: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"_Access({self.topic!r})"


def _access(settings: Mapping[str, Any]) -> _Access:
    """Raises: SensorAbsent: no password, no broker."""
    broker, port = text(settings, "broker"), whole_number(settings, "port", _PORT)
    password = ""
    if text(settings, "password_file"):
        try:
            password = Path(text(settings, "password_file")).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SensorAbsent(
                f"password_file, with the broker's password, cannot be read: {type(error).__name__}"
            ) from None
    try:
        socket.create_connection((broker, port), timeout=_CONNECT_TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise SensorAbsent(
            f"the MQTT broker cannot be reached: {error}; start it, or set broker and port",
            awaited=True,
        ) from None
    return _Access(broker, port, text(settings, "topic"), text(settings, "username"), password)


class _Inbox:
    """The last message, put there by the client's thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.connected = False
        self.refused = ""
        self.payload: bytes | None = None
        self.at = Seconds(0.0)

    def connect(self, refused: str) -> None:
        """The broker has answered; `refused` is empty where it lets the client in."""
        with self._changed:
            self.connected, self.refused = not refused, refused
            self._changed.notify_all()

    def disconnect(self) -> None:
        """The broker is gone."""
        with self._changed:
            self.connected = False

    def put(self, payload: bytes) -> None:
        """A message has come."""
        with self._changed:
            self.payload, self.at = payload, Seconds(time.monotonic())

    def last(self, patience: Seconds, stale_after: Seconds) -> bytes:
        """The last message. Raises: SensorFailed."""
        with self._changed:
            self._changed.wait_for(lambda: self.connected or self.refused, patience)
            if self.refused:
                raise SensorFailed("permission", f"the broker refuses: {self.refused}")
            if not self.connected:
                raise SensorFailed("unreachable", "the broker cannot be reached")
            if self.payload is None:
                raise SensorFailed("stale", "no message has come yet")
            age = time.monotonic() - self.at
            if age > stale_after:
                raise SensorFailed("stale", f"no message for {age:.0f} s")
            return self.payload


class _Topic:
    """A subscription: made at the first reading, kept up by the client's own thread."""

    def __init__(self, access: _Access, stale_after: Seconds) -> None:
        self._access = access
        self._stale_after = stale_after
        self._inbox: _Inbox | None = None
        self._lock = threading.Lock()

    def number(self, field: str) -> float:
        """A field of the last message. Raises: SensorFailed."""
        patience = Seconds(0.0)
        with self._lock:
            if self._inbox is None:
                self._inbox = _Inbox()
                stop = _subscribe(self._access, self._inbox)
                weakref.finalize(self, stop)
                patience = _CONNECT_TIMEOUT
        payload = self._inbox.last(patience, self._stale_after)
        if len(payload) > _LARGEST_MESSAGE:
            raise SensorFailed("too_large", f"a message is over {_LARGEST_MESSAGE} bytes")
        return number_at(parse_json(payload), field)

    def power(self, field: str) -> tuple[Watts, Seconds]:
        """Watts, and when they came: a new message has moved. Raises: SensorFailed."""
        number = self.number(field)
        return Watts(number), self._inbox.at if self._inbox else Seconds(0.0)

    def energy(self, field: str, to_joules: Callable[[float], Joules]) -> Joules:
        """What the plug has counted. Raises: SensorFailed."""
        return to_joules(self.number(field))


def _subscribe(access: _Access, inbox: _Inbox) -> Callable[[], None]:
    """Start a client that fills the inbox; returns how to end it."""
    mqtt = plugins.sdk("paho.mqtt.client", "meters")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    if access.username:
        client.username_pw_set(access.username, access.password or None)

    def connected(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        inbox.connect(str(reason) if reason.is_failure else "")
        if not reason.is_failure:
            # Here, so that a broker that is back is asked again.
            client.subscribe(access.topic)

    def message(_client: Any, _data: Any, received: Any) -> None:
        # What a broker has kept says nothing of now.
        if not received.retain:
            inbox.put(received.payload)

    client.on_connect = connected
    client.on_disconnect = lambda *_: inbox.disconnect()
    client.on_message = message
    client.reconnect_delay_set(*_RECONNECT_SECONDS)
    client.connect_timeout = _CONNECT_TIMEOUT
    client.connect_async(access.broker, access.port)
    client.loop_start()

    def stop() -> None:
        with contextlib.suppress(Exception):
            client.disconnect()
            client.loop_stop()

    return stop
