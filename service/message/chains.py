"""A template and those that it extends, followed once instead of for every message.

Jinja looks up the whole chain, and copies all blocks and globals, each time that a template is written: half of what a
mail costs. A chain of which every link but the last holds blocks and nothing else (all that ship, and most of a shop's
own) comes to the same each time, so the last one is written at once, with the blocks of all. Any other template is
written as Jinja does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import Environment, Template, nodes

Write = Callable[[Mapping[str, Any]], str]
"""Variables → text. Raises what Jinja raises, with the templates' own lines in its traceback."""
_LAYOUT: Final = "\0the variable layout"
_UNTOLD: Final = ""
"""A parent that only writing tells, or beside which the template holds more than blocks."""
_LONGEST: Final = 20
"""Templates of one chain; a longer one may well be a ring."""
_Block = Callable[[Any], Any]


class Chains:
    """Of all templates of one environment."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._parents: dict[str, str | None] = {}

    def writer_of(self, name: str, layout: str) -> Write:
        """What writes the template `name` where the variable `layout` says `layout`. Raises what Jinja raises where a
        template of the chain cannot be read."""
        chain = [self._environment.get_template(name)]
        while (parent := self._parent(str(chain[-1].name))) is not None:
            if parent == _UNTOLD or len(chain) > _LONGEST:
                return _as_jinja_does(chain[0], layout)
            chain.append(self._environment.get_template(layout if parent == _LAYOUT else parent))
        return _at_once(self._environment, chain, layout) if len(chain) > 1 else _as_jinja_does(chain[0], layout)

    def _parent(self, name: str) -> str | None:
        """The template that this one extends; None = none."""
        if name not in self._parents:
            loader = self._environment.loader
            source = "" if loader is None else loader.get_source(self._environment, name)[0]
            self._parents[name] = _parent(self._environment.parse(source, name))
        return self._parents[name]


def _as_jinja_does(template: Template, layout: str) -> Write:
    return lambda variables: template.render({**variables, "layout": layout})


def _at_once(environment: Environment, chain: list[Template], layout: str) -> Write:
    blocks: dict[str, list[_Block]] = {}
    for template in chain:
        for block, write in template.blocks.items():
            blocks.setdefault(block, []).append(write)
    first, last = chain[0], chain[-1]
    known = dict(environment.globals)

    def write_at_once(variables: Mapping[str, Any]) -> str:
        context = environment.context_class(environment, {**known, **variables, "layout": layout}, first.name, {})
        context.blocks = dict(blocks)
        try:
            return environment.concat(last.root_render_func(context))
        except Exception:  # noqa: BLE001 - as Jinja's own `render`: the traceback gets the templates' lines
            environment.handle_exception()

    return write_at_once


def _parent(parsed: nodes.Template) -> str | None:
    extended = list(parsed.find_all(nodes.Extends))
    if not extended:
        return None
    first, *rest = parsed.body
    if len(extended) > 1 or first is not extended[0] or not all(map(_is_no_code, rest)):
        return _UNTOLD
    match extended[0].template:
        case nodes.Const(value=str(parent)):
            return parent
        case nodes.Name(name="layout"):
            return _LAYOUT
        case _:
            return _UNTOLD


def _is_no_code(node: nodes.Node) -> bool:
    """Blocks, and text beside them, which no reader sees."""
    if isinstance(node, nodes.Output):
        return all(isinstance(each, nodes.TemplateData) for each in node.nodes)
    return isinstance(node, nodes.Block)
