#!/usr/bin/env python3
"""The scoreboard: pgsteward against truth and against its peers, in one run, as ratios. Prints Markdown.

`cargo xtask bench` builds what it needs and runs it. It wants the corpus (PGSTEWARD_CORPUS, by default ../shared/corpus
beside the checkout), psql for the replay, squawk (`pip install squawk-cli`) for the comparison and node with npm for
Prisma's query compiler and schema engine, and PGSTEWARD_SOURCES for code to read (a folder of checkouts); what is missing is said and left out. Names of
sections (truth recall noise squawk lowering conformance pull precision code speed) choose some of them. With --write the results go into bench/README.md and
docs/concepts/squawk.md as well; precision has a part of bench/README.md of its own. Exit code 1: findings and truth differ, the recall is not 1, a
finding of squawk has no class, fewer calls or migrations than the target are written as Prisma writes them, or fewer than nine of ten judged
warnings of a rule are right.
"""

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "recall"))

import code_reading
import compare
import conformance
import corpus
import lowering
import noise
import precision
import pulling
import speed
import squawk_classes
import truth
from table import verdict, write_between

README = corpus.ROOT / "bench" / "README.md"
CLASSES_PAGE = corpus.ROOT / "docs" / "concepts" / "squawk.md"
SHOWN = 6
"""Misses of one hazard that are named."""


def recall_section():
    listed, counts, misses, _ = compare.compare()
    lines = compare.table(listed, counts)
    total, met = (sum(column) for column in zip(*counts.values()))
    lines.append(f"\nTarget: recall 1.0: {verdict(met == total)}")
    for hazard in listed["hazards"]:
        missed = [f"{miss['project']} {miss['file']}:{miss['line']}" for miss in misses if miss["hazard"] == hazard]
        lines += [f"- {hazard} missed: {place}" for place in missed[:SHOWN]]
        if len(missed) > SHOWN:
            lines.append(f"- {hazard} missed {len(missed) - SHOWN} more: `python3 bench/recall/compare.py` names them")
    return lines, not misses


SECTIONS = {
    "truth": ("Truth", truth.report),
    "recall": ("Recall", recall_section),
    "noise": ("Signal", lambda: (noise.report(), True)),
    "squawk": ("What became of squawk's findings", squawk_classes.report),
    "lowering": ("Prisma Client calls to SQL", lowering.report),
    "precision": ("Precision of code rules", precision.report),
    "conformance": ("Migrations as Prisma writes them", conformance.report),
    "pull": ("Databases pulled and schemas formatted as Prisma does", pulling.report),
    "code": ("Reading code", lambda: (code_reading.report(), True)),
    "speed": ("Speed", lambda: (speed.report(), True)),
}


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, load {load:.1f} at the start"


def commit():
    command = ["git", "-C", str(corpus.ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def main():
    write = "--write" in sys.argv[1:]
    chosen = [name for name in sys.argv[1:] if name != "--write"] or list(SECTIONS)
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown:
        raise SystemExit(f"there is no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    if not corpus.BINARY.exists() or ("speed" in chosen and not corpus.FIGURES.exists()):
        raise SystemExit("build first: cargo xtask bench does")
    if not corpus.CORPUS.is_dir():
        raise SystemExit(f"the corpus is not at {corpus.CORPUS}; set PGSTEWARD_CORPUS")
    head = f"{datetime.date.today()}, commit {commit()}, {machine()}"
    print(head)
    good, whole = True, [head]
    for name in chosen:
        title, section = SECTIONS[name]
        lines, fine = section()
        good &= fine
        text = "\n".join(lines)
        print(f"\n### {title}\n\n{text}", flush=True)
        if name != "precision":
            whole.append(f"### {title}\n\n{text}")
        if write and name == "squawk":
            write_between(CLASSES_PAGE, "squawk classes", f"{head}\n\n{text}")
        if write and name == "precision":
            write_between(README, "precision", text)
    if write and len(whole) > 1:
        write_between(README, "results", "\n\n".join(whole))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
