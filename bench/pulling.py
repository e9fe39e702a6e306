#!/usr/bin/env python3
"""`db pull` and `format` held against Prisma 7.10's own engine.

Every project of the corpus is replayed into a private database. Both tools pull it twice: into a schema that has only its
configuration, and into the project's own schema. Lines that differ are counted in both texts; warnings count as lines. For
`format`, the schemas and ugly variants of them (made from a fixed seed) go through both formatters and validators.

    python3 bench/pulling.py [FILES]      how many ugly variants, by default 300

PGSTEWARD_BINARY is the program to try, by default the release build.
"""

import difflib
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import corpus
from schema_engine import EngineError, SchemaEngine, Server
from table import verdict

BINARY = Path(os.environ.get("PGSTEWARD_BINARY", corpus.BINARY))
BARE = 'generator client {\n  provider = "prisma-client-js"\n}\n\ndatasource db {\n  provider = "postgresql"\n}\n'
VARIANTS = 300
TARGET = 0.99
SHOWN = 8
OLD_FEATURES = {'"metrics"', '"driverAdapters"'}
"""Preview features of older versions that 7.10 refuses."""


def of_today(schema):
    """A schema of Prisma 5 or 6 as 7.10 takes it: no URLs, no features that it does not know."""
    bare = re.sub(r"^\s*(url|directUrl|shadowDatabaseUrl)\s*=.*\n", "", schema, flags=re.M)

    def known(match):
        return match[1] + ", ".join(one for one in match[2].split(", ") if one not in OLD_FEATURES) + "]"

    return re.sub(r"(previewFeatures\s*=\s*\[)([^]]*)\]", known, bare)


def schema_of(project):
    return of_today((corpus.CORPUS / project / "prisma" / "schema.prisma").read_text())


def replay(engine, server, project):
    """A new database with all migrations of a project; its URL."""
    name = re.sub(r"\W", "_", project)
    engine.ask("dbExecute", url=server.url(), script=f'CREATE DATABASE "{name}"')
    for file in sorted((corpus.CORPUS / project / "prisma" / "migrations").glob("*/migration.sql")):
        engine.ask("dbExecute", url=server.url(name), script=file.read_text())
    return server.url(name)


def ours(arguments, folder):
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run([str(BINARY), *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def pull_ours(url, schema):
    with tempfile.TemporaryDirectory(prefix="pgsteward-pull-") as folder:
        file = Path(folder) / "schema.prisma"
        file.write_text(schema)
        command = ["db", "pull", "--schema", str(file), "--url", f"{url}?sslmode=disable"]
        done = ours(command, folder)
        if done.returncode:
            return f"exit {done.returncode}: {done.stderr}", ""
        start = done.stdout.find("*** WARNING ***")
        end = done.stdout.find("\n\nThe Prisma schema cannot say", start)
        end = done.stdout.find("\n\nRun your generator", start) if end < 0 else end
        return file.read_text(), done.stdout[start:end] if start >= 0 else ""


def pull_theirs(engine, url, schema):
    try:
        result = engine.ask("introspect", url=url, schema=schema)
    except EngineError as error:
        return f"error: {error}", ""
    (file,) = result["schema"]["files"]
    return file["content"], (result["warnings"] or "").rstrip("\n")


def different(theirs, mine):
    """Lines of theirs that mine lacks or mine that theirs lacks, and samples."""
    lines = list(difflib.unified_diff(theirs.splitlines(), mine.splitlines(), "prisma", "pgsteward", lineterm="", n=0))
    changed = [line for line in lines[2:] if line[:1] in "+-"]
    removed = sum(line[0] == "-" for line in changed)
    return max(removed, len(changed) - removed), changed


def variants(texts, count):
    """Schemas as hands leave them: odd blanks, comments, block attributes in the middle, halves of relations missing."""
    chance = random.Random(7)
    noise = ["", "  ", "\t// odd", "// plain", "  /// of what follows", "/* several\n     * lines */", "\n\n"]
    for _ in range(count):
        lines = chance.choice(texts).split("\n")
        for _ in range(chance.randint(3, 25)):
            at = chance.randrange(len(lines))
            line = lines[at]
            kind = chance.random()
            if kind < 0.3:
                lines[at] = re.sub(r"(?<=\w) +(?=[\w@])", lambda _: chance.choice([" ", "     ", "\t", " \t "]), line)
            elif kind < 0.45:
                lines.insert(at, chance.choice(noise))
            elif kind < 0.55 and line.strip() and not line.rstrip().endswith(("{", "}")):
                lines[at] = line + chance.choice([" // why", "   /// said", "   "])
            elif kind < 0.65:
                lines[at] = line.replace("(", "( ").replace(",", " ,").replace("]", " ]")
            elif kind < 0.8 and at > 1 and line.lstrip().startswith("@@") and "{" not in lines[at - 1]:
                lines[at - 1], lines[at] = lines[at], lines[at - 1]
            elif re.fullmatch(r"\s*\w+\s+\w+\[\]\s*", line):
                del lines[at]
        yield "\n".join(lines)


def pull_section(engine, server):
    rows = ["| project | kind | lines | different | warnings | different |", "| --- | --- | --- | --- | --- | --- |"]
    samples, total, missed = [], 0, 0
    for project in corpus.PROJECTS:
        url = replay(engine, server, project)
        for kind, schema in [("fresh", BARE), ("own schema", schema_of(project))]:
            theirs, their_warnings = pull_theirs(engine, url, schema)
            mine, my_warnings = pull_ours(url, schema)
            lines, warnings = len(theirs.splitlines()), len(their_warnings.splitlines())
            off, changed = different(theirs, mine)
            off_warnings, changed_warnings = different(their_warnings, my_warnings)
            rows.append(f"| {project} | {kind} | {lines} | {off} | {warnings} | {off_warnings} |")
            samples += [f"- {project}, {kind}: `{line}`" for line in (changed + changed_warnings)[:SHOWN]]
            total, missed = total + lines + warnings, missed + off + off_warnings
    same = 1 - missed / total
    rows.append(f"\nLines as Prisma writes them: {total - missed} of {total} ({same:.2%}), target 99 %: {verdict(same >= TARGET)}")
    return rows + samples, same >= TARGET


def format_section(engine, count):
    texts = [schema_of(project) for project in corpus.PROJECTS]
    same, accepted, refused, taken, samples = 0, 0, 0, 0, []
    with tempfile.TemporaryDirectory(prefix="pgsteward-format-") as folder:
        file = Path(folder) / "schema.prisma"
        for text in [*texts, *variants(texts, count)]:
            theirs = engine.ask("format", schema=text)
            valid = engine.ask("validate", schema=theirs) is None
            file.write_bytes(text.encode())
            mine = ours(["format", "--schema", str(file)], folder)
            if not valid:
                refused, taken = refused + 1, taken + (mine.returncode == 0)
                continue
            accepted += 1
            if mine.returncode == 0 and file.read_bytes() == theirs.encode():
                same += 1
            elif len(samples) < SHOWN:
                samples += different(theirs, file.read_bytes().decode())[1][:2] or [mine.stderr.strip()]
    good = same == accepted
    lines = [f"Schemas formatted byte for byte as by Prisma: {same} of {accepted}: {verdict(good)}"]
    lines.append(f"Schemas that Prisma refuses (P1012): {refused}; of these pgsteward takes {taken}")
    return lines + [f"- `{line}`" for line in samples], good


def report(count=VARIANTS):
    """Lines of Markdown, and whether the targets are met."""
    with Server() as server, SchemaEngine() as engine:
        pulled, good = pull_section(engine, server)
        formatted, equal = format_section(engine, count)
    return [*pulled, "", *formatted], good and equal


if __name__ == "__main__":
    lines, met = report(int(sys.argv[1]) if len(sys.argv) > 1 else VARIANTS)
    print("\n".join(lines))
    sys.exit(0 if met else 1)
