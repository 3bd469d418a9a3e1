"""Every small change of a module: cosmic-ray's operators, and three that tables and state need.

cosmic-ray changes operators, comparisons, numbers, constants, decorators, loops and exceptions. It
never takes a statement away and knows no tables, so here are: a statement that is dropped, an entry
that is missing from a table or a set, and an enum's member in place of another.
"""

from __future__ import annotations

import ast
import warnings
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

COMPARE: Final = "core/ReplaceComparisonOperator_"
SAME: Final = frozenset(
    {
        # What is compared by identity here is an enum's member, a class or None.
        f"{COMPARE}Is_Eq",
        f"{COMPARE}IsNot_NotEq",
        # Whether equal numbers or strings are one object is chance.
        *(f"{COMPARE}{one}_Is" for one in ("Eq", "NotEq", "Lt", "LtE", "Gt", "GtE")),
        *(f"{COMPARE}{one}_IsNot" for one in ("Eq", "NotEq", "Lt", "LtE", "Gt", "GtE")),
    }
)
"""cosmic-ray's operators that leave the program as it is, or to chance."""


class Mutant(NamedTuple):
    """One change: the line, how it reads, by which operator, and what to run."""

    line: int
    change: str
    operator: str
    code: CodeType


def mutants(source: str, path: str) -> list[Mutant]:
    """Every mutant of `source` that compiles, and to another program than those before it."""
    seen = {meaning(source)}
    found = []
    for operator, mutated in chain(by_cosmic_ray(source), by_ours(source)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                meant = meaning(mutated)
                code = compile(mutated, path, "exec", dont_inherit=True)
            except SyntaxError:
                continue
        if meant not in seen:
            seen.add(meant)
            found.append(Mutant(*difference(source, mutated), operator, code))
    return sorted(found, key=lambda mutant: mutant.line)


def meaning(source: str) -> str:
    """The program without what is never run: annotations, docstrings, and who may be named how."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.arguments):
            # `*` and `/` between parameters are no arithmetic.
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.defaults = [*node.defaults, *filter(None, node.kw_defaults)]
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.test, node.body = ast.Constant(None), []
    return ast.dump(tree)


def difference(source: str, mutated: str) -> tuple[int, str]:
    """The first line that differs, and how it reads before and after."""
    old, new = source.splitlines(), mutated.splitlines()
    first = next(at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    return first + 1, f"{old[first].strip()} => {new[first].strip()}"


def by_cosmic_ray(source: str) -> Iterator[tuple[str, str]]:
    nodes = list(ast_nodes(get_ast(source)))
    for name in operator_names():
        operator = get_operator(name)
        if name in SAME or operator.arguments():
            continue
        places = sum(len(list(operator().mutation_positions(node))) for node in nodes)
        for occurrence in range(places):
            yield name.removeprefix("core/"), mutate_code(source, operator(), occurrence)


def by_ours(source: str) -> Iterator[tuple[str, str]]:
    data = source.encode()
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def span(node: ast.stmt | ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin = starts[node.lineno - 1] + node.col_offset
        return begin, starts[node.end_lineno - 1] + node.end_col_offset

    def put(begin: int, end: int, text: bytes) -> str:
        # The lines stay where they are.
        return (data[:begin] + text + b"\\\n" * data.count(b"\n", begin, end) + data[end:]).decode()

    tree = ast.parse(source)
    others = next_members(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for statement, text in droppable(node):
                yield "DropStatement", put(*span(statement), text)
        elif isinstance(node, ast.Dict | ast.Set):
            for begin, end in entries(node, span, data):
                yield "DropEntry", (data[:begin] + data[end:]).decode()
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in others:
            yield "NextMember", put(*span(node), others[ast.unparse(node)].encode())


def droppable(function: ast.FunctionDef) -> Iterator[tuple[ast.stmt, bytes]]:
    """The statements of a function that can be missing, and what stands in their place."""
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node, b"return None"
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.Raise | ast.Delete | ast.Return):
            yield node, b"pass"
        elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            yield node, b"pass"


def entries(node: ast.Dict | ast.Set, span: object, data: bytes) -> Iterator[tuple[int, int]]:
    """Where each entry of a table begins and ends, with the comma behind it."""
    assert callable(span)
    keys = node.keys if isinstance(node, ast.Dict) else node.elts
    values = node.values if isinstance(node, ast.Dict) else node.elts
    for key, value in zip(keys, values, strict=True):
        begin, end = span(value)
        begin = data.rindex(b"**", 0, begin) if key is None else span(key)[0]
        rest = data[end:].lstrip()
        yield begin, end if rest[:1] != b"," else len(data) - len(rest) + 1


def next_members(tree: ast.Module) -> dict[str, str]:
    """For each member of an enum that the module names: the next one that it names."""
    named: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, member = node.value.id, node.attr
            if owner[0].isupper() and not owner.isupper() and member.isupper():
                if member not in named.setdefault(owner, []):
                    named[owner].append(member)
    return {
        f"{owner}.{one}": f"{owner}.{other}"
        for owner, members in named.items()
        for one, other in zip(members, members[1:] + members[:1], strict=True)
        if one != other
    }
