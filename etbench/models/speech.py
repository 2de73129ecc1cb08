"""Sentences, spoken by a synthesizer, as the features that a model of transformers takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from etbench.data import spoken
from etbench.data.speech import RATE
from etbench.errors import EtbenchError
from etbench.models.inputs import SpeechInputs
from etbench.models.weights import unreachable

__all__ = ["speech_inputs"]

SYNTHETIC = "spoken by a formant synthesizer (synthetic: no recordings ship)"


def speech_inputs(
    transformers: Any, settings: Any, name: str, source: str | None, batch: int, seconds: float
) -> SpeechInputs:
    """Return inputs of waveforms or spectrograms.

    Args:
        transformers: the library.
        settings: the model's configuration.
        name: of the model's argument.
        source: where the feature extractor is read from; None for the default of the model's type.
        batch: sounds in one inference.
        seconds: length of the sound; an extractor for a fixed length cuts or pads it to that length.

    Raises:
        EtbenchError: of stage ``load`` if the type has no feature extractor.

    """
    extract = _extractor(transformers, settings, source)

    def listen(sentences: Sequence[str]) -> tuple[Tensor, ...]:
        waves = [spoken(sentence, seconds) for sentence in sentences]
        return (extract(waves, sampling_rate=RATE, return_tensors="pt")[name],)

    return SpeechInputs(listen, f"{SYNTHETIC}; {type(extract).__name__}", batch)


def _extractor(transformers: Any, settings: Any, source: str | None) -> Any:
    from transformers.models.auto.feature_extraction_auto import FEATURE_EXTRACTOR_MAPPING

    if source is not None:
        try:
            return transformers.AutoFeatureExtractor.from_pretrained(source)
        except Exception as error:
            raise unreachable(f"the feature extractor of {source}", error) from error
    kind = FEATURE_EXTRACTOR_MAPPING.get(type(settings), None)
    if kind is None:
        raise EtbenchError(
            f"transformers has no feature extractor for {type(settings).__name__}",
            stage="load",
            hint="use model=custom with a function that returns the model and its example inputs",
        )
    return kind(**_lengths(settings))


def _lengths(settings: Any) -> dict[str, int]:
    """Return the extractor's options that depend on the configuration of the model."""
    match settings.model_type:
        case "whisper":  # two frames of 10 ms per position
            return {
                "feature_size": settings.num_mel_bins,
                "chunk_length": settings.max_source_positions // 50,
            }
        case "audio-spectrogram-transformer":
            return {"num_mel_bins": settings.num_mel_bins, "max_length": settings.max_length}
    return {}
