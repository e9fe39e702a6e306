"""A project that goes back and forth between pgsteward and Prisma's own schema engine: after each step of one, the other
must find nothing to do.

    cargo build --release && python3 bench/switch.py

Needs node, npm and PostgreSQL (see schema_engine.py). Exits with 1 where a step left something to do.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from corpus import BINARY
from schema_engine import SchemaEngine, Server

DATASOURCE = 'datasource db {\n  provider = "postgresql"\n}\n\n'

# Each state of the schema with who makes the migration to it, and what pgsteward is told of renames.
STATES = [
    ("ours", [], "model User {\n  id Int @id @default(autoincrement())\n  name String @unique\n}\n"),
    (
        "theirs",
        [],
        "model User {\n  id Int @id @default(autoincrement())\n  name String @unique\n  role Role @default(ADMIN)\n"
        "  posts Post[]\n}\n\nmodel Post {\n  id String @id @default(uuid()) @db.Uuid\n  userId Int\n  body Json?\n"
        "  user User @relation(fields: [userId], references: [id])\n  tags Tag[]\n\n  @@index([userId, id(sort: Desc)])\n}\n\n"
        "model Tag {\n  id Int @id\n  posts Post[]\n}\n\nenum Role {\n  ADMIN\n  USER\n}\n",
    ),
    (
        "ours",
        ["User=Account", "User.name=fullName", "Role=Kind"],
        "model Account {\n  id Int @id @default(autoincrement())\n  fullName String @unique\n  role Kind @default(ADMIN)\n"
        "  posts Post[]\n}\n\nmodel Post {\n  id String @id @default(uuid()) @db.Uuid\n  userId Int\n  body Json?\n"
        "  user Account @relation(fields: [userId], references: [id])\n  tags Tag[]\n\n  @@index([userId, id(sort: Desc)])\n}\n\n"
        "model Tag {\n  id Int @id\n  posts Post[]\n}\n\nenum Kind {\n  ADMIN\n  USER\n}\n",
    ),
    (
        "theirs",
        [],
        "model Account {\n  id Int @id @default(autoincrement())\n  fullName String? @unique @db.VarChar(80)\n"
        "  role Kind @default(GUEST)\n  posts Post[]\n}\n\nmodel Post {\n  id String @id @default(uuid()) @db.Uuid\n"
        "  userId Int\n  body Json?\n  at DateTime @default(now()) @db.Timestamptz(6)\n"
        "  user Account @relation(fields: [userId], references: [id], onDelete: Cascade)\n  tags Tag[]\n\n  @@index([at])\n}\n\n"
        "model Tag {\n  id Int @id\n  posts Post[]\n}\n\nenum Kind {\n  ADMIN\n  GUEST\n}\n",
    ),
    (
        "ours",
        ["Tag=Aspect"],
        "model Account {\n  id Int @id @default(autoincrement())\n  fullName String? @unique @db.VarChar(80)\n"
        "  role Kind @default(GUEST)\n  posts Post[]\n}\n\nmodel Post {\n  id String @id @default(uuid()) @db.Uuid\n"
        "  userId Int\n  body Json?\n  at DateTime @default(now()) @db.Timestamptz(6)\n"
        "  user Account @relation(fields: [userId], references: [id], onDelete: Cascade)\n  tags Aspect[]\n}\n\n"
        "model Aspect {\n  id Int @id\n  posts Post[]\n}\n\nenum Kind {\n  ADMIN\n  GUEST\n}\n",
    ),
]


class Project:
    def __init__(self, folder, url):
        self.folder, self.url = Path(folder), url

    def set(self, schema):
        path = self.folder / "prisma" / "schema.prisma"
        path.parent.mkdir(exist_ok=True)
        path.write_text(schema)

    def migrations(self):
        folder = self.folder / "prisma" / "migrations"
        names = sorted(path.name for path in folder.glob("*") if path.is_dir()) if folder.is_dir() else []
        lock = folder / "migration_lock.toml"
        return {
            "lock": lock.read_text() if lock.is_file() else None,
            "init": "",
            "list": [{"name": name, "sql": (folder / name / "migration.sql").read_text()} for name in names],
        }

    def wait_for_a_new_name(self):
        """Names begin with the second at which they are made: two of one second would be the same."""
        names = [migration["name"] for migration in self.migrations()["list"]]
        while names and time.strftime("%Y%m%d%H%M%S", time.gmtime()) <= names[-1].partition("_")[0]:
            time.sleep(0.05)

    def write(self, name, sql):
        folder = self.folder / "prisma" / "migrations" / name
        folder.mkdir(parents=True)
        (folder / "migration.sql").write_text(sql)

    def run(self, *arguments):
        environment = {**os.environ, "DATABASE_URL": self.url}
        command = [str(BINARY), *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)


def by_us(project, renames):
    flags = [part for rename in renames for part in ("--rename", rename)]
    ran = project.run("migrate", "dev", "--name", "step", *flags)
    # What only a person may confirm is created, looked at, and applied.
    if ran.returncode == 1:
        ran = project.run("migrate", "dev", "--name", "step", "--create-only", *flags)
    if ran.returncode != 0:
        return [f"pgsteward ended with {ran.returncode}: {ran.stdout}{ran.stderr}"]
    applied = project.run("migrate", "deploy")
    return [] if applied.returncode == 0 else [f"deploy ended with {applied.returncode}: {applied.stderr}"]


def by_them(engine, project, schema):
    made = engine.ask(
        "createMigration",
        url=project.url,
        schema=schema,
        migrations=project.migrations(),
        name="step",
        draft=False,
    )
    if made["generatedMigrationName"] is None:
        return ["Prisma's engine found nothing to do"]
    project.write(made["generatedMigrationName"], made["migrationScript"])
    engine.ask("applyMigrations", url=project.url, migrations=project.migrations())
    return []


def left_for_them(engine, project, schema):
    """What Prisma would still do, or complain of."""
    found = []
    migrations = project.migrations()
    action = engine.ask("devDiagnostic", url=project.url, migrations=migrations)["action"]
    if action["tag"] != "createMigration":
        found.append(f"devDiagnostic: {action}")
    steps = engine.ask("evaluateDataLoss", url=project.url, schema=schema, migrations=migrations)["migrationSteps"]
    if steps:
        found.append(f"evaluateDataLoss: {steps} steps left")
    history = engine.ask("diagnoseMigrationHistory", url=project.url, migrations=migrations)
    for key in ("failedMigrationNames", "editedMigrationNames"):
        if history.get(key):
            found.append(f"{key}: {history[key]}")
    if history.get("history"):
        found.append(f"history: {history['history']}")
    if engine.ask("applyMigrations", url=project.url, migrations=migrations)["appliedMigrationNames"]:
        found.append("applyMigrations: it applied something")
    return found


def left_for_us(project):
    found = []
    for arguments, wanted in (
        (("migrate", "status"), ""),
        (("migrate", "dev", "--name", "more"), "Already in sync"),
        (("migrate", "deploy"), "No pending migrations"),
    ):
        ran = project.run(*arguments)
        if ran.returncode != 0 or wanted not in ran.stdout:
            found.append(f"{' '.join(arguments)} ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    return found


def run():
    """Each step as (who, title, what was left to do)."""
    results = []
    with Server() as server, SchemaEngine() as engine, tempfile.TemporaryDirectory() as folder:
        url = f"postgresql://postgres@127.0.0.1:{server.port}/switch"
        project = Project(folder, url)
        for number, (who, renames, models) in enumerate(STATES):
            schema = DATASOURCE + models
            project.set(schema)
            project.wait_for_a_new_name()
            left = by_us(project, renames) if who == "ours" else by_them(engine, project, schema)
            if not left:
                left = left_for_us(project) + left_for_them(engine, project, schema)
            results.append((who, number, left))
    return results


def report():
    """A table, and whether nothing was left to do."""
    results = run()
    lines = ["| step of one project | made by | left to do for either |", "| --- | --- | --- |"]
    for who, number, left in results:
        name = "pgsteward" if who == "ours" else "Prisma"
        words = "; ".join(left).replace("\n", " ") if left else "nothing"
        lines.append(f"| {number + 1} | {name} | {words} |")
    return lines, not any(left for _, _, left in results)


def main():
    lines, fine = report()
    print("\n".join(lines))
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
