"""Check overrides one by one, so that one error does not hide another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from etbench.config import parse
from etbench.config.command import quoted
from etbench.config.parsing import is_option
from etbench.errors import ConfigError, closest, nearest
from etbench.preflight.broken_files import file_faults
from etbench.preflight.checks import missing_here
from etbench.preflight.hydra_config import conf_dir, has_key, key_paths, list_options, own_part
from etbench.preflight.override_text import (
    first_line,
    options_text,
    override_key,
    override_value,
    quoting_fault,
)

__all__ = ["OverrideChecker"]

USUAL = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*")  # the name of an option, which is that of a file
LONGEST = 100  # characters of it; a file name may have 255 bytes


class OverrideChecker:
    """Checks overrides one by one."""

    def __init__(
        self, loader: Any, search: list[str], config_name: str, config_dir: str | Path | None
    ) -> None:
        self.loader = loader
        self.search = search
        self._folders = [conf_dir(), *([Path(config_dir)] if config_dir else [])]
        self.config_name = config_name
        own = [path.name for path in Path(config_dir).iterdir() if path.is_dir()] if config_dir else []
        self.groups = [name for name in dict.fromkeys([*loader.list_groups(""), *own]) if name != "hydra"]
        self.refused: set[str] = set()  # groups with an unknown option
        self._composed: dict[tuple[str, ...], DictConfig] = {}  # composing takes about 50 ms
        self._own: dict[int, DictConfig] = {}  # by the id of one of these; taking it takes about 4 ms
        self._options: dict[str, list[str]] = {}

    def options(self, group: str) -> list[str]:
        """Return the options of a group, those in its folders as ``folder/option``."""
        if group not in self._options:
            self._options[group] = list_options(self.loader, self.search, self.config_name, group)
        return self._options[group]

    def mandatory(self, values: Sequence[Override], base: DictConfig) -> tuple[list[str], list[str]]:
        """Return the overrides that set what the YAML leaves to the user, and the keys that none sets.

        For a sweep, the first value represents all of them.
        """
        missing = OmegaConf.missing_keys(self.own_part(base))
        empty = ("", "???")
        of_missing = [item for item in values if item.key_or_group in missing]
        given = {item.key_or_group: item for item in of_missing if item.value() not in empty}
        needed = [f"{key}={self.texts(item)[0]}" for key, item in given.items()]
        return needed, sorted(missing - given.keys())

    def compose(self, choices: list[str], values: list[str]) -> DictConfig:
        """Compose with these overrides, Hydra's own part included."""
        overrides = (*self.search, *choices, *values)
        if overrides not in self._composed:
            self._composed[overrides] = hydra.compose(
                self.config_name, overrides=list(overrides), return_hydra_config=True
            )
        return self._composed[overrides]

    def base(self, choices: list[str], overrides: Sequence[Override]) -> tuple[DictConfig, list[str]]:
        """Compose the choices, or else the defaults, and list what is wrong with the chosen files."""
        values = [item for item in overrides if not (self.is_group(item) or item.is_hydra_override())]
        faults: list[str] = []
        for given in ([], [self.singles(item)[0] for item in values]):  # a value may be what a file refers to
            try:
                config = self.compose(choices, given)
            except (HydraException, OmegaConfBaseException) as error:
                faults = faults or [first_line(error)]
                continue
            faults = file_faults(self.own_part(config), config.hydra.runtime.choices, self._folders)
            if not faults:
                return config, []
        try:
            return self.compose([], []), faults
        except (HydraException, OmegaConfBaseException) as error:  # such as a wrong --config-name
            raise ConfigError([first_line(error)]) from error

    def own_part(self, config: DictConfig) -> DictConfig:
        """Return what `compose` returned without Hydra's own part; it must not be changed."""
        if id(config) not in self._own:
            self._own[id(config)] = own_part(config)
        return self._own[id(config)]

    def without_hydra(self, config: DictConfig) -> dict[str, Any]:
        """Return a composed configuration as plain values, without Hydra's own part."""
        return dict(OmegaConf.to_container(self.own_part(config), resolve=True))  # type: ignore[arg-type]

    def parsed(self, overrides: Sequence[str]) -> tuple[list[Override], list[str]]:
        """Return the overrides that can be read, and the text of those that cannot."""
        parser = OverridesParser.create()
        read, unread = [], []
        for text in overrides:
            try:
                item = parser.parse_override(text)
            except HydraException:
                unread.append(text)
                continue
            if isinstance(item.value(), Glob) and not self.is_group(item):
                unread.append(text)
            else:
                read.append(item)
        return read, unread

    def unread_fault(self, text: str, base: DictConfig) -> str:
        """Return what is wrong with an override that cannot be parsed, and what to write instead."""
        key, equals, _ = text.partition("=")
        known = self._known(base)
        if not equals:
            return f"{text}: expected key=value{self._meant(text.lstrip('+~'), known)}"
        group, value = override_key(text), override_value(text)
        if group in self.groups and value not in self.options(group):
            return self._no_such(group, value)
        parser = OverridesParser.create()
        try:
            parser.parse_override(f"{key}=0")
        except HydraException:
            return f"{text}: {key!r} is not a valid key{nearest(key, known)}"
        try:
            parser.parse_override(text)
        except HydraException as error:
            return quoting_fault(text, error)
        return f"{text}: glob() selects options of a group, and {group} is not a group"

    def _known(self, base: DictConfig) -> list[str]:
        """Return the groups and the keys of a composition."""
        return [*self.groups, *key_paths(self.without_hydra(base))]

    def _meant(self, word: str, keys: Sequence[str]) -> str:
        """Return which override may be meant by a single word: an option of a group, or the nearest key."""
        meant = [f"{group}={word}" for group in self.groups if word in self.options(group)]
        if not meant:
            words = {option: f"{group}={option}" for group in self.groups for option in self.options(group)}
            words |= {key: f"{key}=…" for key in keys}
            near = closest(word, words)
            meant = [words[near]] if near else []
        return f" (did you mean {' or '.join(map(repr, meant))}?)" if meant else ""

    def is_group(self, item: Override) -> bool:
        """Return whether an override chooses an option of a group."""
        return item.key_or_group in self.groups

    def valid_choice(self, item: Override, faults: list[str]) -> list[str]:
        """Report each unknown option of a group; return the first known one as an override."""
        group = item.key_or_group
        if item.is_delete():
            return [str(item.input_line)]
        chosen = self.chosen(item)
        known = []
        for option in chosen:
            if option == "null" or self._is_option(group, option):
                known.append(f"{group}={quoted(option)}")
            else:
                self.refused.add(group)
                faults.append(self._no_such(group, option))
        if not chosen:
            there = options_text(self.options(group))
            faults.append(f"{item.input_line}: matches no {group}; there are: {there}")
        return known[:1]

    def _is_option(self, group: str, option: str) -> bool:
        """Return whether a group has an option; to list them takes about 12 ms."""
        if len(option) < LONGEST and USUAL.fullmatch(option):
            file = Path(group, f"{option}.yaml")
            if any((folder / file).is_file() for folder in self._folders):
                return True
        return option in self.options(group)

    def _no_such(self, group: str, option: str) -> str:
        options = self.options(group)
        fault = (
            f"{group}={option}: no such {group}{nearest(option, options)}; there are: {options_text(options)}"
        )
        if self._folders[1:]:
            return fault
        return f"{fault}; your own {group}/{option}.yaml is found with --config-dir <folder>"

    def missing_here(self, choices: list[str], needed: list[str], base: DictConfig) -> list[str]:
        """List what is missing with these choices alone; a value may still set it.

        `base` is composed from the choices without the needed overrides.
        """
        try:
            whole = self.compose([*choices, *needed], []) if needed else base
            return missing_here(parse(self.without_hydra(whole)))
        except (ConfigError, HydraException, OmegaConfBaseException):
            return []

    def valid_together(self, values: Sequence[Override], choices: list[str], base: DictConfig) -> bool:
        """Return whether the first values of all these overrides are valid, which takes one composition.

        If not, `check_value` finds out which are wrong.
        """
        if not all(self._is_known(item, base) for item in values):
            return False
        try:
            whole = self.compose(choices, [self.singles(item)[0] for item in values])
            return not missing_here(parse(self.without_hydra(whole)))
        except (ConfigError, HydraException, OmegaConfBaseException):
            return False

    def check_value(
        self,
        item: Override,
        choices: list[str],
        base: DictConfig,
        before: list[str],
        faults: list[str],
        *,
        first_is_valid: bool,
    ) -> None:
        """Report an unknown key, or each value that the schema rejects or that does not exist."""
        if not self._is_known(item, base):
            faults.append(self._unknown_key(item, base))
            return
        for single in self.singles(item)[int(first_is_valid) :]:
            try:
                cell = parse(self.without_hydra(self.compose(choices, [single])))
            except ConfigError as error:
                faults += error.faults
            except (HydraException, OmegaConfBaseException) as error:
                faults.append(f"{single}: {first_line(error)}")
            else:
                faults += [fault for fault in missing_here(cell) if fault not in before]

    def _unknown_key(self, item: Override, base: DictConfig) -> str:
        """Return that a key is unknown, with the nearest one, or how to give an option to a function."""
        known = self._known(base)
        key, (parent, _, name) = item.key_or_group, item.key_or_group.rpartition(".")
        fault = f"{item.input_line}: unknown key {key!r}"
        group = key.partition(".")[0]
        if item.is_delete() or not has_key(base, f"{group}._target_") or not is_option(key):
            return fault + nearest(key, known)
        beside = [other.rpartition(".")[2] for other in known if other.rpartition(".")[0] == parent]
        return f"{fault}{nearest(name, beside)}; an option of {group}._target_ is given as +{item.input_line}"

    @staticmethod
    def _is_known(item: Override, base: DictConfig) -> bool:
        return item.is_add() or item.is_force_add() or has_key(base, item.key_or_group)

    def singles(self, item: Override) -> list[str]:
        """Return one override for each value of an override."""
        if not item.is_sweep_override():
            return [str(item.input_line)]
        prefix = {"ADD": "+", "FORCE_ADD": "++", "DEL": "~"}.get(item.type.name if item.type else "", "")
        return [f"{prefix}{item.key_or_group}={value}" for value in self.texts(item)]

    def only_of_swept(
        self, choices: Sequence[Override], values: Sequence[Override], faults: list[str]
    ) -> list[str]:
        """Return the overrides of keys that no default has; report the swept options without them."""
        swept = {item.key_or_group: item for item in choices if item.is_sweep_override()}
        fixed = [str(item.input_line) for item in choices if not item.is_sweep_override()]
        plain = [item for item in values if not (item.is_add() or item.is_force_add() or item.is_delete())]
        if not swept or not plain:
            return []
        start = self.compose(fixed, [])
        forced = [item for item in plain if not has_key(start, item.key_or_group)]
        for group in sorted({item.key_or_group.partition(".")[0] for item in forced} & swept.keys()):
            for option in self.chosen(swept[group]):
                config = self.compose([*fixed, f"{group}={quoted(option)}"], [])
                faults += [
                    f"{item.input_line}: {group}={option} has no {item.key_or_group}; sweep it separately"
                    for item in forced
                    if item.key_or_group.startswith(f"{group}.") and not has_key(config, item.key_or_group)
                ]
        return [str(item.input_line) for item in forced]

    def check_experiment(self, base: DictConfig, faults: list[str]) -> None:
        """Report the options that an experiment sweeps and that do not exist."""
        params = OmegaConf.select(base, "hydra.sweeper.params") or {}
        read, unread = self.parsed([f"{key}={value}" for key, value in params.items()])
        faults += [self.unread_fault(text, base) for text in unread]
        for item in filter(self.is_group, read):
            self.valid_choice(item, faults)

    def chosen(self, item: Override) -> list[str]:
        """Return the names of the options that an override of a group chooses."""
        value = item.value()
        if isinstance(value, Glob):
            return list(value.filter(self.options(item.key_or_group)))
        if isinstance(value, IntervalSweep):  # not an option of a group
            return self.texts(item)
        elements = item.sweep_iterator() if item.is_sweep_override() else [value]
        names = (one.text if isinstance(one, QuotedString) else one for one in elements)
        return ["null" if name is None else str(name) for name in names]

    @staticmethod
    def texts(item: Override) -> list[str]:
        """Return the values of an override as they are written, one for each override."""
        value = item.value()
        if isinstance(value, IntervalSweep):  # for sweepers that optimize
            return [str(value.start), str(value.end)]
        if item.is_sweep_override():
            return [str(element) for element in item.sweep_string_iterator()]
        return [item.get_value_element_as_str()]
