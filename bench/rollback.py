#!/usr/bin/env python3
"""How many migrations of the corpus have a down.sql that was proven up, down and up again. Prints Markdown.

Every migration of every project is made undoable in the lab by `pgsteward migrate adopt --dry-run` (no file is written): its
down.sql is generated, run, the catalogs are compared at each end, and where it touches tables that were there before, the
rows of a data twin are compared too. Counted are migrations that change the schema; "structure proven, data lost" is what the
migration itself throws away (a dropped column, an UPDATE). What runs over empty tables only (a key that is dropped) is counted
apart and not as proven. Names of projects choose some. PGSTEWARD_BINARY names another
binary than the release build. Exit code 1: less than 95 of 100 are proven.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter

import corpus
from table import Table, verdict

TARGET = 0.95


def adopt(project):
    """The report of one project and the seconds it took."""
    binary = os.environ.get("PGSTEWARD_BINARY", str(corpus.BINARY))
    command = [binary, "migrate", "adopt", "--dry-run", "--format", "json", "--quiet"]
    started = time.monotonic()
    result = subprocess.run(command, capture_output=True, cwd=corpus.CORPUS / project)
    # 1 only says that some of them cannot be undone.
    if result.returncode not in (0, 1) or not result.stdout:
        raise SystemExit(f"adopt in {project} ended with {result.returncode}: {result.stderr.decode()}")
    return json.loads(result.stdout), time.monotonic() - started


def report(projects=corpus.PROJECTS):
    table = Table("project", "migrations", "change the schema", "proven", "structure proven, data lost", "over empty tables only", "neither", "s")
    sums, rest, rows_only = Counter(), [], Counter()
    for project in projects:
        answer, seconds = adopt(project)
        counts = Counter()
        for one in answer["migrations"]:
            verdict_of = one["worth"]["verdict"]
            counts["all"] += 1
            if not one["changes_schema"]:
                rows_only[verdict_of] += 1
                # What fails in the lab is not known to change nothing.
                if verdict_of != "unproven":
                    continue
            counts["ddl"] += 1
            counts[verdict_of] += 1
            if verdict_of not in ("proven", "structure_proven"):
                rest.append(f"- {project} `{one['migration']}`: {one['worth']['reason']}")
        neither = counts["irreversible"] + counts["unproven"]
        row = [counts[key] for key in ("all", "ddl", "proven", "structure_proven", "over_empty_tables")]
        table.add(project, *row, neither, f"{seconds:.0f}")
        sums.update(counts)
    share = (sums["proven"] + sums["structure_proven"]) / max(sums["ddl"], 1)
    row = [sums[key] for key in ("all", "ddl", "proven", "structure_proven", "over_empty_tables")]
    table.add("all", *row, sums["ddl"] - sum(row[2:]), "")
    lines = [str(table), ""]
    lines.append(
        f"Proven: {100 * share:.1f} % of the migrations that change the schema; target at least {100 * TARGET:.0f} %: "
        f"{verdict(share >= TARGET)}. Of the {sums['all'] - sums['ddl']} others "
        f"{rows_only['irreversible']} change rows only and say so, {rows_only['proven']} change nothing in an empty database."
    )
    lines += rest
    return lines, share >= TARGET


def main():
    lines, met = report(sys.argv[1:] or corpus.PROJECTS)
    print("\n".join(lines))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
