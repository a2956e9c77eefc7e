"""The dashboard and the alerts as files: complete, in order, and together with their pages."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as grafana

import queries

# Grafana's own names of units that are used here.
UNITS = {"s", "cps", "reqps", "short", "percentunit"}
SEVERITIES = {"critical", "warning"}
HEADINGS = ["## What it means", "## What people feel", "## Look", "## Mend", "## Never"]
# What Grafana leaves to its data sources, and so has no model of.
OF_DATA_SOURCES = {"definition", "step", "titleFormat", "useValueForTime"}
found = []


def wrong(where, what):
    found.append(f"{where}: {what}")


def of_rules():
    alerts = [rule for rule in queries.rules() if "alert" in rule]
    for rule in alerts:
        name = rule["alert"]
        annotations = rule.get("annotations", {})
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            wrong(name, "no severity")
        for key in ["summary", "description", "runbook_url"]:
            if not annotations.get(key):
                wrong(name, f"no {key}")
        if annotations.get("runbook_url") != f"docs/runbooks/{name}.md":
            wrong(name, "its runbook is not docs/runbooks/NAME.md")
    names = {rule["alert"] for rule in alerts}
    pages = {page.stem for page in queries.RUNBOOKS.glob("*.md")} - {"README"}
    for name in names - pages:
        wrong(name, "has no page in docs/runbooks")
    for name in pages - names:
        wrong(f"docs/runbooks/{name}.md", "no alert has this name")
    for name in names & pages:
        text = (queries.RUNBOOKS / f"{name}.md").read_text()
        if not text.startswith(f"# {name}\n"):
            wrong(f"docs/runbooks/{name}.md", "does not begin with its name")
        for heading in HEADINGS:
            if f"\n{heading}\n" not in text:
                wrong(f"docs/runbooks/{name}.md", f"has no {heading!r}")
    table = (queries.ROOT / "docs/monitoring.md").read_text()
    for name in names:
        if f"runbooks/{name}.md" not in table:
            wrong("docs/monitoring.md", f"does not list {name}")
    fired, quiet = tried()
    for rule in alerts:
        key = (rule["alert"], rule["labels"]["severity"])
        if key not in fired:
            wrong(rule["alert"], f"no unit test sees it fire as {key[1]}")
    for name in names - quiet:
        wrong(name, "no unit test sees it be quiet")
    return len(alerts)


def tried():
    """Which alerts fire in the unit tests, and which are seen not to, where there is something to fire at."""
    fired, quiet = set(), set()
    for test in yaml.safe_load(queries.TESTS.read_text())["tests"]:
        for case in test.get("alert_rule_test", []):
            name = case["alertname"]
            fired |= {(name, each["exp_labels"]["severity"]) for each in case["exp_alerts"]}
            quiet |= {name} if not case["exp_alerts"] else set()
        names = set()
        for case in test.get("promql_expr_test", []):
            for sample in case["exp_samples"]:
                text = sample["labels"]
                if name := re.search(r'alertname="(\w+)"', text):
                    names.add(name[1])
                    fired.add((name[1], re.search(r'severity="(\w+)"', text)[1]))
        # The comparison is with the whole answer: whatever else the case holds is seen to be quiet.
        if "quiet" in test["name"] or any(not case["exp_samples"] for case in test.get("promql_expr_test", [])):
            quiet |= names | {name for name in re.findall(r'"(Rejoinder\w+)"', str(test))}
    return fired, quiet


def lost(given, kept, path=""):
    """What is not there any more when Grafana's own model has read it."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key in given.keys() - OF_DATA_SOURCES:
            yield from lost(given[key], kept[key], f"{path}/{key}") if key in kept else [f"{path}/{key}"]
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, pair in enumerate(zip(given, kept)):
            yield from lost(*pair, f"{path}/{number}")
    elif given != kept:
        yield path


def of_the_dashboard():
    board = queries.dashboard()
    generated = subprocess.run([queries.DASHBOARD.parent / "generate"], check=True, capture_output=True, text=True).stdout
    if generated != queries.DASHBOARD.read_text():
        wrong("rejoinder.json", "is not what deploy/grafana/generate writes")
    if not board.get("uid") or not 39 <= board.get("schemaVersion", 0) <= 42:
        wrong("rejoinder.json", "needs a uid, and a schemaVersion of Grafana 11 or 12")
    plugins.register_default_plugins()
    kept = json.loads(JSONEncoder().encode(grafana.Dashboard.from_json(board)))
    for path in lost(board, kept):
        wrong("rejoinder.json", f"Grafana does not know {path}")
    variables = {each["name"] for each in board["templating"]["list"]}
    for name in {"datasource", "namespace", "job", "site", "stage"} - variables:
        wrong("rejoinder.json", f"has no variable {name}")
    ids, taken, titles = set(), set(), set()
    for panel in board["panels"]:
        where = f"panel {panel['title']!r}"
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        if panel["id"] in ids or panel["title"] in titles:
            wrong(where, "another has its id or title")
        if cells & taken or place["x"] + place["w"] > 24:
            wrong(where, "lies over another, or outside")
        ids.add(panel["id"])
        titles.add(panel["title"])
        taken |= cells
        if panel["type"] == "row":
            continue
        if not panel.get("description"):
            wrong(where, "has no description")
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            wrong(where, "has no unit")
        for target in panel["targets"]:
            if target["datasource"]["uid"] != "${datasource}":
                wrong(where, "asks a fixed data source")
            for name in set(re.findall(r"\$(?!__)\{?(\w+)", target["expr"])) - variables:
                wrong(where, f"${name} is no variable")
    return len(queries.panels())


def parsed():
    """Every query, by the parser that this test uses and by Prometheus' own."""
    asked = [*queries.of_the_dashboard(), *queries.of_the_rules()]
    for where, query in asked:
        try:
            queries.parse(query)
        except ValueError as error:
            wrong(where, error)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "queries.yaml"
        rules = [{"record": f"query:{number}", "expr": query} for number, (_, query) in enumerate(asked)]
        file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
        check = subprocess.run(["promtool", "check", "rules", "--lint=none", file], capture_output=True, text=True)
        if check.returncode:
            wrong("promtool", check.stderr)
    return len(asked)


alerts, panels, asked = of_rules(), of_the_dashboard(), parsed()
print(f"lint: {alerts} alerts, {panels} panels, {asked} queries")
if found:
    sys.exit("\n".join(found))
