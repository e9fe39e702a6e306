#!/usr/bin/env python3
"""A squash between pgsteward and Prisma's own schema engine: who applied the history, who learns of the new migration, and
what either still finds to do. Prints Markdown.

    cargo build --release && python3 bench/squash.py [PROJECT]

Needs node, npm and PostgreSQL (see schema_engine.py) and the corpus. PGSTEWARD_BINARY names another binary than the release build.
Exits with 1 where something is left to do. Prisma's `migrate dev` asks for a reset where an applied folder is gone; that is told, and
must be over once `pgsteward migrate dev` was there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import corpus
from schema_engine import SchemaEngine, Server

PROJECT = "umami"


class Project:
    def __init__(self, folder, source):
        self.folder = Path(folder)
        shutil.copytree(source / "prisma", self.folder / "prisma")
        for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first"]):
            subprocess.run(["git", *command], cwd=self.folder, check=True)

    def migrations(self):
        folder = self.folder / "prisma" / "migrations"
        names = sorted(path.name for path in folder.glob("*") if path.is_dir())
        lock = folder / "migration_lock.toml"
        return {
            "lock": lock.read_text() if lock.is_file() else None,
            "init": "",
            "list": [{"name": name, "sql": (folder / name / "migration.sql").read_text()} for name in names],
        }

    def run(self, url, *arguments):
        binary = os.environ.get("PGSTEWARD_BINARY", str(corpus.BINARY))
        environment = {**os.environ, "DATABASE_URL": url}
        command = [binary, "migrate", *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def must(self, url, *arguments):
        ran = self.run(url, *arguments)
        return [] if ran.returncode == 0 else [f"{' '.join(arguments)} ended with {ran.returncode}: {ran.stdout}{ran.stderr}"]


def left(engine, project, url):
    """What deploys and statuses of both still find."""
    migrations = project.migrations()
    found = project.must(url, "status", "--no-lab")
    applied = engine.ask("applyMigrations", url=url, migrations=migrations)["appliedMigrationNames"]
    if applied:
        found.append(f"Prisma applied {applied}")
    history = engine.ask("diagnoseMigrationHistory", url=url, migrations=migrations)
    found += [f"{key}: {history[key]}" for key in ("failedMigrationNames", "editedMigrationNames") if history.get(key)]
    ran = project.run(url, "deploy")
    if ran.returncode != 0 or "No pending migrations" not in ran.stdout:
        found.append(f"deploy ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    return found


def rows(engine, project, name):
    """Each way of a database to the new migration: who, and what is left."""
    urls = {word: engine.server.url(word) for word in ("theirs", "ours", "mixed", "new_theirs", "new_ours")}
    for word in urls:
        engine.ask("dbExecute", url=engine.server.url(), script=f'CREATE DATABASE "{word}"')
    old = project.migrations()
    for word in ("theirs", "mixed"):
        engine.ask("applyMigrations", url=urls[word], migrations=old)
    found = project.must(urls["ours"], "deploy")
    found += project.must(urls["ours"], "squash", "--yes", "--name", name)
    if found:
        return [("pgsteward deploys and squashes", found, "", "")]
    new = project.migrations()
    squashed = new["list"][0]["name"]
    engine.ask("markMigrationApplied", url=urls["theirs"], migrations=new, name=squashed)
    recorded = {word: project.must(urls[word], "deploy") for word in ("ours", "mixed", "new_ours")}
    applied = engine.ask("applyMigrations", url=urls["new_theirs"], migrations=new)["appliedMigrationNames"]
    titles = {
        "theirs": "applied by Prisma, told by `prisma migrate resolve --applied`",
        "ours": "applied and recorded by `pgsteward migrate deploy`",
        "mixed": "applied by Prisma, recorded by `pgsteward migrate deploy`",
        "new_theirs": f"new, made by Prisma's engine ({len(applied)} migration)",
        "new_ours": "new, made by pgsteward",
    }
    results = []
    for word, title in titles.items():
        todo = recorded.get(word, []) + left(engine, project, urls[word])
        action = engine.ask("devDiagnostic", url=urls[word], migrations=new)["action"]
        # Once pgsteward developed there, Prisma's own goes on.
        ran = project.run(urls[word], "dev", "--create-only", "--name", "empty")
        for path in (project.folder / "prisma" / "migrations").glob("*_empty"):
            shutil.rmtree(path)
        todo += [f"dev ended with {ran.returncode}: {ran.stderr}"] if ran.returncode else []
        after = engine.ask("devDiagnostic", url=urls[word], migrations=new)["action"]
        todo += left(engine, project, urls[word])
        results.append((title, todo, action["tag"], after["tag"]))
    return results


def report(source):
    lines = ["| database | left to do for either | Prisma's `migrate dev` | behind pgsteward's |", "| --- | --- | --- | --- |"]
    with Server() as server, SchemaEngine() as engine, tempfile.TemporaryDirectory() as folder:
        engine.server = server
        results = rows(engine, Project(folder, source), "squashed")
    for title, todo, before, after in results:
        lines.append(f"| {title} | {'; '.join(todo).replace(chr(10), ' ') or 'nothing'} | {before} | {after} |")
    return lines, all(not todo and after == "createMigration" for _, todo, _, after in results)


def main():
    lines, fine = report(corpus.CORPUS / (sys.argv[1] if len(sys.argv) > 1 else PROJECT))
    print("\n".join(lines))
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
