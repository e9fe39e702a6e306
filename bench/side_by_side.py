"""A user's walk with two tools side by side: npm's `prisma` 7.10 and pgsteward, on each project of the corpus.

    python3 bench/side_by_side.py [--binary FILE] [PROJECT…]

Both get a copy of the project and a database of their own on one private server, then the same commands at a terminal:
a first deploy, status, a schema that changes, a migration that fails and what brings one out of it, reset, push, pull; in
the end they change places. After each command these must be alike: the exit code, Prisma's error code, the files of the
project (times in names aside), the rows of `_prisma_migrations` (times and ids aside) and the structure of the database;
where a text is the answer, the text. The command line is npm's own; its engine is the one that the packages ship
(`prisma-oracle/native_engine.py`).
"""

import argparse
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import corpus
import lowering
import schema_engine
import table

ENGINE = lowering.ORACLE / "native_engine.py"
AGENTS = re.compile("CLAUDE|CODEX|GEMINI|CURSOR|AGENT|^CI$|REPLIT|AI_")
LIMIT = 120
OUR_WORD = "// The Prisma schema cannot say all of this:"
"""Begins what `db pull` of pgsteward adds to Prisma's answer."""
OUR_FILES = ("down.sql", "pgsteward.objects.sql")
STATUS_BEYOND = range(3, 8)
"""What `migrate status` of pgsteward exits with where Prisma's is content: edited, missing, drift, …"""
NO_CODE = "external connector error"
"""Where a migration fails, the engine of the npm packages has no code: the adapter's errors stay outside of it."""

ROWS = (
    "SELECT regexp_replace(migration_name, '^20[0-9]{12}(?=_|$)', 'TIME'), finished_at IS NOT NULL, rolled_back_at IS NOT NULL, "
    "coalesce(logs, '') = '', applied_steps_count FROM _prisma_migrations ORDER BY started_at, migration_name"
)
CONFIG = 'export default { schema: "prisma/schema.prisma", datasource: { url: process.env.DATABASE_URL } }\n'
NOTE = '\nmodel WalkNote {\n  id    Int    @id @default(autoincrement())\n  title String\n  body  String?\n}\n'
SMALLER = NOTE.replace("  body  String?\n", "")
FAILING = "CREATE TABLE walk_one (id int);\nSELECT 1 / 0;\n"
MENDED = "CREATE TABLE walk_one (id int PRIMARY KEY);\n"


class Tool:
    """A tool, its copy of a project and its database."""

    def __init__(self, name, command, environment, folder, server, database):
        self.name, self.command, self.environment = name, command, environment
        self.folder, self.server, self.database = folder, server, database

    def run(self, arguments, database=None):
        """Exit code and output of a command at a terminal."""
        kept = {key: value for key, value in os.environ.items() if not AGENTS.search(key)}
        url = f"{self.server.url(database or self.database)}?schema=public"
        environment = {**kept, **self.environment, "DATABASE_URL": url, "NO_COLOR": "1", "TERM": "dumb"}
        return at_terminal([*self.command, *arguments], self.folder, environment)

    def psql(self, sql):
        command = ["psql", "-qXAt", "-c", sql, self.server.url(self.database)]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout.strip().splitlines() if done.returncode == 0 else ["no such table"]

    def files(self):
        found = {}
        for path in sorted((self.folder / "prisma").rglob("*")):
            if path.is_file() and path.name not in OUR_FILES:
                name = re.sub(r"\b20\d{12}(?=_|/)", "TIME", str(path.relative_to(self.folder)))
                found[name] = path.read_text()
        return found

    def structure(self):
        options = ["--schema-only", "--no-owner", "--exclude-table=_prisma_migrations", self.server.url(self.database)]
        done = subprocess.run([str(self.server.binaries / "pg_dump"), *options], capture_output=True, text=True)
        # Newer servers begin and end a dump with a word of its own.
        return [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def at_terminal(command, folder, environment):
    main, other = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=other, stdout=other, stderr=other, start_new_session=True
    )
    os.close(other)
    output, end = b"", time.monotonic() + LIMIT
    while time.monotonic() < end:
        ready, _, _ = select.select([main], [], [], 0.2)
        if not ready:
            if process.poll() is not None:
                break
            continue
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    if process.poll() is None and time.monotonic() >= end:
        process.kill()
        output += b"\n(the clock ran out)"
    os.close(main)
    return process.wait(), output.decode(errors="replace").replace("\r\n", "\n")


def code_of(output):
    found = re.search(r"\bP[13]\d{3}\b", output)
    return found and found[0]


def answer_of(output):
    """The text that was asked for: without what is said of the configuration, and what only one of them says at the end."""
    lines = [line for line in output.splitlines() if line and "Prisma config" not in line]
    end = next((at for at, line in enumerate(lines) if line.startswith(OUR_WORD)), len(lines))
    return [line for line in lines[:end] if line.strip() not in ("", "//")]


def command(*arguments, text=False, database=None):
    """A step that both tools do; with `text` what they print must be the same."""

    def step(tool):
        code, output = tool.run(list(arguments), database and f"{database}_{tool.database}")
        answer = {"exit code": code, "error code": code_of(output) if code else None}
        if arguments[:2] == ("migrate", "status") and code in STATUS_BEYOND:
            answer["exit code"] = 0
        if NO_CODE in output:
            answer["error code"] = NO_CODE
        if text:
            answer["text"] = answer_of(output)
        return answer, output

    return step


def schema(change):
    def step(tool):
        path = tool.folder / "prisma" / "schema.prisma"
        path.write_text(change(path.read_text()))
        return {}, ""

    return step


def migration(name, text):
    def step(tool):
        path = tool.folder / "prisma" / "migrations" / name / "migration.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return {}, ""

    return step


def sql(text):
    def step(tool):
        tool.psql(text)
        return {}, ""

    return step


LATE = "29990101000000_walk"
DIFF = ["migrate", "diff", "--from-config-datasource", "--to-schema", "prisma/schema.prisma"]
STEPS = [
    ("validate", command("validate")),
    ("format", command("format")),
    ("format --check", command("format", "--check")),
    ("status, nothing applied", command("migrate", "status")),
    ("deploy", command("migrate", "deploy")),
    ("status", command("migrate", "status")),
    ("deploy again", command("migrate", "deploy")),
    ("diff --exit-code", command(*DIFF, "--exit-code", text=True)),
    ("diff --script", command(*DIFF, "--script", text=True)),
    ("db pull --print", command("db", "pull", "--print", text=True)),
    ("dev, as the project is", command("migrate", "dev", "--name", "walk_drift")),
    ("reset --force", command("migrate", "reset", "--force")),
    ("db push to the schema", command("db", "push", "--accept-data-loss")),
    ("reset again", command("migrate", "reset", "--force")),
    ("a new model", schema(lambda text: text + NOTE)),
    ("dev --create-only", command("migrate", "dev", "--name", "Walk Note", "--create-only")),
    ("deploy what dev made", command("migrate", "deploy")),
    ("a migration that fails", migration(LATE, FAILING)),
    ("deploy it", command("migrate", "deploy")),
    ("status of the failed one", command("migrate", "status")),
    ("deploy over it", command("migrate", "deploy")),
    ("resolve --rolled-back", command("migrate", "resolve", "--rolled-back", LATE)),
    ("mend it by hand", sql("DROP TABLE IF EXISTS walk_one")),
    ("mend the file", migration(LATE, MENDED)),
    ("deploy the mended one", command("migrate", "deploy")),
    ("resolve what is applied", command("migrate", "resolve", "--applied", LATE)),
    ("resolve what nobody knows", command("migrate", "resolve", "--rolled-back", "nothing")),
    ("edit what is applied", migration(LATE, MENDED + "-- later\n")),
    ("deploy with an edited one", command("migrate", "deploy")),
    ("rows in the table", sql("INSERT INTO \"WalkNote\" (title, body) VALUES ('a', 'b')")),
    ("a column less", schema(lambda text: text.replace(NOTE, SMALLER))),
    ("push, which would lose rows", command("db", "push")),
    ("push --accept-data-loss", command("db", "push", "--accept-data-loss")),
    ("db execute", command("db", "execute", "--file", f"prisma/migrations/{LATE}/migration.sql")),
    ("db pull", command("db", "pull", "--force")),
    ("deploy to a database that is not there", command("migrate", "deploy", database="new")),
    ("status of one that is not there", command("migrate", "status", database="none")),
]
SWAPPED = [
    ("the other's database: status", command("migrate", "status")),
    ("the other's database: a new migration", migration("29990102000000_more", "CREATE TABLE walk_two (id int PRIMARY KEY);\n")),
    ("the other's database: deploy", command("migrate", "deploy")),
    ("the other's database: deploy again", command("migrate", "deploy")),
]


def differences(ours, theirs, answers):
    found = [
        f"{key}: {answers[0][key]} and {answers[1][key]}" if key != "text" else "text"
        for key in answers[0]
        if answers[0][key] != answers[1][key] and not (answers[0][key] == "P3018" and answers[1][key] == NO_CODE)
    ]
    mine, others = ours.files(), theirs.files()
    found += [f"file {name}" for name in sorted(mine.keys() | others.keys()) if mine.get(name) != others.get(name)]
    if ours.psql(ROWS) != theirs.psql(ROWS):
        found.append("rows")
    if ours.structure() != theirs.structure():
        found.append("structure")
    return found


PACKAGE = '{ "name": "walk", "devDependencies": { "prisma": "7.10.0" } }\n'
FEATURES = re.compile(r"^\s*previewFeatures\s*=.*$", re.MULTILINE)
GONE = '"metrics"'
"""A preview feature that Prisma 7 does not know any more."""
URLS = re.compile(r"^\s*(url|directUrl|shadowDatabaseUrl)\s*=.*\n", re.MULTILINE)
"""Lines of a datasource that Prisma 7 refuses: they have moved into the configuration."""


def known_features(line):
    return line[0].replace(f", {GONE}", "").replace(f"{GONE}, ", "").replace(GONE, "")


def prepared(project, folder):
    shutil.copytree(corpus.CORPUS / project / "prisma", folder / "prisma")
    path = folder / "prisma" / "schema.prisma"
    path.write_text(FEATURES.sub(known_features, URLS.sub("", path.read_text())))
    (folder / "package.json").write_text(PACKAGE)
    (folder / "prisma.config.mjs").write_text(CONFIG)


def walk(project, server, binary, folder, verbose):
    """(step, differences) of one project."""
    key = re.sub(r"\W", "_", project)
    tools = []
    stub = {"PRISMA_SCHEMA_ENGINE_BINARY": str(ENGINE), "PRISMA_HIDE_UPDATE_MESSAGE": "1", "CHECKPOINT_DISABLE": "1"}
    npm = ["node", str(lowering.CACHE / "node_modules" / "prisma" / "build" / "index.js")]
    for name, run, environment in [("ours", [binary], {}), ("theirs", npm, stub)]:
        prepared(project, folder / name)
        database = f"{name}_{key}"
        subprocess.run(["psql", "-qX", "-c", f"CREATE DATABASE {database}", server.url()], check=True)
        tools.append(Tool(name, run, environment, folder / name, server, database))
    done = []
    for number, (name, step) in enumerate([*STEPS, *SWAPPED]):
        if number == len(STEPS):
            change_places(*tools)
        answers, outputs = zip(*(step(tool) for tool in tools))
        found = differences(*tools, answers)
        done.append((name, bool(answers[0]), found))
        if found and verbose:
            print(f"== {project}: {name}: {', '.join(found)}", file=sys.stderr)
            for tool, answer, output in zip(tools, answers, outputs):
                print(f"-- {tool.name}: {answer.get('exit code')}\n{output[-1500:]}", file=sys.stderr)
        if found:
            follow(*tools)
    return done


def follow(ours, theirs):
    """Ours goes on where theirs stands, so that a difference is told once."""
    shutil.rmtree(ours.folder)
    shutil.copytree(theirs.folder, ours.folder)
    for statement in (
        f"DROP DATABASE {ours.database} WITH (FORCE)",
        f"CREATE DATABASE {ours.database} TEMPLATE {theirs.database}",
    ):
        subprocess.run(["psql", "-qX", "-c", statement, ours.server.url()], check=True)


def change_places(ours, theirs):
    ours.folder, theirs.folder = theirs.folder, ours.folder
    ours.database, theirs.database = theirs.database, ours.database


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", default=str(corpus.BINARY))
    arguments.add_argument("--verbose", action="store_true", help="print what both tools said where they differ")
    arguments.add_argument("projects", nargs="*", default=corpus.PROJECTS)
    options = arguments.parse_args()
    lowering.install()
    counted = table.Table("project", "commands", "alike")
    differing = table.Table("project", "after", "what differs (ours and theirs)")
    with schema_engine.Server() as server, tempfile.TemporaryDirectory(dir=server.folder) as scratch:
        os.chmod(scratch, 0o755)
        for project in options.projects:
            folder = Path(scratch) / project
            done = walk(project, server, str(Path(options.binary).resolve()), folder, options.verbose)
            commands = [(name, found) for name, asked, found in done if asked]
            alike = sum(not found for _, found in commands)
            counted.add(project, len(commands), alike)
            for name, _, found in done:
                if found:
                    differing.add(project, name, ", ".join(found))
    print(counted, differing, sep="\n\n")


if __name__ == "__main__":
    main()
