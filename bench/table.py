"""Rows of Markdown tables, and whether a target is met."""


class Table:
    def __init__(self, *head):
        self.lines = [row(*head), row(*("---" for _ in head))]

    def add(self, *cells):
        self.lines.append(row(*cells))

    def __str__(self):
        return "\n".join(self.lines)


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def verdict(met):
    return "met" if met else "**missed**"


def at_most(value, limit, unit=""):
    """The cell of a target with an upper limit."""
    return f"at most {limit}{' ' + unit if unit else ''}: {verdict(value <= limit)}"


def write_between(path, name, text):
    """Puts `text` between the two comments that name a part of a Markdown file."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    whole = path.read_text()
    before, rest = whole.split(begin, 1)
    _, after = rest.split(end, 1)
    path.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}")
