#!/usr/bin/env python3
"""Recomputes every verdict of the stored runs from the committed evidence.

It shares no code with c10klab and needs nothing but Python 3.11's standard library. The
rules are those that docs/experiments.md tells in words. For each comparison of each
prediction it prints a line of JSON:

    run, claim, prediction (from 0), cells (the first cell, of a pair the second too),
    n, median, lo, hi, coverage, p (after Holm's correction), verdict,
    then (the verdict by the rules of the run's day, where those of today withhold it),
    all (n, median, lo and hi with unsupported percentiles taken as they are)

The correction is over all comparisons of a part of a claim that the specs in
experiments/specs fix, those that the run lacks among them.

Percentiles come from the trials' histograms; where one differs from the value that the
trial's line states, the script says so on stderr and ends with status 1.

Usage: verdicts.py RUN-DIRECTORY...   (such as results/reference/*)
"""

import base64
import glob
import gzip
import itertools
import json
import math
import os
import sys
import tomllib
import zlib

LEAST_BLOCKS = 8
LEAST_COVERAGE = 0.95
ALPHA = 0.05
QUANTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
FROM_BEST = ["valid", "saturated", "environment-limited", "generator-limited", "failed"]


# ---- reading ----


def lines_of(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from lines


def trial_name(trial):
    name = "%02d-%s" % (trial["block"], trial["cell"])
    return name if trial["attempt"] == 1 else "%s.%d" % (name, trial["attempt"])


def counts_of(payload):
    """{highest ns of a bucket: count} of an HdrHistogram's counts: each number, in ZigZag
    LEB128 of at most nine bytes, is a bucket's count, or minus how many empty ones follow."""
    counts, bucket, at = {}, 0, 0
    while at < len(payload):
        number = shift = 0
        while True:
            byte, at = payload[at], at + 1
            if shift == 56:  # the ninth byte has eight bits
                number |= byte << shift
                break
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        number = (number >> 1) ^ -(number & 1)
        if number < 0:
            bucket -= number
            continue
        if number:
            halvings = max(0, bucket // 1024 - 1)  # buckets double their width every 1024
            counts[((bucket - 1024 * halvings + 1) << halvings) - 1] = number
        bucket += 1
    return counts


def histograms_of(run):
    """{(trial's name, "SPAN/API"): {highest ns of a bucket: count}}."""
    held = {}
    for line in lines_of(os.path.join(run, "histograms.hlog.gz")):
        if line.startswith("Tag="):
            tag, _, _, _, text = line[len("Tag=") :].split(",")
            owner, span = tag.split("/", 1)
            payload = zlib.decompress(base64.b64decode(text)[8:])[40:]
            held[owner, span] = counts_of(payload)
    return held


def at_quantile(counts, q):
    total = sum(counts.values())
    wanted = min(max(1, int(q * total + 0.5)), total)
    for ns in sorted(counts):
        wanted -= counts[ns]
        if wanted <= 0:
            return ns
    raise ValueError("an empty histogram")


def limited(trial):
    return trial["outcome"].endswith("-limited")


class Values:
    def __init__(self):
        self.supported, self.all = {}, {}  # by block
        self.bounds = 0  # 1: some are lower bounds by rate x time, 2: by outcome or recorded ages
        self.dependence_unknown = False


class Run:
    def __init__(self, directory):
        self.name = os.path.basename(os.path.normpath(directory))
        with open(os.path.join(directory, "run.json"), encoding="utf-8") as file:
            self.info = json.load(file)
        self.trials = {}  # by cell
        for line in lines_of(os.path.join(directory, "trials.jsonl.gz")):
            trial = json.loads(line)
            self.trials.setdefault(trial["cell"], []).append(trial)
        self.histograms = histograms_of(directory)
        self.repeated = self.repeated_blocks()
        self.disagreements = []

    def cells(self, experiment):
        return [
            c
            for c in self.info["cells"]
            if c["experiment"] == experiment and not c.get("twin_of") and c["id"] in self.trials
        ]

    def of_experiment(self, experiment):
        return [t for trials in self.trials.values() for t in trials if t["experiment"] == experiment]

    def repeated_blocks(self):
        """(experiment, block) of those that were measured again in all cells."""
        repeated = set()
        for experiment in {c["experiment"] for c in self.info["cells"]}:
            cells = {c["id"] for c in self.info["cells"] if c["experiment"] == experiment}
            again = {(t["block"], t["cell"]) for t in self.of_experiment(experiment) if t.get("repetition")}
            repeated |= {(experiment, b) for b, _ in again if all((b, c) in again for c in cells)}
        return repeated

    def standing(self, cell):
        """The trials of a cell that have the values of their blocks: of one that was measured
        again those of the repetition."""
        for t in self.trials.get(cell["id"], []):
            if t.get("repetition", False) == ((t["experiment"], t["block"]) in self.repeated):
                yield t

    def too_often_limited(self, experiment, blocks):
        """Whether more than a quarter of the blocks had limited trials, in a run that
        measured such blocks again."""
        trials = self.of_experiment(experiment)
        first = {t["block"] for t in trials if limited(t) and not t.get("repetition")}
        return any(t.get("repetition") for t in trials) and len(first) > math.ceil(blocks / 4)

    def values(self, metric, cell, bounds_help=False):
        """The values of a metric in a cell, one a block."""
        span, _, quantile = metric.rpartition(" ") if " above " not in metric else ("", "", "")
        read = Values()
        for trial in self.standing(cell):
            outcome = trial["outcome"]
            bound = span != "" and (outcome == "saturated" or self.censored(trial, span, quantile))
            if metric.startswith("threads/"):
                value = self.threads(trial, metric)
            elif outcome not in ("valid", "saturated") or bound and not bounds_help:
                continue
            elif span:
                value = self.duration(trial, span, quantile)
            else:
                value = trial.get("numbers", {}).get(metric)
            if value is None or not math.isfinite(value):
                continue
            read.all[trial["block"]] = value
            if span and quantile != "max":
                read.dependence_unknown = read.dependence_unknown or not self.has_clusters(trial, span)
            if not span or quantile not in trial["spans"][span].get("unsupported", []):
                read.supported[trial["block"]] = value
                read.bounds = max(read.bounds, self.kind_of_bound(trial) if bound else 0)
        return read

    def has_clusters(self, trial, span):
        """Whether a series told how the durations of a span's API come in time."""
        series = trial.get("series", [])
        if not series and any("clusters" in of for of in trial["spans"].values()):
            series = ["ResponseTime/Produce", "ResponseTime/Echo", "ServiceTime/Fetch"]  # those of the first version
        return any(name.endswith("/" + span.partition("/")[2]) for name in series)

    def censored(self, trial, span, quantile):
        """Whether requests without an answer make a percentile a lower bound."""
        stated, measured = (trial.get("spans") or {}).get(span), trial.get("measurement")
        if not stated or not measured:
            return False
        ages = measured.get("censored")
        if ages is not None:
            return span in ages and stated[quantile + "_ns"] >= max(1, ages[span]["least_ns"])
        # Older records do not count them: a closed loop's rate times its mean time is its number
        # of active connections, and what lacks waited unseen.
        given, connections = measured.get("knobs") or {}, measured.get("connections")
        if given.get("mode") != "closed" or given.get("consumers") != "none" or not connections or not span.startswith("ServiceTime/"):
            return False
        active = (connections["open"] - connections["idle"]) * int(given["in-flight"])
        return measured["requests_per_s"] * stated["mean_ns"] / 1e9 < 0.95 * active

    def kind_of_bound(self, trial):
        """1 where the rules of the run's day knew of no bound, else 2."""
        return 2 if trial["outcome"] == "saturated" or trial["measurement"].get("censored") is not None else 1

    def threads(self, trial, metric):
        numbers = trial.get("numbers", {})
        known = any(name.startswith("threads/") for name in numbers)
        return numbers.get(metric, 0) if known else None

    def duration(self, trial, span, quantile):
        stated = trial.get("spans", {}).get(span)
        if not stated or not stated["count"]:
            return None
        value = stated[quantile + "_ns"]
        counts = self.histograms.get((trial_name(trial), span))
        if counts is None:
            self.disagreements.append(f"{trial_name(trial)}: no histogram of {span}")
        elif quantile != "max" and at_quantile(counts, QUANTILES[quantile]) != value:
            self.disagreements.append(
                f"{trial_name(trial)}: {span} {quantile} is stated as {value} ns, and is "
                f"{at_quantile(counts, QUANTILES[quantile])} ns by its histogram"
            )
        elif sum(counts.values()) != stated["count"]:
            self.disagreements.append(f"{trial_name(trial)}: {span} has another count")
        return value

    def outcome(self, cell):
        """The most frequent one of the trials that were not repeated for being limited."""
        trials = list(self.standing(cell))
        counted = dict.fromkeys(FROM_BEST, 0)
        for t in trials:
            again = any(o["block"] == t["block"] and o["attempt"] > t["attempt"] for o in trials)
            if not (again and limited(t)):
                counted[t["outcome"]] += 1
        return max(FROM_BEST, key=lambda o: (counted[o], FROM_BEST.index(o)))


# ---- judging ----


def coverage(n, k):
    """The chance that the k-th smallest and k-th largest of n values enclose the median."""
    return 1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2**n


def sign_test(holding, n):
    """The chance that at most so many of n fair coins show heads."""
    return (1 - coverage(n, holding + 1)) / 2


def estimate(values):
    """n, median, lo, hi and coverage of the exact interval, by order statistics."""
    values, n = sorted(values), len(values)
    if not n:
        return 0, 0, 0, 0, 0
    median = (values[(n - 1) // 2] + values[n // 2]) / 2
    enclosing = [k for k in range(1, n // 2 + 1) if coverage(n, k) >= LEAST_COVERAGE]
    if not enclosing:
        return n, median, 0, 0, 0
    k = max(enclosing)
    return n, median, values[k - 1], values[n - k], coverage(n, k)


class Comparison:
    def __init__(self, prediction, cells, of, read):
        """of picks the values that are compared from some of each of read, by block."""
        self.cells, self.then = cells, ""
        values = of(*(r.supported for r in read))
        self.n, self.median, self.lo, self.hi, self.coverage = estimate(values)
        self.all = estimate(of(*(r.all for r in read)))[:4]
        self.bounds = max(r.bounds for r in read)
        self.withheld = prediction["metric"].endswith(" max") or any(r.dependence_unknown for r in read)
        n, relation, threshold = self.n, prediction["relation"], prediction["threshold"]
        holds = {">=": lambda v: v >= threshold, "<=": lambda v: v <= threshold, "=": lambda v: v == threshold}[relation]
        self.p = 1 if self.bounds else sign_test(sum(map(holds, values)), n)
        if n < LEAST_BLOCKS or not self.coverage:
            self.verdict = "open"
        elif holds(self.lo) and holds(self.hi):
            self.verdict = "reproduced"
        elif any(holds(v) for v in (self.lo, self.hi)) or relation == "=" and self.lo < threshold < self.hi:
            self.verdict = "inconclusive"
        else:
            self.verdict = "inconclusive" if self.bounds else "refuted"
            self.then = "refuted" if self.bounds == 1 else ""

    def withhold(self):
        """What rests on a maximum, or on percentiles of durations whose dependence is unknown."""
        if self.withheld and self.verdict != "open":
            self.then, self.verdict = self.then or self.verdict, "inconclusive"

    def hold(self, failing, metric):
        """A positive control that is not found speaks against all, a negative one for its metric."""
        if self.verdict in ("reproduced", "refuted") and (None in failing or metric in failing):
            self.verdict = "inconclusive"


def text(value):
    """A knob's value as the program writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def knobs(table):
    return {name: text(value) for name, value in table.items()}


def matches(cell, wanted):
    return all(cell["knobs"].get(name) == value for name, value in wanted.items())


def each(run, cells, p):
    for cell in cells:
        if matches(cell, knobs(p.get("where", {}))):
            read = run.values(p["metric"], cell, p["relation"] == ">=")
            c = Comparison(p, [cell["id"]], lambda values: list(values.values()), [read])
            outcome = run.outcome(cell)
            if p.get("outcome", outcome) != outcome and c.verdict != "open":
                c.verdict = "refuted" if outcome in ("valid", "saturated") else "inconclusive"
                c.p = 0
            yield c


def pairs(run, cells, p):
    a, b = knobs(p["a"]), knobs(p["b"])
    for first in cells:
        for second in cells:
            if matches(first, a) and second["knobs"] == first["knobs"] | b:
                above = run.values(p["metric"], first, p["relation"] == ">=")
                below = run.values(p["metric"], second, p["relation"] == "<=")
                yield Comparison(p, [first["id"], second["id"]], between(p), [above, below])


def between(p):
    return differences if p.get("difference") else ratios


def differences(above, below):
    return [above[n] - below[n] for n in above if n in below]


def ratios(above, below):
    return [above[n] / below[n] for n in above if n in below and above[n] > 0 and below[n] > 0]


def tau(values):
    rising = sum((later > earlier) - (later < earlier) for i, earlier in enumerate(values) for later in values[i + 1 :])
    return rising / (len(values) * (len(values) - 1) / 2)


def along(run, cells, p):
    rows = {}
    for cell in cells:
        if matches(cell, knobs(p.get("where", {}))):
            others = {k: v for k, v in cell["knobs"].items() if k != p["along"]}
            rows.setdefault(json.dumps(others, sort_keys=True), []).append(cell)
    for row in rows.values():
        if len(row) > 1:
            yield Comparison(p, [row[0]["id"]], taus, [run.values(p["metric"], cell) for cell in row])


def taus(*levels):
    blocks = [[v[b] for v in levels if b in v] for b in set().union(*levels)]
    return [tau(b) for b in blocks if len(b) > 1]


def full_cells(spec):
    """The cells of the full variant, of "*" those levels that a prediction names."""
    full = spec["full"]
    fixed = knobs(spec.get("fixed", {})) | knobs(full.get("fixed", {}))
    axes = {}
    for name, levels in (spec["axes"] | full.get("axes", {})).items():
        axes[name] = [text(level) for level in (levels if isinstance(levels, list) else [levels])]
        if "*" in axes[name]:
            named = [knobs(p[part]).get(name) for p in spec["predictions"] for part in ("a", "b", "where") if part in p]
            axes[name] = list(dict.fromkeys([level for level in axes[name] + named if level not in ("*", None)]))
    cells = [{"id": "", "knobs": fixed | dict(zip(axes, levels))} for levels in itertools.product(*axes.values())]
    return [c for c in cells if not any(matches(c, knobs(e)) for e in spec.get("exclude", []))]


class Planned:
    """A run of the whole plan without any value: it tells how many comparisons there are."""

    def values(self, metric, cell, bounds_help=False):
        return Values()

    def outcome(self, cell):
        return ""


def comparisons(run, cells, p):
    kind = each if p.get("each") else along if p.get("along") else pairs
    return list(kind(run, cells, p))


def demand(p):
    """What makes two predictions the same, whatever part they are of."""
    named = [knobs(p.get(part, {})) for part in ("a", "b", "where")]
    return p["claim"], p["metric"], named, p.get("each"), p.get("along"), p.get("difference"), p["relation"], float(p["threshold"]), p.get("outcome")


def read_specs(directory):
    specs = {}
    for path in glob.glob(os.path.join(directory, "specs", "*.toml")):
        with open(path, "rb") as file:
            spec = tomllib.load(file)
        specs[spec["id"]] = spec
    with open(os.path.join(directory, "claims.toml"), "rb") as file:
        claims = {claim["id"]: claim for claim in tomllib.load(file)["claims"]}
    for spec in specs.values():
        for p in spec.setdefault("predictions", []):
            p.setdefault("part", part_name(claims[p["claim"]]["parts"][0]))
    return specs


def part_name(part):
    return part if isinstance(part, str) else part["name"]


def reads(p, cell):
    if "a" in p:
        return matches(cell, knobs(p["a"])) or matches(cell, knobs(p["b"]))
    return matches(cell, knobs(p.get("where", {})))


def failing_controls(run, spec):
    """The metrics of which equal cells differ, and None where what was planted was not found."""
    for cell in run.info["cells"]:
        if cell["experiment"] != spec["id"] or not cell.get("twin_of"):
            continue
        original, planted = {"id": cell["twin_of"]}, cell.get("planted", {})
        read = {p["metric"] for p in spec.get("predictions", []) if reads(p, cell)}
        for c in spec.get("controls", []):
            where = knobs(c.get("cell", {}))
            if knobs(c.get("planted", {})) != planted or not matches(cell, where | planted):
                continue
            if c["kind"] == "positive":
                again = run.values(c["metric"], cell, c["relation"] == ">=")
                once = run.values(c["metric"], original, c["relation"] == "<=")
                if Comparison(c, [], between(c), [again, once]).verdict != "reproduced":
                    yield None
                break
            margin = 1 + c.get("margin", 0.05)
            for metric in read:
                n, _, lo, hi, _ = estimate(ratios(run.values(metric, cell).supported, run.values(metric, original).supported))
                if n >= LEAST_BLOCKS and (lo > margin or hi < 1 / margin):
                    yield metric
            if read:
                break


def correct(found, lacking):
    """Holm's correction over a part's comparisons, of which some are lacking."""
    highest, size = 0, len(found) + lacking
    for rank, c in enumerate(sorted(found, key=lambda c: c.p)):
        highest = max(highest, min(1, c.p * (size - rank)))
        c.p = highest
        if c.verdict == "refuted" and c.p > ALPHA:
            c.verdict = "inconclusive"


def judge(run, specs):
    for stored in run.info["specs"]:
        spec = tomllib.loads(stored["text"])
        cells = run.cells(spec["id"])
        known = {spec["id"]: spec} | specs
        present = known[spec["id"]].get("predictions", [])
        found, made, families = [], [], {}
        for i, p in enumerate(spec.get("predictions", [])):
            own = comparisons(run, cells, p)
            part = next((q.get("part", "") for q in present if demand(q) == demand(p)), p.get("part", ""))
            families.setdefault((p["claim"], part), []).extend(own)
            made.append((demand(p), len(own)))
            found += [(i, p["claim"], c) for c in own]
        if run.too_often_limited(spec["id"], stored["repeats"]):
            for _, _, c in found:
                c.verdict = "open"
        for family, own in families.items():
            lacking = 0
            for other in known.values():
                for p in other.get("predictions", []):
                    if (p["claim"], p.get("part", "")) == family:
                        planned = len(comparisons(Planned(), full_cells(other), p))
                        there = sum(n for d, n in made if other["id"] == spec["id"] and d == demand(p))
                        lacking += max(0, planned - there)
            correct(own, lacking)
        failing = list(failing_controls(run, spec))
        for i, _, c in found:
            c.withhold()
            c.hold(failing, spec["predictions"][i]["metric"])
        yield from found


def main(directories):
    status = 0
    specs = read_specs(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../experiments"))
    for directory in directories:
        if not os.path.exists(os.path.join(directory, "run.json")):
            continue
        run = Run(directory)
        for prediction, claim, c in judge(run, specs):
            print(
                json.dumps(
                    {
                        "run": run.name,
                        "claim": claim,
                        "prediction": prediction,
                        "cells": c.cells,
                        "n": c.n,
                        "median": c.median,
                        "lo": c.lo,
                        "hi": c.hi,
                        "coverage": c.coverage,
                        "p": c.p,
                        "verdict": c.verdict,
                        "then": c.then,
                        "all": c.all,
                    }
                )
            )
        for line in run.disagreements:
            print(f"{run.name}: {line}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
