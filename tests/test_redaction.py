"""What is secret, and texts and configurations without it."""

from __future__ import annotations

import pytest

from etbench.redaction import (
    LEFT_OUT,
    arguments_without_secrets,
    secret_fault,
    secrets_written_in,
    withhold,
    without_secrets,
    without_secrets_in,
)

NAMES = [
    *("passwd", "pwd", "password", "passphrase", "auth", "apikey", "api_key", "jwt", "bearer", "cookies"),
    *("pkey", "secret", "client_secret", "hf_token", "accessToken", "AWS_SECRET_ACCESS_KEY", "credentials"),
    *("token", "sas_token", "private-key", "Authorization", "account_key"),
]
HARMLESS = [
    *(
        "tokenizer",
        "pad_token_id",
        "num_key_value_heads",
        "author",
        "max_new_tokens",
        "key",
        "keys",
        "signature",
    ),
    *("keep_fp32", "secretary", "authored", "tokens"),
]


@pytest.mark.parametrize("name", NAMES)
def test_an_option_with_a_secret_name_is_a_secret_anywhere(name: str) -> None:
    config = {"model": {"inside": [{name: "hunter2"}]}, name: {"any": "thing"}}
    assert secrets_written_in(config) == [f"model.inside.0.{name}", name]
    assert without_secrets_in(config) == {"model": {"inside": [{name: LEFT_OUT}]}, name: LEFT_OUT}


@pytest.mark.parametrize("name", HARMLESS)
def test_an_option_of_a_model_is_not(name: str) -> None:
    config = {"model": {name: "a"}}
    assert not secrets_written_in(config)
    assert without_secrets_in(config) == config


def test_of_the_options_of_a_remote_cache_only_declared_ones_are_recorded() -> None:
    options = {
        "anon": True,
        "endpoint_url": "http://h:9000",
        "client_kwargs": {"region_name": "eu", "x": "y"},
    }
    config = {"cache": {"remote_options": options | {"anything": 3, "nothing": None}}}
    assert secrets_written_in(config) == [
        "cache.remote_options.client_kwargs.x",
        "cache.remote_options.anything",
    ]
    recorded = without_secrets_in(config)["cache"]["remote_options"]
    assert recorded["client_kwargs"] == {"region_name": "eu", "x": LEFT_OUT}
    assert recorded["anything"] == LEFT_OUT
    assert {name: recorded[name] for name in ("anon", "endpoint_url", "nothing")} == {
        "anon": True,
        "endpoint_url": "http://h:9000",
        "nothing": None,
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/a.bin?sig=0ab", "https://h/a.bin"),
        ("https://h/a.bin?X-Amz-Signature=0ab&x=y", "https://h/a.bin"),
        ("https://h/#access_token=0ab", "https://h/"),
        ("s3://user:word@h:9000/p", "s3://h:9000/p"),
        ("https://u:w#o@h/p", "https://"),
        ("https://h/pkg@1.0/a", "https://h/pkg@1.0/a"),
        ("http://[::1]:80/x?y", "http://[::1]:80/x"),
        ("file:///mnt/a", "file:///mnt/a"),
    ],
)
def test_a_url_loses_its_query_and_user_part(url: str, shown: str) -> None:
    assert without_secrets(f"cannot read '{url}': 403") == f"cannot read '{shown}': 403"
    assert without_secrets_in({"a": {"b": [url]}}) == {"a": {"b": [shown]}}
    assert secrets_written_in({"a": url}) == ([] if url == shown else ["a"])
    assert arguments_without_secrets([f"+model.url={url}"]) == [f"+model.url={shown}"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /b?X-Amz-Signature=0abc&x=1", f"GET /b?X-Amz-Signature={LEFT_OUT}&x=1"),
        ("{'aws_secret_access_key': 'abcdef'}", f"{{'aws_secret_access_key': '{LEFT_OUT}'}}"),
        ("Authorization: Bearer abc.def", f"Authorization: {LEFT_OUT}"),
        ("password=hunter2, jwt=abc", f"password={LEFT_OUT}, jwt={LEFT_OUT}"),
        ("eos_token='</s>', token 5", "eos_token='</s>', token 5"),
        (secret_fault("cache.remote_options.secret"), secret_fault("cache.remote_options.secret")),
    ],
)
def test_what_looks_like_a_secret_is_left_out_of_a_message(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_the_value_of_a_reference_is_left_out_of_every_text() -> None:
    config = {"cache": {"remote_options": {"secret": "of this test only"}}}
    without_secrets_in(config)
    assert without_secrets("ValueError('of this test only')") == f"ValueError('{LEFT_OUT}')"
    withhold(["short"])
    assert without_secrets("in short") == "in short", "it may be a part of a word"


@pytest.mark.parametrize("value", ["${oc.env:NAME}", "${oc.decode:${oc.env:NAME}}"])
def test_a_reference_is_not_a_secret(value: str) -> None:
    assert not secrets_written_in({"model": {"hf_token": value}})
    assert arguments_without_secrets([f"+model.hf_token='{value}'"]) == [f"+model.hf_token='{value}'"]


@pytest.mark.parametrize("value", ["${oc.env:NAME,hunter2}", "${oc.env:NAME}hunter2", "${model.name}"])
def test_what_is_no_mere_reference_is(value: str) -> None:
    assert secrets_written_in({"model": {"hf_token": value}}) == ["model.hf_token"]


def test_an_override_with_a_secret_is_left_out_of_a_command() -> None:
    words = ["-m", "++cache.remote_options.secret=hunter2", "model=tiny", "+model.api_key=hunter2"]
    assert arguments_without_secrets(words) == ["-m", "model=tiny"]


def test_the_secret_parts_of_a_url_are_left_out_where_they_stand_alone() -> None:
    without_secrets_in({"a": "s3://me:first-of-two@bucket/prefix-of-all?sig=second-of-two"})
    assert (
        without_secrets("first-of-two, second-of-two, prefix-of-all")
        == f"{LEFT_OUT}, {LEFT_OUT}, prefix-of-all"
    )


@pytest.mark.parametrize("text", ["a." * 50_000, "a://" * 20_000, "secret" * 20_000, "x=" * 50_000])
def test_a_long_text_takes_no_longer_than_its_length(text: str) -> None:
    assert without_secrets(text)
