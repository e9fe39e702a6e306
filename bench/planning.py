#!/usr/bin/env python3
"""For how many migrations of the corpus `migrate plan --safe` has a plan that was proven. Prints Markdown.

Each migration is planned as the only one that is pending, in two runs for each project: of two that follow each other the
first would be history in one and pending in the other. Nothing is written. "Nothing to rewrite" are those that stop nobody as
they are; the rest are listed with the reason. Names of folders with prisma/migrations choose others than the corpus.
PGSTEWARD_BINARY names another binary than the release build.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import corpus
from table import Table


def plan(folder, names):
    """The planned migrations of one run."""
    binary = os.environ.get("PGSTEWARD_BINARY", str(corpus.BINARY))
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [binary, "migrate", "plan", "--safe", "--format", "json", "--quiet", *names]
    result = subprocess.run(command, capture_output=True, cwd=folder, env=environment)
    # 1 only says that some have no plan.
    if result.returncode not in (0, 1) or not result.stdout:
        raise SystemExit(f"plan in {folder} ended with {result.returncode}: {result.stderr.decode()}")
    return json.loads(result.stdout)["migrations"]


def report(folders):
    table = Table("project", "migrations", "nothing to rewrite", "plan proven", "folders of these", "no plan")
    sums, rest = Counter(), []
    for folder in folders:
        names = sorted(path.parent.name for path in Path(folder).glob("prisma/migrations/*/migration.sql"))
        counts = Counter()
        for one in (migration for part in (names[0::2], names[1::2]) if part for migration in plan(folder, part)):
            verdict = one["verdict"]["verdict"]
            counts["all"] += 1
            counts[verdict] += 1
            counts["folders"] += len(one["folders"])
            if verdict not in ("unchanged", "proven"):
                rest.append(f"- {Path(folder).name} `{one['name']}`: {one['verdict']['reason']}")
        none = counts["all"] - counts["unchanged"] - counts["proven"]
        table.add(Path(folder).name, counts["all"], counts["unchanged"], counts["proven"], counts["folders"], none)
        sums.update(counts)
    none = sums["all"] - sums["unchanged"] - sums["proven"]
    table.add("all", sums["all"], sums["unchanged"], sums["proven"], sums["folders"], none)
    return [str(table), "", *rest]


if __name__ == "__main__":
    print("\n".join(report(sys.argv[1:] or [corpus.CORPUS / project for project in corpus.PROJECTS])))
