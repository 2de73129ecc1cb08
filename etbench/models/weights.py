"""Read checkpoints without running code from them, and load them only if they fit exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from etbench.errors import EtbenchError
from etbench.models.variants import Variants
from etbench.text import and_more

__all__ = ["apply_checkpoint", "fetching", "misfitting", "unreachable"]

SHOWN = 8
WRAPPERS = ("state_dict", "model", "model_state_dict")


def apply_checkpoint(module: nn.Module, path: Path, variants: Variants | None = None) -> None:
    """Load a state dict from a ``.safetensors`` or ``torch.save`` file into the module, exactly.

    Args:
        module: gets the weights.
        path: of the file.
        variants: makes the module with other values of its configuration, to find those that would fit.

    Raises:
        EtbenchError: of stage ``load``, naming missing, unexpected and misshapen keys, and the override with
            which the checkpoint fits, if it can be derived.

    """
    state = _read(path)
    own = module.state_dict()
    buffers = {name for name in own if name.endswith("num_batches_tracked")}
    missing = [name for name in own if name not in state and name not in buffers]
    unexpected = [name for name in state if name not in own]
    misshapen = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if missing or unexpected or misshapen:
        parts = [
            _list("missing", missing),
            _list("unexpected", unexpected),
            _list("with another shape", misshapen),
        ]
        raise EtbenchError(
            f"the checkpoint {path} does not fit the model: {'; '.join(filter(None, parts))}",
            stage="load",
            hint=(variants.fitting(own, state) if variants else "")
            or "use a checkpoint of exactly this architecture, with the same number of classes",
        )
    module.load_state_dict(state, strict=False)


def unreachable(what: str, error: Exception) -> EtbenchError:
    """Return the error for something that could not be downloaded, such as ``the tokenizer of …``."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return EtbenchError(
        f"cannot get {what}: {type(error).__name__}: {first}",
        stage="load",
        hint="check the network, or give a downloaded checkpoint: model.weights=<path>",
    )


@contextmanager
def fetching(what: str, weights: str) -> Iterator[None]:
    """Explain an error of the body if it downloads pretrained weights; otherwise raise it unchanged.

    Raises:
        EtbenchError: of stage ``load``; see `unreachable`.

    """
    try:
        yield
    except Exception as error:
        if weights == "pretrained":
            raise unreachable(f"the pretrained weights of {what}", error) from error
        raise


def misfitting(path: str, missing: Sequence[str], misshapen: Sequence[str], advice: str = "") -> EtbenchError:
    """Return the error for saved weights that lack what the model needs, or have other shapes."""
    if misshapen:
        advice = "leave out the values of model.config and model.image_size that change shapes"
    parts = [_list("missing", missing), _list("with another shape", misshapen)]
    return EtbenchError(
        f"the weights of {path} do not fit the model: {'; '.join(filter(None, parts))}",
        stage="load",
        hint=advice or "use a checkpoint of exactly this architecture",
    )


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
            for wrapper in WRAPPERS:
                if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
                    state = state[wrapper]
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise EtbenchError(
            f"cannot read the checkpoint {path}: {type(error).__name__}: {first[:200]}",
            stage="load",
            hint="give a .safetensors file, or a state dict written by torch.save",
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise EtbenchError(
            f"the checkpoint {path} is not a state dict", stage="load", hint="save model.state_dict()"
        )
    prefix = "module."
    if state and all(name.startswith(prefix) for name in state):  # saved from DataParallel
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _list(label: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"{len(names)} {label} ({and_more(names, SHOWN)})"
