"""How fast `migrate` is: against the npm command line where there is nothing to do, and against psql on 434 files.

    python3 bench/migrate_speed.py [--binary FILE] [--runs N]

- `deploy` and `status` of an up-to-date database, against `prisma migrate deploy` and `status` (npm, 7.10). The native engine
  of that command line is not in the npm package; unless PRISMA_SCHEMA_ENGINE_BINARY names one, `prisma-oracle/no_engine.py`
  stands in for it, which makes Prisma's times a lower bound. Goal: at most a twentieth of the wall time. The status that looks for
  drift, as Prisma's does not, finds what the deploy before it has left in the user's cache folder.
- `deploy` of the corpus project langfuse on an empty database, against one session of psql that runs the same files.
  Goal: at most 1.2 times the wall time.

Ratios of medians; the commands take turns in one run.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import corpus
import lowering
import measure
import schema_engine

NO_OP_TARGET = 1 / 20
DEPLOY_TARGET = 1.2


def project(folder):
    """langfuse's migrations under a schema and a configuration that both tools read."""
    shutil.copytree(corpus.CORPUS / "langfuse" / "prisma" / "migrations", folder / "prisma" / "migrations")
    (folder / "prisma" / "schema.prisma").write_text('datasource db {\n  provider = "postgresql"\n}\n')
    config = 'export default { schema: "prisma/schema.prisma", datasource: { url: process.env.DATABASE_URL } }\n'
    (folder / "prisma.config.mjs").write_text(config)
    return sorted((folder / "prisma" / "migrations").glob("*/migration.sql"))


def timed(command):
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[:3]} ended with {done.returncode}: {(done.stdout + done.stderr)[-800:]}")
    return time.monotonic() - start


def no_op(binary, runs):
    lowering.install()
    npm = ["node", str(lowering.CACHE / "node_modules" / "prisma" / "build" / "index.js"), "migrate"]
    cases = [
        ("no-op deploy", ["deploy"]),
        ("no-op status without drift", ["status", "--no-lab"]),
        ("no-op status", ["status"]),
    ]
    for what, command in cases:
        ours, theirs = measure.medians([[binary, "migrate", *command], [*npm, command[0]]], "wall", runs)
        report(what, ours, theirs, NO_OP_TARGET, "npm prisma")


def first_deploy(server, binary, files, runs):
    """Each run has an empty database of its own, which is made before the clock starts."""
    samples = {"ours": [], "psql": []}
    psql = shutil.which("psql") or str(server.binaries / "psql")
    for turn in range(runs + 1):
        for tool in samples:
            name = f"{tool}_{turn}"
            subprocess.run([psql, "-qc", f"CREATE DATABASE {name}", server.url()], check=True)
            url = server.url(name)
            if tool == "ours":
                command = [binary, "migrate", "deploy", "--quiet", "--url", url]
            else:
                command = [psql, "-qX", "-v", "ON_ERROR_STOP=1", url]
                command += [word for file in files for word in ("-f", str(file))]
            elapsed = timed(command)
            if turn > 0:
                samples[tool].append(elapsed)
    ours, theirs = (statistics.median(samples[tool]) for tool in ("ours", "psql"))
    report(f"deploy of {len(files)} files", ours, theirs, DEPLOY_TARGET, "psql")


def report(what, ours, theirs, target, peer):
    ratio = ours / theirs
    verdict = "met" if ratio <= target else "MISSED"
    print(f"{what}: {ours * 1000:.0f} ms against {theirs * 1000:.0f} ms of {peer}: {ratio:.3f} (goal {target:.2f}, {verdict})")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", default=str(corpus.BINARY))
    arguments.add_argument("--runs", type=int, default=measure.RUNS)
    given = arguments.parse_args()
    # The commands run in the project's folder.
    binary = str(Path(given.binary).resolve())
    stand_in = str(lowering.ORACLE / "no_engine.py")
    with schema_engine.Server() as server, tempfile.TemporaryDirectory(prefix="pgsteward-bench-") as folder:
        files = project(Path(folder))
        os.chdir(folder)
        os.environ.setdefault("PRISMA_SCHEMA_ENGINE_BINARY", stand_in)
        os.environ.update(DATABASE_URL=server.url("no_op"), CHECKPOINT_DISABLE="1", PRISMA_HIDE_UPDATE_MESSAGE="1")
        timed([binary, "migrate", "deploy", "--quiet"])
        no_op(binary, given.runs)
        first_deploy(server, binary, files, given.runs)


if __name__ == "__main__":
    main()
