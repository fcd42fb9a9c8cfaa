"""The libraries themselves: IOReport, and CoreFoundation, whose objects it speaks in.

What a function with Create or Copy in its name gives is the caller's to release; what one with Get
gives is not (CoreFoundation's rule, which IOReport's functions follow).
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeAlias

from wattscan.contracts import SensorAbsent, SensorFailed

GROUP = "Energy Model"
_CHANNELS = b"IOReportChannels"
# From CFString.h.
_UTF8 = 0x08000100
_LONGEST_NAME = 128

_REF = ctypes.c_void_p
_Functions: TypeAlias = Mapping[str, tuple[Any, list[Any]]]
"""Name -> the types of its result and of its arguments."""

_IOREPORT: _Functions = {
    "IOReportCopyChannelsInGroup": (_REF, [_REF, _REF, *[ctypes.c_uint64] * 3]),
    "IOReportCreateSubscription": (
        _REF,
        [_REF, _REF, ctypes.POINTER(_REF), ctypes.c_uint64, _REF],
    ),
    "IOReportCreateSamples": (_REF, [_REF, _REF, _REF]),
    "IOReportChannelGetChannelName": (_REF, [_REF]),
    "IOReportChannelGetUnitLabel": (_REF, [_REF]),
    # Its second argument is an int in some descriptions and a pointer in others: 0 is both.
    "IOReportSimpleGetIntegerValue": (ctypes.c_int64, [_REF, _REF]),
}
_CORE_FOUNDATION: _Functions = {
    "CFStringCreateWithCString": (_REF, [_REF, ctypes.c_char_p, ctypes.c_uint32]),
    "CFStringGetCString": (
        ctypes.c_ubyte,
        [_REF, ctypes.c_char_p, ctypes.c_long, ctypes.c_uint32],
    ),
    "CFDictionaryCreateMutableCopy": (_REF, [_REF, ctypes.c_long, _REF]),
    "CFDictionaryGetValue": (_REF, [_REF, _REF]),
    "CFDictionarySetValue": (None, [_REF, _REF, _REF]),
    "CFArrayCreateMutable": (_REF, [_REF, ctypes.c_long, _REF]),
    "CFArrayAppendValue": (None, [_REF, _REF]),
    "CFArrayGetCount": (ctypes.c_long, [_REF]),
    "CFArrayGetValueAtIndex": (_REF, [_REF, ctypes.c_long]),
    "CFRelease": (None, [_REF]),
}

Domains: TypeAlias = Mapping[str, Sequence[str]]
"""Domain -> the names of the channels that it is the sum of."""


@dataclass(frozen=True)
class Channel:
    """One counter: its name, its unit's label, and its count since a moment that is not told."""

    name: str
    unit: str
    count: int


def load(path: str, functions: _Functions) -> ctypes.CDLL:
    """The library, with the types of those functions. Raises: SensorAbsent."""
    # Apple's libraries lie in a cache of the loader's and not at their paths: loading is asking.
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise SensorAbsent(f"{path} cannot be loaded: {error}") from None
    for name, (result, arguments) in functions.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise SensorAbsent(f"{path} has no {name}: this macOS is not known here") from None
        function.restype, function.argtypes = result, arguments
    return library


class Subscription:
    """Some channels of the group `Energy Model`. What it holds is released when it is dropped."""

    def __init__(
        self, ioreport: str, core_foundation: str, choose: Callable[[Sequence[str]], Domains]
    ) -> None:
        """`choose` is told the names of all channels. Raises: SensorAbsent, and what it raises."""
        self._core = load(core_foundation, _CORE_FOUNDATION)
        self._report = load(ioreport, _IOREPORT)
        with ExitStack() as kept, ExitStack() as passing:
            self._key = self._own(kept, self._string(_CHANNELS))
            group = self._own(passing, self._group())
            self.domains = choose([self._name(channel) for channel in self._items(group)])
            # What nobody reads is not asked for: an M1 Ultra has 321 channels.
            desired = self._own(passing, self._cut_down(group))
            subscribed = _REF()
            self._handle = self._own(
                kept,
                self._report.IOReportCreateSubscription(
                    None, desired, ctypes.byref(subscribed), 0, None
                ),
            )
            self._subscribed = self._own(kept, subscribed.value)
            if not (self._handle and self._subscribed):
                raise SensorAbsent(f"IOReport refuses a subscription to its group {GROUP}")
            weakref.finalize(self, kept.pop_all().close)

    def sample(self) -> list[Channel]:
        """The channels as they count now. Raises: SensorFailed `unreadable`."""
        with ExitStack() as passing:
            sample = self._own(
                passing, self._report.IOReportCreateSamples(self._handle, self._subscribed, None)
            )
            if not sample:
                raise SensorFailed("unreadable", "IOReport gave no sample")
            return [
                Channel(self._name(channel), self._unit(channel), self._count(channel))
                for channel in self._items(sample)
            ]

    def _own(self, owned: ExitStack, ref: int | None) -> int | None:
        if ref:
            owned.callback(self._core.CFRelease, ref)
        return ref

    def _group(self) -> int | None:
        with ExitStack() as passing:
            name = self._own(passing, self._string(GROUP.encode()))
            group: int | None = self._report.IOReportCopyChannelsInGroup(name, None, 0, 0, 0)
        if not group:
            raise SensorAbsent(f"IOReport has no group {GROUP} here, as in a virtual machine")
        return group

    def _cut_down(self, group: int | None) -> int | None:
        """A copy of the group with the chosen channels alone."""
        chosen = {name for names in self.domains.values() for name in names}
        keeps = ctypes.addressof(ctypes.c_char.in_dll(self._core, "kCFTypeArrayCallBacks"))
        with ExitStack() as passing:
            channels = self._own(passing, self._core.CFArrayCreateMutable(None, 0, keeps))
            for channel in self._items(group):
                if self._name(channel) in chosen:
                    self._core.CFArrayAppendValue(channels, channel)
            copy: int | None = self._core.CFDictionaryCreateMutableCopy(None, 0, group)
            self._core.CFDictionarySetValue(copy, self._key, channels)
        return copy

    def _items(self, dictionary: int | None) -> Iterator[int]:
        channels = self._core.CFDictionaryGetValue(dictionary, self._key)
        for index in range(self._core.CFArrayGetCount(channels) if channels else 0):
            yield self._core.CFArrayGetValueAtIndex(channels, index)

    def _name(self, channel: int) -> str:
        return self._text(self._report.IOReportChannelGetChannelName(channel))

    def _unit(self, channel: int) -> str:
        # Padded with blanks on some systems.
        return self._text(self._report.IOReportChannelGetUnitLabel(channel)).strip()

    def _count(self, channel: int) -> int:
        return int(self._report.IOReportSimpleGetIntegerValue(channel, None))

    def _string(self, text: bytes) -> int | None:
        string: int | None = self._core.CFStringCreateWithCString(None, text, _UTF8)
        return string

    def _text(self, string: int | None) -> str:
        buffer = ctypes.create_string_buffer(_LONGEST_NAME)
        if string and self._core.CFStringGetCString(string, buffer, len(buffer), _UTF8):
            return buffer.value.decode(errors="replace")
        return ""
