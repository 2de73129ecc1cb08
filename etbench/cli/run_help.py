"""The help of a run: the groups with their options, and the composed YAML with the comments of its files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from etbench.preflight.compose import option_names
from etbench.preflight.grid import composed
from etbench.preflight.hydra_config import conf_dir
from etbench.preflight.override_text import options_text

__all__ = ["commented", "comments_of", "help_text", "keyed_lines", "sentences"]

COLUMN = 32  # of the comments
KEY = re.compile(r"^(?P<indent> *)(?P<key>[\w./@-]+):(?=\s|$)")

HELP = """\
usage: etbench [run] [-m] [--dry-run] [--config-dir DIR] [group=option …] [key=value …]

== Options ==
-m                   sweep over all comma-separated values
--dry-run            list the cells, what is cached, what would be skipped, and how long it takes; do nothing
--config-dir DIR     folder with YAML groups of your own
--cfg job            print the composed YAML and do nothing; --hydra-help lists all other options

== Groups: choose one option of each (group=option) ==
{groups}

== Values: override any of them (repeat.runs=100) ==
{values}
== Examples ==
One cell:   etbench model=resnet18 precision=int8
A sweep:    etbench -m model=resnet18,mobilenet_v2 precision=fp32,int8
Dry run:    etbench -m --dry-run model=resnet18,mobilenet_v2 precision=fp32,int8
Your model: etbench --config-dir my_conf model=my_model
The table:  etbench show outputs/<folder>
"""


def help_text(overrides: Sequence[str], *, config_dir: str | None, name: str | None) -> str:
    """Return the help for the choices of a command line.

    Raises:
        ConfigError: if that cannot be composed.

    """
    config = composed(overrides, config_dir=config_dir, name=name)
    roots = [*([Path(config_dir)] if config_dir else []), conf_dir()]
    choices = {
        group: option for group, option in config.hydra.runtime.choices.items() if "hydra" not in group
    }
    groups = sorted({path.name for root in roots for path in root.iterdir() if path.is_dir()})
    texts = {
        group: "\n".join(path.read_text(encoding="utf-8") for path in _files(roots, group, str(option)))
        for group, option in choices.items()
    }
    values = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    base = next(path for root in roots if (path := root / f"{name or 'config'}.yaml").is_file())
    return HELP.format(
        groups="\n".join(
            f"{group}: {options_text(option_names(group, config_dir=config_dir))}"
            for group in groups
            if group != "hydra"
        ),
        values=commented(OmegaConf.to_yaml(values), base.read_text(encoding="utf-8"), choices, texts),
    )


def commented(values: str, base: str, choices: dict[str, str | None], texts: dict[str, str]) -> str:
    """Return composed YAML with the comments that its files have.

    Args:
        values: the YAML.
        base: the text of the primary configuration.
        choices: the option of each group.
        texts: of the files of that option, those it builds on first.

    """
    comments = dict(comments_of(base))
    for group, text in texts.items():
        comments |= {f"{group}.{key}": comment for key, comment in comments_of(text)}
    lines = []
    for key, line in keyed_lines(values.splitlines()):
        if key in choices:
            lines += [
                *(f"# {about}" for about in sentences(texts.get(key, ""))),
                _beside(line, f"{key}={choices[key]}"),
            ]
        else:
            lines.append(_beside(line, comments[key]) if key in comments else line)
    return "\n".join(lines) + "\n"


def _beside(line: str, comment: str) -> str:
    return f"{line:<{COLUMN}}  # {comment}"


def _files(roots: Sequence[Path], group: str, option: str) -> Iterator[Path]:
    """Yield the YAML files that an option is made of, those it builds on first."""
    path = next((path for root in roots if (path := root / group / f"{option}.yaml").is_file()), None)
    if path is None:
        return
    content = OmegaConf.load(path)
    for entry in (content.get("defaults") or ()) if OmegaConf.is_dict(content) else ():  # type: ignore[arg-type]
        if isinstance(entry, str) and entry != "_self_":
            other = entry.partition("@")[0]
            inner_group, _, inner = (other[1:] if other.startswith("/") else f"{group}/{other}").rpartition(
                "/"
            )
            yield from _files(roots, inner_group, inner)
    yield path


def comments_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield each dotted key of a YAML text that has a comment after its value."""
    for key, line in keyed_lines(text.splitlines()):
        _, sign, comment = line.partition(" # ")
        if key and sign:
            yield key, comment.strip()


def keyed_lines(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each line with the dotted key that begins on it, or an empty one."""
    open_keys: list[tuple[int, str]] = []
    for line in lines:
        match = KEY.match(line)
        if match is None:
            yield "", line
            continue
        indent = len(match["indent"])
        open_keys = [pair for pair in open_keys if pair[0] < indent] + [(indent, match["key"])]
        yield ".".join(key for _, key in open_keys), line


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences that the files of an option begin with."""
    for line in text.splitlines():
        if line.startswith("# ") and not line.startswith(("# @package", "# python -m", "# etbench")):
            yield line[2:]
