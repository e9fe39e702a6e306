"""Where things are, and how pgsteward is asked about a project of the corpus."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
BINARY = RELEASE / "pgsteward"
FIGURES = RELEASE / "examples" / "figures"
CODE = RELEASE / "examples" / "code"
PARSE = RELEASE / "examples" / "parse"
CORPUS = Path(os.environ.get("PGSTEWARD_CORPUS", ROOT.parent / "shared" / "corpus"))
PROJECTS = ["amplication", "hoppscotch", "langfuse", "saas-starter-kit", "trigger.dev", "umami"]


def check(project, *flags, binary=BINARY):
    """The review of one project, as JSON."""
    command = [str(binary), "check", str(CORPUS / project / "prisma"), "--format", "json", "--quiet", *flags]
    result = subprocess.run(command, capture_output=True)
    # 1 only says that there are findings.
    if result.returncode not in (0, 1):
        raise SystemExit(f"check of {project} ended with {result.returncode}: {result.stderr.decode()}")
    return json.loads(result.stdout)


def migration_files():
    return sorted(path for project in PROJECTS for path in (CORPUS / project).glob("prisma/migrations/*/migration.sql"))
