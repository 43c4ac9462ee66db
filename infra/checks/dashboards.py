"""Dashboards and alerts ask for metrics that exist: those in the table of docs/telemetry.md, to which Gauntlet's tests hold it.

Reads files alone. Prints how much was compared, or what is wrong; exit code 1 then.
"""

import json
import pathlib
import re
import sys

import promql_parser as promql
import yaml

INFRA = pathlib.Path(__file__).resolve().parent.parent
TABLE = re.findall(
    r"^\| `(gauntlet_\w+)` \| (\w+) \| ([\w, ]*) \|",
    (INFRA.parent / "docs" / "telemetry.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
METRICS = {name: (kind, {label.strip() for label in labels.split(",") if label.strip()}) for name, kind, labels in TABLE}
# What Prometheus adds to every series, and its own about each address.
SCRAPED = {"instance", "job"}
KNOWN = {"up": ("gauge", set())}
OVER_COUNTERS = {"rate", "irate", "increase"}
OVER_GAUGES = {"delta", "deriv", "idelta"}
PARTS = ("lhs", "rhs", "expr", "args", "vector_selector")

problems = []
expressions = 0
asked = set()


def metric(name):
    """Kind and labels of a series' metric; those of histograms have three endings."""
    if name in KNOWN:
        return KNOWN[name]
    for ending in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(ending)
        if base != name and METRICS.get(base, ("",))[0] == "histogram":
            labels = METRICS[base][1] | ({"le"} if ending == "_bucket" else set())
            asked.add(base)
            return "counter", labels
    asked.add(name)
    kind, labels = METRICS.get(name, (None, set()))
    return (None if kind == "histogram" else kind), labels


def look(node, where, function=None):
    """Every selector in an expression, the labels that it is asked by; gives the labels that are there."""
    if isinstance(node, list):
        return set().union(*(look(part, where, function) for part in node))
    if isinstance(node, promql.VectorSelector):
        kind, labels = metric(node.name or "")
        if kind is None:
            problems.append(f"{where}: there is no metric {node.name}")
        if function in OVER_COUNTERS and kind != "counter" or function in OVER_GAUGES and kind != "gauge":
            problems.append(f"{where}: {function}() of {node.name}, a {kind}")
        for matcher in node.matchers.matchers:
            if matcher.name not in labels | SCRAPED:
                problems.append(f"{where}: {node.name} has no label {matcher.name}")
        return labels | SCRAPED
    if isinstance(node, promql.Call):
        function = node.func.name
    labels = set()
    for part in PARTS:
        if getattr(node, part, None) is not None:
            labels |= look(getattr(node, part), where, function)
    if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
        for label in node.modifier.labels:
            if label not in labels:
                problems.append(f"{where}: nothing there has a label {label}")
    return labels


def expression(text, where):
    """One expression; gives the labels of what it comes to or is made of."""
    global expressions
    expressions += 1
    try:
        return look(promql.parse(text), where)
    except ValueError as error:
        problems.append(f"{where}: {error}")
        return set()


def dashboard(path):
    """One dashboard."""
    model = json.loads(path.read_text(encoding="utf-8"))
    sources = yaml.safe_load((path.parent / "datasource.yaml").read_text(encoding="utf-8"))["datasources"]
    known = {(source["type"], source["uid"]) for source in sources}
    ids = [panel["id"] for panel in model["panels"]]
    if len(ids) != len(set(ids)):
        problems.append(f"{path.name}: two panels have one id")
    taken = {}
    for panel in model["panels"]:
        where, at = f"{path.name}, {panel['title']}", panel["gridPos"]
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if taken.setdefault(cell, where) != where:
                problems.append(f"{where}: lies on {taken[cell]}")
                break
        if panel["type"] == "row":
            continue
        if (panel["datasource"]["type"], panel["datasource"]["uid"]) not in known:
            problems.append(f"{where}: an unknown source of data")
        if not panel.get("description") or not panel["targets"]:
            problems.append(f"{where}: no description, or nothing in it")
        for target in panel["targets"]:
            labels = expression(target["expr"], where)
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                if label not in labels:
                    problems.append(f"{where}: nothing there has a label {label}")


def alerts(path):
    """One file of alerting rules."""
    names = []
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            where = f"{path.name}, {rule['alert']}"
            names.append(rule["alert"])
            labels = expression(rule["expr"], where)
            if rule["labels"].get("severity") not in ("warning", "critical"):
                problems.append(f"{where}: no severity")
            told = rule["annotations"]["summary"] + rule["annotations"]["description"]
            for label in re.findall(r"\$labels\.(\w+)", told):
                if label not in labels:
                    problems.append(f"{where}: nothing there has a label {label}")
    if len(names) != len(set(names)):
        problems.append(f"{path.name}: two alerts have one name")


def main():
    """All of it."""
    if len(METRICS) < 15:
        sys.exit(f"{len(METRICS)} metrics in docs/telemetry.md: its table was not read")
    for path in sorted((INFRA / "observability").glob("*.json")):
        dashboard(path)
    alerts(INFRA / "observability" / "rules.yaml")
    scraped = yaml.safe_load((INFRA / "observability" / "prometheus.yaml").read_text(encoding="utf-8"))
    jobs = {job["job_name"] for job in scraped["scrape_configs"]}
    if "gauntlet" not in jobs:
        problems.append("prometheus.yaml: no job gauntlet, by which the alerts look")
    for problem in problems:
        print(problem)
    if expressions < 20:
        sys.exit(f"only {expressions} expressions: the files were not read")
    print(f"{expressions} expressions about {len(asked)} of {len(METRICS)} metrics")
    sys.exit(1 if problems else 0)


main()
