"""The physics of a B-mode frame: beam, speckle, attenuation, noise, log compression.

Sources, in words: a resolution cell holds many scatterers, so the demodulated echo is a circular
complex Gaussian and its envelope is Rayleigh distributed ("fully developed" speckle: Burckhardt
1978; Wagner, Smith, Sandrik and Lopez 1983); a frame is the scatterers' field convolved with the
pulse-echo point spread function, which is narrowest laterally at the focus (Bamber and Dickinson
1980); soft tissue attenuates by about 0.5 to 0.7 dB per cm and MHz each way, and the scanner's
time-gain compensation undoes most of it, raising the electronic noise with depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_FREQUENCY_MEGAHERTZ = 10.0
_RAYLEIGH_MEAN = float(np.sqrt(np.pi / 2))
"""Mean of a Rayleigh variable whose two Gaussian parts have unit variance."""


@dataclass(frozen=True)
class Beam:
    """The pulse-echo point spread function. Lengths in pixels, standard deviations of Gaussians."""

    axial: float
    lateral_at_focus: float
    focus: float
    focal_range: float

    def lateral(self, depth: Plane) -> Plane:
        """The lateral width at each depth: a Gaussian beam's, widening away from the focus."""
        away = (depth - np.float32(self.focus)) / np.float32(self.focal_range)
        width: Plane = np.float32(self.lateral_at_focus) * np.sqrt(1 + away * away)
        return width


@dataclass(frozen=True)
class Receiver:
    """What the scanner does to the echo. Levels in decibels, lengths in pixels of `pixel_cm`."""

    pixel_cm: float
    attenuation_db: float
    """Per cm and MHz, one way."""
    compensation_db: float
    """The time gain, per cm of depth."""
    noise_db: float
    """Electronic noise before the time gain, against muscle at the surface."""
    dynamic_range_db: float
    gray_of_muscle: float


def envelope(amplitude: Plane, beam: Beam, rng: Generator) -> Plane:
    """Rayleigh speckle under an amplitude map.

    Args:
        amplitude: (depth, lateral), linear, 1 for the reference tissue.
        beam: the point spread function.
        rng: draws the scatterers.

    Returns:
        The envelope, float32, of mean 1 where the amplitude is 1 all over.
    """
    field = _gaussian_field(amplitude.shape, rng) * amplitude
    echo: Plane = np.abs(_through_beam(field, beam))
    return echo / np.float32(_RAYLEIGH_MEAN)


def receive(echo: Plane, receiver: Receiver, rng: Generator) -> NDArray[np.uint8]:
    """Attenuate, add noise, apply the time gain, compress logarithmically.

    Args:
        echo: the envelope, float32 (depth, lateral).
        receiver: the scanner's settings.
        rng: draws the electronic noise.

    Returns:
        uint8 (depth, lateral), the frame as displayed.
    """
    depth_cm = np.arange(echo.shape[0], dtype=np.float32)[:, np.newaxis] * receiver.pixel_cm
    loss_db = 2 * receiver.attenuation_db * _FREQUENCY_MEGAHERTZ * depth_cm
    gain_db = receiver.compensation_db * depth_cm
    signal = echo * _linear(gain_db - loss_db)
    noise_level = _linear(receiver.noise_db + gain_db)
    # Powers add: noise and echo are not coherent. Noise power is exponentially distributed.
    noise = rng.standard_exponential(echo.shape, np.float32) * noise_level**2
    level_db = 10 * np.log10(signal**2 + noise + np.float32(1e-12))
    gray = receiver.gray_of_muscle + level_db * np.float32(255 / receiver.dynamic_range_db)
    compressed: NDArray[np.uint8] = np.clip(np.rint(gray), 0, 255).astype(np.uint8)
    return compressed


def _linear(level_db: Plane) -> Plane:
    return np.power(np.float32(10), np.asarray(level_db, np.float32) / 20)


def _gaussian_field(shape: tuple[int, ...], rng: Generator) -> NDArray[np.complex64]:
    parts = rng.standard_normal((*shape, 2), np.float32)
    field: NDArray[np.complex64] = parts.view(np.complex64)[..., 0]
    return field


def _through_beam(field: NDArray[np.complex64], beam: Beam) -> NDArray[np.complex64]:
    """Convolve; each kernel has unit energy, so that the mean power is kept."""
    rows, columns = field.shape
    reach = int(np.ceil(3 * beam.axial))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / beam.axial) ** 2)
    kernel = (kernel / np.sqrt(np.sum(kernel**2))).astype(np.float32)
    padded = np.pad(field, ((reach, reach), (0, 0)), mode="reflect")
    axial = kernel[0] * padded[:rows]
    for step in range(1, len(kernel)):
        axial += kernel[step] * padded[step : step + rows]
    # A Gaussian that changes from row to row: row by row in the frequency domain.
    widths = beam.lateral(np.arange(rows, dtype=np.float32))[:, np.newaxis]
    frequency = np.fft.fftfreq(columns).astype(np.float32)
    transfer = np.exp(-2 * (np.float32(np.pi) * widths * frequency) ** 2)
    transfer /= np.sqrt(np.mean(transfer**2, axis=1, keepdims=True))
    # numpy before 2 computes in double precision here.
    return np.fft.ifft(np.fft.fft(axial, axis=1) * transfer, axis=1).astype(
        np.complex64, copy=False
    )
