#!/usr/bin/env python3
"""The scoreboard: pgsteward against truth and against its peers, in one run, as ratios.

Run it with `cargo xtask bench`. It needs the corpus (PGSTEWARD_CORPUS, by default ../shared/corpus beside the
checkout), PostgreSQL's psql for the replay, and squawk (`pip install squawk-cli`) for the comparison. What is
missing is said and left out. Prints Markdown.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target" / "release" / "pgsteward"
CORPUS = Path(os.environ.get("PGSTEWARD_CORPUS", ROOT.parent / "shared" / "corpus"))
PROJECTS = ["amplication", "hoppscotch", "langfuse", "saas-starter-kit", "trigger.dev", "umami"]
RUNS = 5


def measure(command, **options):
    """Runs a command; wall seconds, CPU seconds of it and its children, peak memory of its largest process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)
    out, _ = process.communicate()
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "out": out, "code": process.returncode}


def median(command, key, runs=RUNS, **options):
    measure(command, **options)
    return statistics.median(measure(command, **options)[key] for _ in range(runs))


def peak_of_main(command):
    """Peak resident memory, in MiB, of the process itself without its children."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_maxrss / 1024


def check(project, *flags):
    command = [str(BINARY), "check", str(CORPUS / project / "prisma"), "--format", "json", "--quiet", *flags]
    result = measure(command)
    if result["code"] not in (0, 1):
        raise SystemExit(f"check of {project} failed with {result['code']}")
    return json.loads(result["out"])


def quoted(name):
    """As `expected/catalog.json` writes a table: quoted where PostgreSQL would need it."""
    plain = name.replace("_", "a").isalnum() and name == name.lower() and not name[0].isdigit()
    return name if plain and "." not in name else f'"{name}"'


def truth_table():
    """Corpus: every object of `expected/catalog.json`, by name."""
    rows = []
    exact = True
    for project in PROJECTS:
        expected = json.loads((CORPUS / project / "expected" / "catalog.json").read_text())
        review = check(project, "--prove", "none")
        found = {}
        for finding in review["findings"]:
            found.setdefault(finding["rule"], []).append(finding)

        def objects(*rules):
            return [finding["object"] for rule in rules for finding in found.get(rule, [])]

        names = expected["names"]
        failed = len(found.get("replay-failed", []))
        keys = expected["counts"]["fk_noidx"]
        checks = {
            "replay failures": (failed, len(expected["replay"].get("failed", []) if isinstance(expected["replay"].get("failed"), list) else [])),
            "foreign keys without index": compare_foreign_keys(objects("foreign-key-without-index"), names["fk_noidx"]),
            "floats": compare_names([f'{quoted(o["relation"])}.{o["column"]}' for o in objects("float-column", "money-in-float")], names["floats"]),
            "timestamps without time zone": (len(objects("timestamp-without-time-zone")), expected["counts"]["ts_notz"]),
            "tables without primary key": compare_names([quoted(o["relation"]) for o in objects("table-without-primary-key")], names["no_pk"]),
            "redundant indexes": compare_names([o["name"] for o in objects("redundant-index", "duplicate-index", "duplicate-unique-index")], names["redund_idx"]),
        }
        del keys
        drift = [f for f in review["findings"] if f["group"] == "drift"]
        drift_file = CORPUS / project / "expected" / "drift.sql"
        if drift_file.exists():
            statements = [line for line in drift_file.read_text().splitlines() if line and not line.startswith("--")]
            checks["drift steps"] = (len(drift), len(statements))
        for what, (got, wanted) in checks.items():
            same = got == wanted
            exact &= same
            rows.append(f"| {project} | {what} | {wanted} | {got} | {'yes' if same else '**no**'} |")
    head = ["| project | what | truth | found | same |", "|---|---|---|---|---|"]
    return head + rows, exact


def compare_names(found, wanted):
    """Equal sets give equal numbers; otherwise the difference is shown."""
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or extra:
        return (f"{len(found)} (missing {missing[:3]}, extra {extra[:3]})", len(wanted))
    return (len(found), len(wanted))


def compare_foreign_keys(found, wanted):
    """The truth names `table.column,column`; the finding names the constraint of a table."""
    tables = sorted(quoted(o["relation"]) for o in found)
    truth = sorted(name.rsplit(".", 1)[0] for name in wanted)
    if tables != truth:
        extra = [t for t in tables if tables.count(t) > truth.count(t)]
        missing = [t for t in truth if truth.count(t) > tables.count(t)]
        return (f"{len(tables)} (missing {missing[:3]}, extra {extra[:3]})", len(truth))
    return (len(tables), len(truth))


def migration_files():
    return sorted(str(path) for project in PROJECTS for path in (CORPUS / project).glob("prisma/migrations/*/migration.sql"))


def signal():
    """Findings on every migration, against squawk's default on the same files."""
    files = migration_files()
    findings, errors, per_rule = 0, 0, {}
    for project in PROJECTS:
        review = check(project, "--all-migrations", "--no-lab", "--select", "migration")
        for finding in review["findings"]:
            findings += 1
            errors += finding["severity"] == "error"
            per_rule[finding["rule"]] = per_rule.get(finding["rule"], 0) + 1
    rows = ["| what | figure | target |", "|---|---|---|"]
    rows.append(f"| migration findings, {len(files)} files | {findings} | |")
    rows.append(f"| errors per file | {errors / len(files):.3f} | at most 0.2 |")
    if shutil.which("squawk"):
        result = measure(["squawk", "--reporter", "json", *files])
        peer = len(json.loads(result["out"]))
        rows.append(f"| squawk's default findings | {peer} | |")
        rows.append(f"| ratio | {findings / peer:.3f} | at most 0.2 |")
    else:
        rows.append("| squawk | not installed: `pip install squawk-cli` | |")
    rows.append("")
    rows += ["| rule | findings |", "|---|---|"]
    rows += [f"| {rule} | {count} |" for rule, count in sorted(per_rule.items(), key=lambda item: -item[1])]
    return rows


def speed():
    rows = ["| what | figure | target |", "|---|---|---|"]
    lint = [str(BINARY), "check", "--all-migrations", "--no-lab", "--select", "migration", "--format", "json", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        # One tree of migrations only, so that both read the same files.
        for project in PROJECTS:
            shutil.copytree(CORPUS / project / "prisma", Path(folder) / project / "prisma", ignore=shutil.ignore_patterns("schema.prisma"))
            (Path(folder) / project / "prisma" / "schema.prisma").write_text('datasource db {\n  provider = "postgresql"\n}\n')
        ours = median([*lint, folder], "cpu")
        rows.append(f"| static lint of the corpus, CPU | {ours:.3f} s | |")
        if shutil.which("squawk"):
            peer = median(["squawk", "--reporter", "json", *migration_files()], "cpu")
            rows.append(f"| squawk on the same files, CPU | {peer:.3f} s | |")
            rows.append(f"| ratio | {ours / peer:.2f} | at most 1 |")
    market = [str(BINARY), "check", str(ROOT / "examples" / "marketplace"), "--quiet"]
    rows.append(f"| check examples/marketplace, warm, wall | {median(market, 'wall'):.2f} s | under 2 s |")
    rows.append(f"| peak memory of check on trigger.dev | {peak_of_main([str(BINARY), 'check', str(CORPUS / 'trigger.dev' / 'prisma'), '--quiet']):.0f} MiB | under 300 MB |")
    rows += replay()
    micro = ROOT / "target" / "release" / "examples" / "figures"
    if micro.exists():
        rows += measure([str(micro), str(CORPUS)])["out"].decode().splitlines()
    return rows


def replay():
    """langfuse's history in the lab against one psql session that runs the same files, on the same server."""
    figures = ROOT / "target" / "release" / "examples" / "replay"
    if not figures.exists():
        return []
    return measure([str(figures), str(CORPUS / "langfuse" / "prisma")])["out"].decode().splitlines()


def main():
    if not BINARY.exists():
        raise SystemExit("build first: cargo build --release --package pgsteward")
    if not CORPUS.is_dir():
        raise SystemExit(f"the corpus is not at {CORPUS}; set PGSTEWARD_CORPUS")
    subprocess.run(["cargo", "build", "--release", "--quiet", "--package", "pgsteward-testkit", "--examples"], cwd=ROOT, check=True)
    print("## Truth\n")
    table, exact = truth_table()
    print("\n".join(table))
    print("\n## Signal\n")
    print("\n".join(signal()))
    print("\n## Speed\n")
    print("\n".join(speed()))
    sys.exit(0 if exact else 1)


if __name__ == "__main__":
    main()
