#!/usr/bin/env python3
"""Precision of the code rules: what a person said of each finding that was drawn, and what today's rules say of it.

`precision/<project>.tsv` holds the judgements: rule, severity when it was judged, place in the repository, commit, verdict
(`true`: a senior database engineer of that team would agree), the reason, and what the rules say today (`now`: a severity or
`gone`). The last column is renewed where PGSTEWARD_SOURCES names folders of checkouts (several, separated as in PATH).

    python3 bench/precision.py                 # the tables
    python3 bench/precision.py draw FOLDER     # the fifty findings of a checkout to judge, drawn with the seed below
"""

import csv
import json
import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import corpus
from table import Table, verdict

JUDGED = Path(__file__).resolve().parent / "precision"
COLUMNS = ["rule", "severity", "place", "commit", "verdict", "reason", "now"]
UNSEEN = {
    "academy",
    "agentset",
    "agora-next",
    "api-backend",
    "AssurancePlatform",
    "ballerine",
    "Bexiemart",
    "bilan-carbone",
    "bklit",
    "blinko",
    "bloom",
    "booking-saas",
    "briefer",
    "casalux",
    "chingu-dashboard-be",
    "churros",
    "civicship-api",
    "civitai",
    "codedang",
    "comp",
    "coop-mediation",
    "core",
    "corona-school",
    "course-catalog-api",
    "cpf-reporter",
    "credebl",
    "crew",
    "dialoqbase",
    "documenso",
    "dsek-web",
    "dyrectorio",
    "evolution-api",
    "fatebook",
    "FinishLine",
    "FireAlert",
    "formbricks",
    "ghostfolio",
    "gitpoap-backend",
    "gp-api",
    "inbox-zero",
    "indietix",
    "invoicerr",
    "iSunFA",
    "jitsu",
    "job-board",
    "journaly",
    "labs-gql",
    "langtrace",
    "langwatch",
    "letterpad",
    "LiftMend_CRM",
    "linen.dev",
    "linkwarden",
    "masumi-payment-service",
    "maybe-archive",
    "mediature",
    "Moazez-Backend",
    "momentum",
    "monoweb",
    "musicians-index-api",
    "nasa.ex",
    "nerimity-server",
    "nextcrm-app",
    "nosgestesclimat-server",
    "nr-permitconnect-navigator-service",
    "nypsi",
    "oak-ai-lesson-assistant",
    "oldschoolbot",
    "OnLaunch",
    "opendigitalproductfactory",
    "openpanel",
    "OpenPipe",
    "oss.gg",
    "panora",
    "papermark",
    "peppermint",
    "pezzo",
    "platform-forms-client",
    "play-money",
    "plunk",
    "podkrepi-bg-api",
    "postiz-app",
    "projectNext",
    "prompts.chat",
    "rahat-platform",
    "rallly",
    "rapidpages",
    "refly",
    "ResearchEquals",
    "revenue-managment-system",
    "review-api-v6",
    "ruknyio",
    "schedule-website",
    "sec2-group9-modela",
    "shelf.nu",
    "shipwrecked",
    "slacker",
    "snaily-cadv4",
    "sotf-mods-api",
    "sourcebot",
    "split-pro",
    "squiggle",
    "sst-project-api",
    "stack-auth",
    "stacker.news",
    "supaglue",
    "TaxHacker",
    "tc-finance-api",
    "teable",
    "tegon",
    "tenkings-backend",
    "tensara",
    "tilda-geo",
    "trackdechets",
    "trassenscout",
    "typebot.io",
    "usertour",
    "useSend",
    "wepublish",
    "whatsapp_saas",
    "wise-old-man",
    "workout-cool",
    "wowcut",
    "x402scan",
    "zoonk",
    "ztnet",
}
"""Repositories that no rule had been tried on before they were judged."""
SEED = 20261121
DRAWN = 50
LOUD = ("error", "warning")
AGREED, KEPT = 0.9, 0.8
"""Nine of ten warnings; below eight of ten a rule only informs."""


def findings(folder):
    """The findings about code of a checkout, without a lab."""
    command = [str(corpus.BINARY), "check", ".", "--no-lab", "--format", "json"]
    result = subprocess.run(command, capture_output=True, cwd=folder)
    if result.returncode not in (0, 1):
        raise SystemExit(f"check of {folder} ended with {result.returncode}: {result.stderr.decode()[-400:]}")
    found = json.loads(result.stdout)["findings"]
    return [one for one in found if one["group"] == "code" and one["location"]]


def place(finding):
    return f"{finding['location']['file']}:{finding['location']['line']}"


def draw(found):
    """Errors and warnings first, rule by rule in turns, then information; within a rule in the order of the seed."""
    chance, drawn = random.Random(SEED), []
    for severities in (LOUD, ("info",)):
        by_rule = defaultdict(list)
        order = sorted(found, key=lambda one: (one["rule"], one["location"]["file"], one["location"]["line"]))
        for one in order:
            if one["severity"] in severities:
                by_rule[one["rule"]].append(one)
        for rule in sorted(by_rule):
            chance.shuffle(by_rule[rule])
        while len(drawn) < DRAWN and any(by_rule.values()):
            for rule in sorted(by_rule):
                if by_rule[rule] and len(drawn) < DRAWN:
                    drawn.append(by_rule[rule].pop())
    return drawn


def judged():
    """The rows of all projects, by project."""
    rows = {}
    for file in sorted(JUDGED.glob("*.tsv")):
        with file.open(newline="") as text:
            rows[file.stem] = list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))
    return rows


def renew(rows):
    """Writes what today's rules say into `now`; the number of warnings that nobody has judged, by project."""
    new = {}
    for root in os.environ.get("PGSTEWARD_SOURCES", "").split(os.pathsep):
        for project in rows:
            folder = Path(root) / project
            if not root or not folder.is_dir():
                continue
            found = {(one["rule"], place(one)): one["severity"] for one in findings(folder)}
            for row in rows[project]:
                row["now"] = found.pop((row["rule"], row["place"]), "gone")
            new[project] = sum(severity in LOUD for severity in found.values())
            lines = ["\t".join(COLUMNS)] + ["\t".join(row[name] for name in COLUMNS) for row in rows[project]]
            (JUDGED / f"{project}.tsv").write_text("\n".join(lines) + "\n")
    return new


def share(counts):
    right, wrong = counts["true"], counts["false"]
    return f"{right}/{right + wrong}" if right + wrong else ""


def part(counts):
    return counts["true"] / max(counts["true"] + counts["false"], 1)


def report():
    rows = judged()
    unjudged = renew(rows)
    first, today, quiet = (defaultdict(Counter) for _ in range(3))
    projects = defaultdict(lambda: defaultdict(Counter))
    for project, row in ((project, row) for project, of_project in rows.items() for row in of_project):
        loud_first, loud_now = row["severity"] in LOUD, row["now"] in LOUD
        if loud_first:
            first[row["rule"]][row["verdict"]] += 1
            projects[project]["first"][row["verdict"]] += 1
        if loud_now:
            today[row["rule"]][row["verdict"]] += 1
            projects[project]["today"][row["verdict"]] += 1
        elif row["now"] != "gone":
            quiet[row["rule"]][row["verdict"]] += 1
            projects[project]["quiet"][row["verdict"]] += 1
    table = Table("rule", "warnings when judged", "warnings today", "precision today", "information today")
    good = True
    for rule in sorted({*first, *today, *quiet}):
        precision = ""
        if today[rule]:
            precision = f"{part(today[rule]):.2f}"
            good &= part(today[rule]) >= AGREED
        table.add(f"`{rule}`", share(first[rule]), share(today[rule]), precision, share(quiet[rule]))
    all_first, all_today, all_quiet = (sum(part.values(), Counter()) for part in (first, today, quiet))
    table.add("all", share(all_first), share(all_today), f"{part(all_today):.2f}", share(all_quiet))
    by_project = Table("project", "commit", "judged", "warnings when judged", "warnings today", "information today", "warnings not judged")
    for project, of_project in rows.items():
        name = f"{project} (unseen before)" if project in UNSEEN else project
        counts = projects[project]
        cells = (share(counts[part]) for part in ("first", "today", "quiet"))
        by_project.add(name, of_project[0]["commit"], len(of_project), *cells, unjudged.get(project, "not run"))
    lines = [str(table), "", str(by_project), ""]
    lines.append(f"Each rule's warnings right in {AGREED:.0%} or more: {verdict(good)}")
    return lines, good


def main():
    if sys.argv[1:2] == ["draw"] and len(sys.argv) == 3:
        for one in draw(findings(sys.argv[2])):
            print("\t".join([one["rule"], one["severity"], place(one), one["message"]]))
        return 0
    lines, good = report()
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
