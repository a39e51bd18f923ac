"""Settings: every layer counts in its order, and what cannot be understood is named with its place."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahel_nb.config import CleanScope, Config, Enforcement, as_committed, is_folder, is_shared_remote, load, unset
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


_TAKEN = ("refs/sahel/commits", "refs/sahel/commits/x", "refs/replace/x")


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        (b"run = 3", "[run]"),
        (b"[run]\ncleam = 1", "cleam"),
        (b"[runn]\n", "[runn]"),
        (b'[run]\nclean = "all"', "run.clean"),
        (b"[lock]\nttl = -1", "lock.ttl"),
        (b"[lock]\nttl = true", "lock.ttl"),
        (b"[lock]\nttl = inf", "lock.ttl"),
        (b"[notebooks]\nfolders = [1]", "notebooks.folders"),
        (b"[run\n", "TOML"),
        (b"\xff", "TOML"),
    ],
)
def test_a_mistake_is_named(toml: bytes, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(toml)
    assert named in caught.value.message
    assert caught.value.hints == ("${EDITOR:-vi} sahel-nb.toml",)


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
        ({"sahel-nb.lock.ttl": "soon"}, {}, unset("sahel-nb.lock.ttl")),
        ({"sahel-nb.run.claen": "kernel"}, {}, unset("sahel-nb.run.claen")),
        ({}, {"SAHEL_NB_LOCK_TTL": "-1"}, "unset SAHEL_NB_LOCK_TTL"),
        ({}, {"SAHEL_NB_RUN_CLAEN": "kernel"}, "unset SAHEL_NB_RUN_CLAEN"),
        ({}, {"SAHEL_NB_VAULT_KEEP": "perhaps"}, "unset SAHEL_NB_VAULT_KEEP"),
    ],
)
def test_a_mistake_is_mended_in_its_own_layer(git_config: dict[str, str], environ: dict[str, str], mend: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(None, git_config, environ)
    assert caught.value.hints == (mend,)


def toml(section: str, key: str, value: object) -> bytes:
    return f"[{section}]\n{key} = {json.dumps(value)}\n".encode()


SHARED = (
    *("origin", "team-locks", "ssh://git@host.example:2222/srv/git/nb.git", "https://host.example/team/nb"),
    *("git@host.example:team/nb.git", "host.example:nb", "https://awa@host.example/nb.git", "host.example:/srv/ŋ.git"),
    *("ssh://[2001:db8::1]:22/nb.git", "git@host.example:~awa/nb.git", "https://host.example/a%20b.git"),
)
NOT_SHARED = (
    *("./locks", "../locks.git", "locks/x", "/srv/locks.git", "~/locks.git", ".", "..", "", "C:/locks", "c:locks"),
    *("file:///srv/locks.git", "file://./locks", "FILE:///srv/x", "http://host.example/nb", "git://host.example/nb"),
    *("ext::sh -c 'id'", "ext::sh", "fd::7", "remote-x::https://host.example/nb", "ftp://host.example/nb"),
    *(
        "--upload-pack=id",
        "-x",
        "ssh://-oProxyCommand=id/x",
        "ssh://git@-x/nb",
        "-oProxyCommand=id:nb",
        "host.example:-x",
    ),
    *("https://awa:key@host.example/nb", "https://host.example/../../srv/x", "https://host.example/%2e%2e/x"),
    *(
        "git@host.example:nb;id",
        "https://host.example/$(id)",
        "https://host.example/a b",
        "origin\nx",
        "host.example:a\x1b",
    ),
    *(
        "git+ssh://host.example/nb",
        "ssh+git://host.example/nb",
        "https:///nb",
        "ssh://host.example",
        "host.example::nb",
    ),
)


@pytest.mark.parametrize("remote", SHARED)
def test_a_committed_remote_is_a_name_or_an_address(remote: str) -> None:
    assert load(toml("lock", "remote", remote)).lock.remote == remote


@pytest.mark.parametrize("remote", NOT_SHARED)
def test_a_committed_remote_that_is_a_path_or_starts_a_program_is_refused(remote: str) -> None:
    with pytest.raises(UsageError, match=r"^sahel-nb\.toml: lock\.remote ") as caught:
        load(toml("lock", "remote", remote))
    assert caught.value.hints == ("${EDITOR:-vi} sahel-nb.toml",)
    assert "key@" not in caught.value.message


def test_a_path_may_be_ones_own_setting_and_then_counts() -> None:
    committed = toml("lock", "remote", "./locks")
    assert load(committed, {"sahel-nb.lock.remote": "/srv/locks.git"}).lock.remote == "/srv/locks.git"
    assert load(committed, {}, {"SAHEL_NB_LOCK_REMOTE": "file:///srv/x"}).lock.remote == "file:///srv/x"
    assert as_committed(committed).lock.remote == "./locks", "to compare with, not to use"
    for wrong in ("-x", "", "a\nb"):
        with pytest.raises(UsageError, match=r"git config sahel-nb\.lock\.remote"):
            load(None, {"sahel-nb.lock.remote": wrong})


@given(
    st.text(alphabet="aB1.-_~/:@%\\ $\n[]", max_size=20), st.sampled_from(["", "file:", "ext::", "http://", "ssh://"])
)
def test_no_committed_remote_is_a_path_for_git(text: str, start: str) -> None:
    """connect.c, url_is_local_not_ssh: a slash before the first colon, or no colon. And no transport::address."""
    remote = start + text
    if not is_shared_remote(remote) or re.fullmatch(r"[\w.-]+", remote):
        return
    assert ":" in remote.partition("/")[0]
    assert not re.match(r"[A-Za-z0-9+.-]*::", remote)
    assert not remote.startswith("-")
    assert remote.partition("://")[0] in ("ssh", "https") or "://" not in remote


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        *(
            ("run", "outputs", value)
            for value in ("../x", "/x", ".", "", "a/../b", ".git", "a/.GIT/hooks", "git~1", "-x")
        ),
        *(("run", "outputs", value) for value in (".git ", "a/.git./b", "a\\..\\b", "a\nb", "a\u202eb", "//x")),
        *(("notebooks", "folders", [value]) for value in ("../x", "/x", "a/.git", "")),
        *(
            ("lock", "prefix", value)
            for value in (
                "refs/sahel/commits",
                "refs/sahel/commits/x",
                "refs/replace/x",
                "--x",
                "refs/x",
                "refs/a/b:refs/c/d",
                "refs/sahel/b-archive",
                "refs/sahel/..",
                "refs/heads/main",
                "refs/heads/feature",
                "refs/heads/sahel-signers",
                "refs/heads/release/2026",
                "refs/heads/blocks",
                "refs/heads/team-locks-archive",
                "refs/tags/locks",
                "refs/remotes/origin/locks",
                "refs/heads",
                "refs/sahel",
            )
        ),
        *(
            ("lock", "signers", value)
            for value in ("--x", "main", "refs/heads/a:refs/b", "refs/heads/a..b", "+refs/heads/a")
        ),
        *(("lock", "signers", value) for value in ("refs/heads/a.lock", "refs/heads/a.", "refs/heads/a.lock/b", "")),
        *(("dev", "owner", value) for value in ("../x", "a/b", "-a", "a b", "a\x1b")),
        ("dev", "pattern", "{slug}\n{user}"),
        ("lint", "disable", ["\x1b]52;c;\x07"]),
    ],
)
def test_what_becomes_a_path_a_ref_or_a_name_is_checked_in_every_layer(section: str, key: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"^sahel-nb\.toml: {section}\.{key} "):
        load(toml(section, key, value))
    if isinstance(value, str):
        with pytest.raises(UsageError, match=rf"^git config sahel-nb\.{section}\.{key} "):
            load(None, {f"sahel-nb.{section}.{key}": value})


def test_what_is_usual_stays() -> None:
    config = load(
        b'[run]\noutputs = "./out/runs/"\n[notebooks]\nfolders = [".", "k/n"]\n[dev]\nowner = "awa-1"\n'
        b'[lock]\nprefix = "refs/heads/sahel-locks"\nsigners = "refs/heads/team/signers.v2"\n'
    )
    assert config.run.outputs == "./out/runs/"
    assert config.lock.signers == "refs/heads/team/signers.v2"
    assert is_folder("runs ŋ")


def test_what_was_called_signing_is_understood_or_says_what_to_write() -> None:
    assert load(b'[lock]\nsigning = "ssh"').lock.enforce is Enforcement.SIGNED
    assert load(b'[lock]\nsigning = "off"').lock.enforce is Enforcement.OFF
    assert load(b'[lock]\nsigning = "ssh"\nenforce = "server"').lock.enforce is Enforcement.SERVER
    with pytest.raises(UsageError, match="no more") as caught:
        load(b'[lock]\nsigning = "gpg"')
    assert caught.value.details == ('write instead: enforce = "signed"',)


@pytest.mark.parametrize(
    "prefix",
    ["refs/sahel/locks", "refs/sahel/a/b", "refs/heads/locks", "refs/heads/awa/locks", "refs/heads/x-locks/team"],
)
def test_locks_live_in_our_room_or_in_branches_of_their_name(prefix: str) -> None:
    assert load(toml("lock", "prefix", prefix)).lock.prefix == prefix


def test_who_runs_what_is_written_in_lines() -> None:
    good = 'runners = ["awa/fula-* awa@example.org *@lab.example", "*/* lead@example.org"]'
    assert len(load(f"[lock]\n{good}".encode()).lock.runners) == 2
    for wrong in ("awa/fula", "awa@example.org", "awa/fula awa", "awa/fula <a@b.c>"):
        with pytest.raises(UsageError, match="owner/slug and addresses"):
            load(f'[lock]\nrunners = ["{wrong}"]'.encode())
