"""What a precision quantized of a program: counted in the graph that it returned, before it is lowered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.export import ExportedProgram

from etbench.artifact import Quantized
from etbench.builder.macs import count_macs
from etbench.config.sections import Precision
from etbench.errors import NotApplicableError
from etbench.precisions.skip import module_path
from etbench.text import and_more

__all__ = [
    "all_nodes",
    "computes",
    "count_quantized",
    "is_conversion",
    "quantized_operators",
    "refuse_uncast",
    "refuse_unquantized",
]

# The namespaces of PT2E's and torchao's conversions between floats and integers.
CONVERSIONS = ("quantized_decomposed", "torchao")
# Operators without weights that have an integer form in PT2E for XNNPACK; others, such as `gelu` or a
# product of two activations, compute in float even where integers surround them.
INTEGER_FORM = frozenset(
    {
        *("adaptive_avg_pool2d", "add", "add_", "cat", "hardtanh", "hardtanh_", "max_pool2d", "mean", "mul"),
        *("mul_", "relu", "relu_"),
    }
)
# Operators that return their first input, as far as inference is concerned.
PASSING = frozenset({"clone", "dropout", "dropout_"})
WHOLE_MODEL = "<model>"


def count_quantized(program: ExportedProgram) -> Quantized:
    """Return what of a program computes with, and stores, integers instead of floats.

    Args:
        program: as the precision returned it, so with the conversions between floats and integers.

    """
    nodes = list(all_nodes(program))
    constants = _Constants(program)
    operators = [node for node in nodes if computes(node)]
    quantized = _quantized(operators, constants)
    in_float = [node for node in operators if node not in quantized]
    macs = count_macs(operators)
    total = None if macs is None else sum(macs.values())
    return Quantized(
        macs=total,
        macs_share=sum(macs.get(node, 0) for node in quantized) / total if macs and total else None,
        weights_share=_weights_share(nodes, constants),
        operators=_counted(quantized),
        operators_in_float=_counted(in_float),
        layers_in_float=_layers(in_float, macs or {}, constants),
    )


def quantized_operators(program: ExportedProgram) -> dict[fx.Node, bool]:
    """Return the operators that compute with integers, in the order they run, and which have weights."""
    constants = _Constants(program)
    operators = [node for node in program.graph.nodes if computes(node)]
    quantized = _quantized(operators, constants)
    return {
        node: any(constants.integers_of(source) is not None for source in map(_origin, _floats(node)))
        for node in operators
        if node in quantized
    }


def refuse_unquantized(quantized: Quantized, precision: Precision) -> None:
    """Refuse a program of which nothing is quantized, since it would be measured under a wrong name.

    Raises:
        NotApplicableError: of stage ``quantize``; it names the operators that the precision left in float.

    """
    if quantized.operators or quantized.weights_share:
        return
    kept = precision.options.get("keep_fp32")
    but = f" (precision.keep_fp32=[{', '.join(kept)}])" if kept else ""
    kinds = and_more(quantized.operators_in_float) or "on integers"
    raise NotApplicableError(
        f"{precision.name} quantizes nothing of this model{but}, so the program would be that of fp32: its "
        f"operators are {kinds}",
        stage="quantize",
    )


def refuse_uncast(program: ExportedProgram, dtype: torch.dtype, precision: Precision) -> None:
    """Refuse a program that a cast did not change, since it would be measured under a wrong name.

    Raises:
        NotApplicableError: of stage ``quantize``, if nothing of the program is of the dtype of the cast.

    """
    values = [node.meta.get("val") for node in program.graph.nodes]
    if not any(isinstance(value, Tensor) and value.dtype == dtype for value in values):
        raise NotApplicableError(
            f"{precision.name} changes nothing of this model, so the program would be that of fp32: "
            "it has no floating-point weights or inputs",
            stage="quantize",
        )


class _Constants:
    """The tensors that a program stores, by the names of their nodes."""

    def __init__(self, program: ExportedProgram) -> None:
        signature = program.graph_signature
        self._parameters = set(signature.inputs_to_parameters)
        self._others = {*signature.inputs_to_buffers, *signature.inputs_to_lifted_tensor_constants}

    def is_weight(self, node: fx.Node) -> bool:
        """Return whether this is a parameter in float."""
        return node.name in self._parameters and _is_float(node)

    def integers_of(self, node: fx.Node) -> fx.Node | None:
        """Return the integers that the program stores if a node turns them back into a weight, else None."""
        stored = node.args[0] if _is_from_integers(node) else None
        if not isinstance(stored, fx.Node):
            return None
        stored = _origin(stored)
        if _is_float(stored) or not (stored.name in self._parameters or stored.name in self._others):
            return None
        return stored if node.meta["val"].numel() > 1 else None  # a scalar is not a weight


def _quantized(operators: Iterable[fx.Node], constants: _Constants) -> set[fx.Node]:
    """Return the operators that compute with integers."""
    found: set[fx.Node] = set()
    for node in operators:
        if _is_quantized(node, constants, found):
            found.add(node)
    return found


def _is_quantized(node: fx.Node, constants: _Constants, before: set[fx.Node]) -> bool:
    """Return whether an operator computes with integers.

    All its floating-point inputs, except biases, come from integers, and either one of them is a weight or
    the operator has an integer form and gives integers. An activation function belongs to the operator
    before it.

    Args:
        node: the operator.
        constants: of its program.
        before: the quantized operators before it.

    """
    inputs = [source for source in map(_origin, _floats(node)) if not _is_bias(source, constants)]
    if not inputs:
        return False
    if all(map(_is_from_integers, inputs)) and any(map(constants.integers_of, inputs)):
        return True
    fit = all(_is_from_integers(source) or source in before for source in inputs)
    return fit and _kind(node) in INTEGER_FORM and _gives_integers(node)


def _gives_integers(node: fx.Node) -> bool:
    """Return whether only conversions to integers, of ranges that are known beforehand, use an operator."""
    users = list(node.users)
    return bool(users) and all(
        (is_conversion(user, "quantize") and not any(map(_is_range, user.all_input_nodes)))
        or ((_kind(user) in INTEGER_FORM or _passes_on(user)) and _gives_integers(user))
        for user in users
    )


def _is_range(node: fx.Node) -> bool:
    """Return whether a node is a scale or zero point that is computed at run time."""
    source = node.args[0] if getattr(node.target, "__name__", "") == "getitem" else node
    return isinstance(source, fx.Node) and is_conversion(source, "choose_qparams")


def _weights_share(nodes: Iterable[fx.Node], constants: _Constants) -> float | None:
    """Return the share of the elements of weights that are stored as integers."""
    as_integers: dict[str, int] = {}
    in_float: dict[str, int] = {}
    for node in nodes:
        if (stored := constants.integers_of(node)) is not None:
            as_integers[stored.name] = int(node.meta["val"].numel())
        elif constants.is_weight(node) and not all(is_conversion(user) for user in node.users):
            in_float[node.name] = int(node.meta["val"].numel())
    integers = sum(as_integers.values())
    total = integers + sum(in_float.values())
    return integers / total if total else None


def _layers(
    in_float: Iterable[fx.Node], macs: dict[fx.Node, int], constants: _Constants
) -> dict[str, float | None]:
    """Return the modules with multiply-accumulates or a matrix of weights in float, the largest first."""
    layers: Counter[str] = Counter()
    for node in in_float:
        matrices = (source for source in map(_origin, _floats(node)) if constants.is_weight(source))
        if node in macs or any(source.meta["val"].ndim > 1 for source in matrices):
            layers[module_path(node) or WHOLE_MODEL] += macs.get(node, 0)
    total = sum(macs.values())
    return {path: count / total if total else None for path, count in layers.most_common()}


def all_nodes(program: ExportedProgram) -> Iterator[fx.Node]:
    """Yield the nodes of a program, with those of the branches of `torch.cond`."""
    for module in program.graph_module.modules():
        if isinstance(module, fx.GraphModule):
            yield from module.graph.nodes


def computes(node: fx.Node) -> bool:
    """Return whether a node is an operator on floats, and not only a conversion or another view of one."""
    return (
        isinstance(node.target, OpOverload)
        and node.target.namespace not in CONVERSIONS
        and not _passes_on(node)
        and bool(_floats(node))
        and _gives_floats(node)
    )


def _gives_floats(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return any(
        isinstance(one, Tensor) and one.is_floating_point()
        for one in (value if isinstance(value, (list, tuple)) else (value,))
    )


def _passes_on(node: fx.Node) -> bool:
    if not isinstance(node.target, OpOverload):
        return False
    returns = [given.alias_info for given in node.target._schema.returns]
    views = any(alias is not None and not alias.is_write for alias in returns)
    return views or _kind(node) in PASSING


def _origin(node: fx.Node) -> fx.Node:
    """Return the node whose values this one has, perhaps in another shape."""
    while _passes_on(node) and node.args and isinstance(node.args[0], fx.Node):
        node = node.args[0]
    return node


def _floats(node: fx.Node) -> list[fx.Node]:
    return [source for source in node.all_input_nodes if _is_float(source)]


def _is_float(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.is_floating_point()


def _is_bias(node: fx.Node, constants: _Constants) -> bool:
    return constants.is_weight(node) and node.meta["val"].ndim <= 1


def _is_from_integers(node: fx.Node) -> bool:
    return is_conversion(node, "dequantize")


def is_conversion(node: fx.Node, name: str = "") -> bool:
    """Return whether a node converts between floats and integers, or finds the range for it."""
    target = node.target
    return (
        isinstance(target, OpOverload) and target.namespace in CONVERSIONS and target._opname.startswith(name)
    )


def _kind(node: fx.Node) -> str:
    """Return the name of an operator without its overload, such as ``conv2d``."""
    target = node.target
    return str(target.overloadpacket).removeprefix("aten.") if isinstance(target, OpOverload) else ""


def _counted(nodes: Iterable[fx.Node]) -> dict[str, int]:
    return dict(sorted(Counter(map(_kind, nodes)).items(), key=lambda item: (-item[1], item[0])))
