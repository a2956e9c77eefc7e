"""Holds every metric and label that a query names against what a real deployment exports, and sees that the panels are not empty.

    exported.py BINARY

The distributed deployment, which alone has groups and producers, is tried where REJOINDER_TEST_KAFKA and
REJOINDER_TEST_POSTGRES say where its servers are.
"""

import json
import os
import re
import sys
import threading
import urllib.parse

import house
import queries

# What Prometheus itself writes.
ITS_OWN = {"up", "ALERTS"}
OF_TARGETS = {"namespace", "job", "instance"}
ONLY_ON_KAFKA = {"rejoinder_rebalances_total", "rejoinder_producers_total"}
# Values that cannot be had from a deployment in good health; their labels are looked for all the same.
UNSEEN = {("status", "5..")}
LINE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$")
LABEL = re.compile(r'(\w+)="(?:[^"\\]|\\.)*"')
RISING = {"rate", "irate", "increase", "resets"}
FREE = {"deriv", "delta", "predict_linear"}


class Exported:
    """What `/metrics` shows: labels and kinds by name."""

    def __init__(self, text):
        self.labels, self.kinds = {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                names = [f"{name}{end}" for end in ("_bucket", "_sum", "_count")] if kind == "histogram" else [name]
                self.kinds.update({each: kind for each in names})
            elif found := LINE.match(line):
                self.labels.setdefault(found[1], set()).update(LABEL.findall(found[2] or ""))
        for rule in queries.rules():
            if "record" in rule:
                by = set().union(*(labels for labels, _ in queries.grouped(rule["expr"])))
                self.labels[rule["record"]], self.kinds[rule["record"]] = by, "gauge"

    def wrong(self, query):
        """What a query names that is not there, or is of another kind."""
        for name, matchers in queries.selectors(query):
            if name in ITS_OWN:
                continue
            if name not in self.labels:
                yield f"{name} is not exported"
                continue
            for label, _, _ in matchers:
                if label not in self.labels[name] | OF_TARGETS:
                    yield f"{name} has no label {label}"
        for labels, names in queries.grouped(query):
            known = set().union(OF_TARGETS, *(self.labels.get(name, set()) for name in names))
            for label in labels - known:
                yield f"none of {names} has the label {label}"
        for function, name in queries.called(query):
            kind = self.kinds.get(name)
            if function in RISING and kind == "gauge" or function in FREE and kind != "gauge":
                yield f"{function} of {name}, which is a {kind}"
            if function == "histogram_quantile" and not name.endswith("_bucket"):
                yield f"{function} of {name}"


def ask(prometheus, path, **parameters):
    _, answer = house.fetch(f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
    answer = json.loads(answer)
    if answer["status"] != "success":
        raise SystemExit(f"{parameters}: {answer.get('error')}")
    return answer["data"]


def selector(name, matchers):
    signs = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    kept = [(label, signs[sign], value) for label, sign, value in matchers if (label, value) not in UNSEEN]
    return name + "{" + ",".join(f"{label}{sign}{json.dumps(value)}" for label, sign, value in kept) + "}"


def compare(binary, kafka=None, postgres=None):
    kind = "distributed" if kafka else "embedded"
    absent = ITS_OWN | (set() if kafka else ONLY_ON_KAFKA)
    asked = [*queries.of_the_dashboard(), *queries.of_the_rules()]
    asked = [(where, query) for where, query in asked if not {name for name, _ in queries.selectors(query)} & (absent - ITS_OWN)]
    with house.House(binary, kafka, postgres) as deployment:
        deployment.start()
        prometheus = deployment.prometheus(rules=queries.RULES)
        deployment.every_fate()
        done = threading.Event()
        # Rates want more than one point in time.
        busy = threading.Thread(target=deployment.chat, args=(done,), daemon=True)
        busy.start()
        try:
            exported = Exported(deployment.metrics())
            wrong = [f"{where}: {what}" for where, query in asked for what in exported.wrong(query)]
            named = {selector(*each) for _, query in asked for each in queries.selectors(query) if each[0] not in ITS_OWN}
            # The errors' own share has no value while there are none.
            named -= {each for each in named if each.startswith("namespace:rejoinder_http_errors")}
            missing = settle(named, lambda each: ask(prometheus, "series", **{"match[]": each}))
            empty = {query: where for where, query in asked if where.startswith(("panel", "variable"))}
            silent = settle(empty, lambda query: has_value(ask(prometheus, "query", query=query)["result"]))
            names = {name for _, query in asked for name, _ in queries.selectors(query)}
            print(f"{kind}: {len(names)} names in {len(asked)} queries, {len(named)} selectors, {len(empty)} panels and variables")
        finally:
            done.set()
            busy.join()
    wrong += [f"no series for {each}" for each in sorted(missing)]
    wrong += [f"{empty[query]} is empty: {query}" for query in silent]
    return [f"{kind}: {each}" for each in wrong]


def has_value(result):
    return any(each["value"][1] != "NaN" for each in result)


def settle(asked, answer):
    """Asks until all have answered or time is up, and gives those that have not."""
    open_ones = set(asked)

    def closed():
        open_ones.difference_update({each for each in open_ones if answer(each)})
        return not open_ones

    try:
        house.until("all have answered", closed)
    except SystemExit as error:
        if "never happened" not in str(error):
            raise
    return open_ones


def main(binary):
    wrong = compare(binary)
    kafka, postgres = os.environ.get("REJOINDER_TEST_KAFKA"), os.environ.get("REJOINDER_TEST_POSTGRES")
    if kafka and postgres:
        wrong += compare(binary, kafka, postgres)
    else:
        print(f"SKIPPED: no Kafka and PostgreSQL, so nothing exports {', '.join(sorted(ONLY_ON_KAFKA))}", file=sys.stderr)
        if os.environ.get("CI") == "true":
            wrong.append("REJOINDER_TEST_KAFKA and REJOINDER_TEST_POSTGRES are not set")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(sys.argv[1])
