"""The typed form of a configuration."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from etbench.config import parse
from etbench.errors import ConfigError, nearest
from etbench.preflight.compose import compose


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """The composed YAML of one cell as plain dictionaries."""
    return compose(["model=resnet18"]).config


def test_a_parsed_cell_gives_back_the_yaml_it_came_from(plain: dict[str, Any]) -> None:
    assert parse(plain).config == plain
    assert parse(plain) == parse(copy.deepcopy(plain))


def test_faults_of_all_sections_are_reported_together(plain: dict[str, Any]) -> None:
    config = copy.deepcopy(plain)
    config["model"]["seed"] = -1
    config["precision"]["calibrates"] = "perhaps"
    del config["delegate"]["name"]
    config["repeat"]["runs"] = 10_001
    config["thread"] = 3
    with pytest.raises(ConfigError) as caught:
        parse(config)
    text = "\n".join(caught.value.faults)
    assert "model.seed=-1: expected a whole number >= 0" in text
    assert "precision.calibrates=perhaps: expected true or false" in text
    assert "delegate: the key `name` is missing" in text
    assert len(caught.value.faults) >= 4


def test_every_fault_of_one_section_is_reported(plain: dict[str, Any]) -> None:
    config = copy.deepcopy(plain)
    del config["repeat"]["runs"]
    config["repeat"] |= {"rounds": 0, "warmup": -1, "round": 3}
    config["measure"]["seed"] = "many"
    config["thread"] = 3
    config["decision"]["bounds"] = {"sqnr_db": [20]}
    with pytest.raises(ConfigError) as caught:
        parse(config)
    assert sorted(caught.value.faults) == [
        "decision.bounds={'sqnr_db': [20]}: expected a number or a text, got a list",
        "measure.seed=many: expected a whole number or null, got a text",
        "repeat.round: unknown key (did you mean 'rounds'?)",
        "repeat.rounds=0: expected a whole number >= 1",
        "repeat.warmup=-1: expected a whole number >= 0",
        "repeat: the key `runs` is missing",
        "thread: unknown key (did you mean 'threads'?)",
    ]
    assert config["measure"]["seed"] == "many", "what is looked at stays as it was"


@pytest.mark.parametrize("target", ["os", "1.2", "a b.c", "", "os.system; true"])
def test_a_target_must_be_a_dotted_name(target: str, plain: dict[str, Any]) -> None:
    config = copy.deepcopy(plain)
    config["model"]["_target_"] = target
    with pytest.raises(ConfigError, match="_target_"):
        parse(config)


def test_a_share_is_a_percentage_or_a_number_up_to_1(plain: dict[str, Any]) -> None:
    for given, read in (("5%", 0.05), (0.05, 0.05), (1, 1.0), ("150%", 1.5)):
        assert parse(plain | {"fail_above": given}).fail_above == read
    for given, message in ((5, "did you mean 5% or 0.05"), ("much", "write it as 5% or 0.05"), (0, "0.05")):
        with pytest.raises(ConfigError, match=f"fail_above={given}: .*{message}"):
            parse(plain | {"fail_above": given})


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden", "a b"])
def test_a_name_that_cannot_be_part_of_a_file_name_is_refused(name: str, plain: dict[str, Any]) -> None:
    config = copy.deepcopy(plain)
    config["model"]["name"] = name
    with pytest.raises(ConfigError, match=r"model\.name"):
        parse(config)


def test_nearest_finds_swapped_letters_and_keeps_quiet_about_strangers() -> None:
    assert nearest("resnet81", ["gpt2", "resnet18"]) == " (did you mean 'resnet18'?)"
    assert nearest("qqq", ["gpt2", "resnet18"]) == ""


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("blocks", 2, "int8_blocks2"),
        ("min_sqnr_db", 20.0, "int8_min20db"),
        ("min_sqnr_db", 17.5, "int8_min17.5db"),
        ("blocks", 0, "int8"),
        ("blocks", None, "int8"),
    ],
)
def test_the_name_of_a_precision_says_what_stays_in_fp32(
    key: str, value: float | None, name: str, plain: dict[str, Any]
) -> None:
    int8 = {"name": "int8", "_target_": "etbench.precisions.int8", "calibrates": True, "keep_fp32": []}
    config = plain | {"precision": plain["precision"] | int8}
    cell = parse(config | {"precision": config["precision"] | {key: value}})
    assert (cell.precision.name, cell.precision.base, cell.names["precision"]) == (name, "int8", "int8")
    assert (cell.cell_id == parse(config).cell_id) == (name == "int8"), "0 blocks are int8 itself"
    assert parse(cell.config).precision == cell.precision, "it is named once, also from a result"


def test_blocks_that_cannot_be_kept_in_fp32_are_refused_with_the_reason(plain: dict[str, Any]) -> None:
    two = plain | {"precision": plain["precision"] | {"blocks": 2}}
    assert "fp32 cannot keep blocks in fp32: it has no precision.keep_fp32" in str(parse(two).impossible())
    both = plain | {"precision": two["precision"] | {"min_sqnr_db": 20.0}}
    with pytest.raises(ConfigError, match=r"precision\.blocks and precision\.min_sqnr_db: only one"):
        parse(both)
