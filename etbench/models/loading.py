"""Call the `_target_` of a model's YAML and check what it returns."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from etbench.config import Generation, Model
from etbench.config.component import instantiate
from etbench.errors import EtbenchError
from etbench.models.inputs import FixedInputs, Inputs, shaped_inputs

__all__ = ["LoadedModel", "load"]


@dataclass(frozen=True)
class LoadedModel:
    """A module ready for export, with its inputs and outputs.

    Args:
        module: in evaluation mode, takes the tensors of `inputs` and returns tensors in any nesting.
        inputs: turns photographs or sentences into tensors of the module's input shapes.
        logits_axis: the axis of the first output along which classes compete; None if there is none.
        weights: where the weights came from, for the result.
        exported: its export, if it was loaded as one; else it is exported later.
        generation: for a language model that is called token by token, see `etbench.models.decoder.Decoder`.

    """

    module: nn.Module
    inputs: Inputs
    logits_axis: int | None = None
    weights: str = "custom"
    exported: ExportedProgram | None = None
    generation: Generation | None = None


def load(model: Model) -> LoadedModel:
    """Load the model that the YAML describes.

    Raises:
        EtbenchError: of stage ``load``, also if the target returns something of another type.

    """
    torch.manual_seed(int(model.options.get("seed", 0)))
    loaded = instantiate(model.target, model.options, stage="load")
    if isinstance(loaded, nn.Module) and model.inputs:
        loaded = LoadedModel(loaded, shaped_inputs(model.inputs))
    elif isinstance(loaded, tuple) and len(loaded) == 2 and isinstance(loaded[0], nn.Module):
        module, given = loaded
        loaded = LoadedModel(module, _fixed_inputs(given if isinstance(given, list) else [given]))
    if not isinstance(loaded, LoadedModel):
        raise EtbenchError(
            f"{model.target} returned {type(loaded).__name__}",
            stage="load",
            hint="return etbench.models.LoadedModel, or a pair of a module and its example inputs, or only a "
            "module and describe its inputs: model.inputs=[{shape: [1, 3, 224, 224], dtype: float32}]",
        )
    if model.inputs:
        loaded = dataclasses.replace(loaded, inputs=shaped_inputs(model.inputs))
    if loaded.exported is None:  # an exported graph has no modes, and `eval` fails
        loaded.module.eval()
    for parameter in loaded.module.parameters():
        parameter.requires_grad_(False)
    return loaded


def _fixed_inputs(examples: list[Any]) -> FixedInputs:
    """Return the inputs of one or several examples, each a tensor or the tuple of a call's arguments."""
    first, *more = [example if isinstance(example, tuple) else (example,) for example in examples] or [()]
    inputs = FixedInputs(first, more=tuple(more))
    if not all(_alike(first, other) for other in more):
        raise EtbenchError(
            "the examples of a list differ in their number of inputs, their shapes or their dtypes",
            stage="load",
            hint="a list has several examples, each a tensor or a tuple of all inputs of one call; for one "
            "example with several inputs return a tuple: return module, (x, mask)",
        )
    if more:
        described = f"{len(examples)} {inputs.description.removeprefix('the ')}"
        inputs = dataclasses.replace(inputs, description=described)
    return inputs


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Return whether two examples have the same number of inputs, of the same shapes and dtypes."""

    def kinds(example: tuple[Any, ...]) -> list[Any]:
        return [(getattr(x, "shape", None), getattr(x, "dtype", type(x))) for x in example]

    return kinds(one) == kinds(other)
