"""Checkpoints that fit, that do not, and that try to run code."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from etbench.errors import EtbenchError
from etbench.models.variants import Variants
from etbench.models.weights import apply_checkpoint


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def _other() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).state_dict()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {name: value for name, value in state.items() if "num_batches" not in name},
    ],
    ids=["plain", "in a training checkpoint", "from DataParallel", "without counters"],
)
def test_a_checkpoint_that_fits_is_loaded(wrap: Any, net: nn.Module, tmp_path: Path) -> None:
    torch.save(wrap(_other()), tmp_path / "net.pt")
    apply_checkpoint(net, tmp_path / "net.pt")
    assert torch.equal(net.state_dict()["0.weight"], _other()["0.weight"])


def test_safetensors_are_loaded(net: nn.Module, tmp_path: Path) -> None:
    save_file(_other(), tmp_path / "net.safetensors")
    apply_checkpoint(net, tmp_path / "net.safetensors")
    assert torch.equal(net.state_dict()["0.bias"], _other()["0.bias"])


def test_missing_unexpected_and_misshapen_keys_are_named_and_nothing_is_loaded(
    net: nn.Module, tmp_path: Path
) -> None:
    state = _other()
    state["head.weight"] = state.pop("0.bias")
    state["0.weight"] = torch.zeros(5, 3)
    torch.save(state, tmp_path / "net.pt")
    before = net.state_dict()["0.weight"].clone()
    with pytest.raises(EtbenchError) as caught:
        apply_checkpoint(net, tmp_path / "net.pt")
    assert caught.value.stage == "load"
    assert "1 missing (0.bias)" in caught.value.message
    assert "1 unexpected (head.weight)" in caught.value.message
    assert "0.weight (5, 3) instead of (2, 3)" in caught.value.message
    assert torch.equal(net.state_dict()["0.weight"], before)


def _deep(changes: dict[str, int]) -> nn.Module:
    """Layers of a width, as deep as the configuration says, and a head."""
    config = {"depth": 3, "width": 4, "heads": 4, "labels": 2} | changes
    if config["width"] % config["heads"]:
        raise ValueError("the width is no multiple of the heads")
    layers = nn.Sequential(*(nn.Linear(config["width"], config["width"]) for _ in range(config["depth"])))
    return nn.ModuleDict({"layers": layers, "head": nn.Linear(config["width"], config["labels"])})


@pytest.mark.parametrize(
    ("other", "hint"),
    [
        ({"labels": 7}, "it fits with +model.config.labels=7"),
        ({"depth": 5}, "it fits with ++model.config.depth=5"),
        ({"depth": 2, "width": 8}, "it fits with ++model.config.depth=2 +model.config.width=8"),
    ],
    ids=["labels", "depth", "both"],
)
def test_the_values_with_which_a_checkpoint_fits_are_derived_from_its_shapes(
    other: dict[str, int], hint: str, tmp_path: Path
) -> None:
    torch.save(_deep(other).state_dict(), tmp_path / "net.pt")
    variants = Variants(_deep, {"depth": 3, "width": 4, "heads": 4, "labels": 2}, {"depth": 3})
    with pytest.raises(EtbenchError, match="does not fit") as caught:
        apply_checkpoint(_deep({}), tmp_path / "net.pt", variants)
    assert caught.value.hint == hint


def test_no_value_is_advised_with_which_a_checkpoint_does_not_fit(tmp_path: Path) -> None:
    state = _deep({"labels": 7}).state_dict()
    torch.save(state | {"more": torch.zeros(1)}, tmp_path / "net.pt")
    with pytest.raises(EtbenchError, match="does not fit") as caught:
        apply_checkpoint(_deep({}), tmp_path / "net.pt", Variants(_deep, {"labels": 2}, {}))
    assert "exactly this architecture" in caught.value.hint


def test_a_long_list_of_keys_is_cut(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "empty.pt")
    deep = nn.Sequential(*(nn.Linear(1, 1) for _ in range(20)))
    with pytest.raises(EtbenchError, match=r"40 missing \(0\.weight, .* and 32 more\)"):
        apply_checkpoint(deep, tmp_path / "empty.pt")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_is_no_checkpoint_is_an_error_of_load(
    suffix: str, net: nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"not a checkpoint at all")
    with pytest.raises(EtbenchError, match="cannot read the checkpoint") as caught:
        apply_checkpoint(net, path)
    assert caught.value.stage == "load"


def test_a_saved_list_is_no_state_dict(net: nn.Module, tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(EtbenchError, match="is not a state dict"):
        apply_checkpoint(net, tmp_path / "list.pt")


class _Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("save", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))])
def test_code_in_a_checkpoint_never_runs(save: Any, net: nn.Module, tmp_path: Path) -> None:
    save({"0.weight": _Malicious(tmp_path / "pwned")}, tmp_path / "net.pt")
    with pytest.raises(EtbenchError, match="cannot read the checkpoint"):
        apply_checkpoint(net, tmp_path / "net.pt")
    assert not (tmp_path / "pwned").exists()
