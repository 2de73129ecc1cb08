"""Call the `_target_` of a model's YAML and check what it returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from etbench.config import Generation, Model
from etbench.config.component import instantiate
from etbench.config.sections import UNDECLARED
from etbench.errors import EtbenchError
from etbench.models.arguments import Arguments, flatten_example, taking_tensors
from etbench.models.inputs import FixedInputs, Inputs, shaped_inputs

__all__ = ["LoadedModel", "load"]


@dataclass(frozen=True)
class LoadedModel:
    """A module ready for export, with its inputs and outputs.

    Args:
        module: in evaluation mode, takes the tensors of `inputs` and returns tensors in any nesting.
        inputs: turns photographs or sentences into tensors of the module's input shapes.
        logits_axis: the axis of the first output along which classes compete; None if there is none.
        weights: where the weights came from, for the result, such as ``random`` or ``epoch 12``. If the
            function does not declare it, it is the option `weights` of the model's YAML, if there is one.
        exported: its export, if it was loaded as one; else it is exported later.
        generation: for a language model that is called token by token, see `etbench.models.decoder.Decoder`.
        constants: the example inputs that are not tensors, by name; the module calls its own `forward` with
            them.

    """

    module: nn.Module
    inputs: Inputs
    logits_axis: int | None = None
    weights: str = UNDECLARED
    exported: ExportedProgram | None = None
    generation: Generation | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)


def load(model: Model) -> LoadedModel:
    """Load the model that the YAML describes.

    Raises:
        EtbenchError: of stage ``load``, also if the target returns something of another type or its inputs
            have a batch of 0.

    """
    torch.manual_seed(int(model.options.get("seed", 0)))
    loaded = instantiate(model.target, model.options, stage="load")
    if isinstance(loaded, nn.Module) and model.inputs:
        loaded = LoadedModel(loaded, shaped_inputs(model.inputs))
    else:
        loaded = _from_tuple(loaded)
    if not isinstance(loaded, LoadedModel):
        raise EtbenchError(
            f"{model.target} returned {type(loaded).__name__}",
            stage="load",
            hint="return etbench.models.LoadedModel, or a pair of a module and its example inputs (and a "
            "dict of keyword arguments, if it takes any), or only a module and describe its inputs: "
            "model.inputs=[{shape: [1, 3, 224, 224], dtype: float32}]",
        )
    if loaded.exported is not None and model.dynamic.sizes:
        raise EtbenchError(
            "model.dynamic: an exported program has the axes that it was exported with",
            stage="load",
            hint="give torch.export.export the dynamic_shapes, and leave out model.dynamic",
        )
    if loaded.weights == UNDECLARED:
        loaded = dataclasses.replace(loaded, weights=model.weights)
    if loaded.exported is None:  # an exported graph has no modes, and `eval` fails
        loaded.module.eval()
    for parameter in loaded.module.parameters():
        parameter.requires_grad_(False)
    loaded = _with_flat_inputs(loaded)
    if model.inputs:
        loaded = dataclasses.replace(loaded, inputs=shaped_inputs(model.inputs))
    _refuse_empty(loaded.inputs, model.target)
    return loaded


def _from_tuple(found: Any) -> Any:
    """Return the model of a module, its example inputs and its keyword arguments, if it has any.

    A list has several examples, each a tensor or the tuple of a call's arguments.
    """
    match found:
        case (nn.Module() as module, example):
            keywords: Mapping[str, Any] = {}
        case (nn.Module() as module, example, dict(keywords)):
            pass
        case _:
            return found
    examples = example if isinstance(example, list) else [example]
    first, *more = [one if isinstance(one, tuple) else (one,) for one in examples] or [()]
    inputs = FixedInputs(first, more=tuple(more), keywords=keywords)
    if more:
        described = f"{len(examples)} {inputs.description.removeprefix('the ')}"
        inputs = dataclasses.replace(inputs, description=described)
    return LoadedModel(module, inputs)


def _with_flat_inputs(loaded: LoadedModel) -> LoadedModel:
    """Return the model with a module that takes flat tensors, if its example inputs are not flat."""
    inputs = loaded.inputs
    if not isinstance(inputs, FixedInputs) or not (inputs.tensors or inputs.keywords):
        return loaded
    tensors, arguments = flatten_example(loaded.module, inputs.tensors, inputs.keywords)
    more = tuple(_like_first(loaded, other, tensors, arguments) for other in inputs.more)
    inputs = dataclasses.replace(inputs, tensors=tensors, more=more, keywords={})
    if arguments is None:
        return dataclasses.replace(loaded, inputs=inputs)
    return dataclasses.replace(
        loaded,
        module=taking_tensors(loaded.module, arguments),
        inputs=inputs,
        exported=None,  # it takes the nested arguments
        constants=arguments.constants,
    )


def _like_first(
    loaded: LoadedModel, example: tuple[Any, ...], first: Sequence[Tensor], arguments: Arguments | None
) -> tuple[Tensor, ...]:
    """Return the tensors of a further example, which must have the structure and shapes of the first one."""
    keywords = loaded.inputs.keywords if isinstance(loaded.inputs, FixedInputs) else {}
    tensors, other = flatten_example(loaded.module, example, keywords)
    kinds = [[(tensor.shape, tensor.dtype) for tensor in one] for one in (first, tensors)]
    if kinds[0] != kinds[1] or other != arguments:
        raise EtbenchError(
            "the examples of a list differ in their number of inputs, their shapes or their dtypes, or in a "
            "value that is not a tensor",
            stage="load",
            hint="a list has several examples, each a tensor or a tuple of all inputs of one call; for one "
            "example with several inputs return a tuple: return module, (x, mask)",
        )
    return tensors


def _refuse_empty(inputs: Inputs, target: str) -> None:
    """Raise an error if there is nothing to run a model with."""
    if isinstance(inputs, FixedInputs) and not inputs.tensors:
        raise EtbenchError(f"the example inputs of {target} contain no tensor", stage="load")
    if inputs.batch == 0:
        raise EtbenchError(
            f"the inputs of {target} have a batch of 0",
            stage="load",
            hint="the batch is the first axis of the first input; it must be at least 1",
        )
