"""Settings: every layer counts in its order, and what cannot be understood is named with its place."""

from __future__ import annotations

import pytest

from sahel_nb.config import CleanScope, Config, load
from sahel_nb.errors import UsageError


def test_nothing_set_gives_the_defaults() -> None:
    assert load() == Config()


def test_flags_of_a_layer_beat_the_layers_below() -> None:
    toml = b'[run]\nclean = "kernel"\noutputs = "from-file"\ntimeout = 1\n[notebooks]\nfolders = ["a", "b"]\n'
    config = load(
        toml, {"sahel-nb.run.outputs": "from-git", "sahel-nb.run.timeout": "2"}, {"SAHEL_NB_RUN_TIMEOUT": "3"}
    )
    assert config.run.clean is CleanScope.KERNEL
    assert config.run.outputs == "from-git"
    assert config.run.timeout == 3
    assert config.notebooks.folders == ("a", "b")


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        (b"run = 3", "[run]"),
        (b"[run]\ncleam = 1", "cleam"),
        (b"[runn]\n", "[runn]"),
        (b'[run]\nclean = "all"', "run.clean"),
        (b"[lock]\nttl = -1", "lock.ttl"),
        (b"[lock]\nttl = true", "lock.ttl"),
        (b"[notebooks]\nfolders = [1]", "notebooks.folders"),
        (b"[run\n", "TOML"),
        (b"\xff", "TOML"),
    ],
)
def test_a_mistake_is_named(toml: bytes, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(toml)
    assert named in caught.value.message
    assert caught.value.hints == ("$EDITOR sahel-nb.toml",)


def test_a_misspelt_personal_setting_is_named_too() -> None:
    with pytest.raises(UsageError, match=r"sahel-nb\.run\.claen"):
        load(None, {"sahel-nb.run.claen": "kernel"})
    with pytest.raises(UsageError, match="SAHEL_NB_RUN_CLAEN"):
        load(None, None, {"SAHEL_NB_RUN_CLAEN": "kernel"})
    assert load(None, {"sahel-nb.owner": "awa"}, {"SAHEL_NB_KAGGLE": "local"}) == Config(), "not of this file"


def test_the_layer_of_a_mistake_is_named() -> None:
    with pytest.raises(UsageError, match=r"git config sahel-nb\.lock\.ttl"):
        load(None, {"sahel-nb.lock.ttl": "soon"})
    with pytest.raises(UsageError, match="SAHEL_NB_LOCK_TTL"):
        load(None, None, {"SAHEL_NB_LOCK_TTL": "soon"})


@pytest.mark.parametrize(
    ("git_config", "environ", "mend"),
    [
        ({"sahel-nb.lock.ttl": "soon"}, {}, "git config --unset-all sahel-nb.lock.ttl"),
        ({"sahel-nb.run.claen": "kernel"}, {}, "git config --unset-all sahel-nb.run.claen"),
        ({}, {"SAHEL_NB_LOCK_TTL": "-1"}, "unset SAHEL_NB_LOCK_TTL"),
        ({}, {"SAHEL_NB_RUN_CLAEN": "kernel"}, "unset SAHEL_NB_RUN_CLAEN"),
        ({}, {"SAHEL_NB_VAULT_KEEP": "perhaps"}, "unset SAHEL_NB_VAULT_KEEP"),
    ],
)
def test_a_mistake_is_mended_in_its_own_layer(git_config: dict[str, str], environ: dict[str, str], mend: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(None, git_config, environ)
    assert caught.value.hints == (mend,)
