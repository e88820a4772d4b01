"""A tree of the tokens in the KV cache: requests that begin alike share its nodes, and leaves nobody holds are overwritten.

[Zheng et al. 2024, SGLang, section 3: RadixAttention; rules of SGLang 0.5.3's radix cache with pages of one token] A node's tokens are
those of some request between two places: two requests whose prompts are the same segments have the same tokens, so none is spelled out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnomon.core.jit import inner
from gnomon.core.service import Arrivals, Ints
from gnomon.engines.serving.simulator.prefix_cache import OWN
from gnomon.engines.serving.simulator.state import NONE, Records, Rules

ROOT = 0  # of every replica's tree; it holds nothing, and is both ends of the line by last use
_PRIME, _BASES = (
    2**31 - 1,
    (48_271, 69_621, 16_807),
)  # multipliers of minimal standard generators [Park and Miller 1988]
_NODE = np.dtype(
    [
        ("owner", "i8"),  # whose tokens it holds,
        ("start", "i8"),  # from here
        ("end", "i8"),  # to before here
        ("segment", "i8"),  # the first of them
        ("offset", "i8"),
        ("parent", "i8"),
        ("children", "i8"),
        ("users", "i8"),  # requests under way that hold it or a node below it
        ("used", "i8"),  # when it was last, by the tree's clock
        ("before", "i8"),  # in the line by last use; of a node that is free the next free one
        ("behind", "i8"),
    ]
)
_TREE = np.dtype(
    [
        ("evictable", "i8"),  # tokens of nodes that nobody holds
        ("clock", "i8"),
        ("made", "i8"),  # nodes beside the root that were ever needed at once
        ("spare", "i8"),  # the first that is free again; ROOT: none
    ]
)


class Radix(NamedTuple):
    """Trees of all replicas, and what prompts are made of."""

    trees: Records  # (replica)
    nodes: Records  # (replica, node)
    entries: Ints  # (replica, place): nodes by parent and first token, by open addressing; ROOT: nothing
    leaves: Ints  # (request): the node that holds the end of what it found or has put into the tree
    starts: Ints  # this and the next three: gnomon.core.service.Prefixes
    segments: Ints
    tokens: Ints
    answers: Ints


def new_radix(arrivals: Arrivals, replicas: int, rules: Rules) -> Radix:
    """Trees that hold nothing; next to nothing where there is none."""
    given = arrivals.prefixes
    if given is None or not rules.has_tree:
        nothing = np.zeros(1, np.int64)
        nodes = np.zeros((replicas, 1), _NODE).view(np.recarray)
        trees = np.zeros(replicas, _TREE).view(np.recarray)
        return Radix(trees, nodes, np.zeros((replicas, 1), np.int64), *[nothing] * 5)
    has_answer = given.answers >= 0
    known = np.unique(np.concatenate([given.segments, given.answers[has_answer]]))
    return Radix(
        trees=np.zeros(replicas, _TREE).view(np.recarray),
        nodes=np.zeros((replicas, rules.blocks + 2), _NODE).view(np.recarray),  # a node has a token at least
        entries=np.zeros((replicas, 1 << int(2 * rules.blocks).bit_length()), np.int64),
        leaves=np.zeros(len(arrivals), np.int64),
        starts=np.ascontiguousarray(given.starts, np.int64),
        segments=np.searchsorted(known, given.segments),
        tokens=np.ascontiguousarray(given.tokens, np.int64),
        answers=np.where(has_answer, np.searchsorted(known, given.answers), NONE),
    )


@inner
def piece_at(radix: Radix, request: int, place: int) -> tuple[int, int]:
    """The piece of a request that a token is in, and where in it: the answer is the piece behind those of the prompt."""
    piece, last = radix.starts[request], radix.starts[request + 1]
    while piece < last and place >= radix.tokens[piece]:
        place -= radix.tokens[piece]
        piece += 1
    return piece, place


@inner
def segment_of(radix: Radix, request: int, piece: int) -> int:
    """What text a piece of a request is."""
    if piece < radix.starts[request + 1]:
        prompt: int = radix.segments[piece]
        return prompt
    answer: int = radix.answers[request]
    return answer if answer >= 0 else OWN - request


@inner
def in_common(radix: Radix, request: int, other: int, start: int, end: int) -> int:
    """How many tokens from `start` on, at most to `end`, two requests have in common."""
    if request == other:
        return end - start
    mine, place = piece_at(radix, request, start)
    its, its_place = piece_at(radix, other, start)
    at = start
    while at < end:
        if place != its_place or segment_of(radix, request, mine) != segment_of(radix, other, its):
            break
        length = end - at
        if mine < radix.starts[request + 1]:
            length = min(length, radix.tokens[mine] - place)
        if its < radix.starts[other + 1]:
            length = min(length, radix.tokens[its] - its_place)
        at, place, its_place = at + length, place + length, its_place + length
        if mine < radix.starts[request + 1] and place == radix.tokens[mine]:
            mine, place = mine + 1, 0
        if its < radix.starts[other + 1] and its_place == radix.tokens[its]:
            its, its_place = its + 1, 0
    return at - start


@inner
def home_of(radix: Radix, replica: int, parent: int, segment: int, offset: int) -> int:
    """Where the entry of a child would be if all places were free."""
    hashed = (parent * _BASES[0] + segment + 1) % _PRIME
    hashed = (hashed * _BASES[1] + offset + 1) % _PRIME
    hashed = hashed * _BASES[2] % _PRIME
    return hashed % len(radix.entries[replica])


@inner
def place_of(radix: Radix, replica: int, parent: int, segment: int, offset: int) -> int:
    """Where the entry of a child is, or would be."""
    entries, nodes = radix.entries[replica], radix.nodes[replica]
    place = home_of(radix, replica, parent, segment, offset)
    while entries[place] != ROOT:
        one = nodes[entries[place]]
        if one.parent == parent and one.segment == segment and one.offset == offset:
            break
        place = (place + 1) % len(entries)
    return place


@inner
def forget(radix: Radix, replica: int, place: int) -> None:
    """An entry goes; those that it had pushed on move back."""
    entries, nodes = radix.entries[replica], radix.nodes[replica]
    room, free, at = len(entries), place, (place + 1) % len(entries)
    while entries[at] != ROOT:
        one = nodes[entries[at]]
        home = home_of(radix, replica, one.parent, one.segment, one.offset)
        if (at - home) % room >= (at - free) % room:
            entries[free] = entries[at]
            free = at
        at = (at + 1) % room
    entries[free] = ROOT


@inner
def take_node(radix: Radix, replica: int, owner: int, start: int, end: int, parent: int) -> int:
    """A new node below a parent that has none yet that begins alike; nobody has used it."""
    tree, nodes = radix.trees[replica], radix.nodes[replica]
    node: int = tree.spare
    if node == ROOT:
        tree.made += 1
        node = tree.made
    else:
        tree.spare = nodes[node].before
    piece, offset = piece_at(radix, owner, start)
    one = nodes[node]
    one.owner, one.start, one.end, one.parent = owner, start, end, parent
    one.segment, one.offset, one.children, one.users = segment_of(radix, owner, piece), offset, 0, 0
    radix.entries[replica, place_of(radix, replica, parent, one.segment, one.offset)] = node
    return node


@inner
def use(radix: Radix, replica: int, node: int, when: int) -> None:
    """A node is the last that was used; it has left the line, or was never in it."""
    nodes = radix.nodes[replica]
    one, last = nodes[node], nodes[ROOT].before
    one.used, one.before, one.behind = when, last, ROOT
    nodes[last].behind = node
    nodes[ROOT].before = node


@inner
def step_out(radix: Radix, replica: int, node: int) -> None:
    """A node leaves the line by last use."""
    nodes = radix.nodes[replica]
    one = nodes[node]
    nodes[one.before].behind = one.behind
    nodes[one.behind].before = one.before


@inner
def cut(radix: Radix, replica: int, node: int, at: int) -> int:
    """A new node takes a node's place and its tokens before one, and has the rest below it. It is not in the line yet."""
    nodes = radix.nodes[replica]
    one = nodes[node]
    old = place_of(radix, replica, one.parent, one.segment, one.offset)
    radix.entries[replica, old] = ROOT  # the place is taken again at once, by what begins alike
    upper = take_node(radix, replica, one.owner, one.start, at, one.parent)
    nodes[upper].users, nodes[upper].children = one.users, 1
    piece, offset = piece_at(radix, one.owner, at)
    one.start, one.parent, one.segment, one.offset = at, upper, segment_of(radix, one.owner, piece), offset
    radix.entries[replica, place_of(radix, replica, upper, one.segment, one.offset)] = node
    return upper


@inner
def walk(radix: Radix, replica: int, request: int, most: int) -> tuple[int, int]:
    """The node that ends with what the tree has of a request's first tokens, at most so many, and how many these are.

    All nodes on the way are used now, and one that goes on beyond is cut in two.
    """
    tree, nodes = radix.trees[replica], radix.nodes[replica]
    node, found, rest = ROOT, 0, ROOT
    while found < most and rest == ROOT:
        piece, offset = piece_at(radix, request, found)
        child = radix.entries[replica, place_of(radix, replica, node, segment_of(radix, request, piece), offset)]
        if child == ROOT:
            break
        one = nodes[child]
        found += in_common(radix, request, one.owner, found, min(one.end, most))
        if found < one.end:
            rest = child
        else:
            node = child
    tree.clock += 1
    upper = node
    if rest != ROOT:
        node = cut(radix, replica, rest, found)
        step_out(radix, replica, rest)
        use(radix, replica, rest, tree.clock)
    while upper != ROOT:
        step_out(radix, replica, upper)
        use(radix, replica, upper, tree.clock)
        upper = nodes[upper].parent
    if rest != ROOT:  # it was made later than it was looked for
        tree.clock += 1
        use(radix, replica, node, tree.clock)
    return node, found


@inner
def insert(radix: Radix, replica: int, request: int, tokens: int) -> int:
    """The node that ends with a request's first tokens, of which the tree has those now that it lacked."""
    tree, nodes = radix.trees[replica], radix.nodes[replica]
    node, found = walk(radix, replica, request, tokens)
    if found == tokens:
        return node
    nodes[node].children += 1
    leaf = take_node(radix, replica, request, found, tokens, node)
    tree.clock += 1
    use(radix, replica, leaf, tree.clock)
    tree.evictable += tokens - found
    return leaf


@inner
def hold(radix: Radix, mine: Records, replica: int, node: int) -> None:
    """A request holds the tokens up to the end of a node."""
    tree, nodes = radix.trees[replica], radix.nodes[replica]
    while node != ROOT:
        one = nodes[node]
        if one.users == 0:
            tree.evictable -= one.end - one.start
            mine.used_blocks += one.end - one.start
        one.users += 1
        node = one.parent


@inner
def let_go(radix: Radix, mine: Records, replica: int, node: int) -> None:
    """A request no longer holds them."""
    tree, nodes = radix.trees[replica], radix.nodes[replica]
    while node != ROOT:
        one = nodes[node]
        one.users -= 1
        if one.users == 0:
            tree.evictable += one.end - one.start
            mine.used_blocks -= one.end - one.start
        node = one.parent


@inner
def evict(radix: Radix, replica: int, tokens: int) -> None:
    """Whole leaves that nobody holds go, the one that was used longest ago first, until so many tokens have gone or none is left."""
    tree, nodes = radix.trees[replica], radix.nodes[replica]
    gone, at = 0, nodes[ROOT].behind
    while gone < tokens and at != ROOT:
        one = nodes[at]
        if one.users > 0 or one.children > 0:
            at = one.behind
            continue
        gone += one.end - one.start
        tree.evictable -= one.end - one.start
        forget(radix, replica, place_of(radix, replica, one.parent, one.segment, one.offset))
        step_out(radix, replica, at)
        after, parent, used = one.behind, one.parent, one.used
        one.before, tree.spare = tree.spare, at
        at = after
        if parent != ROOT:
            upper = nodes[parent]
            upper.children -= 1
            if upper.children == 0 and upper.users == 0 and upper.used <= used:
                at = parent  # a leaf now, used no later than any that is left
