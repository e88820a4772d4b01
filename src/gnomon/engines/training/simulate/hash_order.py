"""The order in which a hash table of numbers gives them back: that of the sets in which ASTRA-sim keeps what may begin.

ASTRA-sim issues the nodes of a custom algorithm in the order of a `std::unordered_set` of the GNU C++ library, and with congestion the
order of messages counts. The table keeps a list; a number goes to the head of its bucket, or of the list where the bucket is empty.
When there would be more numbers than buckets, the buckets become the first of a row of primes with twice as many, and all numbers
enter again in the order of the list. [libstdc++, hashtable.h, hashtable_c++0x.cc]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# What doubling leads to, from the first insertion on.
_BUCKETS = (13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933, 351061, 712697, 1447153)


_HEAD = -1  # stands before the first number of the list


class HashOrder:
    """Numbers from 0 on, in that order."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._count = _BUCKETS[0]
        self._after: dict[int, int] = {_HEAD: _HEAD}  # what follows a number in the list; after the last, its head
        self._before: dict[int, int] = {}  # bucket -> what stands before the first of its numbers
        for number in numbers:
            self.add(number)

    def __iter__(self) -> Iterator[int]:
        number = self._after[_HEAD]
        while number != _HEAD:
            yield number
            number = self._after[number]

    def add(self, number: int) -> None:
        """Add a number, unless it is there already."""
        if number in self._after:
            return
        if len(self._after) > self._count:  # the head is among them
            numbers = tuple(self)
            self._count = next(count for count in _BUCKETS if count > self._count)
            self.clear()
            for one in numbers:
                self._enter(one)
        self._enter(number)

    def _enter(self, number: int) -> None:
        bucket = number % self._count
        before = self._before.get(bucket)
        if before is None:
            first = self._after[_HEAD]
            if first != _HEAD:
                self._before[first % self._count] = number
            self._before[bucket] = before = _HEAD
        self._after[number], self._after[before] = self._after[before], number

    def clear(self) -> None:
        """Take all numbers out; the buckets stay as many."""
        self._after = {_HEAD: _HEAD}
        self._before = {}
