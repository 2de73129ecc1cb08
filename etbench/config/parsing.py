"""From composed YAML to a cell, or to all errors in it; OmegaConf objects are not used beyond this module."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from etbench.config.cell import Cell, Settings
from etbench.config.env import env_section
from etbench.config.model_data import saved_weights
from etbench.config.naming import as_built, mixed, model_name, runtime_fault
from etbench.config.sections import Delegate, Evaluate, KnownOptions, Model, Precision, Section
from etbench.errors import ConfigError, nearest
from etbench.redaction import secret_fault, secrets_written_in, without_secrets_in
from etbench.system.files import LONGEST_STEM
from etbench.text import share

__all__ = ["COMPONENTS", "is_option", "parse"]


GROUPS = ("model", "precision", "delegate")  # whose names make that of a file, see `Cell.stem`

# The sections that name a callable or a hook: their unknown keys are passed on as options.
COMPONENTS: dict[str, type[Section]] = {
    "model": Model,
    "precision": Precision,
    "delegate": Delegate,
    "evaluate": Evaluate,
}


def parse(composed: DictConfig | Mapping[str, Any]) -> Cell:
    """Check a composed configuration and return it as a frozen `Cell`.

    Raises:
        ConfigError: with the errors of all sections: unknown keys, wrong types, values out of range.

    """
    config = _plain(composed)
    config["env"] = env_section(config.get("env"))
    faults = list(map(secret_fault, _written_secrets(composed)))
    sections: dict[str, Any] = {}
    for name, kind in COMPONENTS.items():
        section = config.get(name, {} if kind is Evaluate else None)  # older results have no such section
        if isinstance(section, dict):
            known = {info.encode_name for info in msgspec.structs.fields(kind)}
            options = {key: value for key, value in section.items() if key not in known}
            if kind is Model and options.get("weights", "") is None and _is_etbenchs(section):
                options["weights"] = saved_weights(options)
            _convert(options, KnownOptions, name, faults)
            section = {key: value for key, value in section.items() if key in known} | {"options": options}
            if kind is Model and section.get("name", "") is None:
                section["name"] = model_name(section)
        sections[name] = _convert(section, kind, name, faults)
    if isinstance(sections["precision"], Precision):
        if sections["precision"].blocks is not None and sections["precision"].min_sqnr_db is not None:
            faults.append("precision.blocks and precision.min_sqnr_db: only one of them can be set")
        sections["precision"] = mixed(sections["precision"])
    if isinstance(sections["model"], Model) and sections["model"].ready:
        chosen = sections["delegate"] if isinstance(sections["delegate"], Delegate) else None
        faults += filter(None, [_format_fault(sections["model"]), runtime_fault(sections["model"], chosen)])
        sections |= as_built(sections["model"], chosen)
    rest = {key: value for key, value in config.items() if key not in COMPONENTS}
    if isinstance(rest.get("fail_above"), str | int | float):
        rest["fail_above"] = _share("fail_above", str(rest["fail_above"]), faults)
    top = _convert(rest, Settings, "", faults)
    if faults:
        raise ConfigError(faults)
    settings = {name: getattr(top, name) for name in Settings.__struct_fields__}
    cell = Cell(**sections, **settings, config=without_secrets_in(config))
    if (length := len(cell.stem)) > LONGEST_STEM:
        names = ", ".join(f"{group}.name={getattr(cell, group).name}" for group in GROUPS)
        raise ConfigError([f"{names}: together {length} characters, but a file name may have {LONGEST_STEM}"])
    return cell


def _share(key: str, text: str, faults: list[str]) -> float:
    """Read a share such as 5% or 0.05; on an error append its description."""
    try:
        return share(text)
    except ValueError as error:
        faults.append(f"{key}={text}: {error}")
        return 1.0


def _format_fault(model: Model) -> str | None:
    """Return what is wrong with the memory format of a program that is ready."""
    if model.memory_format == "contiguous":
        return None
    return f"model.memory_format={model.memory_format}: {model.name} is already built"


def _is_etbenchs(section: dict[str, Any]) -> bool:
    """Return whether etbench's own code loads the model; other code decides for itself what null means."""
    return str(section.get("_target_")).startswith("etbench.models.")


def is_option(key: str) -> bool:
    """Return whether a dotted key is passed on to the function that its section names, with all inside it."""
    group, _, rest = key.partition(".")
    kind = COMPONENTS.get(group)
    if kind is None:
        return False
    return rest.partition(".")[0] not in {info.encode_name for info in msgspec.structs.fields(kind)}


def _plain(composed: DictConfig | Mapping[str, Any]) -> dict[str, Any]:
    """Resolve interpolations and leave OmegaConf behind."""
    if not isinstance(composed, DictConfig):
        return dict(composed)
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError([str(error).splitlines()[0]]) from error
    return {str(key): value for key, value in dict(plain).items()} if isinstance(plain, dict) else {}


def _written_secrets(composed: DictConfig | Mapping[str, Any]) -> list[str]:
    """Return where a composition has a secret itself, instead of a reference to one."""
    if not isinstance(composed, DictConfig):  # what is known of it is resolved
        return []
    return secrets_written_in(OmegaConf.to_container(composed, resolve=False))


T = TypeVar("T")
TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
TYPES |= {"array": "a list", "object": "keys with values", "null": "null"}


def _convert(section: Any, kind: type[T], prefix: str, faults: list[str]) -> T | Any:
    """Convert one section; on an error append its description and return None.

    msgspec stops at the first error of a section, so the wrong value is removed and the rest is
    converted again, until no more errors are found.
    """
    rest, taken_out = section, set[tuple[str, ...]]()
    while True:
        try:
            converted = msgspec.convert(rest, kind)
            return None if taken_out else converted
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `")
            path = (
                path.strip("`$").strip(".").removesuffix("[...]")
            )  # for a mapping, msgspec does not name the key
            place = tuple(re.findall(r"[^.\[\]]+", path))
            unknown, missing = (
                re.match(rf"Object {what} field `(.+)`", text)
                for what in ("contains unknown", "missing required")
            )
            if unknown:
                place = (*place, unknown[1])
                faults.append(_unknown_key(section, kind, prefix, path, unknown[1]))
            elif not missing:
                value = _lookup(section, path)
                shown = f"={'null' if value is None else value}" if path else ""
                faults.append(f"{_key(prefix, path)}{shown}: {_reworded(text)}")
            elif (*place, missing[1]) not in taken_out:
                faults.append(f"{_key(prefix, path)}: the key `{missing[1]}` is missing")
            rest = copy.deepcopy(rest)
            culprit = _take_out(rest, place)
            if not culprit:
                return None
            taken_out.add(culprit)


def _reworded(text: str) -> str:
    """Return a message of msgspec in the words of someone who writes YAML, not JSON or Python."""

    def words(named: re.Match[str]) -> str:
        kinds = named[1].split(" | ")
        return " or ".join(map(TYPES.__getitem__, kinds)) if TYPES.keys() >= set(kinds) else named[0]

    text = re.sub(r"`([^`]+)`", words, text)
    return text[0].lower() + text[1:]


def _unknown_key(section: Any, kind: type[Any], prefix: str, path: str, name: str) -> str:
    known = [info.encode_name for info in msgspec.structs.fields(kind)]
    if path:  # composed YAML has a key for everything that can be set there
        known = [other for other in _lookup(section, path) if other != name]
    return f"{_key(prefix, path, name)}: unknown key{nearest(name, known)}"


def _key(*parts: str) -> str:
    return ".".join(filter(None, parts))


def _take_out(section: Any, place: tuple[str, ...]) -> tuple[str, ...]:
    """Remove what is at a place of nested mappings, or the last existing key on the way; return its place."""
    for depth, key in enumerate(place, 1):
        if not isinstance(section, dict) or key not in section:
            return ()
        inner = section[key]
        if depth == len(place) or not isinstance(inner, dict) or place[depth] not in inner:
            del section[key]
            return place[:depth]
        section = inner
    return ()


def _lookup(section: Any, path: str) -> Any:
    for part in re.findall(r"[^.\[\]]+", path):
        if isinstance(section, list):
            section = section[int(part)]
        else:
            section = section.get(part) if isinstance(section, dict) else None
    return section
