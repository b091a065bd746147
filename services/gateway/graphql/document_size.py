"""The size of a document: what makes its validation slow, counted in one pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)


@dataclass(slots=True)
class DocumentSize:
    """How much of each there is in all operations and fragments of a document.

    `repeats` is how often a response name occurs in one selection set, with its inline fragments.
    Validation compares each two of them.
    """

    operations: int = 0
    fragments: int = 0
    spreads: int = 0
    directives: int = 0
    variables: int = 0
    aliases: int = 0
    repeats: int = 0

    @classmethod
    def of(cls, document: DocumentNode) -> DocumentSize:
        """Measure a document, in time linear in its length."""
        size = cls()
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                size.operations += 1
                size._add_variables(node)
            elif isinstance(node, FragmentDefinitionNode):
                size.fragments += 1
            else:
                continue
            size.directives += len(node.directives or ())
            size._add_selections(node.selection_set)
        return size

    def _add_variables(self, node: OperationDefinitionNode) -> None:
        defined = node.variable_definitions or ()
        self.variables += len(defined)
        self.directives += sum(len(each.directives or ()) for each in defined)

    def _add_selections(self, selected: SelectionSetNode) -> None:
        waiting: list[tuple[SelectionSetNode, Counter[str]]] = [(selected, Counter())]
        while waiting:
            current, names = waiting.pop()
            for node in current.selections:
                self.directives += len(node.directives or ())
                if isinstance(node, FieldNode):
                    self._add_field(node, names)
                    if node.selection_set is not None:
                        waiting.append((node.selection_set, Counter()))
                else:
                    self.spreads += 1
                    if isinstance(node, InlineFragmentNode):
                        waiting.append((node.selection_set, names))

    def _add_field(self, node: FieldNode, names: Counter[str]) -> None:
        name = (node.alias or node.name).value
        names[name] += 1
        self.repeats = max(self.repeats, names[name])
        self.aliases += node.alias is not None


def count_values(given: object) -> int:
    """The number of values in JSON, at any depth."""
    total, waiting = 0, [given]
    while waiting:
        value = waiting.pop()
        total += 1
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return total
