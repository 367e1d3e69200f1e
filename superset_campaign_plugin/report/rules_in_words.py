"""The rules of a report in words, and as options of the command line: for messages about rules that differ."""

from __future__ import annotations

import ast
from typing import Any

from superset_campaign_plugin.report.rules import AgentRules, DomainRules, LinkRules, People, Rules
from superset_campaign_plugin.wording import listed

# What tables or a report do with merged people.
_PEOPLE = {
    People.AS_SENT: "count merged people under the ids they had",
    People.MERGED: "count merged people once",
    People.HIDDEN: "leave merged people out",
}
_SHORT = {
    People.AS_SENT: "merged people under the ids they had",
    People.MERGED: "merged people once",
    People.HIDDEN: "merged and deleted people left out",
}
# What tables or a report do by each rule that is a choice of two: with it, and without.
_CHOICES = {
    "leave_out_deleted": ("leave deleted people out", "count deleted people"),
    "leave_out_bots": ("leave out what bots opened and clicked", "count what bots opened and clicked"),
    "leave_out_operational": ("leave operational emails out", "count operational emails"),
    "leave_out_archived": ("leave archived assets out", "count archived assets"),
    "leave_out_domains": ("leave domains out", "show domains"),
}
# Rules that a setting alone gives, by its key.
_SETTINGS = {
    ("links", "uncounted_prefixes"): "uncounted_link_prefixes",
    ("links", "uncounted_parts"): "uncounted_link_parts",
    ("agents", "privacy_proxies"): "privacy_proxy_agents",
    ("agents", "image_proxies"): "image_proxy_agents",
    ("domains", "least_people"): "domain_least_people",
}


def left_out_in_words(rules: Rules) -> str:
    """What counts nowhere, to follow the period of a report, as "without operational emails"; empty if all counts."""
    deleted = "deleted people" if rules.leave_out_deleted else ""
    found = [
        "merged and deleted people" if rules.people is People.HIDDEN else deleted,
        "opens and clicks of bots" if rules.leave_out_bots else "",
        "operational emails" if rules.leave_out_operational else "",
        "archived campaigns and emails" if rules.leave_out_archived else "",
        "test and internal addresses" if rules.leave_out_addresses else "",
    ]
    named = [words for words in found if words]
    return f"without {listed(named)}" if named else ""


def difference(kept: Rules, asked: Rules) -> str:
    """What stored tables of the rules `kept` do where `asked` are others, to follow the words "the stored tables"."""
    found = _phrases(kept, asked)
    return f"{listed([one for one, _ in found])}, and are asked to {listed([other for _, other in found])}"


def advice(kept: Rules, asked: Rules) -> str:
    """How stored tables and what is asked for come to the same rules."""
    if (kept.links, kept.agents, kept.domains) != (asked.links, asked.agents, asked.domains):
        keys = [
            key for (part, name), key in _SETTINGS.items() if _setting(kept, part, name) != _setting(asked, part, name)
        ]
        return (
            f"no option of this command gives the setting{'s' if len(keys) > 1 else ''} {listed(keys)}; leave "
            f"--stored out, or run `superset-campaign refresh` {options_of(asked)}"
        )
    return f"run `superset-campaign refresh` {options_of(asked)}, or this command {options_of(kept)}"


def options_of(rules: Rules) -> str:
    """The options of the command line that ask for these rules, as far as options do, as "with" them."""
    implied = ["leave_out_deleted"] if rules.people is People.HIDDEN else []
    left_out = [name.removeprefix("leave_out_") for name in _CHOICES if getattr(rules, name) and name not in implied]
    given = [
        *([] if rules.people is Rules.people else [f"--people {rules.people.value.replace('_', '-')}"]),
        *([f"--leave-out {','.join(left_out)}"] if left_out else []),
        *([f"--leave-out-addresses '{','.join(rules.leave_out_addresses)}'"] if rules.leave_out_addresses else []),
        *([] if rules.time_zone == "UTC" else [f"--time-zone {rules.time_zone}"]),
    ]
    return f"with {' '.join(given)}" if given else "without options of what counts"


def people_in_words(people: People) -> str:
    """What becomes of merged and deleted people, in a few words."""
    return _SHORT[people]


def read_rules(text: str) -> Rules | None:
    """The rules whose `repr` the text is, as stored tables keep it; None for those of a release that had others.

    Until 0.2.0 `merge_people` told two of the three choices of `people` apart.
    """
    try:
        found = _read(ast.parse(text, mode="eval").body)
        return found if isinstance(found, Rules) else None
    except (SyntaxError, ValueError, TypeError, KeyError):
        return None


def _read(node: ast.expr) -> Any:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return ast.literal_eval(node)
    kinds = {kind.__name__: kind for kind in (Rules, LinkRules, AgentRules, DomainRules)}
    values = {str(each.arg): _read(each.value) for each in node.keywords}
    if "merge_people" in values:
        values["people"] = People.MERGED if values.pop("merge_people") else People.AS_SENT
    return kinds[node.func.id](**values)


def _phrases(kept: Rules, asked: Rules) -> list[tuple[str, str]]:
    """What differs, as each of the two has it."""
    pairs = [(_PEOPLE[kept.people], _PEOPLE[asked.people])]
    pairs += [(words[not getattr(kept, name)], words[not getattr(asked, name)]) for name, words in _CHOICES.items()]
    pairs.append((f"take the days of {kept.time_zone}", f"take the days of {asked.time_zone}"))
    pairs.append((_addresses(kept), _addresses(asked)))
    pairs += [
        (f"have {key} {_setting(kept, part, name)}", f"have {key} {_setting(asked, part, name)}")
        for (part, name), key in _SETTINGS.items()
    ]
    return [(one, other) for one, other in pairs if one != other]


def _addresses(rules: Rules) -> str:
    patterns = rules.leave_out_addresses
    return f"leave out people with the address {' or '.join(patterns)}" if patterns else "count people of any address"


def _setting(rules: Rules, part: str, name: str) -> str:
    value = getattr(getattr(rules, part), name)
    return str(value) if isinstance(value, int) else ", ".join(value) or "empty"
