"""Block Kit's limits: each finding is one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from tests.fakes.slack.world import Json, as_list

BLOCK_TEXT = {"markdown": 12_000, "section": 3_000}
IN_MESSAGES = frozenset({"markdown", "section", "actions", "context", "divider", "header"})
IN_VIEWS = {"modal": IN_MESSAGES - {"markdown"} | {"input"}, "home": IN_MESSAGES - {"markdown"}}

SELECTS = frozenset({"static_select", "multi_static_select"})
IN_ACTIONS = frozenset({"button", "static_select"})
IN_INPUTS = frozenset({"plain_text_input"}) | SELECTS

VIEW_KEYS = frozenset({"type", "title", "blocks", "close", "submit", "private_metadata", "callback_id"})


def message_faults(blocks: object) -> Iterator[str]:
    """Return the faults of a message's blocks."""
    yield from _blocks(blocks, IN_MESSAGES, 50)
    total = sum(len(_written(block)) for block in as_list(blocks))
    if total > 13_200:
        yield f"blocks of {total} characters together, above 13,200"


def view_faults(view: object, kind: str) -> Iterator[str]:
    """Return the faults of a view of this kind."""
    if not isinstance(view, dict) or view.get("type") != kind:
        yield f"a view that is not of type {kind}"
        return
    if unknown := set(view) - VIEW_KEYS:
        yield f"a view with unknown keys {sorted(unknown)}"
    if kind == "modal":
        yield from _plain("title", view.get("title"), 24)
        yield from _plain("close", view.get("close"), 24, needed=False)
        inputs = any(block.get("type") == "input" for block in as_list(view.get("blocks")))
        yield from _plain("submit", view.get("submit"), 24, needed=inputs)
    elif view.get("title") or view.get("submit"):
        yield "a home view with a title or a button to send it"
    if len(str(view.get("private_metadata") or "")) > 3_000:
        yield "private_metadata above 3,000 characters"
    if len(str(view.get("callback_id") or "")) > 255:
        yield "a callback_id above 255 characters"
    yield from _blocks(view.get("blocks"), IN_VIEWS[kind], 100)


def _blocks(blocks: object, known: frozenset[str], most: int) -> Iterator[str]:
    found = as_list(blocks)
    if not isinstance(blocks, list) or len(found) != len(blocks):
        yield "blocks that are not a list of objects"
        return
    if len(found) > most:
        yield f"{len(found)} blocks, above {most}"
    ids = [block["block_id"] for block in found if block.get("block_id")]
    if len(set(ids)) < len(ids):
        yield "two blocks with one block_id"
    for block in found:
        yield from _block(block, known)


def _block(block: Json, known: frozenset[str]) -> Iterator[str]:
    kind, written = str(block.get("type")), _written(block)
    if kind not in known:
        yield f"a block of unknown type {kind}"
    if len(str(block.get("block_id") or "")) > 255:
        yield "a block_id above 255 characters"
    if len(written) > BLOCK_TEXT.get(kind, 3_000) or (kind in BLOCK_TEXT and not written):
        yield f"a {kind} block of {len(written)} characters"
    if kind == "actions":
        yield from _actions(as_list(block.get("elements")))
    if kind == "input":
        element = block.get("element")
        yield from _plain("label", block.get("label"), 2_000)
        yield from _plain("hint", block.get("hint"), 2_000, needed=False)
        yield from _element(element if isinstance(element, dict) else {}, IN_INPUTS)


def _actions(elements: list[Json]) -> Iterator[str]:
    ids = [str(element.get("action_id")) for element in elements]
    if not 1 <= len(elements) <= 25:
        yield f"an actions block of {len(elements)} elements"
    if len(set(ids)) < len(ids):
        yield "two elements with one action_id"
    for element in elements:
        yield from _element(element, IN_ACTIONS)


def _element(element: Json, known: frozenset[str]) -> Iterator[str]:
    kind = str(element.get("type"))
    if kind not in known:
        yield f"an element of unknown type {kind}"
    if not 1 <= len(str(element.get("action_id") or "")) <= 255:
        yield "an action_id that is not 1 to 255 characters"
    yield from _plain("placeholder", element.get("placeholder"), 150, needed=False)
    if kind == "button":
        yield from _plain("button", element.get("text"), 75)
        if len(str(element.get("value") or "")) > 2_000:
            yield "a button's value above 2,000 characters"
    elif kind == "plain_text_input":
        longest = element.get("max_length", 3_000)
        if not isinstance(longest, int) or not 1 <= longest <= 3_000:
            yield f"an input of at most {longest} characters, not 1 to 3,000"
        elif len(str(element.get("initial_value") or "")) > longest:
            yield "an initial value that is longer than the input"
    elif kind in SELECTS:
        yield from _select(element)


def _select(element: Json) -> Iterator[str]:
    options = as_list(element.get("options"))
    if not 1 <= len(options) <= 100:
        yield f"a menu of {len(options)} options, not 1 to 100"
    values = [option.get("value") for option in options]
    if len(set(values)) < len(values):
        yield "two options with one value"
    for option in options:
        yield from _plain("option", option.get("text"), 75)
        yield from _plain("description", option.get("description"), 75, needed=False)
        if not 1 <= len(str(option.get("value") or "")) <= 150:
            yield "an option's value that is not 1 to 150 characters"
    several = element.get("type") == "multi_static_select"
    initial = element.get("initial_options" if several else "initial_option")
    if initial is not None and any(option not in options for option in (initial if several else [initial])):  # type: ignore[attr-defined]  # a list
        yield "an initial option that is none of the options"


def _plain(what: str, text: object, most: int, *, needed: bool = True) -> Iterator[str]:
    if text is None and not needed:
        return
    label = str(text.get("text") or "") if isinstance(text, dict) else ""
    if not isinstance(text, dict) or text.get("type") != "plain_text":
        yield f"a {what} that is no plain text"
    if not 1 <= len(label) <= most:
        yield f"a {what} with a label of {len(label)} characters, not 1 to {most}"


def _written(block: Json) -> str:
    text = block.get("text")
    return str(text.get("text", "")) if isinstance(text, dict) else str(text or "")
