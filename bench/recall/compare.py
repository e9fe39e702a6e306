#!/usr/bin/env python3
"""Holds pgsteward's migration findings against list.json and prints recall per hazard and every miss.

    python3 bench/recall/compare.py [--binary PATH]

An entry counts as met where a rule of its hazard has a finding whose lines meet the entry's. Exit code 1 on a miss.
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import corpus  # noqa: E402

RULES = {
    "A1": ["index-not-concurrent", "work-hidden-in-do-block"],
    "A2": ["index-drop-not-concurrent"],
    "A3": ["reindex-not-concurrent"],
    "A4": ["partition-detach-not-concurrent"],
    "A5": ["partition-attach-scans"],
    "A6": ["refresh-not-concurrent"],
    "A7": ["concurrently-in-transaction"],
    "A8": ["foreign-key-validated-at-once", "work-hidden-in-do-block"],
    "A9": ["check-validated-at-once"],
    "A10": ["validated-in-same-transaction"],
    "A11": ["unique-constraint-builds-index"],
    "A12": ["primary-key-builds-index"],
    "A13": ["exclusion-constraint-builds-index"],
    "A14": ["not-null-set-at-once"],
    "A15": ["required-column-without-default"],
    "A16": ["volatile-default-rewrites"],
    "A17": ["generated-column-rewrites"],
    "A18": ["type-change-rewrites", "enum-value-removed"],
    "A19": ["lock-held-during-work", "work-hidden-in-do-block"],
    "A21": ["lock-without-timeout"],
    "A23": ["maintenance-locks-table"],
    "A24": ["table-scanned-repeatedly"],
    "A25": ["trigger-changed-live"],
    "A27": ["domain-constraint-scans"],
    "A28": ["concurrent-index-left-invalid"],
    "A30": ["storage-change-rewrites"],
}

WHOLE_FILE = {"A19", "A21"}
"""Told once per transaction or per project: an entry is met where the file is named, whatever the line."""


def places(finding):
    """(migration file, first line, last line) of a finding and of what it names besides."""
    for place in [finding["location"], *(other["location"] for other in finding["also"])]:
        if place:
            yield "/".join(place["file"].split("/")[-2:]), place["line"], place["end_line"]


def findings_of(project, binary):
    review = corpus.check(project, "--all-migrations", "--no-lab", "--select", "migration", binary=binary)
    by_rule = {}
    for finding in review["findings"]:
        by_rule.setdefault(finding["rule"], []).extend(places(finding))
    return by_rule


def is_met(entry, by_rule):
    for rule in RULES[entry["hazard"]]:
        for file, first, last in by_rule.get(rule, []):
            if file != entry["file"]:
                continue
            if entry["hazard"] in WHOLE_FILE or (first <= entry["last_line"] and entry["line"] <= last):
                return True
    return False


def unlisted(entries, by_rule, project):
    """Findings of the listed rules that no entry of the list explains: false alarms, or holes in the list."""
    hazard_of = {rule: hazard for hazard, rules in RULES.items() for rule in rules}
    for rule, found in sorted(by_rule.items()):
        hazard = hazard_of.get(rule)
        for file, first, last in found if hazard else []:
            known = any(
                entry["file"] == file
                and entry["hazard"] == hazard
                and (hazard in WHOLE_FILE or (first <= entry["last_line"] and entry["line"] <= last))
                for entry in entries
            )
            if not known:
                yield f"{project} {file}:{first} {rule}"


def compare(binary=corpus.BINARY):
    """Counts (listed, met) by hazard, the misses, and the findings that the list does not explain."""
    listed = json.loads((HERE / "list.json").read_text())
    counts, misses, extra = {}, [], []
    for project in sorted({entry["project"] for entry in listed["entries"]}):
        by_rule = findings_of(project, binary)
        entries = [entry for entry in listed["entries"] if entry["project"] == project]
        for entry in entries:
            met = is_met(entry, by_rule)
            total, hits = counts.get(entry["hazard"], (0, 0))
            counts[entry["hazard"]] = (total + 1, hits + met)
            if not met:
                misses.append(entry)
        extra += unlisted(entries, by_rule, project)
    return listed, counts, misses, extra


def table(listed, counts):
    rows = ["| hazard | statements | met | recall |", "|---|---|---|---|"]
    for hazard, text in listed["hazards"].items():
        total, met = counts.get(hazard, (0, 0))
        if total:
            rows.append(f"| {hazard} {text} | {total} | {met} | {met / total:.3f} |")
    total, met = (sum(column) for column in zip(*counts.values()))
    rows.append(f"| all | {total} | {met} | {met / total:.4f} |")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=corpus.BINARY)
    listed, counts, misses, extra = compare(parser.parse_args().binary)
    print("\n".join(table(listed, counts)))
    for miss in misses:
        print(f"missed: {miss['project']} {miss['file']}:{miss['line']} {miss['hazard']} on {miss['table']}")
    for line in extra:
        print(f"not in the list: {line}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
