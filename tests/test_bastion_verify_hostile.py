"""bastion-verify on what was made to hurt it: it always ends, soon, without a crash, and never with "intact"."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import stat
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from audit.evidence.notes import sign
from audit.evidence.signer import current_signer, known_vkeys
from tests.evidence import ALTERED, INTACT, UNDECIDED, check, seal, unpack, verifier, write_bundle

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def archive(bob: User, tmp_path: Path) -> Path:
    return write_bundle(seal(bob), tmp_path / "evidence.zip")


def contents(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def crashes_of(words: str) -> bool:
    return "the check failed" in words


def test_mutated_bundles_never_crash_it_and_never_pass(archive: Path, tmp_path: Path) -> None:
    """What does not touch the content of any file, as a time in the zip's directory, may pass."""
    chance = random.Random(20)  # noqa: S311 - not for secrets
    whole, files = archive.read_bytes(), contents(archive)
    key = known_vkeys()[0]
    mutated = tmp_path / "mutated.zip"
    for turn in range(400):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 1, 1, 2, 8, 64])):
            at = chance.randrange(len(content))
            # The page and the program are most of the file; what is checked is at its end and at its beginning.
            at = at if turn % 2 else chance.choice([at % 4000, len(content) - 1 - at % 4000])
            content[at] = chance.randrange(256)
        if turn % 5 == 0:
            del content[chance.randrange(len(content)) :]
        mutated.write_bytes(content)
        result = check(mutated, "--key", key)
        assert not crashes_of(result.words), (turn, result.words)
        if result.status == INTACT:
            assert contents(mutated) == files, turn


VALUES: list[object] = [
    None,
    True,
    0,
    -1,
    2**64,
    1e308,
    "",
    "\ud800",
    "\x1b[31m",
    [],
    {},
    [[]],
    "0" * 64,
    "../../etc/passwd",
]


def paths_in(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from paths_in(value[name], (*path, name))
    elif isinstance(value, list):
        for n, item in enumerate(value[:2]):
            yield from paths_in(item, (*path, n))


def replaced(value: object, path: tuple[object, ...], new: object) -> object:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def test_weird_values_in_a_manifest_never_crash_it_even_if_the_real_key_signed_them(
    archive: Path, tmp_path: Path
) -> None:
    directory = unpack(archive, tmp_path / "unpacked")
    path = directory / "manifest.note"
    signer = current_signer()
    head, body = path.read_text().split("\n")[:2]
    manifest = json.loads(body)
    for place in paths_in(manifest):
        for value in VALUES:
            text = json.dumps(replaced(manifest, place, value))
            path.write_bytes(bytes(sign(f"{head}\n{text}\n", signer)))
            result = check(directory, "--key", signer.vkey())
            assert not crashes_of(result.words), (place, value, result.words)
            assert result.status != INTACT, (place, value)


@pytest.mark.parametrize("name", ["salts.json", "ledger/session.jsonl"])
def test_weird_values_in_the_other_files_never_crash_it(archive: Path, tmp_path: Path, name: str) -> None:
    directory = unpack(archive, tmp_path / "unpacked")
    path = directory / name
    key = known_vkeys()[0]
    first, *rest = path.read_text().splitlines()
    document = json.loads(first if name.endswith("l") else path.read_text())
    for place in paths_in(document):
        for value in VALUES:
            other = replaced(document, place, value)
            text = json.dumps(other)
            path.write_text("\n".join([text, *rest]) if name.endswith("l") else text)
            result = check(directory, "--key", key)
            assert not crashes_of(result.words), (place, value, result.words)
            assert result.status != INTACT or other == document, (place, value)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 100_000,
        "9" * 10_000,
        '{"salts":[],"salts":[]}',
        "NaN",
        "-Infinity",
        '"\\ud800"',
        "\x00",
        "",
        "null",
        "[1e999999]",
    ],
)
def test_weird_json_never_crashes_it(archive: Path, tmp_path: Path, text: str) -> None:
    directory = unpack(archive, tmp_path / "unpacked")
    for name in ("salts.json", "ledger/session.jsonl", "recording.cast"):
        kept = (directory / name).read_bytes()
        (directory / name).write_text(text)
        result = check(directory)
        assert result.status in {ALTERED, UNDECIDED}, name
        assert not crashes_of(result.words)
        (directory / name).write_bytes(kept)


def rezipped(archive: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    files = contents(archive)
    change(files)
    path = tmp_path / "rezipped.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["manifest.note", "recording.cast", "recording.raw", "salts.json", "ledger/session.jsonl", "README.txt"]
)
def test_a_zip_bomb_costs_neither_memory_nor_time(archive: Path, tmp_path: Path, name: str) -> None:
    """Half a gigabyte of zeros in a place of a few kilobytes."""
    path = tmp_path / "bomb.zip"
    files = contents(archive)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for other, content in files.items():
            if other != name:
                file.writestr(other, content)
        with file.open(name, "w", force_zip64=True) as bomb:
            for _ in range(512):
                bomb.write(bytes(2**20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_at = time.process_time()
    result = check(path)
    assert result.status in {ALTERED, UNDECIDED}
    assert time.process_time() - began_at < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


def test_a_bundle_with_two_files_of_one_name_is_refused(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    path.write_bytes(archive.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as file:
        file.writestr("recording.cast", b"another")
    assert check(path).status == UNDECIDED


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK])
def test_links_and_devices_in_a_zip_are_refused(archive: Path, tmp_path: Path, kind: int) -> None:
    files = contents(archive)
    path = tmp_path / "linked.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = ((kind if name == "recording.cast" else stat.S_IFREG) | 0o644) << 16
            file.writestr(entry, content)
    assert check(path).status == UNDECIDED


def test_names_that_leave_the_zip_are_refused(archive: Path, tmp_path: Path) -> None:
    for name in ("../outside", "/etc/outside", "objects/../../outside"):

        def change(files: dict[str, bytes], name: str = name) -> None:
            files[name] = b"outside"

        assert check(rezipped(archive, tmp_path, change)).status == UNDECIDED


def test_an_encrypted_or_oddly_packed_zip_is_refused(archive: Path, tmp_path: Path) -> None:
    files = contents(archive)
    path = tmp_path / "packed.zip"
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(path, "w", method) as file:
            for name, content in files.items():
                file.writestr(name, content)
        assert check(path).status == UNDECIDED
    whole = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = whole.find(signature)
        while at >= 0:
            struct.pack_into("<H", whole, at + offset, struct.unpack_from("<H", whole, at + offset)[0] | 1)
            at = whole.find(signature, at + 4)
    path.write_bytes(whole)
    assert check(path).status in {ALTERED, UNDECIDED}


def test_links_and_pipes_in_an_unpacked_bundle_are_refused(archive: Path, tmp_path: Path) -> None:
    directory = unpack(archive, tmp_path / "unpacked")
    for name in ("manifest.note", "salts.json", "recording.cast", "objects/000000.segment", "ledger/seal.tlog-proof"):
        path = directory / name
        kept = path.rename(tmp_path / "kept")
        path.symlink_to(kept)
        assert check(directory).status in {ALTERED, UNDECIDED}, name
        path.unlink()
        os.mkfifo(path)
        assert check(directory).status in {ALTERED, UNDECIDED}, name
        path.unlink()
        kept.rename(path)
    assert check(directory).status == INTACT


def test_paths_that_are_no_evidence_are_undecided(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path / "nothing", Path("x" * 5000)):
        assert check(path, "--key", "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8").status == 4


def test_ten_thousand_findings_are_a_thousand_lines_and_a_number() -> None:
    report = verifier.Report()
    for n in range(10_000):
        report.add(verifier.Verdict.ALTERED, f"number {n} \x1b[2J" + "x" * 10_000)
    said = io.StringIO()
    verifier.print_report(report, said)
    assert len(said.getvalue().splitlines()) == 1002
    assert len(said.getvalue()) < 500_000
    assert "\x1b" not in said.getvalue()
