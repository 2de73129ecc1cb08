"""Times of an emulated machine are kept in the result, and take part in no table or verdict."""

from __future__ import annotations

import msgspec
from made_results import ENVIRONMENT, MakeResult

from etbench.host.fingerprint import hardware_differences, machine_name
from etbench.results.checks import judged
from etbench.results.comparison.cells import compare_in_turn
from etbench.results.comparison.compare import compare_results
from etbench.results.decision.figures import figure
from etbench.results.schema import Result
from etbench.results.tables.frames import rank, to_frame
from etbench.results.tables.pareto import mark_pareto

QEMU = msgspec.structs.replace(ENVIRONMENT, emulator="qemu-aarch64, CPU cortex-a76", cpu="qemu-aarch64")


def _emulated(result: Result) -> Result:
    return judged(msgspec.structs.replace(result, environment=QEMU))


def test_an_emulated_cell_keeps_its_parity_and_has_no_rank(make_result: MakeResult) -> None:
    real, fast = make_result(), _emulated(make_result(precision="int8", p50=1.0, sqnr_db=30.0))
    assert fast.status == "ok"
    assert fast.latency_ms is not None, "nothing that was measured is lost"
    assert [one.code for one in fast.findings or [] if one.code.startswith("device")] == ["device.emulated"]
    frame = to_frame([real, fast])
    assert frame["sqnr_db"].tolist() == [100.0, 30.0]
    assert frame["latency_p50_ms"].isna().tolist() == [False, True]
    assert rank(frame)["precision"].tolist() == ["fp32"]
    assert mark_pareto(frame)["precision"].tolist() == ["fp32"]
    assert figure(fast, "latency_p50_ms") is None and figure(fast, "latency_ms.p50") is None
    assert figure(fast, "sqnr_db") == 30.0


def test_an_emulated_cell_gets_no_verdict(make_result: MakeResult) -> None:
    base, new = make_result(), _emulated(make_result(p50=20.0))
    found = compare_results([base], [new], threshold=0.05)
    assert found.cells == []
    (missing,) = found.not_measured
    assert "measured under qemu-aarch64, CPU cortex-a76" in missing.why
    cell = compare_in_turn(new, [1.0] * 12, [2.0] * 12, threshold=0.05)
    assert (cell.verdict, cell.decision, cell.low) == ("none", "undecided", None)
    assert "there is no verdict" in cell.advice


def test_an_emulated_machine_is_another_machine() -> None:
    real = msgspec.structs.replace(QEMU, emulator=None)
    assert machine_name(real) != machine_name(QEMU)
    assert hardware_differences(real, QEMU) == {"emulator": ("none", "qemu-aarch64, CPU cortex-a76")}
