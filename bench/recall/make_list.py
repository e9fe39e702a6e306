#!/usr/bin/env python3
"""Writes list.json: the statements of the corpus that meet a table which an earlier file made, and their hazards.

    python3 bench/recall/make_list.py [--check]

With --check the list is only compared with the one that is checked in. The letters A1 to A30 are explained in the
list itself. Made from the text of the files alone, by code that shares nothing with pgsteward or with its peers.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from history import Column, Schema, default_of, define_table, has_words, note_constraint, read_type  # noqa: E402
from rewrite import rewrites  # noqa: E402
from sqltext import NAME, STRING, WORD, Cursor, split_commas, statements  # noqa: E402

ROOT = HERE.parent.parent
CORPUS = Path(os.environ.get("PGSTEWARD_CORPUS", ROOT.parent / "shared" / "corpus"))
LIST = HERE / "list.json"

HAZARDS = {
    "A1": "CREATE INDEX without CONCURRENTLY",
    "A2": "DROP INDEX without CONCURRENTLY",
    "A3": "REINDEX without CONCURRENTLY",
    "A4": "DETACH PARTITION without CONCURRENTLY",
    "A5": "ATTACH PARTITION",
    "A6": "REFRESH MATERIALIZED VIEW without CONCURRENTLY",
    "A7": "CONCURRENTLY in a file of several statements, or after BEGIN",
    "A8": "foreign key validated at once",
    "A9": "check constraint validated at once",
    "A10": "VALIDATE CONSTRAINT in the transaction that added it",
    "A11": "unique constraint that builds its index",
    "A12": "primary key that builds its index",
    "A13": "exclusion constraint",
    "A14": "SET NOT NULL without a valid check",
    "A15": "required column without a default",
    "A16": "column with a volatile default",
    "A17": "serial, identity or stored generated column",
    "A18": "type change that rewrites the table",
    "A19": "work in a later statement than an ACCESS EXCLUSIVE lock of the same transaction; once per transaction",
    "A21": "lock that stops reads or writes, without lock_timeout; once per file",
    "A23": "VACUUM FULL, CLUSTER, TRUNCATE or LOCK TABLE",
    "A24": "second ALTER TABLE in one file that reads or rewrites the same table",
    "A25": "trigger created, enabled or disabled",
    "A27": "constraint on a domain",
    "A28": "CREATE INDEX CONCURRENTLY IF NOT EXISTS, which keeps an invalid index of an earlier try",
    "A30": "SET LOGGED, UNLOGGED, TABLESPACE or ACCESS METHOD",
}

LEFT_OUT = {
    "A20": "several tables locked in one transaction: harmful with work meanwhile, and then it is A19",
    "A22": "statement_timeout and the like: a setting of the runner's role, told with A21",
    "A26": "foreign key without index: a state, not a statement; expected/catalog.json has the truth",
    "A29": "partitioned tables: the corpus has none",
}

NOT_VOLATILE = {
    "now", "current_timestamp", "transaction_timestamp", "statement_timestamp", "localtimestamp", "current_date",
    "current_time", "current_user", "array", "concat", "lower", "upper", "md5", "jsonb_build_object",
    "jsonb_build_array", "to_jsonb", "varchar", "char", "decimal", "numeric", "timestamp", "timestamptz", "interval",
    "date_trunc", "timezone", "to_char", "left", "right", "length", "coalesce", "extract", "substr", "substring",
}  # fmt: skip


@dataclass
class File:
    """What is known while one file is read."""

    project: str
    name: str
    count: int
    entries: list = field(default_factory=list)
    exclusive: bool = False
    """An earlier statement of the transaction took ACCESS EXCLUSIVE on an older table or view."""
    taking: bool = False
    """The statement being read takes such a lock."""
    began: bool = False
    worked: bool = False
    timeout: bool = False
    waited: bool = False
    validated_later: set = field(default_factory=set)
    scanned: dict = field(default_factory=dict)

    def add(self, hazard, table, parts):
        lines = (parts[0].line, parts[-1].line)
        entry = {"file": self.name, "line": lines[0], "last_line": lines[1], "hazard": hazard, "table": table}
        if entry not in self.entries:
            self.entries.append(entry)

    def lock(self, table, parts):
        """A lock on an older table that stops writers, or everybody."""
        if not self.timeout and not self.waited:
            self.add("A21", table, parts)
            self.waited = True

    def work(self, table, parts):
        """A scan, a rewrite, an index build or a change of data, on an older table."""
        if self.exclusive and not self.worked:
            self.add("A19", table, parts)
            self.worked = True


class Reader:
    def __init__(self, schema, file):
        self.schema, self.file = schema, file

    def older(self, table):
        return self.schema.is_older(table, self.file.name)

    def statement(self, parts):
        cursor = Cursor(parts)
        first = cursor.next().text
        method = getattr(self, "on_" + first, None) if parts[0].kind == WORD else None
        if method:
            method(cursor, parts)
        self.file.exclusive |= self.file.taking
        self.file.taking = False

    # Transactions and settings.

    def on_begin(self, _cursor, _parts):
        self.file.began = True

    def on_commit(self, _cursor, _parts):
        self.file.began = self.file.exclusive = self.file.worked = False
        self.file.validated_later.clear()

    on_start, on_end, on_rollback = on_begin, on_commit, on_commit

    def on_set(self, cursor, parts):
        cursor.take("local") or cursor.take("session")
        if cursor.peek().is_word("lock_timeout"):
            self.file.timeout = not any(token.text in ("0", "'0'", "default") for token in parts[2:])

    def on_do(self, _cursor, parts):
        for token in parts:
            if token.kind == STRING and token.text.startswith("$"):
                tag = token.text[: token.text.index("$", 1) + 1]
                body = token.text[len(tag) : -len(tag)]
                for inner in statements(body, token.line):
                    self.inside_do(inner)

    def inside_do(self, parts):
        """A statement of a PL/pgSQL block, after whatever IF or BEGIN stands before it."""
        starts = (("alter", "table"), ("create", "index"), ("create", "unique"), ("drop", "index"), ("drop", "table"))
        for at in range(len(parts) - 1):
            if any(parts[at].is_word(a) and parts[at + 1].is_word(b) for a, b in starts):
                self.statement(parts[at:])
                return

    # Definitions.

    def on_create(self, cursor, parts):
        replace = cursor.take("or", "replace")
        while cursor.peek().is_word("temporary", "temp", "unlogged", "unique", "constraint", "materialized"):
            cursor.next()
        what = cursor.next().text
        if what == "table":
            self.create_table(cursor)
        elif what == "index":
            self.create_index(cursor, parts)
        elif what == "trigger":
            while not cursor.take("on"):
                cursor.next()
            self.trigger(cursor.name(), parts)
        elif what == "view":
            name = cursor.name()
            if replace and self.schema.views.get(name, self.file.name) != self.file.name:
                self.exclusive(name, parts)
            self.schema.views.setdefault(name, self.file.name)
        elif what == "domain":
            name = cursor.name()
            cursor.take("as")
            kind, _ = read_type(cursor.rest())
            self.schema.domains[name] = kind

    def create_table(self, cursor):
        optional = cursor.take("if", "not", "exists")
        name = cursor.name()
        if optional and name in self.schema.tables:
            return
        define_table(self.schema, name, cursor.parenthesized(), self.file.name)

    def create_index(self, cursor, parts):
        concurrently = cursor.take("concurrently")
        optional = cursor.take("if", "not", "exists")
        name = None if cursor.peek().is_word("on") else cursor.name()
        cursor.take("on")
        cursor.take("only")
        table = cursor.name()
        if optional and name in self.schema.indexes:
            return
        if name:
            self.schema.indexes[name] = table
        if concurrently:
            self.concurrently(table, parts)
            if optional and self.older(table):
                self.file.add("A28", table, parts)
        elif self.older(table):
            self.file.add("A1", table, parts)
            self.file.work(table, parts)
            self.file.lock(table, parts)

    def concurrently(self, table, parts):
        if self.file.count > 1 or self.file.began:
            self.file.add("A7", table, parts)

    def trigger(self, table, parts):
        if self.older(table):
            self.file.add("A25", table, parts)
            self.file.lock(table, parts)

    def on_drop(self, cursor, parts):
        what = cursor.next().text
        if what == "materialized":
            what = cursor.next().text
        concurrently = cursor.take("concurrently")
        optional = cursor.take("if", "exists")
        for piece in split_commas(cursor.rest()):
            name = Cursor(piece).name()
            if what == "index":
                self.drop_index(name, concurrently, optional, parts)
            elif what == "table":
                if self.older(name):
                    self.exclusive(name, parts)
                self.schema.drop_table(name)
            elif what == "view":
                if self.schema.views.pop(name, self.file.name) != self.file.name:
                    self.exclusive(name, parts)
            elif what == "domain":
                self.schema.domains.pop(name, None)

    def drop_index(self, name, concurrently, optional, parts):
        table = self.schema.indexes.pop(name, None)
        if table is None:
            if not optional:
                unknown(self.file, parts, f"index {name}")
            return
        if concurrently:
            self.concurrently(table, parts)
        elif self.older(table):
            self.file.add("A2", table, parts)
            self.exclusive(table, parts)

    def on_alter(self, cursor, parts):
        what = cursor.next().text
        if what == "table":
            self.alter_table(cursor, parts)
        elif what == "index":
            cursor.take("if", "exists")
            old = cursor.name()
            if cursor.take("rename", "to") and old in self.schema.indexes:
                self.schema.indexes[cursor.name()] = self.schema.indexes.pop(old)
        elif what == "type":
            self.rename_type(cursor.name(), cursor)
        elif what == "domain":
            name = cursor.name()
            if cursor.take("add"):
                self.file.add("A27", name, parts)

    def rename_type(self, old, cursor):
        """Columns are compared by the names of their types, so those follow."""
        if not cursor.take("rename", "to"):
            return
        new = cursor.name()
        for table in self.schema.tables.values():
            for column in table.columns.values():
                if column.type.name == old:
                    column.type.name = new

    # ALTER TABLE.

    def alter_table(self, cursor, parts):
        optional = cursor.take("if", "exists")
        cursor.take("only")
        table = cursor.name()
        if table not in self.schema.tables:
            if not optional and table not in self.schema.views:
                unknown(self.file, parts, f"table {table}")
            return
        scans = False
        for action in split_commas(cursor.rest()):
            scans |= self.action(table, action)
            if action[0].is_word("rename"):
                table = self.rename(table, Cursor(action))
        if scans:
            seen = self.file.scanned.get(table, 0) + 1
            self.file.scanned[table] = seen
            if seen == 2:
                self.file.add("A24", table, parts)

    def rename(self, table, cursor):
        cursor.next()
        if cursor.take("to"):
            new = cursor.name()
            self.schema.rename_table(table, new)
            return new
        if cursor.take("constraint"):
            old = cursor.name()
            cursor.take("to")
            new = cursor.name()
            if (table, old) in self.schema.constraints:
                self.schema.constraints[(table, new)] = self.schema.constraints.pop((table, old))
            if old in self.schema.indexes:
                self.schema.indexes[new] = self.schema.indexes.pop(old)
            return table
        cursor.take("column")
        old = cursor.name()
        cursor.take("to")
        columns = self.schema.tables[table].columns
        if old in columns:
            columns[cursor.name()] = columns.pop(old)
        return table

    def action(self, table, parts):
        """One action; true where it reads or rewrites all rows of an older table by itself."""
        cursor = Cursor(parts)
        older = self.older(table)
        first = cursor.next().text
        if first == "add":
            if cursor.peek().is_word("constraint", "primary", "unique", "foreign", "check", "exclude"):
                return self.add_constraint(table, parts, older)
            return self.add_column(table, cursor, parts, older)
        if first == "validate":
            return self.validate(table, cursor, parts, older)
        if first == "alter":
            return self.alter_column(table, cursor, parts, older)
        if first == "drop":
            self.drop_part(table, cursor)
        if first == "attach" and older:
            self.file.add("A5", table, parts)
        if first == "detach" and older and not has_words(parts, "concurrently"):
            self.file.add("A4", table, parts)
        if first in ("enable", "disable") and has_words(parts, "trigger"):
            self.trigger(table, parts)
            return False
        if first == "set" and parts[1].is_word("logged", "unlogged", "tablespace", "access") and older:
            self.file.add("A30", table, parts)
            self.file.work(table, parts)
        if older:
            self.exclusive(table, parts)
        return False

    def exclusive(self, table, parts):
        self.file.lock(table, parts)
        self.file.taking = True

    def add_constraint(self, table, parts, older):
        kind, name = note_constraint(self.schema, table, parts[1:], self.file.name)
        late = has_words(parts, "not", "valid")
        if late and name:
            self.file.validated_later.add((table, name))
        if kind == "foreign key":
            # SHARE ROW EXCLUSIVE on both tables, also where the referencing one is new and its check free.
            at = next(at for at, token in enumerate(parts) if token.is_word("references"))
            referenced = Cursor(parts[at + 1 :]).name()
            if self.older(referenced):
                self.file.lock(referenced, parts)
        if not older:
            return False
        hazard = {"foreign key": "A8", "check": "A9", "unique": "A11", "primary key": "A12", "exclude": "A13"}[kind]
        ready = late or has_words(parts, "using", "index")
        if not ready:
            self.file.add(hazard, table, parts)
            self.file.work(table, parts)
        if kind == "foreign key":
            self.file.lock(table, parts)
        else:
            self.exclusive(table, parts)
        return not ready and kind != "foreign key"

    def add_column(self, table, cursor, parts, older):
        cursor.take("column")
        optional = cursor.take("if", "not", "exists")
        name = cursor.next().text
        columns = self.schema.tables[table].columns
        if optional and name in columns:
            return False
        kind, length = read_type(cursor.rest())
        options = cursor.rest()[length:]
        primary = has_words(options, "primary", "key")
        required = has_words(options, "not", "null") or primary
        columns[name] = Column(kind, required)
        if not older:
            return False
        default = default_of(options)
        made = kind.name in ("serial", "bigserial", "smallserial") or has_words(options, "generated")
        volatile = default is not None and is_volatile(default)
        scans = True
        if made:
            self.file.add("A17", table, parts)
        elif volatile:
            self.file.add("A16", table, parts)
        elif required and default is None:
            self.file.add("A15", table, parts)
            scans = False
        else:
            scans = False
        for words, hazard in ((("primary", "key"), "A12"), (("unique",), "A11"), (("check",), "A9")):
            if has_words(options, *words):
                self.file.add(hazard, table, parts)
                scans = True
        if scans:
            self.file.work(table, parts)
        self.exclusive(table, parts)
        return scans

    def validate(self, table, cursor, parts, older):
        cursor.take("constraint")
        name = cursor.name()
        if (table, name) in self.file.validated_later and older:
            self.file.add("A10", table, parts)
        if (table, name) in self.schema.constraints:
            kind, _, file, column = self.schema.constraints[(table, name)]
            self.schema.constraints[(table, name)] = (kind, True, file, column)
        if older:
            self.file.work(table, parts)
        return False

    def alter_column(self, table, cursor, parts, older):
        cursor.take("column")
        name = cursor.next().text
        column = self.schema.tables[table].columns.get(name)
        if column is None:
            unknown(self.file, parts, f"column {table}.{name}")
            return False
        scans = False
        if cursor.take("set", "not", "null"):
            scans = older and not column.not_null and not self.is_known_not_null(table, name)
            if scans:
                self.file.add("A14", table, parts)
            column.not_null = True
        elif cursor.take("drop", "not", "null"):
            column.not_null = False
        elif cursor.take("set", "data", "type") or cursor.take("type"):
            kind, length = read_type(cursor.rest())
            rest = cursor.rest()[length:]
            using = rest[1:] if rest and rest[0].is_word("using") else []
            scans = older and rewrites(column.type, kind, using, name)
            if scans:
                self.file.add("A18", table, parts)
            column.type = kind
        elif cursor.take("add", "generated"):
            pass
        if older:
            if scans:
                self.file.work(table, parts)
            self.exclusive(table, parts)
        return scans

    def is_known_not_null(self, table, column):
        return any(
            of == table and valid and not_null == column
            for (of, _), (_, valid, _, not_null) in self.schema.constraints.items()
        )

    def drop_part(self, table, cursor):
        if cursor.take("constraint"):
            cursor.take("if", "exists")
            name = cursor.name()
            self.schema.constraints.pop((table, name), None)
            if self.schema.indexes.get(name) == table:
                self.schema.indexes.pop(name)
            return
        cursor.take("column")
        cursor.take("if", "exists")
        self.schema.tables[table].columns.pop(cursor.next().text, None)

    # Maintenance and data.

    def on_reindex(self, cursor, parts):
        if not has_words(parts, "concurrently"):
            self.file.add("A3", "", parts)

    def on_refresh(self, cursor, parts):
        if not has_words(parts, "concurrently"):
            self.file.add("A6", "", parts)

    def maintenance(self, cursor, parts):
        while cursor.peek().is_word("table", "full", "only"):
            cursor.next()
        table = cursor.name()
        if self.older(table):
            self.file.add("A23", table, parts)
            self.exclusive(table, parts)

    on_truncate = on_lock = on_cluster = maintenance

    def on_vacuum(self, cursor, parts):
        if has_words(parts, "full"):
            self.maintenance(cursor, parts)

    def on_update(self, cursor, parts):
        cursor.take("only")
        self.data(cursor.name(), parts)

    def on_delete(self, cursor, parts):
        cursor.take("from")
        cursor.take("only")
        self.data(cursor.name(), parts)

    def on_insert(self, cursor, parts):
        cursor.take("into")
        table = cursor.name()
        if has_words(parts, "select"):
            # Rows come from somewhere: from the first older table that is read.
            for at, token in enumerate(parts[:-1]):
                if token.is_word("from", "join") and self.older(Cursor(parts[at + 1 :]).name()):
                    self.data(Cursor(parts[at + 1 :]).name(), parts)
                    return
            self.data(table, parts)

    def on_with(self, cursor, parts):
        for at, token in enumerate(parts[:-1]):
            if token.is_word("update") or token.is_word("delete") or (token.is_word("into")):
                rest = Cursor(parts[at + 1 :])
                rest.take("from")
                self.data(rest.name(), parts)

    def data(self, table, parts):
        if self.older(table):
            self.file.work(table, parts)


def is_volatile(default):
    """A call of a function that is not known to be stable or immutable."""
    for at, token in enumerate(default[:-1]):
        called = token.kind in (WORD, NAME) and default[at + 1].is_mark("(")
        if called and token.text not in NOT_VOLATILE:
            return True
    return False


UNKNOWN = []


def unknown(file, parts, what):
    UNKNOWN.append(f"{file.project} {file.name}:{parts[0].line}: {what} was never made")


def project_entries(project):
    schema, entries = Schema(), []
    for path in sorted((CORPUS / project).glob("prisma/migrations/*/migration.sql")):
        parsed = statements(path.read_text())
        file = File(project, f"{path.parent.name}/{path.name}", len(parsed))
        reader = Reader(schema, file)
        for parts in parsed:
            reader.statement(parts)
        entries += [{"project": project, **entry} for entry in file.entries]
    return entries


def main():
    projects = sorted(path.parent.name for path in CORPUS.glob("*/expected"))
    entries = [entry for project in projects for entry in project_entries(project)]
    rows = ",\n    ".join(json.dumps(entry) for entry in entries)
    head = {"hazards": HAZARDS, "left_out": LEFT_OUT}
    text = json.dumps(head, indent=2)[:-2] + ',\n  "entries": [\n    ' + rows + "\n  ]\n}\n"
    for line in UNKNOWN:
        print(line, file=sys.stderr)
    if "--check" in sys.argv[1:]:
        same = LIST.read_text() == text
        print("the list is the one that is checked in" if same else "the list differs from the one that is checked in")
        return 0 if same and not UNKNOWN else 1
    LIST.write_text(text)
    counts = {}
    for entry in entries:
        counts[entry["hazard"]] = counts.get(entry["hazard"], 0) + 1
    for hazard in HAZARDS:
        print(f"{hazard:4} {counts.get(hazard, 0):5}  {HAZARDS[hazard]}")
    return 1 if UNKNOWN else 0


if __name__ == "__main__":
    sys.exit(main())
