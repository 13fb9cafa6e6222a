"""Mutants of a module: small faults, each of which some test should notice. Pure.

The operators are those of the usual tools: a comparison moved to its neighbour or turned round,
`and` for `or`, `not` dropped, arithmetic and set operators exchanged, constants changed, a returned
or assigned value dropped, a statement, a branch or a case left out, branches swapped, a call of a
built-in's counterpart (`any` for `all`, `match` for `fullmatch`). Default arguments and arguments
of decorators are constants like others. Not touched, because nothing runs there: docstrings,
annotations, `if TYPE_CHECKING`, `__all__` (star imports are banned), `Literal[...]`, and the texts
that are the values of an enum.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

NEIGHBOURS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Mod: ast.Div,
    ast.FloorDiv: ast.Div, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
COUNTERPARTS = {
    "any": "all", "all": "any", "min": "max", "max": "min", "startswith": "endswith",
    "endswith": "startswith", "lower": "upper", "upper": "lower", "casefold": "upper",
    "partition": "rpartition", "rpartition": "partition", "fullmatch": "match",
    "search": "match", "strip": "lstrip",
}  # fmt: skip
DELETED = (ast.Expr, ast.Raise, ast.If, ast.For, ast.While, ast.With, ast.AugAssign)
SHOWN = 70
NONE = ast.Constant(value=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A place in a tree that holds a node."""

    parent: ast.AST
    name: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.index] = node


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """One fault: `after` in the place of what stands in `slot`. `key` names it for good."""

    key: str
    line: int
    tree: ast.Module
    slot: Slot
    after: ast.AST

    def apply(self) -> ast.Module:
        """Puts the fault into the shared tree, so only call it in a process of its own."""
        self.slot.put(self.after)
        return ast.fix_missing_locations(self.tree)


def mutants_of(source: str, path: str) -> list[Mutant]:
    """All mutants of a module, in the order of its text."""
    tree = ast.parse(source)
    seen: Counter[str] = Counter()
    found = []
    for slot, before, after, where in _walk(tree, ""):
        key = f"{path} {where or 'module'}: {_shown(before)} -> {_shown(after)}"
        seen[key] += 1
        number = f" #{seen[key]}" if seen[key] > 1 else ""
        line = getattr(before, "lineno", getattr(slot.parent, "lineno", 0))
        found.append(Mutant(key=key + number, line=line, tree=tree, slot=slot, after=after))
    return found


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy(node))).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _walk(node: ast.AST, where: str) -> Iterator[tuple[Slot, ast.AST, ast.AST, str]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        where = f"{where}.{node.name}" if where else node.name
    for slot, child in _children(node):
        if _is_left_out(child, node, slot.name):
            continue
        for after in _variants(child, node, is_inside=bool(where)):
            yield slot, child, after, where
        yield from _walk(child, where)


def _children(node: ast.AST) -> Iterator[tuple[Slot, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield Slot(parent=node, name=name, index=None), value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield Slot(parent=node, name=name, index=index), item


def _is_left_out(node: ast.AST, parent: ast.AST, name: str) -> bool:
    """What the module's docstring lists."""
    if name in {"annotation", "returns"}:
        return True
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Subscript(value=ast.Name(id="Literal")):
            return True
        case ast.Assign():
            bases = parent.bases if isinstance(parent, ast.ClassDef) else []
            return any(isinstance(base, ast.Name) and base.id.endswith("Enum") for base in bases)
    return False


def _variants(node: ast.AST, parent: ast.AST, *, is_inside: bool) -> Iterator[ast.AST]:
    if isinstance(node, ast.expr):
        yield from _expressions(node)
    elif isinstance(node, ast.stmt) and is_inside and not isinstance(parent, ast.ClassDef):
        yield from _statements(node)
    elif isinstance(node, ast.match_case) and not _is_wildcard(node):
        yield ast.match_case(
            pattern=node.pattern, guard=ast.Constant(value=False), body=node.body
        )  # left out


def _is_wildcard(case: ast.match_case) -> bool:
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None


def _expressions(node: ast.expr) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=right):
            for at, op in enumerate(ops):
                moved = [*ops[:at], NEIGHBOURS[type(op)](), *ops[at + 1 :]]
                yield ast.Compare(left=left, ops=moved, comparators=right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(op=ast.Or() if isinstance(op, ast.And) else ast.And(), values=values)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right_side):
            yield ast.BinOp(left=left, op=ARITHMETIC[type(op)](), right=right_side)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test=test, body=orelse, orelse=body)
        case ast.Lambda(args=args):
            yield ast.Lambda(args=args, body=NONE)
        case ast.Name(id=name, ctx=ctx) if name in COUNTERPARTS:
            yield ast.Name(id=COUNTERPARTS[name], ctx=ctx)
        case ast.Attribute(value=value, attr=name, ctx=ctx) if name in COUNTERPARTS:
            yield ast.Attribute(value=value, attr=COUNTERPARTS[name], ctx=ctx)
        case ast.Constant(value=value):
            yield from _constants(value)


def _constants(value: object) -> Iterator[ast.AST]:
    match value:
        case bool():
            yield ast.Constant(value=not value)
        case int() | float():
            yield ast.Constant(value=value + 1)
        case str():
            yield ast.Constant(value=f"XX{value}XX")
        case bytes():
            yield ast.Constant(value=b"XX" + value + b"XX")


def _statements(node: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(node, DELETED):
        yield ast.Pass()
    match node:
        case ast.If(test=test, body=body, orelse=orelse):
            yield ast.If(test=ast.UnaryOp(op=ast.Not(), operand=test), body=body, orelse=orelse)
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(value=NONE)
        case ast.Assign(targets=[ast.Name()] as targets):
            yield ast.Assign(targets=targets, value=NONE)
        case ast.Assign() | ast.AnnAssign(target=ast.Attribute()):
            yield ast.Pass()
        case ast.AugAssign(target=target, op=op, value=value):
            yield ast.AugAssign(target=target, op=ARITHMETIC[type(op)](), value=value)
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
