#!/usr/bin/env python3
"""Puts every finding of squawk's default run on the corpus into a class: reported by us too, or why we are silent.

    python3 bench/squawk_classes.py [--list CLASS]

The classes are explained in docs/concepts/squawk.md. Facts about the statements come from the recall list's own
reading of the files, not from pgsteward; only the class "reported" looks at pgsteward's findings.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "recall"))

import corpus
import noise
from compare import places
from make_list import LIST
from squawk_facts import Project
from table import Table, verdict

PAGE = corpus.ROOT / "docs" / "concepts" / "squawk.md"

CLASSES = {
    "reported": "a finding of ours on the same statement",
    "reported under another rule": "a key that builds its index, a column that is dropped to be made again",
    "told once per project": "one note that names every file",
    "reported on the column": "one finding per column of the schema as it is now",
    "new table": "the table was made by the same file, so it holds no rows and nobody uses it",
    "new column": "the same file made the column under the name that it gives up, or drops it before it ends",
    "no lock to wait for": "no statement of the file stops reads or writes on a table of an earlier file",
    "lock_timeout is set": "the file limits its wait for locks",
    "gone by now": "the column or index was dropped, or got another type or name, by a later migration",
    "integer that is no key": "only a key that counts up runs out of numbers",
    "limit of the value": "a length that no other database's limits explain, so it is taken for the value's own",
    "nothing happens": "IF EXISTS, and there is nothing of that name",
    "runner's transaction": "the file is applied as a whole or not at all, and again after a failure",
    "loud on purpose": "IF NOT EXISTS on a concurrent build keeps an invalid index of an earlier try",
    "catalog only": "the change touches the catalog only: nothing is rewritten or scanned",
    "enum swap": "Prisma's way to change an enum: the names are the same afterwards, and the type change is reported",
    "set again in the same file": "dropped and made again in one transaction, nobody sees it missing",
    "values kept": "the file moves the values or deletes the rows, drops the column and makes it again in one transaction",
    "null is allowed": "the column that loses its default accepts NULL, so writers that leave it out go on",
    "goes with its table": "a constraint of a table or column that the same file drops, and that is reported",
    "constraint replaced": "the same file adds another constraint to the table, and the adding is reported",
    "not named by queries": "queries name neither indexes nor constraints nor types by that name",
    "server refuses": "the server refuses to drop a type that something still uses",
    "style": "a matter of taste: the order of an enum's values",
    "unclassified": "none of these",
}  # fmt: skip

ON_SCHEMA = {
    "prefer-timestamp-tz": "timestamp-without-time-zone",
    "prefer-bigint-over-int": "integer-key-overflow",
    "prefer-text-field": "arbitrary-varchar-limit",
    "prefer-identity": "serial-column",
    "ban-char-field": "char-column",
}

INHERITED_LIMITS = ((191,), (255,), (256,), (4000,), (65535,))

UNDER_ANOTHER_RULE = {
    "constraint-missing-not-valid": ("unique-constraint-builds-index", "primary-key-builds-index"),
    "ban-drop-column": ("column-recreated",),
}

TIMEOUTS = ("require-lock-timeout", "require-statement-timeout")


def ancestors():
    """What each of our rules descends from, by its id."""
    rules = json.loads(subprocess.check_output([corpus.BINARY, "rules", "--format", "json"]))
    return {rule["id"]: rule["ancestors"] for rule in (rules["rules"] if isinstance(rules, dict) else rules)}


def not_on_the_page():
    """Rules of ours with an ancestor in squawk that the page for its users does not name."""
    page = PAGE.read_text()
    descends = (rule for rule, known in ancestors().items() if any(name.startswith("squawk:") for name in known))
    return sorted(rule for rule in descends if f"`{rule}`" not in page)


class Ours:
    """pgsteward's findings about one project."""

    def __init__(self, project):
        review = corpus.check(project, "--all-migrations", "--no-lab")
        self.ancestors = ancestors()
        self.by_file, self.columns = {}, set()
        for finding in review["findings"]:
            if finding["object"]:
                self.columns.add((finding["rule"], finding["object"]["relation"], finding["object"]["column"]))
            for file, first, last in places(finding):
                self.by_file.setdefault(file, []).append((finding["rule"], first, last))

    def rules_on(self, file, first, last):
        return [rule for rule, begin, end in self.by_file.get(file, []) if begin <= last and first <= end]

    def names_file(self, rule, file):
        return any(known == rule for known, _, _ in self.by_file.get(file, []))

    def on_column(self, rule, table, column):
        return (rule, table.rsplit(".", 1)[-1], column) in self.columns


def classify(rule, file, line, last, project, ours, waiting):
    """The class of one finding of squawk. `line` is 1-based; `waiting`: files of the recall list's A21."""
    fact = project.statement_at(file, line)
    if rule in TIMEOUTS:
        return classify_timeout(file, project, ours, waiting)
    if rule in ON_SCHEMA:
        return classify_column(rule, line, fact, project, ours)
    if fact is None:
        return "unclassified"
    there = ours.rules_on(file, fact.first, fact.last)
    if any(f"squawk:{rule}" in ours.ancestors[known] for known in there):
        return "reported"
    if any(known in UNDER_ANOTHER_RULE.get(rule, ()) for known in there):
        return "reported under another rule"
    if rule == "prefer-robust-stmts":
        return "loud on purpose" if fact.has("concurrently") else "runner's transaction"
    if fact.table and not fact.older:
        return "new table"
    return BY_RULE.get(rule, lambda *_: "unclassified")(line, fact, file, project)


def classify_timeout(file, project, ours, waiting):
    if ours.names_file("lock-without-timeout", file):
        return "told once per project"
    if any(fact.has("lock_timeout") for fact in project.files[file]):
        return "lock_timeout is set"
    return "unclassified" if file in waiting else "no lock to wait for"


def classify_column(rule, line, fact, project, ours):
    if fact is None or line not in fact.columns:
        return "unclassified"
    column, _ = fact.columns[line]
    now = project.column_now(column)
    if now is None:
        return "gone by now"
    if ours.on_column(ON_SCHEMA[rule], *now):
        return "reported on the column"
    if rule == "prefer-timestamp-tz":
        return "gone by now" if column.type.name != "timestamp" else "unclassified"
    if rule == "prefer-bigint-over-int":
        return "integer that is no key" if column.type.name in ("integer", "serial") else "gone by now"
    if rule == "prefer-text-field":
        if column.type.name != "varchar":
            return "gone by now"
        return "unclassified" if column.type.modifier in INHERITED_LIMITS else "limit of the value"
    return "unclassified"


def drops_constraint(_line, fact, file, project):
    # After a rename in the file the table has another name; the drop still is of the table it was.
    if fact.table not in project.tables_after[file] and not any(other.has("rename", "to") for other in project.files[file]):
        return "goes with its table"
    same_table = [other for other in project.files[file] if other.table == fact.table]
    if any(other.has("add", "constraint") or other.has("add", "foreign") for other in same_table):
        return "constraint replaced"
    return "goes with its table" if any(other.has("drop", "column") for other in same_table) else "unclassified"


def renames_object(_line, fact, _file, _project):
    if fact.words[:2] == ("alter", "type"):
        names = [token.text for token in fact.parts]
        return "enum swap" if any(name.endswith(("_new", "_old")) for name in names) else "unclassified"
    return "not named by queries"


def drops_index(_line, fact, _file, _project):
    return "nothing happens" if fact.table is None and fact.has("if", "exists") else "unclassified"


def names_too_long(_line, fact, _file, project):
    """Judged on the catalog; the server cut the name to 63 bytes when it made the index."""
    names = {token.text for token in fact.parts if len(token.text.encode()) > 63}
    return "unclassified" if names & project.schema.indexes.keys() else "gone by now"


def drops_type(_line, fact, _file, _project):
    return "enum swap" if fact.parts[-1].text.endswith("_old") else "server refuses"


def drops_default(line, fact, file, project):
    later = [other for other in project.files[file] if other.first >= fact.first and other.table == fact.table]
    if any(other.has("set", "default") for other in later):
        return "set again in the same file"
    nullable = line in fact.columns and not fact.columns[line][1]
    return "null is allowed" if nullable else "unclassified"


def renames_column(_line, fact, file, project):
    return "new column" if fact.renamed and project.is_new_column(fact.renamed, file) else "unclassified"


def drops_column(line, fact, file, project):
    at = next((at for at, token in enumerate(fact.parts) if token.line == line and token.is_word("column")), None)
    if at is None:
        return "unclassified"
    column, seen = fact.parts[at + 1].text, project.files[file].index(fact)
    of_table = [(at, other) for at, other in enumerate(project.files[file]) if any(t.text == fact.table for t in other.parts)]
    again = any(other.adds(column) for at, other in of_table if at >= seen and other.table == fact.table)
    kept = any(other.empties() or other.copies(column) for at, other in of_table if at < seen)
    return "values kept" if again and kept else "unclassified"


def drops_not_null(line, fact, file, project):
    ends = line in fact.columns and project.ends_in_file(fact.columns[line][0], file)
    return "new column" if ends else "unclassified"


def drops_view(_line, fact, file, project):
    return "set again in the same file" if project.made_again(file, fact, ("create", "view")) else "unclassified"


BY_RULE = {
    "ban-drop-column": drops_column,
    "ban-drop-constraint": drops_constraint,
    "renaming-object": renames_object,
    "ban-drop-type": drops_type,
    "ban-drop-default": drops_default,
    "ban-drop-view": drops_view,
    "ban-drop-not-null": drops_not_null,
    "renaming-column": renames_column,
    "identifier-too-long": names_too_long,
    "require-concurrent-index-deletion": drops_index,
    "require-enum-value-ordering": lambda *_: "style",
    "changing-column-type": lambda *_: "catalog only",
}


def classified():
    """(squawk's rule, class, place) of every finding."""
    program = noise.squawk()
    if not program:
        return None
    listed = json.loads(LIST.read_text())["entries"]
    found = noise.squawk_findings(program, corpus.migration_files())
    projects = {name: (Project(name), Ours(name)) for name in corpus.PROJECTS}
    waiting = {name: {e["file"] for e in listed if e["project"] == name and e["hazard"] == "A21"} for name in projects}
    rows = []
    for finding in found:
        path = Path(finding["file"]).relative_to(corpus.CORPUS)
        name, file = path.parts[0], "/".join(path.parts[-2:])
        project, ours = projects[name]
        # squawk's JSON counts lines from 0.
        line, last = finding["line"] + 1, finding["line_end"] + 1
        kind = classify(finding["rule_name"], file, line, last, project, ours, waiting[name])
        rows.append((finding["rule_name"], kind, f"{name} {file}:{line}"))
    return rows


def report():
    rows = classified()
    if rows is None:
        return ["squawk is not installed: `pip install squawk-cli`"], True
    by_class, by_rule = Counter(kind for _, kind, _ in rows), {}
    for rule, kind, _ in rows:
        by_rule.setdefault(rule, Counter())[kind] += 1
    classes = Table("class", "findings of squawk", "why")
    for kind, why in CLASSES.items():
        if by_class[kind] or kind == "unclassified":
            classes.add(kind, by_class[kind], why)
    classes.add("all", len(rows), "")
    rules = Table("squawk's rule", "findings", "classes")
    for rule, kinds in sorted(by_rule.items(), key=lambda item: -sum(item[1].values())):
        rules.add(f"`{rule}`", sum(kinds.values()), ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    clean = by_class["unclassified"] == 0
    lines = [str(classes), f"\nEvery finding has a class: {verdict(clean)}\n", str(rules)]
    forgotten = not_on_the_page()
    if forgotten:
        lines.append(f"\n{PAGE.name} does not name {', '.join(forgotten)}.")
    return lines, clean and not forgotten


def main():
    if sys.argv[1:2] == ["--list"]:
        for rule, kind, place in classified() or []:
            if kind == sys.argv[2]:
                print(rule, place)
        return 0
    lines, clean = report()
    print("\n".join(lines))
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
