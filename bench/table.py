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
