"""Sounds for models that listen: like speech, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from etbench.data import spoken
from etbench.data.speech import RATE, RMS


def test_the_same_sentence_gives_the_same_sound_and_another_one_another() -> None:
    wave = spoken("It was a dark night.", 1.5)
    assert wave.shape == (int(1.5 * RATE),)
    assert wave.dtype == np.float32
    assert np.array_equal(wave, spoken("It was a dark night.", 1.5))
    assert not np.allclose(wave, spoken("All was quiet.", 1.5))
    assert float(np.sqrt(np.mean(wave**2))) == pytest.approx(RMS, rel=1e-3)


@pytest.mark.parametrize(("vowel", "formant_hz"), [("a", 730), ("i", 270), ("o", 570)])
def test_a_vowel_is_loudest_near_its_first_formant(vowel: str, formant_hz: float) -> None:
    power = np.abs(np.fft.rfft(spoken(vowel, 1.0))) ** 2
    frequencies = np.fft.rfftfreq(RATE, 1 / RATE)
    assert abs(frequencies[power.argmax()] - formant_hz) < 140  # the harmonic of the pitch next to it


def test_a_space_is_silence_and_text_without_letters_still_sounds() -> None:
    assert np.abs(spoken("a a", 0.24)[1_300:2_500]).max() == 0
    assert np.abs(spoken("!?", 0.2)).max() > 0
