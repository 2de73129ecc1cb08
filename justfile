# The daily commands, in an environment with `pip install -e ".[dev]"`. `.ci/run` runs all of them in a fresh one.

_list:
    @just --list --unsorted

# all tests except those marked `long`, four files at a time; `just test tests/stats` takes a part
test *args:
    pytest -n 4 --dist loadfile --no-loadscope-reorder {{ args }}

# the tests that build no real model
quick *args:
    pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not build and not long" {{ args }}

# code style and spelling
lint:
    ruff check .
    ruff format --check .
    codespell

# types of etbench/ and benchmarks/
types:
    mypy

# the site, where a broken link is an error; built in a temporary folder
docs:
    work=$(mktemp -d) && cp -r zensical.toml docs "$work" && cd "$work" && zensical build --strict
