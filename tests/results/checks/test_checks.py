"""Every check: what provokes it, and what becomes of a cell with a finding."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from made_results import ENVIRONMENT

from etbench.artifact import DataUse, MixedBlocks, Quantized
from etbench.measure.pass_results import SizeParity
from etbench.results.checks import CHECKS, CROSS_CHECKS, faults, findings_across, judged
from etbench.results.schema import Result
from etbench.stats import assess, compare_outputs

MakeResult = Callable[..., Result]

NORMAL = np.random.default_rng(0).standard_normal((4, 16, 8)).astype(np.float32)
HALF_LOST = np.where(np.arange(16)[:, None] < 8, NORMAL, np.float32(0))
LOUD = np.where(np.arange(16)[:, None] < 8, NORMAL * np.float32(100), NORMAL)
LOUD_ALONE = np.where(np.arange(16)[:, None] < 8, LOUD, np.float32(0))
QUIET = assess([[5.0]] * 6)
TALKING = msgspec.structs.replace(
    compare_outputs([NORMAL], [NORMAL + 1e-3]), token_agreement=1.0, note="a single token"
)


def _artifact(result: Result, **facts: object) -> Result:
    return msgspec.structs.replace(result, artifact=msgspec.structs.replace(result.artifact, **facts))


def _environment(result: Result, **facts: object) -> Result:
    return msgspec.structs.replace(result, environment=msgspec.structs.replace(result.environment, **facts))


# For each code, what a result needs to have it.
PROVOKED: dict[str, Callable[[MakeResult], Result]] = {
    "parity.fp32_differs": lambda make: make(parity=compare_outputs([NORMAL], [NORMAL * 1.1])),
    "parity.output_lost": lambda make: make(
        precision="int8", parity=compare_outputs([NORMAL * 100, NORMAL], [NORMAL * 100, NORMAL * 0])
    ),
    "parity.group_lost": lambda make: make(precision="int8", parity=compare_outputs([LOUD], [LOUD_ALONE])),
    "parity.not_finite": lambda make: make(
        precision="fp16", parity=compare_outputs([NORMAL], [np.full_like(NORMAL, np.nan)])
    ),
    "parity.other_size": lambda make: make(
        parity_at_other_sizes=[
            SizeParity(inputs=[[7, 3]], parity=compare_outputs([NORMAL], [NORMAL * np.float32(1.1)]))
        ]
    ),
    "parity.below_wanted": lambda make: _artifact(
        make(precision="int8_min20db", sqnr_db=19.9), mixed=MixedBlocks(blocks=[], sqnr_db=20.1, wanted_db=20)
    ),
    "parity.degenerate": lambda make: make(
        parity=compare_outputs([np.ones((4, 4), np.float32)], [np.ones((4, 4), np.float32) + 1])
    ),
    "parity.repeated_token": lambda make: make(parity=TALKING),
    "model.not_repeatable": lambda make: _artifact(make(), not_repeatable="two runs differ"),
    "calibration.example_only": lambda make: _artifact(
        make(precision="int8"), data_use=DataUse(source="example", calibrated_on=1, compared_on=4, derived=4)
    ),
    "calibration.samples": lambda make: _artifact(
        make(precision="int8", weights="net.pt"),
        data_use=DataUse(source="images", calibrated_on=10, compared_on=4, samples=True),
    ),
    "calibration.judged_on_itself": lambda make: _artifact(
        make(precision="int8"),
        data_use=DataUse(source="npz", calibrated_on=1, compared_on=1, compared_on_calibration=True),
    ),
    "accuracy.calibration_items": lambda make: msgspec.structs.replace(
        _artifact(
            make(precision="int8"),
            data_use=DataUse(
                **{"source": "images", "calibrated_on": 2, "compared_on": 4}, calibration_pictures=["a", "b"]
            ),
        ),
        evaluation_on_calibration=1,
    ),
    "precision.little_quantized": lambda make: _artifact(
        make(precision="int8"),
        quantized=Quantized(
            **{"macs": 8, "macs_share": 0.25, "weights_share": 0.5, "operators": {"linear": 1}},
            **{"operators_in_float": {"gru": 1}, "layers_in_float": {"rnn": 0.75}},
        ),
    ),
    "precision.weights_in_float": lambda make: _artifact(
        make(precision="int8"),
        quantized=Quantized(
            **{"macs": 8, "macs_share": 1.0, "weights_share": 0.7, "operators": {"linear": 1}},
            **{"operators_in_float": {"embedding": 1}, "layers_in_float": {"table": 0.0}},
        ),
    ),
    "precision.other_dtype": lambda make: _artifact(make(), float_dtypes=["float64"]),
    "parity.derived_left_out": lambda make: _artifact(
        make(),
        data_use=DataUse(
            **{"source": "example", "calibrated_on": 0, "compared_on": 3, "derived": 2},
            note="2 of 4 derived inputs: eager raised IndexError",
        ),
    ),
    "inputs.constants": lambda make: _artifact(make(), constants={"scale": "2.5"}),
    "cache.unknown_sources": lambda make: _artifact(make(), sources_unknown="it reads more than 2,000 files"),
    "device.emulated": lambda make: make(
        environment=msgspec.structs.replace(ENVIRONMENT, emulator="qemu-aarch64, CPU cortex-a76")
    ),
    "weights.random": lambda make: make(weights="random"),
    "weights.undeclared": lambda make: make(weights="undeclared"),
    "threads.more": lambda make: _environment(make(), threads=1, busy_threads=2),
    "threads.fewer": lambda make: _environment(make(), threads=2, busy_threads=1),
    "precision.own_quantization": lambda make: _artifact(make(), quantization="own", own_reason="asked for"),
    "profile.not_available": lambda make: msgspec.structs.replace(make(), no_profile="it has no profiler"),
    "latency.unstable": lambda make: make(stability=assess([[1.0], [9.0]] * 5)),
    "latency.noisy": lambda make: make(stability=assess([[5.0], [5.4]] * 5)),
    "latency.tail": lambda make: make(
        stability=assess([[5.0]] * 6, other_cpu_shares=[0.2] * 6, has_tail=True)
    ),
    "latency.other_work": lambda make: make(stability=assess([[5.0]] * 6, other_cpu_shares=[0.3] * 6)),
    "latency.few_rounds": lambda make: make(stability=assess([[5.0]])),
    "latency.truncated": lambda make: make(truncated=True),
    "latency.reconnected": lambda make: make(lost_connections=2),
    "latency.summary": lambda make: make(source="flat"),
}


def _codes(result: Result) -> set[str]:
    return {finding.code for finding in judged(result).findings or []}


@pytest.fixture
def sound(make_result: MakeResult) -> Result:
    return make_result(weights="trained.pt", stability=QUIET)


def test_a_sound_cell_has_no_finding(sound: Result) -> None:
    assert (sound.status, sound.findings) == ("ok", [])


def test_each_code_is_provoked_by_a_result_of_this_file() -> None:
    assert list(PROVOKED) == [check.code for check in CHECKS]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_a_check_finds_its_fault_and_its_severity_decides_the_status(
    check: object, make_result: MakeResult
) -> None:
    result = judged(PROVOKED[check.code](make_result))
    (found,) = [finding for finding in result.findings or [] if finding.code == check.code]
    assert (found.severity, found.cure, found.accepted) == (check.severity, check.cure, False)
    assert found.message
    assert result.status == ("wrong" if "error" in {one.severity for one in result.findings} else "ok")


@pytest.mark.parametrize("pattern", ["parity.output_lost", "parity.*"])
def test_an_accepted_error_is_a_warning_and_the_cell_is_ok(pattern: str, make_result: MakeResult) -> None:
    result = judged(PROVOKED["parity.output_lost"](make_result), [pattern])
    (found,) = [one for one in result.findings or [] if one.code == "parity.output_lost"]
    assert (result.status, found.severity, found.accepted) == ("ok", "warning", True)


def test_a_code_that_no_check_has_is_a_fault_with_the_nearest_one() -> None:
    assert faults(["parity.*", "weights.random"]) == []
    (fault,) = faults(["parity.output_los"])
    assert "parity.output_lost" in fault


def test_the_worst_finding_comes_first(make_result: MakeResult) -> None:
    result = judged(make_result(weights="random", truncated=True, sqnr_db=5.0))
    severities = [finding.severity for finding in result.findings or []]
    assert severities == ["error", "warning", "note", "note"][: len(severities)]


def test_what_was_not_measured_is_not_judged(failed: Result) -> None:
    assert (judged(failed).status, judged(failed).findings) == ("failed", [])


def test_a_lower_precision_may_be_coarse(make_result: MakeResult) -> None:
    coarse = compare_outputs([NORMAL], [NORMAL * np.float32(0.7)])  # 10 dB
    assert _codes(make_result(precision="int8", parity=coarse)).isdisjoint(
        {"parity.output_lost", "parity.group_lost"}
    )


@pytest.mark.parametrize(("share", "found"), [(0.81, False), (0.79, True), (None, False)])
def test_weights_are_mostly_in_float_by_their_bytes(
    share: float | None, found: bool, make_result: MakeResult
) -> None:
    quantized = Quantized(
        **{"macs": 8, "macs_share": 0.9, "weights_share": share, "operators": {"linear": 1}},
        **{"operators_in_float": {}, "layers_in_float": {}},
    )
    result = _artifact(make_result(precision="int8"), quantized=quantized)
    assert ("precision.weights_in_float" in _codes(result)) is found


def test_a_result_of_an_older_version_is_judged_by_its_figures(make_result: MakeResult) -> None:
    assert "parity.fp32_differs" in _codes(make_result(sqnr_db=-5.0))
    assert "parity.fp32_differs" not in _codes(make_result(precision="int8", sqnr_db=11.0))


def _of(result: Result, sha256: str) -> Result:
    return _artifact(result, sha256=sha256)


def test_precisions_with_one_program_are_named_where_they_meet(make_result: MakeResult) -> None:
    cells = [
        ("gru fp32", _of(make_result("gru", "fp32"), "a")),
        ("gru int8", _of(make_result("gru", "int8"), "a")),
        ("gru fp16", _of(make_result("gru", "fp16"), "b")),
        ("gru fp32 again", _of(make_result("gru", "fp32"), "a")),
        ("other int8", _of(make_result("other", "int8"), "a")),
    ]
    (found,) = findings_across(cells)
    assert found.code == "precision.same_program"
    assert found.message == "gru fp32 and gru int8 and gru fp32 again"
    assert list(findings_across([cells[0], cells[2], cells[3], cells[4]])) == []


def test_each_check_of_several_cells_has_a_test_here() -> None:
    assert [check.code for check in CROSS_CHECKS] == ["precision.same_program"]
