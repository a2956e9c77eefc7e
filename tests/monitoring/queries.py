"""Every query of the dashboard and of the alert rules, and what it names."""

import json
from pathlib import Path

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/alerts/rules.yaml"
TESTS = ROOT / "deploy/alerts/tests.yaml"
DASHBOARD = ROOT / "deploy/grafana/rejoinder.json"
RUNBOOKS = ROOT / "docs/runbooks"


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def dashboard():
    return json.loads(DASHBOARD.read_text())


def filled(query, window="1m", whole="5m"):
    """A dashboard's query as Grafana sends it, with All chosen everywhere."""
    for name, value in [("$__rate_interval", window), ("$__interval", window), ("$__range", whole)]:
        query = query.replace(name, value)
    for name in ["namespace", "job", "stage", "site"]:
        query = query.replace(f"${name}", ".*")
    return query


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def of_the_dashboard(**windows):
    """Where each query stands, and the query."""
    board = dashboard()
    for panel in panels():
        for target in panel["targets"]:
            yield f"panel {panel['title']!r}", filled(target["expr"], **windows)
    for mark in board["annotations"]["list"]:
        yield f"annotation {mark['name']!r}", filled(mark["expr"], **windows)
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            inner = variable["definition"].removeprefix("label_values(").removesuffix(")")
            selector, label = inner.rsplit(",", 1)
            yield f"variable {variable['name']!r}", filled(f"group by ({label.strip()}) ({selector})", **windows)


def of_the_rules():
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]


def parts(expression):
    """An expression and all that is in it."""
    yield expression
    for name in ["lhs", "rhs", "expr", "param", "vector_selector"]:
        inner = getattr(expression, name, None)
        if inner is not None and not isinstance(inner, (str, float, int)):
            yield from parts(inner)
    for argument in getattr(expression, "args", None) or []:
        yield from parts(argument)


def parse(query):
    return promql_parser.parse(query)


def selectors(query):
    """Each metric that a query names, with its matchers as (label, operator, value)."""
    for part in parts(parse(query)):
        if isinstance(part, promql_parser.VectorSelector):
            matchers = [(each.name, str(each.op).removeprefix("MatchOp."), each.value) for each in part.matchers.matchers]
            yield part.name, matchers


def named(expression):
    return [each.name for each in parts(expression) if isinstance(each, promql_parser.VectorSelector)]


def grouped(query):
    """The labels that aggregations and matchings of a query name, each with the metrics below it."""
    for part in parts(parse(query)):
        modifier = getattr(part, "modifier", None)
        if modifier is None:
            continue
        if isinstance(part, promql_parser.AggregateExpr):
            yield set(modifier.labels), named(part)
            continue
        matching = set(modifier.matching.labels if modifier.matching else [])
        yield matching, named(part.lhs)
        yield matching, named(part.rhs)
        yield set(modifier.group_labels or []), named(part)


def called(query):
    """Each function or aggregation of a query that has an opinion on its metric's kind, and that metric."""
    for part in parts(parse(query)):
        if isinstance(part, promql_parser.Call):
            yield from ((part.func.name, name) for name in named(part))
