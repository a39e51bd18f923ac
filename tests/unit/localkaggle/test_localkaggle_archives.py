"""Archives are unpacked, nested ones too, and none gets out of its folder, over another file, or over its budget."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahel_nb.localkaggle import archives, outputs
from sahel_nb.localkaggle.archives import ArchiveRefused, Budget


def zipped(*members: tuple[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return data.getvalue()


def tarred(*members: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:  # type: ignore[call-overload]  # a mode from a variable
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return data.getvalue()


def info(name: str, *, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, link
    return member


@pytest.fixture
def unpack(tmp_path: Path) -> Callable[..., list[str]]:
    def run(data: bytes, **budget: int) -> list[str]:
        packed = tmp_path / "packed"
        packed.write_bytes(data)
        target = tmp_path / "target"
        assert archives.unpack(packed, target, Budget(**budget))
        return sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file())

    return run


def test_nested_archives_become_folders(unpack: Callable[..., list[str]]) -> None:
    inner = zipped(("ŋ.txt", b"1"), ("deep/ɗ.txt", b"2"))
    tar = tarred(info("./t.txt", size=3))
    assert unpack(zipped(("a/inner.zip", inner), ("b.tar.gz", tar), ("dir/", b""), ("false.zip", b"no zip"))) == [
        "a/inner/deep/ɗ.txt",
        "a/inner/ŋ.txt",
        "b/t.txt",
        "false.zip",
    ]


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a\\..\\x", "a//b", "."])
def test_names_that_lead_out_are_refused(unpack: Callable[..., list[str]], tmp_path: Path, name: str) -> None:
    for data in (zipped((name, b"x")), tarred(info(name, size=1))):
        with pytest.raises(ArchiveRefused, match="unsafe name"):
            unpack(data)
    assert not (tmp_path / "x").exists()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["..", ".", "a", "b", "ŋ", "/"]), min_size=1, max_size=4), max_size=4))
def test_whatever_the_names_nothing_is_written_outside(
    tmp_path_factory: pytest.TempPathFactory, names: list[list[str]]
) -> None:
    root = tmp_path_factory.mktemp("zip")
    packed = root / "packed"
    packed.write_bytes(zipped(*((name, b"x") for name in {"/".join(parts): None for parts in names})))
    with contextlib.suppress(ArchiveRefused):
        archives.unpack(packed, root / "in" / "target", Budget())
    assert {path.name for path in root.iterdir()} <= {"packed", "in"}
    assert not (root / "in").exists() or {path.name for path in (root / "in").iterdir()} == {"target"}


def test_links_and_devices_are_refused(unpack: Callable[..., list[str]]) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    for packed in (
        data.getvalue(),
        tarred(info("link", kind=tarfile.SYMTYPE, link="/etc/passwd")),
        tarred(info("hard", kind=tarfile.LNKTYPE, link="../../x")),
        tarred(info("fifo", kind=tarfile.FIFOTYPE)),
    ):
        with pytest.raises(ArchiveRefused, match="not a regular file"):
            unpack(packed)


def test_bombs_are_refused_while_they_unfold(unpack: Callable[..., list[str]], tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match="more than is allowed"):
        unpack(zipped(("zeros", bytes(50_000_000))), bytes=1_000_000)
    assert (tmp_path / "target" / "zeros").stat().st_size <= 2_000_000
    with pytest.raises(ArchiveRefused, match="more members"):
        unpack(zipped(*((f"d{n}", b"") for n in range(20))), members=10)
    nested = zipped(("core", b"x"))
    for number in range(6):
        nested = zipped((f"{number}.zip", nested))
    with pytest.raises(ArchiveRefused, match="too deeply"):
        unpack(nested)


def test_members_do_not_replace_each_other(unpack: Callable[..., list[str]]) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped(("a", b"1"), ("a", b"2"))
    with pytest.raises(ArchiveRefused, match="two members"):
        unpack(twice)
    with pytest.raises(ArchiveRefused, match="over another file"):
        unpack(zipped(("b", b"1"), ("b.zip", zipped(("x", b"1")))))


def test_a_name_that_fits_is_unpacked_and_a_path_too_long_for_the_system_is_refused(
    unpack: Callable[..., list[str]], tmp_path: Path
) -> None:
    assert unpack(zipped((f"{'ŋ' * 120}.zip", zipped(("x", b"1"))))) == [f"{'ŋ' * 120}/x"]
    (tmp_path / "long").write_bytes(zipped(("/".join(["\U00010330" * 60] * 16), b"x")))
    with pytest.raises(ArchiveRefused, match="too long"):
        archives.unpack(tmp_path / "long", tmp_path / ("d" * 250) / "target", Budget())


def test_a_member_with_the_name_of_a_hidden_file_is_kept(unpack: Callable[..., list[str]]) -> None:
    inner = zipped(("x", b"1"))
    assert unpack(zipped((".unpacking-b.zip", b"mine"), ("b.zip", inner))) == [".unpacking-b.zip", "b/x"]


TEXT = b"".join(hashlib.sha256(bytes([n])).digest() + bytes(n) for n in range(100))


@pytest.mark.parametrize("kind", ["zip", "w:gz", "w:bz2", "w:xz", "w"])
@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 3000), junk=st.binary(min_size=1, max_size=40))
def test_damage_anywhere_is_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, kind: str, place: int, junk: bytes
) -> None:
    data = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a", TEXT)
    else:
        with tarfile.open(fileobj=data, mode=kind) as tar:  # type: ignore[call-overload]  # a mode from a variable
            tar.addfile(info("a", size=len(TEXT)), io.BytesIO(TEXT))
    damaged = bytearray(data.getvalue())
    damaged[place : place + len(junk)] = junk
    root = tmp_path_factory.mktemp("damaged")
    (root / "packed").write_bytes(bytes(damaged))
    with contextlib.suppress(ArchiveRefused):
        archives.unpack(root / "packed", root / "target", Budget())


def test_a_broken_archive_is_refused_and_a_file_that_is_none_is_left(tmp_path: Path) -> None:
    broken = bytearray(zipped(("a", b"x" * 1000)))
    broken[40] ^= 0xFF
    (tmp_path / "broken").write_bytes(bytes(broken))
    with pytest.raises(ArchiveRefused):
        archives.unpack(tmp_path / "broken", tmp_path / "target", Budget())
    (tmp_path / "plain").write_bytes(b"text")
    assert not archives.unpack(tmp_path / "plain", tmp_path / "other", Budget())


@pytest.mark.parametrize(
    ("name", "bare"), [("a.zip", "a"), ("a.TAR.GZ", "a"), ("a.tgz", "a"), (".zip", None), ("a.csv.gz", None)]
)
def test_stems(name: str, bare: str | None) -> None:
    assert archives.stem(name) == bare


def test_outputs_that_are_no_plain_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ŋ.txt").write_text("x")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    with open(bytes(tmp_path) + b"/\xff.txt", "wb"):
        pass
    scan = outputs.scan(tmp_path)
    assert [o.name for o in scan.outputs] == ["sub/ŋ.txt"]
    assert scan.left_out == ("\\udcff.txt", "link", "loop")
    assert outputs.inside(tmp_path, "sub/ŋ.txt") == tmp_path / "sub" / "ŋ.txt"
    for name in ("link", "loop/sub/ŋ.txt", "../x", "missing", "sub"):
        assert outputs.inside(tmp_path, name) is None
