"""How much is said about the migrations of the corpus, against squawk's default on the same files."""

import json
import shutil
import subprocess

import corpus
from table import Table, at_most


def squawk():
    """The program of the peer, by its real path where a version manager stands before it; none without it."""
    found = shutil.which("squawk")
    if found and "shims" in found and shutil.which("pyenv"):
        return subprocess.run(["pyenv", "which", "squawk"], capture_output=True, text=True).stdout.strip()
    return found


def squawk_findings(program, files):
    result = subprocess.run([program, "--reporter", "json", *map(str, files)], capture_output=True)
    return json.loads(result.stdout)


def report():
    files = corpus.migration_files()
    findings = [
        finding
        for project in corpus.PROJECTS
        for finding in corpus.check(project, "--all-migrations", "--no-lab", "--select", "migration")["findings"]
    ]
    errors = sum(finding["severity"] == "error" for finding in findings)
    table = Table("what", "figure", "target")
    table.add(f"migration findings, {len(files)} files", len(findings), "")
    table.add("findings per file", f"{len(findings) / len(files):.2f}", "")
    table.add("errors per file", f"{errors / len(files):.3f}", at_most(errors / len(files), 0.2))
    program = squawk()
    if program:
        theirs = len(squawk_findings(program, files))
        version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()
        table.add(f"findings of {version}, its default", theirs, "")
        table.add("ours / theirs", f"{len(findings) / theirs:.3f}", at_most(len(findings) / theirs, 0.2))
    else:
        table.add("squawk", "not installed: `pip install squawk-cli`", "not measured")
    rules = Table("rule", "error", "warning", "info")
    counts = {}
    for finding in findings:
        counts.setdefault(finding["rule"], {"error": 0, "warning": 0, "info": 0})[finding["severity"]] += 1
    for rule, by_severity in sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0])):
        rules.add(rule, *by_severity.values())
    return [str(table), "", str(rules)]
