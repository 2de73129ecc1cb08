"""The arguments of a module as flat tensors: how they are taken apart, and put together again for a call."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from etbench.errors import EtbenchError
from etbench.models.wrapping import register_dataclasses

__all__ = ["Arguments", "flatten_example", "input_names", "taking_tensors"]

CONSTANTS = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.layout)
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Arguments:
    """How the arguments of a module's `forward` are made of tensors and constants.

    Args:
        names: of the tensors and constants, in order: that of the parameter, with indices and keys.
        constants: the values that are not tensors, by name; an export makes them part of the program.
        signature: of the module's own `forward`.
        tree: the nesting of its parameters' values.

    """

    names: tuple[str, ...]
    constants: Mapping[str, Any]
    signature: inspect.Signature = field(repr=False)
    tree: pytree.TreeSpec = field(repr=False)

    @property
    def tensor_names(self) -> tuple[str, ...]:
        """The names of the tensors only."""
        return tuple(name for name in self.names if name not in self.constants)

    def bind(self, tensors: Sequence[Tensor]) -> inspect.BoundArguments:
        """Return the arguments for a call with these tensors.

        Raises:
            TypeError: if there are more or fewer of them than the example has.

        """
        wanted = self.tensor_names
        if len(tensors) != len(wanted):
            raise TypeError(f"{len(wanted)} tensors are needed ({', '.join(wanted)}), not {len(tensors)}")
        values = dict(self.constants) | dict(zip(wanted, tensors, strict=True))
        bound = pytree.tree_unflatten([values[name] for name in self.names], self.tree)
        return inspect.BoundArguments(self.signature, bound)


def flatten_example(
    module: nn.Module, arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[tuple[Tensor, ...], Arguments | None]:
    """Return the tensors in the example arguments of a module, and how its arguments are made of them.

    They may be nested in tuples, lists, dictionaries and dataclasses, beside numbers, strings and None.
    If they are positional tensors only, there is nothing to put together, and None is returned.

    Args:
        module: its `forward` takes the arguments.
        arguments: positional ones.
        keywords: keyword arguments.

    Raises:
        EtbenchError: of stage ``load`` if `forward` does not take them, or if they contain no tensor or
            something that is neither a tensor nor a constant.

    """
    if arguments and not keywords and all(isinstance(value, Tensor) for value in arguments):
        return tuple(value.detach() for value in arguments), None
    signature = inspect.signature(module.forward)
    try:
        bound = dict(signature.bind(*arguments, **keywords).arguments)
    except TypeError as error:
        raise EtbenchError(
            f"the example inputs do not fit the model: {error}",
            stage="load",
            hint=f"its forward takes {signature}; the function of model._target_ returns the module, a tuple "
            "of the positional arguments and, if needed, a dict of the keyword arguments",
        ) from error
    register_dataclasses(bound)
    leaves, tree = pytree.tree_flatten_with_path(bound)
    names = _unique([_name(path, signature) for path, _ in leaves])
    values = dict(zip(names, (leaf for _, leaf in leaves), strict=True))
    constants = {name: value for name, value in values.items() if not isinstance(value, Tensor)}
    _check(values, constants)
    tensors = tuple(value.detach() for value in values.values() if isinstance(value, Tensor))
    return tensors, Arguments(tuple(names), constants, signature, tree)


def taking_tensors(module: nn.Module, arguments: Arguments) -> nn.Module:
    """Return the module with a `forward` that takes the flat tensors, and whose signature has their names.

    It shares all parts with the given module, and they have the same names in both, except for a graph, a
    module with hooks or one whose instance has a `forward` of its own: that is the part ``module``.
    """
    hooked = module._forward_pre_hooks or module._forward_hooks  # they see the arguments of `forward`
    if hooked or isinstance(module, fx.GraphModule) or "forward" in vars(module):
        module = _Calling(module)
    kind = type(module)

    def forward(self: nn.Module, *tensors: Tensor) -> Any:
        bound = arguments.bind(tensors)
        return kind.forward(self, *bound.args, **bound.kwargs)

    parameters = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for name in ("self", *arguments.tensor_names)
    ]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    body = {"forward": forward, "__module__": kind.__module__, "__qualname__": kind.__qualname__}
    flat: nn.Module = nn.Module.__new__(type(kind.__name__, (kind,), body))
    vars(flat).update(vars(module))
    return flat


def input_names(module: nn.Module) -> list[str]:
    """Return the names of the positional arguments of a module, except for those taken as ``*tensors``."""
    parameters = inspect.signature(module.forward).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind in POSITIONAL]


class _Calling(nn.Module):
    """A module that only calls another."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.training = module.training

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        return self.module(*arguments, **keywords)


def _name(path: pytree.KeyPath, signature: inspect.Signature) -> str:
    """Return ``state_0`` for the first member of the parameter ``state``, and so on."""
    words = re.findall(r"\w+", pytree.keystr(path))
    if len(words) > 1 and signature.parameters[words[0]].kind is inspect.Parameter.VAR_KEYWORD:
        words = words[1:]
    name = "_".join(words)
    return name if name.isidentifier() else f"input_{name}"


def _unique(names: Sequence[str]) -> list[str]:
    """Return the names, with a number added to those that are taken already."""
    found: list[str] = []
    for name in names:
        other, number = name, 1
        while other in found or other == "self":
            number += 1
            other = f"{name}_{number}"
        found.append(other)
    return found


def _check(values: Mapping[str, Any], constants: Mapping[str, Any]) -> None:
    """Raise an error for what is neither a tensor nor a constant, and if there is no tensor."""
    wrong = [
        f"{name} is {type(value).__module__}.{type(value).__qualname__}"
        for name, value in constants.items()
        if not isinstance(value, CONSTANTS)
    ]
    if wrong or len(values) == len(constants):
        raise EtbenchError(
            f"the example inputs cannot be used: {'; '.join(wrong) or 'they contain no tensor'}",
            stage="load",
            hint="inputs are tensors, numbers, strings and None, also nested in tuples, lists, dictionaries "
            "and dataclasses; torch.from_numpy makes a tensor of an array",
        )
