"""Conformance with Prisma's own schema engine: the same SQL, byte for byte, and the same words.

Three parts:

- generated pairs of schemas (`schema_pairs.py`, by number): `migrate diff` from one to the other, as SQL and as a summary;
- steps of the corpus: the engine's own `db pull` after each migration is a state; from each state to the next;
- databases: from a database that the first schema of a pair made to the second schema, and back, with the warnings
  that `migrate dev` writes above a migration.

A fourth, `switch.py`, is one project that goes back and forth between both tools.

Each difference is tried on a server: where Prisma's own SQL fails there and ours runs, that is its reason. The engine is
asked through `schema_engine.py`; what it said about the corpus is kept in `target/prisma-oracle`. Exit code 1 where less
than the target is the same, or a difference has no reason.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import corpus
import lowering
import schema_pairs
import switch
from schema_engine import SchemaEngine, Server

PAIRS = 900
"""Numbers of pairs that are made; about a fifth of them are no valid schemas and do not count."""
DATABASES = 150
"""Valid pairs that are compared with a database, too."""
LEAST = 500
TARGET = 0.99
SHOWN = 40
OURS = Path(os.environ.get("MIGRATE_DIFF", corpus.RELEASE / "examples" / "migrate_diff"))
SOURCE = 'generator g {\n  provider = "prisma-client"\n}\n\ndatasource db {\n  provider = "postgresql"\n}\n'
COMMENT = re.compile(r"/\*.*?\n\*/\n", re.DOTALL)
EXTENSIONS = ["citext", "pg_trgm", "hstore", '"uuid-ossp"', "pgcrypto"]

KNOWN = [
    (r"SET DATA TYPE (SMALL|BIG)?SERIAL", "Prisma casts to SERIAL, which is no type"),
    (r"RENAME CONSTRAINT", "Prisma renames the primary key that it has just dropped"),
    (r"\bCHAR\b(?!\()|CHAR\(1\)|BIT\b(?!\()|BIT\(1\)", "CHAR and CHAR(1), BIT and BIT(1) differ to Prisma: it never comes to rest"),
    (r'"plpgsql"', "Prisma makes the extension plpgsql, which is always there"),
    (r"::", "Prisma cannot read a default that the server spells with a cast"),
    (r"_point|_polygon|_cidr|_interval|_tsvector|_int4range|_geometry", "Prisma names arrays of types that it does not know by the server's inner name"),
]
"""Differences whose SQL runs on both sides: what distinguishes them, and why they are meant."""


def ask_ours(pairs):
    """Answers of `migrate_diff` to requests, in their order."""
    asked = "\n".join(json.dumps(pair) for pair in pairs)
    done = subprocess.run([str(OURS)], input=asked, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"migrate_diff ended with {done.returncode}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def line_end(text):
    return text if text.endswith("\n") else text + "\n"


class Tally:
    """How many answers are the same, and each difference with its reason."""

    def __init__(self):
        self.total, self.same, self.reasons, self.open = Counter(), Counter(), Counter(), []
        self.refused = Counter()

    def add(self, part, theirs, ours, name, why):
        self.total[part] += 1
        if theirs == ours:
            self.same[part] += 1
            return
        reason = why(theirs, ours)
        if reason is None:
            self.open.append((part, name, theirs, ours))
        self.reasons[(part, reason or "no reason known")] += 1


def error_line(text):
    found = re.search(r"ERROR: (.*)", text)
    return re.sub(r'"[^"]*"', '"…"', found[1] if found else text)


def reason(engine, server, first, theirs, ours):
    """Why a script differs from Prisma's, or None."""
    failed = engine_error(engine, server, first, theirs)
    if failed and engine_error(engine, server, first, ours) == "":
        return f"Prisma's own SQL fails on the server: {error_line(failed)}"
    lost = {line for line in theirs.splitlines() if line not in ours} | {line for line in ours.splitlines() if line not in theirs}
    if lost and all(re.search(r'COLUMN ".*" (SET DEFAULT|DROP DEFAULT)', line) for line in lost):
        return "Prisma drops the default that it has just set in the place of a sequence"
    if re.search(r"AS ENUM \(.*'[^',]*'s'", theirs):
        return "Prisma does not escape quotes in the values of an enum"
    for pattern, why in KNOWN:
        if any(re.search(pattern, line) for line in lost):
            return why
    return None


def engine_error(engine, server, first, script):
    """The message of the error that a script ends with after another; empty where there is none."""
    engine.ask("dbExecute", url=server.url(), script="DROP DATABASE IF EXISTS trial WITH (FORCE)")
    engine.ask("dbExecute", url=server.url(), script="CREATE DATABASE trial")
    if "error" in engine.answer("dbExecute", url=server.url("trial"), script=first):
        return None
    return engine.answer("dbExecute", url=server.url("trial"), script=script).get("error", {}).get("message", "")


def valid_pairs(engine):
    """Number, both texts, Prisma's SQL and Prisma's summary of each pair whose schemas are valid."""
    found = []
    for number in range(PAIRS):
        before, after, _ = schema_pairs.pair(number)
        sides = {"from": {"schema": before} if before else {"empty": True}, "to": {"schema": after}}
        script = engine.answer("diff", **sides)
        if "result" in script:
            words = engine.ask("diff", script=False, **sides)
            found.append((number, before, after, script["result"]["stdout"], words["stdout"]))
    return found


def compare_pairs(engine, server, tally, found):
    ours = ask_ours([{"from": before and {"schema": before}, "to": {"schema": after}} for _, before, after, _, _ in found])
    for (number, before, _, script, words), answer in zip(found, ours):
        def why(theirs, mine, before=before):
            first = made_by(engine, before) if before else ""
            return reason(engine, server, first, theirs, mine)

        tally.add("pairs of schemas: SQL", script, line_end(answer["sql"]), f"pair {number}", why)
        tally.add("pairs of schemas: summary", words, line_end(answer["summary"]), f"pair {number}", lambda *_: None)


def made_by(engine, schema):
    """The SQL that makes a schema."""
    return engine.ask("diff", **{"from": {"empty": True}, "to": {"schema": schema}})["stdout"]


def states(engine, server, project):
    """Prisma's `db pull` after each migration of a project; None where the engine fails."""
    files = sorted((corpus.CORPUS / project).glob("prisma/migrations/*/migration.sql"))
    texts = [path.read_text() for path in files]
    name = hashlib.sha256(json.dumps([texts, (lowering.ORACLE / "package.json").read_text()]).encode()).hexdigest()[:16]
    kept = lowering.CACHE / "states" / f"{project}-{name}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    engine.ask("dbExecute", url=server.url(), script="DROP DATABASE IF EXISTS history WITH (FORCE)")
    engine.ask("dbExecute", url=server.url(), script="CREATE DATABASE history")
    out = []
    for text in texts:
        engine.answer("dbExecute", url=server.url("history"), script=text)
        pulled = engine.answer("introspect", url=server.url("history"), schema=SOURCE)
        out.append(pulled["result"]["schema"]["files"][0]["content"] if "result" in pulled else None)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(out))
    return out


def compare_corpus(engine, server, tally):
    for project in corpus.PROJECTS:
        known = [state for state in states(engine, server, project) if state is not None]
        steps = list(zip(known, known[1:]))
        asked = [{"from": {"schema": before}, "to": {"schema": after}} for before, after in steps]
        for at, (sides, answer) in enumerate(zip(asked, ask_ours(asked))):
            told = engine.answer("diff", **sides)
            if "error" in told:
                # What it pulled itself is not always valid to it.
                tally.refused[project] += 1
                continue

            def why(theirs, mine, before=sides["from"]["schema"]):
                return reason(engine, server, made_by(engine, before), theirs, mine)

            tally.add(f"steps of {project}", told["result"]["stdout"], line_end(answer["sql"]), f"{project}, state {at + 1}", why)


def compare_databases(engine, server, tally, found):
    asked, told = [], []
    for number, before, after, _, _ in [one for one in found if one[1]][:DATABASES]:
        made = made_by(engine, before)
        engine.ask("dbExecute", url=server.url(), script=f"CREATE DATABASE pair{number}")
        url = server.url(f"pair{number}")
        if "error" in engine.answer("dbExecute", url=url, script=made):
            engine.ask("dbExecute", url=server.url(), script=f"DROP DATABASE pair{number}")
            continue
        database, schema = {"url": True}, {"schema": after}
        diffs = [
            engine.answer("diff", url=url, schema=after, script=script, **{"from": left, "to": right})
            for left, right, script in [(database, schema, True), (schema, database, True), (database, schema, False)]
        ]
        written = engine.answer(
            "createMigration", url=server.url(), name="x", schema=after, migrations=[{"name": "1", "sql": made}]
        )
        if any("error" in answer for answer in [*diffs, written]):
            continue
        script = written["result"]["migrationScript"] or ""
        above = COMMENT.match(script)
        above = above[0] if above else ""
        up, down, words = (answer["result"]["stdout"] for answer in diffs)
        # Without the preview feature on its shadow database, the engine sees other indexes there.
        same_steps = script[len(above) :] == (up if "empty migration" not in up else "")
        told.append((number, made, made_by(engine, after), (up, down, words, above if same_steps else None)))
        asked.append({"from": {"url": url}, "to": schema, "schema": after})
        asked.append({"from": schema, "to": {"url": url}, "schema": after})
    answers = ask_ours(asked)
    for at, (number, made, wanted, (up, down, words, above)) in enumerate(told):
        ours, back = answers[2 * at], answers[2 * at + 1]

        def why(theirs, mine, made=made):
            return reason(engine, server, made, theirs, mine)

        def why_back(theirs, mine, wanted=wanted):
            return reason(engine, server, wanted, theirs, mine)

        def unlike(theirs, mine, differs=up != line_end(ours["sql"])):
            return "the SQL differs, see above" if differs else None

        name = f"pair {number}"
        tally.add("database to schema: SQL", up, line_end(ours["sql"]), name, why)
        tally.add("database to schema: summary", words, line_end(ours["summary"]), name, unlike)
        if above is not None:
            tally.add("database to schema: warnings", above, ours["warnings"], name, unlike)
        tally.add("schema to database: SQL", down, line_end(back["sql"]), name, why_back)


def report():
    if not OURS.exists():
        raise SystemExit("build first: cargo xtask bench does")
    tally = Tally()
    with SchemaEngine() as engine, Server() as server:
        for extension in EXTENSIONS:
            engine.ask("dbExecute", url=server.url("template1"), script=f"CREATE EXTENSION {extension}")
        found = valid_pairs(engine)
        compare_pairs(engine, server, tally, found)
        compare_corpus(engine, server, tally)
        compare_databases(engine, server, tally, found)
    lines = ["| what | compared | the same | |", "| --- | --- | --- | --- |"]
    for part, total in tally.total.items():
        lines.append(f"| {part} | {total} | {tally.same[part]} | {tally.same[part] / total:.1%} |")
    counted = [part for part in tally.total if part.startswith(("pairs of schemas: SQL", "steps of"))]
    total, same = (sum(counter[part] for part in counted) for counter in (tally.total, tally.same))
    met = same / total >= TARGET and len(found) >= LEAST
    lines.append(f"\n{len(found)} valid pairs of schemas and all steps of the corpus: {same} of {total} the same, {same / total:.2%}")
    lines.append(f"\nTarget: {TARGET:.0%} of at least {LEAST} pairs and all steps: {'met' if met else '**missed**'}")
    if tally.refused:
        lines.append(f"\n{sum(tally.refused.values())} states that the engine pulled are no valid schemas to it: not compared.")
    lines.append("\n| what differs | why | how many |\n| --- | --- | --- |")
    lines += [f"| {part} | {why} | {count} |" for (part, why), count in tally.reasons.most_common()]
    lines += [f"- no reason known: {part}, {name}" for part, name, _, _ in tally.open[:SHOWN]]
    table, agreed = switch.report()
    lines += ["", *table]
    met = met and agreed
    if os.environ.get("CONFORMANCE_SHOW"):
        for part, name, theirs, ours in tally.open[:SHOWN]:
            print(f"===== {part}, {name}\n--- Prisma\n{theirs}\n--- ours\n{ours}", file=sys.stderr)
    return lines, met


if __name__ == "__main__":
    lines, fine = report()
    print("\n".join(lines))
    sys.exit(0 if fine else 1)
