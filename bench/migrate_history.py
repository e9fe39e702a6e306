"""Rows of `_prisma_migrations`: those of Prisma's own engine against ours, after the same commands.

    python3 bench/migrate_history.py [--binary FILE]

Both tools get a database each and the same steps (deploy, resolve); then the rows must be equal but for ids, times and the
words of an error. Then they change places in the middle of a history: each must go on where the other stopped. Also said:
the migrations of the corpus whose rows differ.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import corpus
import schema_engine

A, B, C = "20260101000000_a", "20260102000000_b", "20260103000000_c"
GOOD, BAD = "CREATE TABLE {} (id int PRIMARY KEY);\n", "CREATE TABLE x (id int);\nSELECT 1 / 0;\n"

SCENARIOS = {
    "deploy": [{A: GOOD.format("a"), B: GOOD.format("b")}, "deploy"],
    "deploy twice": [{A: GOOD.format("a")}, "deploy", "deploy"],
    "a failed one": [{A: GOOD.format("a"), B: BAD, C: GOOD.format("c")}, "deploy"],
    "rolled back and again": [{A: BAD}, "deploy", ("rolled-back", A), {A: GOOD.format("a")}, "deploy"],
    "applied by hand after a failure": [{A: BAD}, "deploy", ("applied", A), "deploy"],
    "baseline": [{A: GOOD.format("a"), B: GOOD.format("b")}, ("applied", A), "deploy"],
    "a failed one is in the way": [{A: BAD, B: GOOD.format("b")}, "deploy", "deploy"],
    "resolve what is applied": [{A: GOOD.format("a")}, "deploy", ("applied", A), ("rolled-back", A)],
    "resolve what was never there": [{A: GOOD.format("a")}, ("rolled-back", A), ("applied", "nothing")],
    "edited after it was applied": [{A: GOOD.format("a")}, "deploy", {A: GOOD.format("z")}, "deploy"],
    "missing on disk": [{A: GOOD.format("a"), B: GOOD.format("b")}, "deploy", {A: None}, "deploy"],
    "a late one with an early name": [{B: GOOD.format("b")}, "deploy", {A: GOOD.format("a"), B: GOOD.format("b")}, "deploy"],
    "not empty": ["CREATE TABLE old (id int)", {A: GOOD.format("a")}, "deploy"],
    "Windows line endings": [{A: GOOD.format("a").replace("\n", "\r\n")}, "deploy"],
    "no statement": [{A: "-- This is an empty migration."}, "deploy"],
}

ROWS = (
    "SELECT migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NOT NULL, logs IS NULL, coalesce(logs, '') = '', "
    "applied_steps_count FROM _prisma_migrations ORDER BY started_at, migration_name"
)


NO_CODE = "an error without a code"


def alike(ours, theirs):
    return len(ours) == len(theirs) and all(a == b or (a and b == NO_CODE) for a, b in zip(ours, theirs))


class Ours:
    def __init__(self, binary, folder, url):
        self.binary, self.folder, self.url = binary, folder, url
        (folder / "prisma").mkdir(parents=True)
        (folder / "prisma" / "schema.prisma").write_text('datasource db {\n  provider = "postgresql"\n}\n')

    def step(self, verb, migrations):
        for name, text in migrations.items():
            path = self.folder / "prisma" / "migrations" / name / "migration.sql"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        for path in (self.folder / "prisma" / "migrations").glob("*"):
            if path.name not in migrations:
                (path / "migration.sql").unlink()
                path.rmdir()
        command = [self.binary, "migrate"]
        command += ["deploy"] if verb == "deploy" else ["resolve", f"--{verb[0]}", verb[1]]
        environment = {**os.environ, "DATABASE_URL": self.url}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        code = done.stderr.removeprefix("error: ").split(":")[0]
        return code if done.returncode else None


class Theirs:
    def __init__(self, engine, url):
        self.engine, self.url = engine, url

    def step(self, verb, migrations):
        files = [{"name": name, "sql": text} for name, text in sorted(migrations.items())]
        request = {"url": self.url, "migrations": files}
        if verb == "deploy":
            method = "applyMigrations"
        else:
            method = {"applied": "markMigrationApplied", "rolled-back": "markMigrationRolledBack"}[verb[0]]
            request["name"] = verb[1]
        error = self.engine.answer(method, **request).get("error")
        # Where Prisma breaks an invariant of its own it has no code.
        return error and (error.get("code") or NO_CODE)


def psql(server, database, sql):
    done = subprocess.run(["psql", "-qXAt", "-c", sql, server.url(database)], capture_output=True, text=True)
    return done.stdout.strip().splitlines() if done.returncode == 0 else ["no table"]


def play(tools, steps, server, databases):
    """Codes of all steps for each tool; tools may be given per step."""
    migrations, codes = {}, [[] for _ in databases]
    for step in steps:
        if isinstance(step, dict):
            migrations = {name: text for name, text in step.items() if text is not None} or migrations
            if None in step.values():
                migrations = {name: text for name, text in migrations.items() if name not in step}
        elif isinstance(step, str) and step != "deploy":
            for database in databases:
                psql(server, database, step)
        else:
            for tool, kept in zip(tools, codes):
                kept.append(tool.step(step, migrations))
    return codes


def scenarios(server, engine, binary, folder):
    equal = 0
    for number, (name, steps) in enumerate(SCENARIOS.items()):
        databases = [f"ours_{number}", f"theirs_{number}"]
        for database in databases:
            psql(server, "postgres", f"CREATE DATABASE {database}")
        ours = Ours(binary, folder / databases[0], server.url(databases[0]))
        codes = play([ours, Theirs(engine, server.url(databases[1]))], steps, server, databases)
        rows = [psql(server, database, ROWS) for database in databases]
        same = rows[0] == rows[1] and alike(*codes)
        equal += same
        if not same:
            print(f"differs: {name}\n  ours   {codes[0]} {rows[0]}\n  theirs {codes[1]} {rows[1]}")
    print(f"history: {equal} of {len(SCENARIOS)} scenarios leave the same rows and codes")


def corpus_histories(server, engine, binary, folder):
    for project in corpus.PROJECTS:
        files = {path.parent.name: path.read_bytes().decode() for path in corpus.migration_files() if project in path.parts}
        key = project.replace("-", "_").replace(".", "_")
        half = dict(sorted(files.items())[: len(files) // 2])
        for first in ("ours", "theirs"):
            database = f"{first}_{key}"
            psql(server, "postgres", f"CREATE DATABASE {database}")
            ours = Ours(binary, folder / database, server.url(database))
            theirs = Theirs(engine, server.url(database))
            order = [ours, theirs] if first == "ours" else [theirs, ours]
            codes = [order[0].step("deploy", half), order[1].step("deploy", files)]
            rows = psql(server, database, ROWS)
            odd = [row for row in rows if not row.endswith("|t|f|t|t|1")]
            done = len(rows) == len(files) and not odd and codes == [None, None]
            print(f"{project}, {first} first: {len(rows)} rows, {'all alike' if done else f'{codes} {odd[:3]}'}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", default=str(corpus.BINARY))
    arguments.add_argument("--no-corpus", action="store_true")
    given = arguments.parse_args()
    binary = str(Path(given.binary).resolve())
    with schema_engine.Server() as server, schema_engine.SchemaEngine() as engine:
        with tempfile.TemporaryDirectory(prefix="pgsteward-bench-") as folder:
            scenarios(server, engine, binary, Path(folder))
            if not given.no_corpus:
                corpus_histories(server, engine, binary, Path(folder))


if __name__ == "__main__":
    main()
