"""Which causes make the figures those of the export: alone, in pairs, then more together; the smallest set wins.

An export was made in one way. So the set is looked for with which most of its cells agree, and a cell's causes are the
smallest part of that set with which the cell becomes exactly the export's. What would explain one cell and make others
differ is named nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from superset_campaign_plugin.reporting.causes import Cause

# The numbers of the cells that are exactly the export's.
Exact = frozenset[int]
Causes = frozenset[Cause]
NONE: Causes = frozenset()

# Each set that is tried is a whole report. Of the time zones few come near, and of the pairs few are on the way.
_OF_A_GROUP = 3
_TO_ADD_TO = 3
_ALWAYS = ("clock", "added")


class Search:
    """Finds the causes of cells that differ.

    `exact` counts with a set of causes and says which of the cells 0 … `cells` - 1 are the export's then. It is asked
    once for each set. `changed` says which cells become others with a set than they are without a cause.
    """

    def __init__(
        self,
        causes: Sequence[Cause],
        exact: Callable[[Causes], Exact],
        changed: Callable[[Causes], Exact],
        cells: int,
    ) -> None:
        self._causes = causes
        self._ask = exact
        self._changed = changed
        self._cells = cells
        # What cannot be explained at all is not waited for.
        self._reachable = cells
        self._known: dict[Causes, Exact] = {}
        self._best: list[Causes] = []

    def run(self) -> dict[int, list[Causes]]:
        """The cells that differ, each with the sets that explain it: several are alternatives, none is unexplained."""
        open_cells = set(range(self._cells)) - self._exact(NONE)
        if open_cells:
            self._try_all()
            self._best = self._best_sets()
        return {cell: self._explain(cell) for cell in sorted(open_cells)}

    def _exact(self, causes: Causes) -> Exact:
        if causes not in self._known:
            self._known[causes] = self._ask(causes)
        return self._known[causes]

    def _score(self, causes: Causes) -> int:
        return len(self._exact(causes))

    def _try_all(self) -> None:
        singles = [frozenset({cause}) for cause in self._causes]
        for single in singles:
            self._exact(single)
        hopeful = self._hopeful()
        pairs = [frozenset(pair) for pair in combinations(hopeful, 2) if pair[0].group != pair[1].group]
        tied = [pair for pair in pairs if all(cause.group in _ALWAYS for cause in pair)]
        known = self._exact(NONE).union(*map(self._changed, (*singles, *tied)))
        self._reachable = len(known)
        if self._is_solved():
            return
        # A pair that leaves a cell as it is cannot explain it, so those that change all of them go first.
        wanted = known - self._exact(NONE)
        likely = [pair for pair in pairs if pair in tied or wanted <= self._changed_by_parts(pair)]
        for some in (likely, pairs):
            for pair in some:
                self._exact(pair)
            if self._is_solved():
                return
        self._try_more(hopeful)
        if not self._is_solved():
            self._try_others()

    def _changed_by_parts(self, causes: Causes) -> Exact:
        return frozenset[int]().union(*(self._changed(frozenset({cause})) for cause in causes))

    def _hopeful(self) -> list[Cause]:
        """What is tried beside other causes: what changes figures, and of a group the few with which the most agree.

        The clock and the end of the log are always among them: an open that was logged after the export hides that an
        email was pending at that time.
        """
        found: dict[str, list[Cause]] = {}
        for cause in sorted(self._causes, key=lambda cause: -self._score(frozenset({cause}))):
            own = found.setdefault(cause.group, [])
            if len(own) < _OF_A_GROUP and (cause.group in _ALWAYS or self._changed(frozenset({cause}))):
                own.append(cause)
        return [cause for cause in self._causes if cause in found[cause.group]]

    def _is_solved(self) -> bool:
        return any(len(found) >= self._reachable for found in self._known.values())

    def _try_more(self, hopeful: Sequence[Cause]) -> None:
        """Add one cause at a time to the few best sets of each size, as long as more cells agree."""
        best = max(map(len, self._known.values()))
        size = 2
        while not self._is_solved():
            sets = sorted(
                (causes for causes in self._known if len(causes) == size), key=lambda each: -self._score(each)
            )
            larger = [
                causes | {cause}
                for causes in sets[:_TO_ADD_TO]
                for cause in hopeful
                if cause.group not in {each.group for each in causes}
            ]
            score = max((self._score(causes) for causes in larger), default=0)
            if score <= best:
                return
            best, size = score, size + 1

    def _try_others(self) -> None:
        """Put each cause into the best set, in the place of another one of its group, as long as more cells agree."""
        score = -1
        while (sets := self._best_sets()) and self._score(sets[0]) > score and not self._is_solved():
            score = self._score(sets[0])
            for cause in self._causes:
                self._exact(frozenset({cause, *(each for each in sets[0] if each.group != cause.group)}))

    def _best_sets(self) -> list[Causes]:
        """The smallest of the sets with which the most cells agree; none where no set is better than no cause."""
        score = max(map(len, self._known.values()))
        if score == self._score(NONE):
            return []
        sets = [causes for causes, found in self._known.items() if len(found) == score]
        return self._smallest(sets)

    def _smallest(self, sets: Sequence[Causes]) -> list[Causes]:
        size = min(map(len, sets), default=0)
        return [causes for causes in sets if len(causes) == size]

    def _explain(self, cell: int) -> list[Causes]:
        guided = {part for best in self._best if cell in self._exact(best) for part in self._parts(best, cell)}
        return self._in_order(self._smallest([*guided]))

    def _parts(self, best: Causes, cell: int) -> Iterator[Causes]:
        """The smallest parts of the set with which the cell agrees."""
        for size in range(1, min(len(best), 3)):
            parts = [frozenset(part) for part in combinations(self._sorted(best), size)]
            if found := [part for part in parts if cell in self._exact(part)]:
                yield from found
                return
        # Of more than two, one after the other is left out for as long as the cell agrees.
        left = best
        for cause in self._sorted(best):
            if len(left) > 1 and cell in self._exact(left - {cause}):
                left = left - {cause}
        yield left

    def _sorted(self, causes: Causes) -> list[Cause]:
        return [cause for cause in self._causes if cause in causes]

    def _in_order(self, sets: Sequence[Causes]) -> list[Causes]:
        return sorted(sets, key=lambda causes: [self._causes.index(cause) for cause in self._sorted(causes)])
