"""Checks of what was built, and on which data."""

from __future__ import annotations

from etbench.artifact.quantized_words import quantized_words
from etbench.config.model_data import SAMPLES
from etbench.config.sections import UNDECLARED
from etbench.results.checks.check import Check
from etbench.results.schema import Result, emulated_words
from etbench.text import and_more, counted

__all__ = ["PROGRAM_CHECKS"]

MOSTLY = 0.5  # of the multiply-accumulates, or of the weights' bytes
FLOAT_BYTES, INTEGER_BYTES = 4, 1  # of a weight; integers of four bits take less
UNDECLARED_WORDS = (UNDECLARED, "custom")  # the second one in results of older versions
SOURCES = {"example": "the example inputs of the model's function", "made_up": "made-up values"}


def _random(result: Result) -> str | None:
    return "random weights" if result.weights == "random" else None


def _on_example(result: Result) -> str | None:
    use = result.artifact.data_use if result.artifact else None
    if use is None or use.source not in ("example", "made_up") or not use.calibrated_on:
        return None
    derived = f", and compared on {counted(use.derived, 'input')} derived from it" if use.derived else ""
    return f"calibrated on {counted(use.calibrated_on, 'batch')} of {SOURCES[use.source]}{derived}"


def _undeclared(result: Result) -> str | None:
    if result.weights not in UNDECLARED_WORDS:
        return None
    return "the model's function does not declare its weights, so they may be random"


def _on_samples(result: Result) -> str | None:
    use = result.artifact.data_use if result.artifact else None
    if use is None or not use.samples or not use.calibrated_on or result.weights == "random":
        return None
    data = SAMPLES.get(use.source, "sample data")
    return f"calibrated on {counted(use.calibrated_on, 'batch')} of {data}, not on data of yours"


def _accuracy_on_calibration(result: Result) -> str | None:
    use, met = result.artifact.data_use if result.artifact else None, result.evaluation_on_calibration
    if use is None or not met:
        return None
    used, what = use.calibration_pictures, "picture"
    if not used:
        used, what = use.calibration_inputs, "input"
    return (
        f"{met} of the {counted(len(used), what)} that it was calibrated on are in the data of its accuracy"
    )


def _judged_on_calibration(result: Result) -> str | None:
    use = result.artifact.data_use if result.artifact else None
    if use is None or not use.compared_on_calibration:
        return None
    return use.note or "no other inputs could be derived"


def _little_quantized(result: Result) -> str | None:
    quantized = result.artifact.quantized if result.artifact else None
    if quantized is None or quantized.macs_share is None or quantized.macs_share >= MOSTLY:
        return None
    return quantized_words(quantized)


def _weights_in_float(result: Result) -> str | None:
    quantized = result.artifact.quantized if result.artifact else None
    if quantized is None or quantized.weights_share is None or _little_quantized(result):
        return None
    in_float = FLOAT_BYTES * (1 - quantized.weights_share)
    share = in_float / (in_float + INTEGER_BYTES * quantized.weights_share)
    if share <= MOSTLY:
        return None
    return f"floats are about {share:.0%} of the weights' bytes; quantized: {quantized_words(quantized)}"


def _derived_left_out(result: Result) -> str | None:
    use = result.artifact.data_use if result.artifact else None
    return (use.note or None) if use and not use.compared_on_calibration else None


def _unknown_sources(result: Result) -> str | None:
    reason = result.artifact.sources_unknown if result.artifact else ""
    return f"the program was not added to the cache: {reason}" if reason else None


def _other_dtype(result: Result) -> str | None:
    dtypes = result.artifact.float_dtypes if result.artifact else []
    other = [dtype for dtype in dtypes if dtype != "float32"]
    if result.precision_short != "fp32" or not other:
        return None
    return f"computes in {' and '.join(other)}, as the model does"


def _constants(result: Result) -> str | None:
    constants = result.artifact.constants if result.artifact else {}
    if not constants:
        return None
    return f"built for {and_more(f'{name}={value}' for name, value in constants.items())} only"


def _two_answers(result: Result) -> str | None:
    return (result.artifact.not_repeatable or None) if result.artifact else None


PROGRAM_CHECKS = (
    Check(
        "model.not_repeatable",
        "error",
        "The eager model gives two answers for one input, so no program can agree with it.",
        _two_answers,
        "call eval() on it and look for dropout or random operators in its forward",
    ),
    Check(
        "calibration.example_only",
        "warning",
        "The value ranges of the precision come from the example inputs alone, not from real data.",
        _on_example,
        "give real inputs: calibration.npz=<file>, or a model function that returns a list of examples",
    ),
    Check(
        "calibration.samples",
        "warning",
        "The value ranges of the precision come from etbench's sample data, not from data of yours. Cells "
        "with random weights do not have this finding, because their accuracy means nothing anyway.",
        _on_samples,
        "give data like those in production: calibration.images=<folder of pictures>, "
        "calibration.text=<file of sentences> or calibration.npz=<file of inputs>",
    ),
    Check(
        "calibration.judged_on_itself",
        "warning",
        "Parity is taken on the inputs that the program was calibrated on, so it is too good.",
        _judged_on_calibration,
        "give more inputs: calibration.npz=<file>, or a model function that returns a list of examples",
    ),
    Check(
        "accuracy.calibration_items",
        "warning",
        "The accuracy is measured on items that the precision was calibrated on, so it may be too good.",
        _accuracy_on_calibration,
        "calibrate on other items than those of the accuracy: give calibration.images, calibration.text or "
        "calibration.npz data that evaluate.data does not contain",
    ),
    Check(
        "precision.little_quantized",
        "warning",
        "The precision left most of the arithmetic in float.",
        _little_quantized,
        "compare its time and size with fp32 before you choose it; precision=int8_dynamic may quantize other "
        "layers",
    ),
    Check(
        "precision.weights_in_float",
        "note",
        "Most of the weights' bytes stayed in float, so the program is not much smaller than in fp32.",
        _weights_in_float,
        "see artifact.quantized.layers_in_float: tables of embeddings stay in float in every precision of "
        "integers",
    ),
    Check(
        "precision.other_dtype",
        "note",
        "fp32 leaves inputs and weights of other floating-point dtypes as they are.",
        _other_dtype,
        "+precision.cast_float64=true converts float64 to float32",
    ),
    Check(
        "parity.derived_left_out",
        "note",
        "Parity is taken on fewer inputs than usual: some derived from the example are not valid, or "
        "none could be derived.",
        _derived_left_out,
        "give more inputs: calibration.npz=<file>, or a model function that returns a list of examples",
    ),
    Check(
        "inputs.constants",
        "note",
        "Arguments that are not tensors are constants of the program.",
        _constants,
        "build a program for each value that you need",
    ),
    Check(
        "cache.unknown_sources",
        "note",
        "It is not known which code and data the user's functions read, so the program is built each time.",
        _unknown_sources,
        "do not change files while a model is built, and read large data sets elsewhere than in its function",
    ),
    Check(
        "device.emulated",
        "warning",
        "It was measured under an emulator: parity and size are valid, its times and memory "
        "mean nothing, and take part in no table or verdict.",
        emulated_words,
        "measure on a real machine",
    ),
    Check(
        "weights.random",
        "note",
        "The weights are random: latency and size are valid, accuracy is not, and SQNR applies to these "
        "weights only.",
        _random,
        "give trained weights: model.weights=pretrained, or a path",
    ),
    Check(
        "weights.undeclared",
        "note",
        "The function of the model does not declare where its weights come from, so it is not known whether "
        "they are trained. Accuracy and SQNR of random weights do not predict those of trained ones.",
        _undeclared,
        'declare them: return LoadedModel(module, inputs, weights="<where they come from>"), or give the '
        "function an argument `weights` and set model.weights",
    ),
)
