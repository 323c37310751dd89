"""The Merkle tree of RFC 6962, section 2.1: roots, inclusion proofs and consistency proofs, as pure functions.

A tree is known by the hashes of its complete subtrees: `Place(level, position)` is the one over the leaves from
position * 2^level on. Proofs are first named as ranges of leaves, each covered by few complete subtrees, so that all
hashes that are needed can be had at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

EMPTY_ROOT = hashlib.sha256(b"").digest()


class Place(NamedTuple):
    """Where a complete subtree is: its height, and its number among those of that height."""

    level: int
    position: int


class Range(NamedTuple):
    """Leaves from `begin` up to, but not including, `end`."""

    begin: int
    end: int


Hashes = Mapping[Place, bytes]


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def cover(leaves: Range) -> list[Place]:
    """Return the complete subtrees that make up a range of a tree or a whole tree, from left to right."""
    places, begin = [], leaves.begin
    while begin < leaves.end:
        level = (leaves.end - begin).bit_length() - 1
        places.append(Place(level, begin >> level))
        begin += 1 << level
    return places


def grow(size: int, edge: Hashes, leaves: Iterable[bytes]) -> dict[Place, bytes]:
    """Return the complete subtrees that come into being when leaves are added to a tree of `size` leaves.

    `edge` has the hashes of `cover(Range(0, size))`.
    """
    grown: dict[Place, bytes] = {}
    for position, leaf in enumerate(leaves, size):
        place, digest = Place(0, position), leaf_hash(leaf)
        grown[place] = digest
        while place.position & 1:
            sibling = Place(place.level, place.position - 1)
            left = grown[sibling] if sibling in grown else edge[sibling]
            place, digest = Place(place.level + 1, place.position >> 1), node_hash(left, digest)
            grown[place] = digest
    return grown


def range_hash(leaves: Range, hashes: Hashes) -> bytes:
    """Return the hash of a range that `inclusion_ranges` or `consistency_ranges` names, or of Range(0, size)."""
    if leaves.begin == leaves.end:
        return EMPTY_ROOT
    *rest, last = (hashes[place] for place in cover(leaves))
    for left in reversed(rest):
        last = node_hash(left, last)
    return last


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return what the audit path of leaf `index` is made of, from the leaf's sibling up (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"expected a leaf from 0 to {size - 1}, got {index}")
    return _inclusion(index, Range(0, size))


def consistency_ranges(old_size: int, size: int) -> list[Range]:
    """Return what proves that a tree of `size` leaves begins with one of `old_size` (RFC 6962, 2.1.2)."""
    if not 0 < old_size <= size:
        raise ValueError(f"expected an earlier size from 1 to {size}, got {old_size}")
    return _consistency(old_size, Range(0, size), is_whole=True)


def root_of_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that a path leads to from a leaf's hash. Raises ValueError for a path of the wrong length."""
    ranges = inclusion_ranges(index, size)
    if len(path) != len(ranges):
        raise ValueError(f"expected {len(ranges)} hashes, got {len(path)}")
    digest = leaf
    for beside, other in zip(ranges, path, strict=True):
        digest = node_hash(other, digest) if beside.begin < index else node_hash(digest, other)
    return digest


def is_consistent(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether the proof shows that the tree of `root` begins with the one of `old_root` (RFC 9162, 2.1.4.2)."""
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if old_size >= size:
        return old_size == size and not proof and old_root == root
    hashes = list(proof)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        return False
    old_last, last = old_size - 1, size - 1
    while old_last & 1:
        old_last, last = old_last >> 1, last >> 1
    old_found = found = hashes[0]
    for digest in hashes[1:]:
        if last == 0:
            return False
        if old_last & 1 or old_last == last:
            old_found, found = node_hash(digest, old_found), node_hash(digest, found)
            while old_last and not old_last & 1:
                old_last, last = old_last >> 1, last >> 1
        else:
            found = node_hash(found, digest)
        old_last, last = old_last >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root


def _split(leaves: Range) -> int:
    """Return where the left subtree of a range ends: it has the largest power of two that is less than all."""
    return leaves.begin + (1 << ((leaves.end - leaves.begin - 1).bit_length() - 1))


def _inclusion(index: int, leaves: Range) -> list[Range]:
    if leaves.end - leaves.begin == 1:
        return []
    middle = _split(leaves)
    if index < middle:
        return [*_inclusion(index, Range(leaves.begin, middle)), Range(middle, leaves.end)]
    return [*_inclusion(index, Range(middle, leaves.end)), Range(leaves.begin, middle)]


def _consistency(old_end: int, leaves: Range, *, is_whole: bool) -> list[Range]:
    if old_end == leaves.end:
        return [] if is_whole else [leaves]
    middle = _split(leaves)
    if old_end <= middle:
        return [*_consistency(old_end, Range(leaves.begin, middle), is_whole=is_whole), Range(middle, leaves.end)]
    return [*_consistency(old_end, Range(middle, leaves.end), is_whole=False), Range(leaves.begin, middle)]
