"""CPU time, wall time and memory, as ratios against a peer where there is one."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import corpus
import measure
import noise
from table import Table, at_most

SCHEMA = 'datasource db {\n  provider = "postgresql"\n}\n'
SUBJECTS = ["parse-prisma", "lab", "introspect", "proofs"]


def lint(table):
    """Both programs read the same migration files and nothing else."""
    files = corpus.migration_files()
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            copy = Path(folder) / file.relative_to(corpus.CORPUS)
            copy.parent.mkdir(parents=True)
            shutil.copy(file, copy)
        for project in corpus.PROJECTS:
            # A project is found by its schema; this one has no models, so that nothing else is read.
            (Path(folder) / project / "prisma" / "schema.prisma").write_text(SCHEMA)
        flags = ["--all-migrations", "--no-lab", "--select", "migration", "--format", "json", "--quiet"]
        commands = [[str(corpus.BINARY), "check", folder, *flags]]
        program = noise.squawk()
        if program:
            commands.append([program, "--reporter", "json", *map(str, files)])
        figures = measure.medians(commands, "cpu", runs=7)
    table.add(f"static lint of {len(files)} migrations, CPU", f"{figures[0]:.3f} s", "")
    if program:
        ratio = figures[0] / figures[1]
        table.add("squawk, the same files, CPU", f"{figures[1]:.3f} s", "")
        table.add("ours / squawk", f"{ratio:.2f}", at_most(ratio, 1))


def check(table):
    marketplace = [str(corpus.BINARY), "check", str(corpus.ROOT / "examples" / "marketplace"), "--quiet"]
    wall = measure.medians([marketplace], "wall")[0]
    table.add("check examples/marketplace, warm, wall", f"{wall:.2f} s", at_most(wall, 2, "s"))
    largest = [str(corpus.BINARY), "check", str(corpus.CORPUS / "trigger.dev" / "prisma"), "--quiet"]
    peak = measure.peak_mib(largest)
    table.add("check trigger.dev, peak memory of pgsteward", f"{peak:.0f} MiB", at_most(peak, 286, "MiB (300 MB)"))


def report():
    table = Table("what", "figure", "target")
    lint(table)
    check(table)
    for subject in SUBJECTS:
        command = [str(corpus.FIGURES), subject, str(corpus.CORPUS)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode == 0:
            table.lines += result.stdout.splitlines()
        else:
            table.add(subject, "not measured", result.stderr.strip().splitlines()[0])
    return [str(table)]
