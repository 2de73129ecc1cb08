"""From a command line to a composed configuration, and to every fault in it at once.

Hydra stops at the first thing it does not know. `check_command_line` looks at each override by
itself instead, so that one run tells the user all there is to mend, in under two seconds and
without importing torch.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
import msgspec
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, QuotedString, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from etbench.config import Cell, parse
from etbench.config.command import cell_arguments, quoted
from etbench.errors import ConfigError, closest, nearest
from etbench.preflight.checks import missing_here
from etbench.preflight.hydra_patches import copy_sources_once
from etbench.preflight.override_text import (
    first_line,
    if_comma_is_text,
    override_key,
    override_value,
    quoting_fault,
)

__all__ = [
    "cell_of_job",
    "check_command_line",
    "compose",
    "compose_options",
    "conf_dir",
    "config_loader",
    "option_names",
    "own_part",
]

copy_sources_once()


def conf_dir() -> Path:
    """Return the folder of the YAML groups: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())


def compose(overrides: Sequence[str] = (), *, config_dir: str | Path | None = None) -> Cell:
    """Compose one cell from Python, as the command line would.

    Args:
        overrides: what would stand behind ``python -m etbench``, such as ``["model=resnet18"]``.
        config_dir: a folder with YAML groups of your own, as for ``--config-dir``.

    Raises:
        ConfigError: with all faults of the overrides.

    """
    _check(list(overrides), config_dir=config_dir, multirun=False)
    with config_loader(config_dir) as (_, search):
        cell = parse(hydra.compose("config", overrides=[*search, *overrides]))
    return msgspec.structs.replace(cell, command=cell_arguments(overrides, {"--config-dir": config_dir}))


def cell_of_job(config: DictConfig) -> Cell:
    """Return the cell of the job that Hydra is about to run, from what it composed.

    Raises:
        ConfigError: with every fault in it.

    """
    job = HydraConfig.get()
    own = (source.path for source in job.runtime.config_sources if source.provider == "command-line")
    name = job.job.config_name
    flags = {"--config-dir": next(own, None), "--config-name": None if name == "config" else name}
    return msgspec.structs.replace(parse(config), command=cell_arguments(job.overrides.task, flags))


def option_names(group: str, *, config_dir: str | Path | None = None) -> list[str]:
    """Name the options of a group, those in folders of it as ``folder/option``."""
    with config_loader(config_dir) as (loader, search):
        return _options(loader, search, "config", group)


def compose_options(
    group: str, names: Sequence[str], *, config_dir: str | Path | None = None
) -> dict[str, Cell | ConfigError]:
    """Compose the default cell with each of some options: the cell, or the faults of that option's YAML.

    Args:
        group: ``model``, ``precision`` or another folder of ``conf/``.
        names: of its options.
        config_dir: a folder with YAML groups of your own, as for ``--config-dir``.

    """
    found: dict[str, Cell | ConfigError] = {}
    with config_loader(config_dir) as (_, search):
        for option in names:
            try:
                found[option] = parse(hydra.compose("config", overrides=[*search, f"{group}={option}"]))
            except ConfigError as error:
                found[option] = error
            except (HydraException, OmegaConfBaseException) as error:
                found[option] = ConfigError([f"{group}={option}: {first_line(error)}"])
    return found


def check_command_line(argv: Sequence[str]) -> list[str]:
    """Check the arguments of ``python -m etbench`` before Hydra sees them, and return them for Hydra.

    Hydra begins a sweep with the default of each group that is swept. What only the swept options have, such
    as ``-m model=distilbert,gpt2 model.seq_len=16``, it takes only by ``++``. It cannot show a sweep, so
    ``-m --cfg job`` shows the first cell.

    Raises:
        ConfigError: with every fault: unknown groups, options and keys with the nearest valid name,
            values of a wrong type or out of range, files that are not there, impossible pairs.

    """
    args = get_args_parser().parse_args(list(argv))
    if args.multirun and (args.cfg or args.info):
        return _of_first_cell(argv, args)
    if args.help or args.hydra_help or args.shell_completion or args.info or args.cfg:
        return list(argv)
    if args.config_path or args.experimental_rerun:
        return list(argv)  # another primary config altogether: Hydra is the judge of it
    if args.config_dir and not Path(args.config_dir).is_dir():
        raise ConfigError([f"--config-dir {args.config_dir}: no such folder"])
    forced = _check(args.overrides, config_dir=args.config_dir, multirun=args.multirun, name=args.config_name)
    return [f"++{text}" if text in forced else text for text in argv]


def _of_first_cell(argv: Sequence[str], args: Namespace) -> list[str]:
    """Return the arguments without ``-m``, each swept override with its first value."""
    flags = [text for text in argv if text not in args.overrides and text not in ("-m", "--multirun")]
    with config_loader(args.config_dir) as (loader, search):
        checker = _Checker(loader, search, args.config_name or "config", args.config_dir)
        parsed = {item.input_line: item for item in checker.parsed(args.overrides)[0]}
    firsts = []
    for text in args.overrides:
        item = parsed.get(text)
        if item is not None and item.is_sweep_override():
            values = map(quoted, checker.chosen(item)) if checker.is_group(item) else checker.texts(item)
            text = next((f"{item.get_key_element()}={value}" for value in values), text)
        firsts.append(text)
    return [*flags, *firsts]


@contextmanager
def config_loader(config_dir: str | Path | None) -> Iterator[tuple[Any, list[str]]]:
    """Give Hydra's config loader and the override that adds the user's own folder."""
    search = [f"hydra.searchpath=[{quoted(f'file://{Path(config_dir).resolve()}')}]"] if config_dir else []
    with hydra.initialize_config_dir(config_dir=str(conf_dir()), version_base="1.3"):
        yield GlobalHydra.instance().config_loader(), search


def _check(
    overrides: list[str], *, config_dir: str | Path | None, multirun: bool, name: str | None = None
) -> list[str]:
    """Return the overrides of keys that only the swept options have."""
    faults: list[str] = []
    forced: list[str] = []
    with config_loader(config_dir) as (loader, search):
        checker = _Checker(loader, search, name or "config", config_dir)
        parsed, unread = checker.parsed(overrides)
        choices = [item for item in parsed if checker.is_group(item)]
        valid = [override for item in choices for override in checker.valid_choice(item, faults)]
        try:
            base = checker.compose(valid, [])
        except (HydraException, OmegaConfBaseException) as error:
            faults.append(first_line(error))
            base = checker.compose([], [])
        faults[:0] = [checker.unread_fault(text, base) for text in unread]
        checker.check_experiment(base, faults)
        multirun = multirun or OmegaConf.select(base, "hydra.mode") is not None
        values = [item for item in parsed if not checker.is_group(item) and not item.is_hydra_override()]
        needed = _check_values(
            checker, values, valid, base, {override_key(text) for text in unread}, multirun, faults
        )
        if not multirun:
            faults += [_more_than_one(item, checker) for item in parsed if item.is_sweep_override()]
        faults += _unwritable(parsed, "hydra.sweep.dir" if multirun else "hydra.run.dir")
        if not faults:
            whole = needed if multirun else [str(item.input_line) for item in values]
            _check_whole(checker, [*valid, *whole], multirun, faults)
        if multirun and not faults:
            forced = checker.only_of_swept(choices, values, faults)
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    return forced


def _check_values(
    checker: _Checker,
    values: Sequence[Override],
    valid: list[str],
    base: DictConfig,
    unread: Collection[str],
    multirun: bool,
    faults: list[str],
) -> list[str]:
    """Report what is wrong with single values, and what is missing; return overrides of what is required.

    A key of an option that is itself at fault, or whose value cannot be read, is not reported for that.
    """
    needed, lacking = checker.mandatory(values, base)
    faults += [f"{key} is required: {key}=…" for key in lacking if key not in unread]
    if lacking:
        return needed
    unsure = checker.refused | set(unread)
    before = checker.missing_here(valid, needed, base) if values else []
    for item in values:
        if item.key_or_group.partition(".")[0] in unsure and not _has(base, item.key_or_group):
            continue
        if multirun or not _may_be_text(item):
            checker.check_value(item, [*valid, *needed], base, before, faults)
    return needed


def _may_be_text(item: Override) -> bool:
    """Return whether a sweep over words may be meant as one value with commas in it."""
    if item.value_type != ValueType.SIMPLE_CHOICE_SWEEP:
        return False
    return any(isinstance(element, str | QuotedString) for element in item.sweep_iterator())


def _more_than_one(item: Override, checker: _Checker) -> str:
    text = str(item.input_line)
    quoting = f"; {if_comma_is_text(text)}" if _may_be_text(item) and not checker.is_group(item) else ""
    return f"{text}: more than one value; add -m to sweep{quoting}"


def _unwritable(parsed: list[Override], key: str) -> list[str]:
    """Report an output folder that cannot be made or written to."""
    given = [
        str(item.value()) for item in parsed if item.key_or_group == key and not item.is_sweep_override()
    ]
    wanted = Path(given[-1] if given else "outputs")
    if "${" in str(wanted):  # only Hydra can say what it becomes
        return []
    there = next(path for path in (wanted.absolute(), *wanted.absolute().parents) if path.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        return []
    return [f"{key}={wanted}: cannot be written ({there} is {'read-only' if there.is_dir() else 'a file'})"]


def _check_whole(checker: _Checker, overrides: list[str], multirun: bool, faults: list[str]) -> None:
    """Compose all that was found valid by itself and look at it as a whole."""
    try:
        cell = parse(checker.without_hydra(checker.compose(overrides, [])))
    except ConfigError as error:
        faults += error.faults
        return
    except (HydraException, OmegaConfBaseException) as error:
        faults.append(first_line(error))
        return
    faults += missing_here(cell)
    reason = cell.impossible()
    if multirun:  # in a sweep such a cell is skipped with its reason
        return
    if reason:
        faults.append(f"{cell.model.name} in {cell.precision.name} on {cell.delegate.name}: {reason}")
    if cell.model.ready:
        faults += [
            f"{text}: {cell.model.name} is ready, with its own precision and delegate; leave this out"
            for text in overrides
            if text.startswith(("precision", "delegate"))
        ]


class _Checker:
    """Looks at overrides one by one."""

    def __init__(
        self, loader: Any, search: list[str], config_name: str, config_dir: str | Path | None
    ) -> None:
        self.loader = loader
        self.search = search
        self.config_name = config_name
        self.groups = {group: self.options(group) for group in loader.list_groups("") if group != "hydra"}
        if config_dir:  # groups that only the user's folder has
            for path in Path(config_dir).iterdir():
                if path.is_dir():
                    self.groups.setdefault(path.name, self.options(path.name))
        self.refused: set[str] = set()  # groups of which an unknown option was asked for

    def options(self, group: str) -> list[str]:
        """Return the options of a group, those in folders of it as ``folder/option``."""
        return _options(self.loader, self.search, self.config_name, group)

    def mandatory(self, values: Sequence[Override], base: DictConfig) -> tuple[list[str], list[str]]:
        """Return the overrides that give what the YAML leaves to the user, and the keys that none gives.

        Of a sweep the first value stands for all.
        """
        missing = OmegaConf.missing_keys(own_part(base))
        empty = ("", "???")
        of_missing = [item for item in values if item.key_or_group in missing]
        given = {item.key_or_group: item for item in of_missing if item.value() not in empty}
        needed = [f"{key}={self.texts(item)[0]}" for key, item in given.items()]
        return needed, sorted(missing - given.keys())

    def compose(self, choices: list[str], values: list[str]) -> DictConfig:
        return hydra.compose(
            self.config_name, overrides=[*self.search, *choices, *values], return_hydra_config=True
        )

    @staticmethod
    def without_hydra(config: DictConfig) -> dict[str, Any]:
        return dict(OmegaConf.to_container(own_part(config), resolve=True))  # type: ignore[arg-type]

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
        """Return what is wrong with an override that cannot be read, and what to write instead."""
        key, equals, _ = text.partition("=")
        known = [*self.groups, *_paths(self.without_hydra(base))]
        if not equals:
            return f"{text}: expected key=value{self._meant(text.lstrip('+~'), known)}"
        group, value = override_key(text), override_value(text)
        if group in self.groups and value not in self.groups[group]:
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

    def _meant(self, word: str, keys: Sequence[str]) -> str:
        """Return which override may be meant by a word alone: an option of a group, or the nearest key."""
        meant = [f"{group}={word}" for group, options in self.groups.items() if word in options]
        if not meant:
            words = {option: f"{group}={option}" for group in self.groups for option in self.groups[group]}
            words |= {key: f"{key}=…" for key in keys}
            near = closest(word, words)
            meant = [words[near]] if near else []
        return f" (did you mean {' or '.join(map(repr, meant))}?)" if meant else ""

    def is_group(self, item: Override) -> bool:
        return item.key_or_group in self.groups

    def valid_choice(self, item: Override, faults: list[str]) -> list[str]:
        """Report each unknown option of a group; return the first known one as an override."""
        group, options = item.key_or_group, self.groups[item.key_or_group]
        if item.is_delete():
            return [str(item.input_line)]
        chosen = self.chosen(item)
        known = []
        for option in chosen:
            if option in options or option == "null":
                known.append(f"{group}={quoted(option)}")
            else:
                self.refused.add(group)
                faults.append(self._no_such(group, option))
        if not chosen:
            faults.append(f"{item.input_line}: matches no {group}; there are: {_listed(options)}")
        return known[:1]

    def _no_such(self, group: str, option: str) -> str:
        options = self.groups[group]
        return f"{group}={option}: no such {group}{nearest(option, options)}; there are: {_listed(options)}"

    def missing_here(self, choices: list[str], needed: list[str], base: DictConfig) -> list[str]:
        """List what is not there with these choices alone; a value may give it, which the whole will show.

        `base` is what the choices come to without what is needed.
        """
        try:
            whole = self.compose([*choices, *needed], []) if needed else base
            return missing_here(parse(self.without_hydra(whole)))
        except (ConfigError, HydraException, OmegaConfBaseException):
            return []

    def check_value(
        self, item: Override, choices: list[str], base: DictConfig, before: list[str], faults: list[str]
    ) -> None:
        """Report an unknown key, or each value that the schema refuses or that is not there."""
        key = item.key_or_group
        if not (item.is_add() or item.is_force_add()) and not _has(base, key):
            known = [*self.groups, *_paths(self.without_hydra(base))]
            faults.append(f"{item.input_line}: unknown key {key!r}{nearest(key, known)}")
            return
        prefix = {"ADD": "+", "FORCE_ADD": "++", "DEL": "~"}.get(item.type.name if item.type else "", "")
        for value in self.texts(item):
            single = str(item.input_line) if not item.is_sweep_override() else f"{prefix}{key}={value}"
            try:
                cell = parse(self.without_hydra(self.compose(choices, [single])))
            except ConfigError as error:
                faults += error.faults
            except (HydraException, OmegaConfBaseException) as error:
                faults.append(f"{single}: {first_line(error)}")
            else:
                faults += [fault for fault in missing_here(cell) if fault not in before]

    def only_of_swept(
        self, choices: Sequence[Override], values: Sequence[Override], faults: list[str]
    ) -> list[str]:
        """Return the overrides of keys that no default has; report the swept options that have them not."""
        swept = {item.key_or_group: item for item in choices if item.is_sweep_override()}
        fixed = [str(item.input_line) for item in choices if not item.is_sweep_override()]
        plain = [item for item in values if not (item.is_add() or item.is_force_add() or item.is_delete())]
        if not swept or not plain:
            return []
        start = self.compose(fixed, [])
        forced = [item for item in plain if not _has(start, item.key_or_group)]
        for group in sorted({item.key_or_group.partition(".")[0] for item in forced} & swept.keys()):
            for option in self.chosen(swept[group]):
                config = self.compose([*fixed, f"{group}={quoted(option)}"], [])
                faults += [
                    f"{item.input_line}: {group}={option} has no {item.key_or_group}; sweep it by itself"
                    for item in forced
                    if item.key_or_group.startswith(f"{group}.") and not _has(config, item.key_or_group)
                ]
        return [str(item.input_line) for item in forced]

    def check_experiment(self, base: DictConfig, faults: list[str]) -> None:
        """Report what an experiment sweeps and is not there."""
        params = OmegaConf.select(base, "hydra.sweeper.params") or {}
        read, unread = self.parsed([f"{key}={value}" for key, value in params.items()])
        faults += [self.unread_fault(text, base) for text in unread]
        for item in filter(self.is_group, read):
            self.valid_choice(item, faults)

    def chosen(self, item: Override) -> list[str]:
        """Return the names of the options that an override of a group asks for."""
        value = item.value()
        if isinstance(value, Glob):
            return list(value.filter(self.groups[item.key_or_group]))
        if isinstance(value, IntervalSweep):  # is none of them
            return self.texts(item)
        elements = item.sweep_iterator() if item.is_sweep_override() else [value]
        names = (one.text if isinstance(one, QuotedString) else one for one in elements)
        return ["null" if name is None else str(name) for name in names]

    @staticmethod
    def texts(item: Override) -> list[str]:
        """Return the values of an override as they are written, each for an override of its own."""
        value = item.value()
        if isinstance(value, IntervalSweep):  # for sweepers that optimize
            return [str(value.start), str(value.end)]
        if item.is_sweep_override():
            return [str(element) for element in item.sweep_string_iterator()]
        return [item.get_value_element_as_str()]


def _options(loader: Any, search: list[str], config_name: str, group: str) -> list[str]:
    found: list[str] = loader.get_group_options(group, config_name=config_name, overrides=search)
    inner = [
        f"{folder}/{name}"
        for folder in loader.list_groups(group)
        for name in _options(loader, search, config_name, f"{group}/{folder}")
    ]
    return found + inner


def _listed(options: Sequence[str]) -> str:
    """Name the options of a group; of those in a folder of it only how many there are."""
    inside = Counter(option.partition("/")[0] for option in options if "/" in option)
    folders = [f"{folder}/… ({count})" for folder, count in inside.items()]
    return ", ".join([*(option for option in options if "/" not in option), *folders])


def own_part(config: DictConfig) -> DictConfig:
    """Return a composed configuration without Hydra's own part."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def _has(config: DictConfig, key: str) -> bool:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, DictConfig) or part not in node._content:  # type: ignore[operator]
            return False
        node = node._get_node(part)
    return True


def _paths(config: Any, prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
