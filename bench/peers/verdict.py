"""Verdict: from repetitions to medians, from medians to a ratio against the best, and whether it is low enough.

Pure: numbers in, lines out.
"""
import statistics

PASS, SHORT, MISSING = "pass", "FALLS SHORT", "not measured"
PLAIN = "-no-tickets"  # ends the name of a peer that was told to send none


class Samples:
    """What each relay used in each repetition, by row."""

    def __init__(self):
        self._values = {}

    def add(self, row, relay, value):
        self._values.setdefault(row, {}).setdefault(relay, []).append(value)

    def __contains__(self, row):
        return row in self._values

    def relays(self, row):
        return list(self._values.get(row, {}))

    def median(self, row, relay):
        """None if it was not measured."""
        values = self._values.get(row, {}).get(relay)
        return statistics.median(values) if values else None

    def spread(self, row, relay):
        """(lowest, highest)"""
        values = self._values[row][relay]
        return min(values), max(values)

    def ratios(self, row, relay, base, other):
        """Of each repetition: what both did side by side, under the same conditions."""
        return [mine / theirs for mine, theirs in zip(self._values[row][relay], self._values[base][other])]


def opponents(against, relays, peers):
    """The names that a target compares with."""
    if against == "floor":
        return [name for name in relays if name == "floor"]
    plain = [peer + PLAIN for peer in peers]
    if against == "plain peers":
        return [name for name in relays if name in plain]
    return [name for name in relays if name in peers]


def judge(target, samples, peers, subject="liftgate"):
    """(verdict, what is said about it)"""
    mine = samples.median(target.row, subject)
    if mine is None:
        return MISSING, ""
    if target.against == "limit":
        return (PASS if mine <= target.most else SHORT), f"{mine:.0f}, at most {target.most:g}"
    base = target.base or target.row
    names = opponents(target.against, samples.relays(base), peers)
    if not names:
        return MISSING, ""
    best = min(names, key=lambda name: samples.median(base, name))
    ratio = mine / samples.median(base, best)
    each = samples.ratios(target.row, subject, base, best)
    said = f"{ratio:.2f} ({min(each):.2f}-{max(each):.2f}) of {best}, at most {target.most:.2f}"
    return (PASS if ratio <= target.most else SHORT), said


def row_lines(row, samples):
    """The medians of a row, lowest first, with their spread."""
    names = sorted(samples.relays(row.key), key=lambda name: samples.median(row.key, name))
    if not names:
        return []
    lines = [f"{row.title} [{row.unit}]" if row.unit else row.title]
    for name in names:
        low, high = samples.spread(row.key, name)
        value = f"{samples.median(row.key, name):10.1f}"
        lines.append(f"  {name:<26} {value}" + (f"   ({low:.1f}-{high:.1f})" if low != high else ""))
    return lines


def target_lines(table, rows, samples, peers):
    """The table of targets; and how many of them fall short."""
    titles = {row.key: row.title for row in rows}
    lines, short = [], 0
    for target in table:
        verdict, said = judge(target, samples, peers)
        short += verdict == SHORT
        against = f"{target.against} ({titles[target.base]})" if target.base else target.against
        lines.append(f"  {verdict:<13} {titles[target.row]} vs {against}: {said}".rstrip(": "))
    return lines, short
