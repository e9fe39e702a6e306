"""What each statement of the corpus meets, by the recall list's own reading: tables and their age, columns and what
became of them, indexes, constraints, types."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "recall"))

import corpus
from history import Schema, has_words
from make_list import File, Reader
from sqltext import Cursor, statements


@dataclass
class Fact:
    """A statement when it ran."""

    first: int
    last: int
    words: tuple
    """Its first words in lower case."""
    parts: list
    table: str = None
    older: bool = False
    """Whether an earlier file made the table, so that it may hold rows."""
    columns: dict = field(default_factory=dict)
    """Columns that it names, by line: (object, whether it is NOT NULL after the statement)."""

    renamed: object = None
    """The column that it renames."""

    def has(self, *words):
        return has_words(self.parts, *words)

    def adds(self, column):
        pairs = zip(self.parts, self.parts[1:], self.parts[2:])
        return any(a.is_word("add") and b.is_word("column") and c.text == column for a, b, c in pairs)

    def empties(self):
        """A DELETE of all rows."""
        return self.words[0] == "delete" and not self.has("where")

    def copies(self, column):
        """An UPDATE or INSERT … SELECT that names the column, so that its values go somewhere."""
        moves = self.words[0] == "update" or (self.words[0] == "insert" and self.has("select"))
        return moves and any(token.text == column for token in self.parts)


class Project:
    """All statements of a project by file, and the schema that they leave."""

    def __init__(self, name):
        self.name, self.schema, self.files = name, Schema(), {}
        self.before, self.after, self.tables_after = {}, {}, {}
        for path in sorted((corpus.CORPUS / name).glob("prisma/migrations/*/migration.sql")):
            parsed = statements(path.read_text())
            file = File(name, f"{path.parent.name}/{path.name}", len(parsed))
            reader = Reader(self.schema, file)
            self.before[file.name] = self.columns()
            self.files[file.name] = [self.read(reader, parts) for parts in parsed]
            self.after[file.name] = self.columns()
            self.tables_after[file.name] = set(self.schema.tables)

    def columns(self):
        """All column objects of the moment, which stay the same through renames."""
        return [column for table in self.schema.tables.values() for column in table.columns.values()]

    def is_new_column(self, column, file):
        return not any(known is column for known in self.before[file])

    def ends_in_file(self, column, file):
        return not any(known is column for known in self.after[file])

    def read(self, reader, parts):
        words = tuple(token.text for token in parts[:4])
        fact = Fact(parts[0].line, parts[-1].line, words, parts)
        fact.table = self.main_table(parts)
        fact.older = reader.older(fact.table) or self.view_is_older(fact.table, reader.file.name)
        if fact.has("rename", "column") and fact.table in self.schema.tables:
            at = next(at for at, token in enumerate(parts) if token.is_word("column"))
            fact.renamed = self.schema.tables[fact.table].columns.get(parts[at + 1].text)
        reader.statement(parts)
        known = self.schema.tables.get(fact.table)
        if known and fact.words[0] in ("create", "alter"):
            for token in parts:
                if token.text in known.columns:
                    column = known.columns[token.text]
                    fact.columns.setdefault(token.line, (column, column.not_null))
        return fact

    def view_is_older(self, name, file):
        return self.schema.views.get(name, file) != file

    def main_table(self, parts):
        cursor = Cursor(parts)
        first, second = cursor.next().text, cursor.next().text
        if first == "create" and second in ("unique", "index"):
            at = next((at for at, token in enumerate(parts) if token.is_word("on")), None)
            rest = Cursor(parts[at + 1 :])
            rest.take("only")
            return rest.name()
        if first == "drop" and second == "index":
            cursor.take("concurrently")
            cursor.take("if", "exists")
            return self.schema.indexes.get(cursor.name())
        if first == "alter" and second == "index":
            cursor.take("if", "exists")
            return self.schema.indexes.get(cursor.name())
        if second in ("table", "view"):
            for words in (("if", "not", "exists"), ("if", "exists"), ("only",)):
                cursor.take(*words)
            return cursor.name()
        return None

    def statement_at(self, file, line):
        for fact in self.files[file]:
            if fact.first <= line <= fact.last:
                return fact
        return None

    def made_again(self, file, fact, words):
        """Whether a later statement of the file begins with `words` and names the same thing."""
        name = fact.parts[-1].text
        return any(
            other.first > fact.first and all(word in other.words for word in words)
            and any(token.text == name for token in other.parts[:8])
            for other in self.files[file]
        )  # fmt: skip

    def column_now(self, column):
        """(table, name) of a column object in the schema as it is at the end; none where it is gone."""
        for table_name, table in self.schema.tables.items():
            for name, known in table.columns.items():
                if known is column:
                    return table_name, name
        return None
