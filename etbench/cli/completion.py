"""`completion`: print a script that completes subcommands, options and overrides in a shell."""

from __future__ import annotations

import argparse

from etbench.cli.commands import COMMANDS

__all__ = ["configure", "run", "script"]

BASH = """\
# Completes `etbench …` and `python -m etbench …`; it asks Hydra for groups and keys each time.
_etbench_words() {  # <subcommand> -: its options; <subcommand> <option>: values; <subcommand> .: other words
    case "$1 $2" in
@CASES@
    esac
}
_etbench_module='^[[:space:]]*([^[:space:]]*python[0-9.]*)[[:space:]]+-m[[:space:]]+etbench[[:space:]]'
_etbench() {
    local line=${COMP_LINE:0:COMP_POINT} program=etbench choices=
    local -a words
    if [[ $line =~ $_etbench_module ]]; then
        program="${BASH_REMATCH[1]} -m etbench"
        line="etbench ${line#"${BASH_REMATCH[0]}"}"
    fi
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local count=${#words[@]} name=${words[1]} current=${words[-1]}
    [[ " @NAMES@ " == *" $name "* ]] || name=run
    (( count == 2 )) && choices="@NAMES@ --help --version"
    (( count > 2 )) && choices=$(_etbench_words "$name" "${words[-2]}")
    if [[ -z $choices || $count == 2 ]]; then
        if [[ $current == -* ]]; then
            choices+=" $(_etbench_words "$name" -)"
        elif [[ $name == run ]]; then
            [[ ${words[1]} == run ]] && line="etbench ${line#*run }"
            choices+=" $(COMP_LINE=$line COMP_POINT=${#line} $program -sc query=bash 2> /dev/null)"
        else
            choices+=" $(_etbench_words "$name" .)"
        fi
    fi
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
    (( ${#COMPREPLY[@]} )) || { compopt -o default; return; }
    [[ ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace
    local broken=${current%"${current##*[=:]}"}  # bash replaces only what follows these signs
    [[ $COMP_WORDBREAKS == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"$broken"}")
}
_etbench_python() {
    if [[ $COMP_LINE =~ $_etbench_module ]]; then _etbench; else compopt -o default; fi
}
complete -F _etbench etbench
for _etbench_name in python python3; do  # keep a completion that already exists
    complete -p "$_etbench_name" &> /dev/null || complete -F _etbench_python "$_etbench_name"
done
unset _etbench_name
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = 'Add this line to ~/.bashrc: eval "$(etbench completion bash)"'
    parser.add_argument("shell", choices=["bash"], help="the shell that runs the script")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    print(script(), end="")
    return 0


def script() -> str:
    """Return the script for bash, with the options that the subcommands have now."""
    cases = [
        f'        "{name} {what}") echo "{" ".join(words)}" ;;'
        for name, command in COMMANDS.items()
        for what, words in _words(command.parser()).items()
    ]
    return BASH.replace("@CASES@", "\n".join(cases)).replace("@NAMES@", " ".join(COMMANDS))


def _words(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Return the options of a parser by `-`, the values of each option by it, and all other words by `.`."""
    found: dict[str, list[str]] = {"-": [], ".": []}
    for action in parser._actions:
        options = [option for option in action.option_strings if option.startswith("--")]
        found["-"] += options
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                found["-"] += (word for word in _words(inner)["-"] if word not in found["-"])
        if action.choices is not None:
            values = list(map(str, action.choices))
            found |= dict.fromkeys(options, values) if options else {".": [*found["."], *values]}
    return {what: words for what, words in found.items() if words}
