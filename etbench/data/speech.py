"""Sounds for speech models: sentences spoken by a formant synthesizer.

Neither etbench nor its dependencies ship recordings. A voice is modelled as a source and a filter: a train
of pulses (vowels) or noise (consonants) through three resonances of the mouth. The sound has the pitch, the
formants, the onsets and the pauses of speech, and a result records that it is synthetic.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE", "spoken"]

RATE = 16_000  # samples per second, as speech models expect
LETTER_S = 0.08
PITCH_HZ = (140.0, 95.0)  # at the beginning and at the end of a sentence
RMS = 0.1
BANDWIDTHS_HZ = (80.0, 110.0, 160.0)
# The first three formants of a male speaker's vowels, in Hz (Peterson and Barney, 1952).
VOWELS_HZ = {
    "a": (730.0, 1090.0, 2440.0),
    "e": (530.0, 1840.0, 2480.0),
    "i": (270.0, 2290.0, 3010.0),
    "o": (570.0, 840.0, 2410.0),
    "u": (300.0, 870.0, 2240.0),
}
HISS_HZ = (1800.0, 2700.0, 3900.0)

Wave = NDArray[np.float32]


def spoken(sentence: str, seconds: float) -> Wave:
    """Return a sentence as sound at 16 kHz, repeated or cut to this length in seconds."""
    letters = [letter for letter in sentence.lower() if letter.isalpha() or letter == " "] or ["a"]
    length = int(seconds * RATE)
    each = int(LETTER_S * RATE)
    count = -(-length // each)
    pitches = np.linspace(*PITCH_HZ, len(letters))
    sounds = [_letter(letters[n % len(letters)], pitches[n % len(letters)], each) for n in range(count)]
    wave = np.concatenate(sounds)[:length]
    loudness = float(np.sqrt(np.mean(wave**2)))
    return (wave * (RMS / loudness if loudness > 0 else 1.0)).astype(np.float32)


def _letter(letter: str, pitch_hz: float, length: int) -> NDArray[np.float64]:
    if letter == " ":
        return np.zeros(length)
    if letter in VOWELS_HZ:
        source = np.diff(np.floor(np.arange(length + 1) * pitch_hz / RATE))  # a pulse at each period
        sound = _through_mouth(source, VOWELS_HZ[letter])
    else:
        hiss = np.random.default_rng(zlib.crc32(letter.encode())).standard_normal(length)
        sound = _through_mouth(0.02 * hiss, HISS_HZ)
    return np.asarray(sound * np.hanning(length))


def _through_mouth(source: NDArray[np.float64], formants_hz: tuple[float, ...]) -> NDArray[np.float64]:
    """Filter a source through resonances in series, each with unit gain at 0 Hz (Klatt, 1980)."""
    from scipy.signal import lfilter  # takes half a second, and only speech models need it

    for formant, bandwidth in zip(formants_hz, BANDWIDTHS_HZ, strict=True):
        radius = np.exp(-np.pi * bandwidth / RATE)
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * formant / RATE), radius**2]
        source = lfilter([sum(poles)], poles, source)
    return source
