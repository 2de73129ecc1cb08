"""Find all errors of a command line at once.

Hydra stops at the first error. `check_command_line` checks each override by itself instead, so
that one run reports everything the user must correct, in under two seconds and without
importing torch.
"""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override, QuotedString, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from etbench.config import Cell, parse
from etbench.config.command import quoted
from etbench.errors import ConfigError
from etbench.preflight.checks import faults_here, missing_here
from etbench.preflight.file_checks import links_fault
from etbench.preflight.hydra_config import config_loader, has_key
from etbench.preflight.override_checker import OverrideChecker
from etbench.preflight.override_text import first_line, if_comma_is_text, override_key
from etbench.preflight.written_secrets import refuse_written_secrets, secrets_of_files, secrets_of_override
from etbench.system.files import folder_fault

# An option of the accuracy function: its own signature says which there are, not the YAML.
OPTION = re.compile(r"evaluate\.(?!_target_)[^=]*=")
BUILT = ("precision", "delegate")  # what a finished program has already

__all__ = ["OPTION", "Checked", "check_command_line", "check_overrides"]


def check_command_line(argv: Sequence[str]) -> list[str]:
    """Check the arguments of ``python -m etbench`` before Hydra sees them, and return them for Hydra.

    Hydra begins a sweep with the default of each group that is swept. Keys that only the swept options have,
    such as in ``-m model=distilbert,gpt2 model.seq_len=16``, it accepts only with ``++``. It cannot show a
    sweep, so ``-m --cfg job`` shows the first cell.

    Raises:
        ConfigError: with all errors: unknown groups, options and keys with the nearest valid name,
            values of a wrong type or out of range, missing files, impossible combinations.

    """
    if unwritable := [ascii(text) for text in argv if not _is_utf8(text)]:
        raise ConfigError([f"{text}: is not UTF-8" for text in unwritable])
    args = get_args_parser().parse_args(list(argv))
    if args.multirun and (args.cfg or args.info):
        return _of_first_cell(argv, args)
    if args.help or args.hydra_help or args.shell_completion or args.info or args.cfg:
        return _with_options(argv)
    if args.config_path or args.experimental_rerun:
        refuse_written_secrets(args.overrides)
        return _with_options(argv)  # another primary config, which Hydra checks
    if args.config_dir and not Path(args.config_dir).is_dir():
        raise ConfigError([f"--config-dir {args.config_dir}: no such folder"])
    checked = check_overrides(
        args.overrides, config_dir=args.config_dir, multirun=args.multirun, name=args.config_name
    )
    return [f"++{text}" if text in checked.forced else text for text in argv]


def _is_utf8(text: str) -> bool:
    """Return whether an argument can be written into a result file; any byte can be part of a path."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _of_first_cell(argv: Sequence[str], args: Namespace) -> list[str]:
    """Return the arguments without ``-m``, each swept override with its first value."""
    flags = [text for text in argv if text not in args.overrides and text not in ("-m", "--multirun")]
    with config_loader(args.config_dir) as (loader, search):
        checker = OverrideChecker(loader, search, args.config_name or "config", args.config_dir)
        parsed = {item.input_line: item for item in checker.parsed(args.overrides)[0]}
    firsts = []
    for text in args.overrides:
        item = parsed.get(text)
        if item is not None and item.is_sweep_override():
            values = map(quoted, checker.chosen(item)) if checker.is_group(item) else checker.texts(item)
            text = next((f"{item.get_key_element()}={value}" for value in values), text)
        firsts.append(text)
    return _with_options([*flags, *firsts])


def _with_options(texts: Sequence[str]) -> list[str]:
    """Return overrides with which Hydra accepts any option of the accuracy function."""
    return [f"++{text}" if OPTION.match(text) else text for text in texts]


@dataclass(frozen=True)
class Checked:
    """The result for valid overrides: `forced` are those of keys that Hydra takes only with ``++``.

    They are keys that only the swept options have, and options of the accuracy function.

    `cell` is the cell they compose, None for a sweep.
    """

    forced: list[str]
    cell: Cell | None


def check_overrides(
    overrides: list[str], *, config_dir: str | Path | None, multirun: bool, name: str | None = None
) -> Checked:
    """Check overrides, each by itself and all together.

    Raises:
        ConfigError: with all errors.

    """
    faults: list[str] = []
    optional = [text for text in overrides if OPTION.match(text)]
    overrides = _with_options(overrides)
    forced: list[str] = []
    cell = None
    with config_loader(config_dir) as (loader, search):
        checker = OverrideChecker(loader, search, name or "config", config_dir)
        parsed, unread = checker.parsed(overrides)
        choices = [item for item in parsed if checker.is_group(item)]
        valid = [override for item in choices for override in checker.valid_choice(item, faults)]
        base, unusable = checker.base(valid, parsed)
        if unusable:
            faults += unusable
            checker.refused.update(item.key_or_group for item in choices)
            valid = []
        secret = {item.input_line: found for item in parsed if (found := secrets_of_override(item))}
        faults[:0] = [checker.unread_fault(text, base) for text in unread]
        faults += [fault for found in (*secret.values(), secrets_of_files(base)) for fault in found]
        checker.check_experiment(base, faults)
        multirun = multirun or OmegaConf.select(base, "hydra.mode") is not None
        values = [
            item
            for item in parsed
            if not (checker.is_group(item) or item.is_hydra_override() or item.input_line in secret)
        ]
        whole = _check_values(
            checker, values, valid, base, {override_key(text) for text in unread}, multirun, faults
        )
        if not multirun:
            faults += [_more_than_one(item, checker) for item in parsed if item.is_sweep_override()]
        faults += _unwritable(parsed, "hydra.sweep.dir" if multirun else "hydra.run.dir")
        if not faults:
            cell = _check_whole(checker, [*valid, *whole], multirun, faults)
        if multirun and not faults:
            forced = checker.only_of_swept(choices, values, faults)
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    return Checked([*forced, *optional], cell)


def _check_values(
    checker: OverrideChecker,
    values: Sequence[Override],
    valid: list[str],
    base: DictConfig,
    unread: Collection[str],
    multirun: bool,
    faults: list[str],
) -> list[str]:
    """Report what is wrong with single values, and what is missing; return the overrides to check together.

    Those are all of them, for a sweep the first values, or only the required ones if these do not work
    together. A key of an option that is itself wrong, or whose value cannot be read, is not reported again.
    """
    needed, lacking = checker.mandatory(values, base)
    faults += [f"{key} is required: {key}=…" for key in lacking if key not in unread]
    if lacking:
        return needed
    unsure = checker.refused | set(unread)
    alike = not (faults or unread) and (multirun or not any(item.is_sweep_override() for item in values))
    all_valid = alike and checker.valid_together(values, valid, base)
    before = checker.missing_here(valid, needed, base) if values else []
    for item in values:
        if item.key_or_group.partition(".")[0] in unsure and not has_key(base, item.key_or_group):
            continue
        if multirun or not _may_be_text(item):
            checker.check_value(item, [*valid, *needed], base, before, faults, first_is_valid=all_valid)
    return [checker.singles(item)[0] for item in values] if all_valid or not multirun else needed


def _may_be_text(item: Override) -> bool:
    """Return whether a sweep over words may be meant as one value with commas in it."""
    if item.value_type != ValueType.SIMPLE_CHOICE_SWEEP:
        return False
    return any(isinstance(element, str | QuotedString) for element in item.sweep_iterator())


def _more_than_one(item: Override, checker: OverrideChecker) -> str:
    text = str(item.input_line)
    quoting = f"; {if_comma_is_text(text)}" if _may_be_text(item) and not checker.is_group(item) else ""
    return f"{text}: more than one value; add -m to sweep{quoting}"


def _unwritable(parsed: list[Override], key: str) -> list[str]:
    """Report an output folder that cannot be made or written to."""
    given = [
        str(item.value()) for item in parsed if item.key_or_group == key and not item.is_sweep_override()
    ]
    wanted = Path(given[-1] if given else "outputs")
    if "${" in str(wanted):  # only Hydra can resolve it
        return []
    if why := folder_fault(wanted, os.R_OK | os.W_OK | os.X_OK):
        return [f"{key}={wanted}: {why}; name another folder"]
    return list(filter(None, [links_fault(key, wanted)]))


def _check_whole(
    checker: OverrideChecker, overrides: list[str], multirun: bool, faults: list[str]
) -> Cell | None:
    """Compose all valid overrides, check them together and return the cell, or None for a sweep."""
    try:
        cell = parse(checker.without_hydra(checker.compose(overrides, [])))
    except ConfigError as error:
        faults += error.faults
        return None
    except (HydraException, OmegaConfBaseException) as error:
        faults.append(first_line(error))
        return None
    if multirun:  # its cells are checked before the first one is built; an impossible one is skipped
        faults += missing_here(cell)
        return None
    faults += faults_here(cell)
    if reason := cell.impossible():
        faults.append(f"{cell.model.name} in {cell.precision.name} on {cell.delegate.name}: {reason}")
    if cell.model.ready:
        chosen = cell.delegate.executor is not None  # for a program of another runtime
        own, keys = ("precision", ("precision",)) if chosen else ("precision and delegate", BUILT)
        faults += [
            f"{text}: {cell.model.name} is already built, with its own {own}; leave this out"
            for text in overrides
            if text.startswith(keys)
        ]
    return cell
