"""What is read from the log of a failed process; the texts are those of executorch 1.5.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from etbench.errors import EtbenchError
from etbench.system.printed import adding_printed, log_or_stderr, runtime_lines

HEALTHY = """\
[2026-11-29T15:08:20.123+00:00] tiny_fp32_xnnpack: stage_started lower
[cpuinfo_utils.cpp:71] Reading file /sys/devices/soc0/image_version
[cpuinfo_utils.cpp:125] CPU info and manual query on # of cpus dont match.
[threadpool.cpp:66] Resetting threadpool to 1 threads.
[program.cpp:153] InternalConsistency verification requested but not available
I 00:00:00.002518 executorch:cpuinfo_utils.cpp:91] Reading file /sys/devices/soc0/image_version
I 00:00:00.002518 executorch:executor_runner.cpp:138] Model file is loaded.
UserWarning: something of Python
"""
FAILED = """\
[XNNCompiler.cpp:1262] Failed to create StaticConstantPad node 5 with code: xnn_status_invalid_parameter
[method.cpp:128] Init failed for backend XnnpackBackend: 0x1
"""


def test_a_healthy_program_has_said_nothing() -> None:
    assert runtime_lines(HEALTHY) == ()


def test_lines_of_the_runtime_and_of_a_delegate_are_kept_in_their_order() -> None:
    assert runtime_lines(HEALTHY + FAILED) == (
        "XNNCompiler.cpp: Failed to create StaticConstantPad node 5 with code: xnn_status_invalid_parameter",
        "method.cpp: Init failed for backend XnnpackBackend: 0x1",
    )


def test_the_form_that_the_native_runner_prints_is_read_as_well() -> None:
    line = "E 00:00:00.000123 executorch:method.cpp:1206] Input 0 has unexpected scalar type"
    assert runtime_lines(f"{HEALTHY}{line}\n") == ("method.cpp: Input 0 has unexpected scalar type",)


@pytest.mark.parametrize(
    "line",
    [
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "Fatal Python error: Segmentation fault",
        "double free or corruption (out)",
        "runner: kernel.cc:12: void run(): Assertion `size > 0' failed.",
    ],
)
def test_the_last_words_of_a_crash_are_kept(line: str) -> None:
    assert runtime_lines(f"{HEALTHY}{line}\n") == (line,)


def test_a_line_that_is_repeated_is_kept_once_and_many_are_cut() -> None:
    assert len(runtime_lines(FAILED * 3)) == 2
    assert len(runtime_lines("\n".join(f"[method.cpp:1] line {number}" for number in range(100)))) == 12


def test_an_error_gets_what_was_appended_meanwhile(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("[method.cpp:1] of an earlier program\n")
    with pytest.raises(EtbenchError) as caught, adding_printed(log):
        with log.open("a") as file:
            file.write(HEALTHY + FAILED + "\xff")
        raise EtbenchError("error 0x1", stage="parity")
    assert caught.value.log == runtime_lines(FAILED)


@pytest.mark.parametrize("log", ["", "no/such/file"])
def test_without_a_log_the_error_is_as_it_was(log: str) -> None:
    with pytest.raises(EtbenchError, match=r"^parity: m$"), adding_printed(log):
        raise EtbenchError("m", stage="parity")


def test_without_a_log_what_is_printed_is_read_and_goes_to_standard_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(EtbenchError) as caught, log_or_stderr("") as log, adding_printed(log):
        Path(log).write_text(FAILED)
        raise EtbenchError("error 0x1", stage="parity")
    assert caught.value.log == runtime_lines(FAILED)
    assert capfd.readouterr().err == FAILED
    assert not Path(log).exists()


def test_a_log_is_used_as_it_is(tmp_path: Path) -> None:
    with log_or_stderr(str(tmp_path / "log")) as log:
        assert log == str(tmp_path / "log")
