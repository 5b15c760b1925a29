"""Tables of objects in memory.

Lists, counts and cursors use indexes: a directory may have a million people.
"""

import heapq
import itertools
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from sandbox.models import Model

ModelT = TypeVar("ModelT", bound=Model)
Keys = Callable[[Any], Sequence[Hashable]]

# How many deleted objects of a table are remembered as cursors.
MAX_DELETED_CURSORS = 10_000
# Below this, gaps are cheaper than closing them.
MIN_GAPS = 64


class ChangeLog(Protocol):
    """Where a table writes its changes: the state file."""

    def stage(self, table: str, key: str, row: Model | None) -> None: ...


class Index:
    """The positions of a table's rows by a key of theirs, in the order of the table.

    `keys` gives the keys of a row: none, one, or several (the groups of a person).
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.clear()

    def clear(self) -> None:
        # One position alone is an int: an array of one needs three times the memory.
        self._positions: dict[Hashable, int | array[int]] = {}

    def find(self, key: Hashable) -> Sequence[int]:
        found = self._positions.get(key, ())
        return (found,) if isinstance(found, int) else found

    def add(self, key: Hashable, position: int) -> None:
        found = self._positions.get(key)
        if found is None:
            self._positions[key] = position
        elif isinstance(found, int):
            self._positions[key] = array("q", sorted((found, position)))
        elif position > found[-1]:
            found.append(position)
        else:
            found.insert(bisect_left(found, position), position)

    def remove(self, key: Hashable, position: int) -> None:
        found = self._positions[key]
        if isinstance(found, int) or len(found) == 1:
            del self._positions[key]
        else:
            del found[bisect_left(found, position)]

    def replace(self, old: Any, new: Any, position: int) -> None:
        """Follow a change of the row at this position."""
        before, after = self.keys(old), self.keys(new)
        if before == after:
            return
        for key in before:
            if key not in after:
                self.remove(key, position)
        for key in after:
            if key not in before:
                self.add(key, position)


class Table(Generic[ModelT]):
    """Objects by key, in the order of their creation. A cursor is found without a search.

    The cursor of an object that was deleted in the meantime keeps its place: a client that walks through
    the pages goes on after it.
    """

    def __init__(
        self,
        name: str,
        model: type[ModelT],
        log: ChangeLog | None = None,
        indexes: Mapping[str, Keys] | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self._log = log
        self._indexes = {field: Index(keys) for field, keys in (indexes or {}).items()}
        self.clear()

    def clear(self) -> None:
        # None stands for a deleted row, so that the positions of the others stay.
        self._rows: list[ModelT | None] = []
        self._positions: dict[str, int] = {}
        # A place between two rows ends in .5.
        self._deleted_positions: dict[str, float] = {}
        # How many rows were ever added.
        self.added = 0
        # Whether the rows were added in the order of their `created_at`: the clock can be set back.
        self.in_time_order = True
        for index in self._indexes.values():
            index.clear()

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[ModelT]:
        """The rows as they are now: changes while they are read are not seen."""
        return iter([row for row in self._rows if row is not None])

    def get(self, key: str) -> ModelT | None:
        position = self._positions.get(key)
        return None if position is None else self._rows[position]

    def put(self, row: ModelT, *, saved: bool = False) -> ModelT:
        """Add or replace a row. `saved`: it comes from the state file and is not written there again."""
        key = row.key
        position = self._positions.get(key)
        if position is None:
            self._deleted_positions.pop(key, None)
            last = self._rows[-1] if self._rows else None
            if last is not None and row.created_at < last.created_at:
                self.in_time_order = False
            self._positions[key] = position = len(self._rows)
            self._rows.append(row)
            self.added += 1
            self._add_to_indexes(row, position)
        else:
            old, self._rows[position] = self._rows[position], row
            for index in self._indexes.values():
                index.replace(old, row, position)
        if self._log and not saved:
            self._log.stage(self.name, key, row)
        return row

    def _add_to_indexes(self, row: ModelT, position: int) -> None:
        for index in self._indexes.values():
            for key in index.keys(row):
                index.add(key, position)

    def delete(self, key: str) -> None:
        """Raises KeyError."""
        position = self._positions.pop(key)
        row, self._rows[position] = self._rows[position], None
        for index in self._indexes.values():
            for value in index.keys(row):
                index.remove(value, position)
        self._deleted_positions[key] = position
        if len(self._deleted_positions) > MAX_DELETED_CURSORS:
            del self._deleted_positions[next(iter(self._deleted_positions))]
        if self._log:
            self._log.stage(self.name, key, None)
        if len(self._rows) > MIN_GAPS and len(self._positions) < len(self._rows) // 2:
            self._close_gaps()

    def _close_gaps(self) -> None:
        rows_before = [0, *itertools.accumulate(row is not None for row in self._rows)]
        self._deleted_positions = {
            key: rows_before[math.ceil(position)] - 0.5 for key, position in self._deleted_positions.items()
        }
        kept = [row for row in self._rows if row is not None]
        self._rows = list(kept)
        self._positions = {row.key: position for position, row in enumerate(kept)}
        for index in self._indexes.values():
            index.clear()
        for position, row in enumerate(kept):
            self._add_to_indexes(row, position)

    def has_position(self, key: str) -> bool:
        """Whether `iterate` can start at this key: of a row, or of one that was deleted."""
        return key in self._positions or key in self._deleted_positions

    def iterate(
        self,
        *,
        after: str | None = None,
        backwards: bool = False,
        within: tuple[str, Hashable] | None = None,
    ) -> Iterator[ModelT]:
        """The rows after the one with key `after`; backwards, those before it. Raises KeyError.

        `within` is an index and a key of it: only those rows. The table must not change meanwhile.
        """
        place: float | None = None
        if after is not None:
            place = self._positions[after] if after in self._positions else self._deleted_positions[after]
        positions: Sequence[int] = (
            range(len(self._rows)) if within is None else self._indexes[within[0]].find(within[1])
        )
        if backwards:
            last = len(positions) if place is None else bisect_left(positions, math.ceil(place))
            found: Iterator[int] = (positions[number] for number in range(last - 1, -1, -1))
        else:
            first = 0 if place is None else bisect_right(positions, math.floor(place))
            found = (positions[number] for number in range(first, len(positions)))
        return (row for position in found if (row := self._rows[position]) is not None)

    def count(self, field: str, key: Hashable) -> int:
        """How many rows an index has for this key."""
        return len(self._indexes[field].find(key))

    def first(self, **values: Any) -> ModelT | None:
        return next(self._select(values), None)

    def filter(self, **values: Any) -> list[ModelT]:
        """The rows with these values. A field with an index is looked up, the others are compared."""
        return list(self._select(values))

    def _select(self, values: dict[str, Any]) -> Iterator[ModelT]:
        indexed = [(name, values[name]) for name in values if name in self._indexes]
        within = min(indexed, key=lambda item: self.count(*item), default=None)
        compared = [(name, value) for name, value in values.items() if within is None or name != within[0]]
        for row in self.iterate(within=within):
            if all(getattr(row, name) == value for name, value in compared):
                yield row

    def find_first_position(self, is_reached: Callable[[ModelT], bool]) -> int:
        """The position of the first row for which `is_reached` holds, as it does for all rows after it."""
        return bisect_left(self._rows, True, key=lambda row: row is not None and is_reached(row))

    def find_position(self, key: str) -> int | None:
        return self._positions.get(key)

    def iterate_span(
        self, within: Sequence[tuple[str, Hashable]], *, first: int, end: int, backwards: bool = False
    ) -> Iterator[ModelT]:
        """The rows of any of these index keys, in order, with a position from `first` and before `end`."""
        spans = []
        for field, key in within:
            positions = self._indexes[field].find(key)
            numbers = range(bisect_left(positions, first), bisect_left(positions, end))
            spans.append(map(positions.__getitem__, reversed(numbers) if backwards else numbers))
        for position in heapq.merge(*spans, reverse=backwards):
            row = self._rows[position]
            if row is not None:
                yield row
