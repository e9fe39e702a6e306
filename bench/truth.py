"""Findings about the schema against `expected/` of the corpus: the same objects, by name."""

import json
import re

import corpus
from table import Table, verdict


def quoted(relation):
    """As PostgreSQL prints a name: in quotes where it needs them."""
    return relation if re.fullmatch(r"[a-z_][a-z0-9_$]*", relation) else f'"{relation}"'


def relations(findings):
    return [quoted(finding["object"]["relation"]) for finding in findings]


def columns(findings):
    return [f"{quoted(finding['object']['relation'])}.{finding['object']['column']}" for finding in findings]


def names(findings):
    return [finding["object"]["name"] for finding in findings]


def foreign_keys(findings):
    """`table.column,column`; the columns stand in the message only, after the last "on"."""
    keys = []
    for finding in findings:
        listed = re.findall(r'"([^"]+)"', finding["message"].rsplit(" on ", 1)[1])
        keys.append(f"{quoted(finding['object']['relation'])}.{','.join(listed)}")
    return keys


def drift_objects(findings):
    return [finding["object"]["name"] or finding["object"]["relation"] for finding in findings]


def expected_drift(text):
    """The object of each statement of Prisma's engine: an index by its name, else a table."""
    statement = r'^(?:DROP INDEX|CREATE (?:UNIQUE )?INDEX|ALTER TABLE|DROP TABLE|CREATE TABLE) "([^"]+)"'
    return re.findall(statement, text, re.MULTILINE)


def difference(found, wanted):
    """Empty where both hold the same, else what is missing and what is too much."""
    wanted, extra = list(wanted), []
    for item in found:
        if item in wanted:
            wanted.remove(item)
        else:
            extra.append(item)
    parts = [f"{word} {', '.join(sorted(items)[:3])}" for word, items in (("missing", wanted), ("extra", extra)) if items]
    return "; ".join(parts)


def comparisons(project):
    """(what, objects found, objects expected) for one project."""
    folder = corpus.CORPUS / project / "expected"
    expected = json.loads((folder / "catalog.json").read_text())
    review = corpus.check(project, "--prove", "none")

    def of(*rules):
        return [finding for finding in review["findings"] if finding["rule"] in rules]

    known = expected["names"]
    timestamps = of("timestamp-without-time-zone")
    yield "migrations replayed", review["project"]["migrations"], expected["replay"]["ok"]
    yield "replay failures", names(of("replay-failed")), [str(name) for name in expected["replay"]["failed"]]
    yield "foreign keys without index", foreign_keys(of("foreign-key-without-index")), known["fk_noidx"]
    yield "floats", columns(of("float-column", "money-in-float")), known["floats"]
    yield "timestamps without time zone", len(timestamps), expected["counts"]["ts_notz"]
    yield "tables with such timestamps", sorted(set(relations(timestamps))), known["ts_notz_tables"]
    yield "tables without primary key", relations(of("table-without-primary-key")), known["no_pk"]
    yield "redundant indexes", names(of("redundant-index", "duplicate-index")), known["redund_idx"]
    yield "duplicate indexes", len(of("duplicate-index", "duplicate-unique-index")), expected["counts"]["dup_idx"]
    drift = folder / "drift.sql"
    if drift.exists():
        found = [finding for finding in review["findings"] if finding["group"] == "drift"]
        yield "drift", drift_objects(found), expected_drift(drift.read_text())


def report():
    """The table, and whether everything is as expected."""
    table = Table("project", "what", "truth", "found", "same objects")
    exact = True
    for project in corpus.PROJECTS:
        for what, found, wanted in comparisons(project):
            if isinstance(found, int):
                wrong = "" if found == wanted else "another number"
            else:
                wrong = difference(found, wanted)
                found, wanted = len(found), len(wanted)
            exact &= not wrong
            table.add(project, what, wanted, found, wrong or "yes")
    return [str(table), f"\nAll as expected: {verdict(exact)}"], exact
