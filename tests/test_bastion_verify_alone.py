"""bastion-verify needs nothing of ours: no package but cryptography, no environment, no network; and others agree."""

from __future__ import annotations

import ast
import json
import random
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection

from audit.evidence.signer import known_vkeys
from tests.evidence import (
    ALTERED,
    INTACT,
    UNDECIDED,
    VERIFIER,
    check,
    check_alone,
    copy_database,
    copy_storage,
    seal,
    sign_ledger,
    unpack,
    verifier,
    without_network,
    write_bundle,
)
from tests.second_verifier import is_right

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def archive(bob: User, tmp_path: Path) -> Path:
    return write_bundle(seal(bob), tmp_path / "evidence.zip")


def test_it_runs_where_there_is_nothing_but_cryptography(bob: User, tmp_path: Path) -> None:
    session = seal(bob)
    archive = write_bundle(session, tmp_path / "evidence.zip")
    key = known_vkeys()[0]
    for target in ([archive], [copy_storage(tmp_path / "objects", session)]):
        done = check_alone(tmp_path, *target, "--key", key)
        assert (done.returncode, done.stderr) == (INTACT, ""), done.stdout
        assert done.stdout.endswith("verdict: intact (0)\n")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="without psycopg there is no PostgreSQL")
def test_it_reads_a_database_alone(bob: User, tmp_path: Path) -> None:
    seal(bob)
    sign_ledger()
    key = known_vkeys()[0]
    done = check_alone(tmp_path, "--db", copy_database(tmp_path / "copy.sqlite3"), "--key", key, "--json")
    assert (done.returncode, done.stderr) == (INTACT, "")
    assert json.loads(done.stdout)["verdict"] == "intact"
    done = check_alone(tmp_path, "--db", "postgresql://127.0.0.1:1/none", "--key", key)
    assert done.returncode == UNDECIDED
    assert "psycopg, which is not installed" in done.stdout


def test_what_is_altered_is_said_in_words_that_cannot_act_on_a_terminal(archive: Path, tmp_path: Path) -> None:
    directory = unpack(archive, tmp_path / "unpacked")
    (directory / "objects" / "000001.segment").write_bytes(b"\x1b]0;owned\x07")
    done = check_alone(tmp_path, directory, "--key", known_vkeys()[0])
    assert done.returncode == ALTERED
    assert "segment 1: the stored object is not the one that was stored" in done.stdout
    done = check_alone(tmp_path, tmp_path / "\x1b[31mnothing\u202e", "--key", known_vkeys()[0])
    assert done.returncode == UNDECIDED
    assert "\x1b" not in done.stdout + done.stderr
    assert "\u202e" not in done.stdout + done.stderr


def test_there_is_really_no_network_where_that_can_be_had(tmp_path: Path) -> None:
    """Otherwise the test above would say less than it seems to."""
    if not without_network():
        pytest.skip("this machine has no unshare, or does not permit it")


def test_it_is_one_file_that_imports_the_standard_library_and_cryptography() -> None:
    assert VERIFIER.stat().st_mode & stat.S_IXUSR
    tree = ast.parse(VERIFIER.read_text())
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    assert foreign == {"cryptography", "psycopg"}


def test_wrong_usage_is_not_mistaken_for_a_finding(tmp_path: Path) -> None:
    key = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    for arguments in ([], ["--key", key], [tmp_path], [tmp_path, "--key", "rubbish"], ["--what", tmp_path]):
        assert check_alone(tmp_path, *arguments).returncode == UNDECIDED, arguments
    assert "033de0ae" in verifier.parse_key(key).id


def test_the_root_of_a_known_tree() -> None:
    """The eight leaves of the tests of Certificate Transparency."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    tree = verifier.Tree()
    for leaf in leaves:
        tree.append(verifier.leaf_hash(bytes.fromhex(leaf)))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("seed", range(3))
def test_a_second_implementation_agrees_on_what_is_right_and_what_is_not(
    archive: Path, tmp_path: Path, seed: int
) -> None:
    directory = unpack(archive, tmp_path / "unpacked")
    key = known_vkeys()[0]
    assert is_right(directory, key)
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    signed = [
        "manifest.note",
        "recording.cast",
        "salts.json",
        "objects/000001.segment",
        "ledger/session.jsonl",
        "ledger/seal.tlog-proof",
    ]
    for name in signed * 6:
        path = directory / name
        content = path.read_bytes()
        at = chance.randrange(len(content))
        if b"extra " in content[:at] and b"\nindex " not in content[:at]:
            continue
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
        ours = check(directory, "--key", key).status == INTACT
        assert is_right(directory, key) == ours, (name, at)
        assert not ours, (name, at)
        path.write_bytes(content)
    assert is_right(directory, key)


def test_the_commands_of_the_readme_check_the_signature(archive: Path, tmp_path: Path) -> None:
    """A stranger copies them to a shell; what is written there has to work."""
    directory = unpack(archive, tmp_path / "unpacked")
    readme = (directory / "README.txt").read_text()
    lines = readme[readme.index("  head -n 2 manifest.note") : readme.index("The second line of the text")]
    script = "\n".join(line.partition("        (key.txt")[0] for line in lines.splitlines())
    (directory / "key.txt").write_text(known_vkeys()[0] + "\n")
    done = subprocess.run(["sh", "-e", "-c", script], cwd=directory, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Verified Successfully" in done.stdout
