"""Calls lowered by pgsteward, held against the query compiler that @prisma/client ships: the same statements in the same
order, the same work in memory.

The compiler is asked by `prisma-oracle/oracle.cjs`; node and npm must be there, its packages are installed into
`target/prisma-oracle` on the first run. Each schema is asked twice: with the default strategy, and reads with the preview
feature `relationJoins` too.
"""

import json
import shutil
import subprocess
from collections import Counter

import corpus
import lowering_cases
import lowering_random

ORACLE = corpus.ROOT / "bench" / "prisma-oracle"
CACHE = corpus.ROOT / "target" / "prisma-oracle"
LOWER = corpus.RELEASE / "examples" / "lower"
TARGET = 0.97
SHOWN = 12
"""Differences that are named."""

SCHEMAS = {
    "marketplace": corpus.ROOT / "examples" / "marketplace" / "prisma" / "schema.prisma",
    "amplication": corpus.CORPUS / "amplication" / "prisma" / "schema.prisma",
    "langfuse": corpus.CORPUS / "langfuse" / "prisma" / "schema.prisma",
    "saas-starter-kit": corpus.CORPUS / "saas-starter-kit" / "prisma" / "schema.prisma",
    "umami": corpus.CORPUS / "umami" / "prisma" / "schema.prisma",
}
JOINED = {"findMany", "findFirst", "findUnique"}
SEED, DRAWN = 20261122, 400
"""Calls drawn at random for each schema."""


def all_cases(texts, cases):
    found = []
    for name, text in texts.items():
        for model, operation, args in cases(text):
            found.append({"schema": name, "features": [], "model": model, "op": operation, "args": args})
            if operation in JOINED and ({"include", "select"} & set(args)):
                found.append({**found[-1], "features": ["relationJoins"]})
    return found


def install():
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = (ORACLE / "package.json").read_text()
    installed = CACHE / "package.json"
    if installed.exists() and installed.read_text() == wanted and (CACHE / "node_modules").is_dir():
        return
    shutil.copy(ORACLE / "package.json", installed)
    subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=CACHE, check=True)


def ask_oracle(texts, found):
    install()
    request = json.dumps({"schemas": texts, "cases": found})
    command = ["node", str(ORACLE / "oracle.cjs"), str(CACHE)]
    answer = subprocess.run(command, input=request, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(f"the oracle ended with {answer.returncode}: {answer.stderr[-2000:]}")
    return json.loads(answer.stdout)


def ordered(value):
    """Objects as lists of entries: the order of properties decides the order of statements."""
    if isinstance(value, list):
        return [ordered(item) for item in value]
    if isinstance(value, dict) and "$" not in value:
        return {"entries": [[key, ordered(item)] for key, item in value.items()]}
    return value


def ask_ours(texts, found):
    request = json.dumps({"schemas": texts, "cases": [{**case, "args": ordered(case["args"])} for case in found]})
    answer = subprocess.run([str(LOWER)], input=request, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(f"lower ended with {answer.returncode}: {answer.stderr[-2000:]}")
    return json.loads(answer.stdout)


def difference(theirs, ours):
    """What differs first, or nothing."""
    if "error" in ours:
        return f"not understood: {ours['error']}"
    for at, (left, right) in enumerate(zip(theirs["queries"], ours["queries"])):
        if left != right:
            return f"statement {at + 1}"
    if len(theirs["queries"]) != len(ours["queries"]):
        return f"{len(ours['queries'])} statements for {len(theirs['queries'])}"
    if theirs["memory"] != ours["memory"]:
        return "work in memory"
    if theirs["transaction"] != ours["transaction"]:
        return "transaction"
    return None


def compare(cases=lowering_cases.cases):
    texts = {name: path.read_text() for name, path in SCHEMAS.items()}
    found = all_cases(texts, cases)
    asked = ask_oracle(texts, found)
    lowered = ask_ours(texts, found)
    for case, theirs, ours in zip(found, asked, lowered):
        # Calls that Prisma itself refuses say nothing about us.
        if "error" not in theirs:
            yield case, theirs, ours, difference(theirs, ours)


def report():
    if not LOWER.exists():
        raise SystemExit("build first: cargo xtask bench does")
    if not shutil.which("node") or not shutil.which("npm"):
        return ["node or npm is not there: not measured"], True
    total, same, differing = counted(compare())
    lines = ["| operation | calls | the same |", "| --- | --- | --- |"]
    lines += [f"| {name} | {total[name]} | {same[name]} |" for name in sorted(total)]
    thought_of = told(f"calls over {len(SCHEMAS)} schemas", total, same, differing, lines)
    drawn = counted(compare(lambda text: lowering_random.cases(text, SEED, DRAWN)))
    return lines, all([thought_of, told("calls drawn at random over the same schemas", *drawn, lines)])


def counted(compared):
    """Calls and the same ones, by operation, and those that differ."""
    total, same, differing = Counter(), Counter(), []
    for case, _, _, what in compared:
        total[case["op"]] += 1
        same[case["op"]] += what is None
        if what:
            differing.append((case, what))
    return total, same, differing


def told(which, total, same, differing, lines):
    """Adds the sum, the target and what differs; true where the target is met."""
    whole, equal = sum(total.values()), sum(same.values())
    met = equal / whole >= TARGET
    lines.append(f"\n{equal} of {whole} {which}: {equal / whole:.1%}")
    lines.append(f"\nTarget: {TARGET:.0%} with the same statements and the same work in memory: {'met' if met else 'missed'}\n")
    for case, what in differing[:SHOWN]:
        strategy = ", join strategy" if case["features"] else ""
        lines.append(f"- {case['schema']}: `{case['model']}.{case['op']}({json.dumps(case['args'])})`{strategy}: {what}")
    return met


if __name__ == "__main__":
    lines, _ = report()
    print("\n".join(lines))
