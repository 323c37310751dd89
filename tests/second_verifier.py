"""A second, small verifier of bundles, written from docs/evidence.md alone, with other means: openssl, recursion, hmac.

It says only yes or no. Where it and tools/bastion-verify differ, one of them or the document is wrong.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from tests.peers import require_program

# SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) up to the key itself.
_SPKI = bytes.fromhex("302a300506032b6570032100")


class WrongError(Exception):
    """The bundle is not what was signed."""


def is_right(bundle: Path, vkey: str) -> bool:
    try:
        _verify(bundle, vkey)
    except (WrongError, ValueError, KeyError, IndexError, TypeError, OSError):
        return False
    return True


def _verify(bundle: Path, vkey: str) -> None:
    note = (bundle / "manifest.note").read_bytes()
    manifest = json.loads(_signed_text(note, vkey).split(b"\n")[1])
    document = json.loads((bundle / "salts.json").read_text())
    salts = document["salts"]
    cast, at = (bundle / "recording.cast").read_bytes(), 0
    link = _sha256(b"bastion-chain-v1" + UUID(manifest["recording"]).bytes)
    _expect(document["recording"] == manifest["recording"] and len(salts) == len(manifest["segments"]))
    for n, (segment, salt) in enumerate(zip(manifest["segments"], salts, strict=True)):
        stored = (bundle / "objects" / Path(segment["object"]).name).read_bytes()
        plain, at = cast[at : at + segment["plain_bytes"]], at + segment["plain_bytes"]
        object_sha256, plain_sha256 = _sha256(stored), _sha256(_hex(salt) + plain)
        link = _sha256(b"\x02" + link + object_sha256 + plain_sha256)
        found = [n, object_sha256.hex(), plain_sha256.hex(), link.hex()]
        _expect(found == [segment[name] for name in ("n", "object_sha256", "plain_sha256", "chain")])
    _expect(at == len(cast) and link.hex() == manifest["chain"])
    _verify_ledger(bundle, vkey, manifest["recording"], hashlib.sha256(note).hexdigest())


def _verify_ledger(bundle: Path, vkey: str, recording: str, manifest_sha256: str) -> None:
    proof = (bundle / "ledger" / "seal.tlog-proof").read_bytes()
    head, _, checkpoint = proof.partition(b"\n\n")
    _expect(head.startswith((b"c2sp.org/tlog-proof@v1\nextra ", b"c2sp.org/tlog-proof@v1\nindex ")))
    _origin, size, root = _signed_text(checkpoint, vkey).decode().split("\n")[:3]
    index = next(line for line in head.decode().split("\n") if line.startswith("index "))
    path = head.decode().partition(index + "\n")[2].split("\n")
    seals = []
    for name in ("session.jsonl", "access-log.jsonl"):
        for text in filter(None, (bundle / "ledger" / name).read_text().split("\n")):
            line = json.loads(text)
            event = json.loads(line["payload"])
            _expect(event["session_id"] == recording)
            leaf = _leaf(line["payload"], line["salt"], event)
            _expect(_root(leaf, line["position"], int(size), line["proof"]) == base64.b64decode(root))
            if event["action"] == "recording.sealed":
                seals.append((event["detail"]["manifest_sha256"], leaf))
    _expect([digest for digest, _ in seals] == [manifest_sha256])
    # Without hashes the head ends with the index.
    hashes = [line for line in path if line]
    _expect(_root(seals[0][1], int(index.removeprefix("index ")), int(size), hashes) == base64.b64decode(root))


def _leaf(payload: str, salt: str, event: dict[str, object]) -> bytes:
    digest = _sha256(_hex(salt) + payload.encode()).hex()
    text = "".join(f"{part}\n" for part in ("bastion-leaf-v1", event["id"], event["action"], event["at"], digest))
    return _sha256(b"\x00" + text.encode())


def _root(leaf: bytes, index: int, size: int, path: list[str]) -> bytes:
    """RFC 6962, section 2.1.1, read backwards: the last hash of the path is the other half of the whole tree."""
    _expect(0 <= index < size)
    if size == 1:
        _expect(not path)
        return leaf
    half = 1
    while half * 2 < size:
        half *= 2
    *inner, outer = path
    other = base64.b64decode(outer, validate=True)
    _expect(base64.b64encode(other).decode() == outer)
    if index < half:
        return _sha256(b"\x01" + _root(leaf, index, half, inner) + other)
    return _sha256(b"\x01" + other + _root(leaf, index - half, size - half, inner))


def _signed_text(note: bytes, vkey: str) -> bytes:
    """Return the text of a note whose only signature openssl finds to be that of the key."""
    text, _, line = note.rpartition(b"\n\n")
    text += b"\n"
    name, key_id, encoded = vkey.split("+", 2)
    dash, signer, signature = line.decode().removesuffix("\n").split(" ")
    raw = base64.b64decode(signature, validate=True)
    _expect(line.endswith(b"\n") and (dash, signer, raw[:4].hex()) == ("\u2014", name, key_id))
    _expect(base64.b64encode(raw).decode() == signature)
    with TemporaryDirectory() as folder:
        parts = {"key": _SPKI + base64.b64decode(encoded)[1:], "text": text, "signature": raw[4:]}
        for part, content in parts.items():
            (Path(folder) / part).write_bytes(content)
        command = ["pkeyutl", "-verify", "-pubin", "-inkey", "key", "-keyform", "DER", "-rawin", "-in", "text"]
        done = subprocess.run(
            [require_program("openssl"), *command, "-sigfile", "signature"],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=30,
        )
    _expect(done.returncode == 0)
    return text


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _expect(holds: bool) -> None:
    if not holds:
        raise WrongError


def _hex(text: str) -> bytes:
    _expect(bytes.fromhex(text).hex() == text)
    return bytes.fromhex(text)
