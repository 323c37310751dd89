"""The tree of RFC 6962: known answers, and agreement with a second implementation that follows the text literally."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.evidence.tree import (
    Place,
    Range,
    consistency_ranges,
    cover,
    grow,
    inclusion_ranges,
    is_consistent,
    leaf_hash,
    range_hash,
    root_of_inclusion,
)

# The leaves that every implementation of certificate transparency is tested with, and the root of all eight.
CLASSIC = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CLASSIC_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n]) of RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = naive_split(len(leaves))
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def naive_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = naive_split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: Sequence[bytes], *, is_whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of section 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if is_whole else [naive_root(leaves)]
    k = naive_split(n)
    if m <= k:
        return [*naive_subproof(m, leaves[:k], is_whole=is_whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], is_whole=False), naive_root(leaves[:k])]


def leaves_of(size: int) -> list[bytes]:
    return [b"leaf %d" % number for number in range(size)]


def tree_of(leaves: Sequence[bytes], step: int = 1000) -> dict[Place, bytes]:
    """All nodes, added `step` leaves at a time."""
    nodes: dict[Place, bytes] = {}
    for begin in range(0, len(leaves), step):
        edge = {place: nodes[place] for place in cover(Range(0, begin))}
        nodes |= grow(begin, edge, leaves[begin : begin + step])
    return nodes


def test_the_classic_leaves_have_the_known_root() -> None:
    assert range_hash(Range(0, 8), tree_of(CLASSIC)).hex() == CLASSIC_ROOT
    assert naive_root(CLASSIC).hex() == CLASSIC_ROOT


def test_a_tree_without_leaves_has_the_root_of_nothing() -> None:
    assert range_hash(Range(0, 0), {}) == naive_root([])


@given(size=st.integers(0, 200), step=st.integers(1, 50))
def test_the_root_is_the_same_however_leaves_come_in(size: int, step: int) -> None:
    leaves = leaves_of(size)
    nodes = tree_of(leaves, step)
    assert range_hash(Range(0, size), nodes) == naive_root(leaves)
    assert len(nodes) == sum(size >> level for level in range(size.bit_length()))


@given(data=st.data(), size=st.integers(1, 130))
def test_a_path_proves_its_leaf_and_no_other(data: st.DataObject, size: int) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    nodes, root = tree_of(leaves), naive_root(leaves)
    path = [range_hash(part, nodes) for part in inclusion_ranges(index, size)]
    assert path == naive_path(index, leaves)
    assert root_of_inclusion(leaf_hash(leaves[index]), index, size, path) == root
    assert root_of_inclusion(leaf_hash(b"another"), index, size, path) != root
    if path:
        wrong = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:wrong], b"\0" * 32, *path[wrong + 1 :]]
        assert root_of_inclusion(leaf_hash(leaves[index]), index, size, changed) != root
        with pytest.raises(ValueError, match="hashes"):
            root_of_inclusion(leaf_hash(leaves[index]), index, size, path[1:])


@given(data=st.data(), size=st.integers(1, 130))
def test_a_later_tree_proves_that_it_begins_with_the_earlier_one(data: st.DataObject, size: int) -> None:
    leaves = leaves_of(size)
    old_size = data.draw(st.integers(1, size))
    nodes, root, old_root = tree_of(leaves), naive_root(leaves), naive_root(leaves[:old_size])
    proof = [range_hash(part, nodes) for part in consistency_ranges(old_size, size)]
    assert proof == naive_subproof(old_size, leaves, is_whole=True)
    assert is_consistent(old_size, old_root, size, root, proof)
    assert not is_consistent(old_size, naive_root([*leaves[: old_size - 1], b"other"]), size, root, proof)
    other = naive_root([b"other", *leaves[1:]])
    assert not is_consistent(old_size, old_root, size, other, proof)
    for wrong in range(len(proof)):
        changed = [*proof[:wrong], b"\0" * 32, *proof[wrong + 1 :]]
        assert not is_consistent(old_size, old_root, size, root, changed)
    assert not is_consistent(old_size, old_root, size, root, [*proof, b"\0" * 32])
    if proof:
        assert not is_consistent(old_size, old_root, size, root, proof[:-1])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 4), (5, 5)])
def test_there_is_no_path_for_what_is_not_in_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="expected a leaf"):
        inclusion_ranges(index, size)


@pytest.mark.parametrize(("old_size", "size"), [(0, 4), (5, 4), (-1, 4)])
def test_a_tree_is_consistent_only_with_earlier_ones(old_size: int, size: int) -> None:
    with pytest.raises(ValueError, match="expected an earlier size"):
        consistency_ranges(old_size, size)
