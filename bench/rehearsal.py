#!/usr/bin/env python3
"""How well `migrate rehearse` foretells times: the work of each kind on a full-size table against what a twin says.

    bench/rehearsal.py [--bin target/release/pgsteward] [--rows 10000000] [--scale 1%]

It starts a private PostgreSQL in memory, fills a table, rehearses one migration for each kind of work, then runs each
statement there and compares. Settings of the server are the defaults but for fsync, which is off as in a lab.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

from schema_engine import Server
from table import Table, verdict

# In this order: changing every row before there are indexes to change as well, and building those on a fresh file.
KINDS = [
    ("validation", "CHECK", 'ALTER TABLE "Order" ADD CONSTRAINT "positive" CHECK ("amount" >= 0)'),
    (
        "validation",
        "foreign key",
        'ALTER TABLE "Order" ADD CONSTRAINT "vendor" FOREIGN KEY ("vendorId") REFERENCES "Vendor"("id")',
    ),
    ("validation", "NOT NULL", 'ALTER TABLE "Order" ALTER COLUMN "amount" SET NOT NULL'),
    ("backfill", "UPDATE", 'UPDATE "Order" SET "state" = 7'),
    ("rewrite", "type", 'ALTER TABLE "Order" ALTER COLUMN "amount" TYPE BIGINT'),
    ("index build", "integers", 'CREATE INDEX "by_vendor" ON "Order"("vendorId")'),
    ("index build", "texts", 'CREATE INDEX "by_note" ON "Order"("note")'),
]

SCHEMA = """
CREATE TABLE "Vendor" ("id" integer PRIMARY KEY, "name" text NOT NULL);
CREATE TABLE "Order" ("id" bigint PRIMARY KEY, "vendorId" integer NOT NULL, "amount" integer, "state" integer, "note" text);
"""

FILL = """
INSERT INTO "Vendor" SELECT g, 'vendor ' || g FROM generate_series(1, {vendors}) g;
INSERT INTO "Order" SELECT g, 1 + (random() * ({vendors} - 1))::integer, (random() * 1e6)::integer, g % 5,
  md5(g::text) FROM generate_series(1, {rows}) g;
"""

HISTORY = """
CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
  migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
"""

PRISMA = 'datasource db {\n  provider = "postgresql"\n  url      = env("DATABASE_URL")\n}\n'


def psql(server, sql):
    """One psql for each text; statements commit one by one."""
    command = [server.binaries / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server.url(), "-f", "-"]
    done = subprocess.run(command, input=sql, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"psql: {done.stderr}")


def project(folder):
    migrations = folder / "prisma" / "migrations"
    names = []
    for number, (kind, what, sql) in enumerate(KINDS):
        name = f"2026010100000{number}_{kind}_{what}".replace(" ", "_")
        (migrations / name).mkdir(parents=True)
        (migrations / name / "migration.sql").write_text(sql + ";\n")
        names.append(name)
    (migrations / "migration_lock.toml").write_text('provider = "postgresql"\n')
    (folder / "prisma" / "schema.prisma").write_text(PRISMA)
    return names


def rehearse(binary, folder, url, scale):
    command = [binary, "migrate", "rehearse", "--url", url, "--scale", scale, "--format", "json", "--quiet", "--offline"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if not result.stdout:
        raise SystemExit(result.stderr)
    report = json.loads(result.stdout)
    return {one["name"]: one for one in report["migrations"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", default="target/release/pgsteward")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--scale", default="1%")
    options = parser.parse_args()
    binary = str(pathlib.Path(options.bin).resolve())
    with Server() as server, tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        folder = pathlib.Path(folder)
        names = project(folder)
        psql(server, "ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf();")
        psql(server, SCHEMA + HISTORY + FILL.format(rows=options.rows, vendors=max(options.rows // 1000, 10)))
        psql(server, "VACUUM ANALYZE")
        began = time.monotonic()
        report = rehearse(binary, folder, server.url(), options.scale)
        took = time.monotonic() - began
        table = Table("kind", "work", "full size", "foretold", "bounds", "ratio", "within a factor of two", "in bounds")
        for name, (kind, what, sql) in zip(names, KINDS):
            expected = report[name]["statements"][0]["expected"]
            psql(server, "CHECKPOINT")
            began = time.monotonic()
            psql(server, sql)
            real = (time.monotonic() - began) * 1000
            ratio = expected["ms"] / real
            table.add(
                kind,
                what,
                f"{real / 1000:.2f} s",
                f"{expected['ms'] / 1000:.2f} s",
                f"{expected['low_ms'] / 1000:.2f} to {expected['high_ms'] / 1000:.2f} s",
                f"{ratio:.2f}",
                verdict(0.5 <= ratio <= 2),
                "yes" if expected["low_ms"] <= real <= expected["high_ms"] else "no",
            )
        print(f"{options.rows:,} rows, twin of {options.scale}, rehearsed in {took:.1f} s\n")
        print(table)


if __name__ == "__main__":
    main()
