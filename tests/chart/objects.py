"""What must hold of the objects of one rendering, beyond what their schemas say.

    objects.py REJOINDER FILE...  prints what does not hold, and exits with 1 where something does not;
                                  REJOINDER is the program, which reads the rendered configuration ("" leaves that out)
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

WORKERS = ["validator", "spam-filter", "comment-store", "notifier"]
EVERYONE = [*WORKERS, "gateway"]
# What a component may be given, and no other: the variable that says where it is, and the folder that it is in.
SECRET = {
    "postgres": ("REJOINDER__POSTGRES__URL_FILE", {*EVERYONE, "migrate"}),
    "moderation": ("REJOINDER__MODERATION__KEY_FILES", {"notifier", "gateway"}),
    "smtp": ("REJOINDER__MAIL__SMTP__PASSWORD_FILE", {"notifier"}),
    "dkim": ("REJOINDER__MAIL__DKIM__PRIVATE_KEY_FILE", {"notifier"}),
    "kafka-sasl": ("REJOINDER__KAFKA__PROPERTY_FILES", {*EVERYONE, "topics"}),
}


def at(value, *path, default=None):
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return default if value is None else value


def component(document):
    return at(document, "metadata", "labels", "app.kubernetes.io/component")


def matches(selector, labels):
    """Whether a selector takes these labels."""
    for expression in selector.get("matchExpressions", []):
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


class Rendering:
    def __init__(self, file, program):
        self.documents = [d for d in yaml.safe_load_all(Path(file).read_text()) if d]
        self.program, self.wrong = program, []
        self.pods = {}
        for document in self.kind("Deployment", "StatefulSet", "Job"):
            self.pods[component(document)] = (document, document["spec"]["template"])

    def kind(self, *kinds):
        return [document for document in self.documents if document["kind"] in kinds]

    def must(self, holds, what):
        if not holds:
            self.wrong.append(what)

    def check(self):
        names = [(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in self.documents]
        self.must(len(names) == len(set(names)), "two objects have one name")
        self.must(set(EVERYONE) <= set(self.pods), "a component has no workload")
        self.must(not self.kind("Secret"), "the chart makes a secret")
        for name, (document, template) in self.pods.items():
            self.pod(name, document, template)
        self.availability()
        self.scaling()
        self.network()
        self.configuration()
        return self.wrong

    def pod(self, name, document, template):
        spec, labels = template["spec"], template["metadata"]["labels"]
        container = spec["containers"][0]
        self.must(component(template) == name, f"{name}: the pod's component differs")
        if document["kind"] != "Job":
            self.must(matches(document["spec"]["selector"], labels), f"{name}: does not select its own pods")
        self.must(spec["automountServiceAccountToken"] is False, f"{name}: has a token")
        self.must(spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, f"{name}: seccomp")
        self.must(spec["securityContext"]["runAsNonRoot"], f"{name}: may be root")
        security = container["securityContext"]
        restricted = security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
        self.must(restricted and security["capabilities"] == {"drop": ["ALL"]}, f"{name}: is not restricted")

        mounts, volumes = ({item["name"] for item in items} for items in (container["volumeMounts"], spec["volumes"]))
        self.must(mounts == volumes, f"{name}: mounts {mounts}, has {volumes}")
        for volume in spec["volumes"]:
            if map_name := at(volume, "configMap", "name"):
                there = [m for m in self.kind("ConfigMap") if m["metadata"]["name"] == map_name]
                self.must(there, f"{name}: there is no ConfigMap {map_name}")
                hook = "helm.sh/hook" in at(document, "metadata", "annotations", default={})
                if hook and there:
                    self.must("annotations" in there[0]["metadata"], f"{name}: a hook needs what comes after it")
        accounts = {account["metadata"]["name"] for account in self.kind("ServiceAccount")}
        if accounts:
            self.must(spec["serviceAccountName"] in accounts, f"{name}: its account is not there")
        values = {variable["name"]: variable.get("value", "") for variable in container["env"]}
        files = {f"{m['mountPath']}/{item['path']}" for m in container["volumeMounts"] for v in spec["volumes"]
                 if v["name"] == m["name"] and "secret" in v for item in v["secret"]["items"]}
        for folder, (variable, allowed) in SECRET.items():
            given = folder in mounts
            self.must(not given or name in allowed, f"{name}: is given {folder}")
            self.must(given == (variable in values), f"{name}: {variable} and {folder} go together")
        for path in re.findall(r"/etc/rejoinder/[\w./-]+", " ".join(values.values())):
            there = path in files or path.startswith("/etc/rejoinder/config/")
            self.must(there, f"{name}: {path} is not mounted")
        plain = {key for key in values if re.search(r"PASSWORD$|HEADERS$|__URL$|__KEYS$|__KEY$", key) and values[key]}
        self.must(not plain, f"{name}: {plain} in plain text")

        if document["kind"] == "Job":
            return
        probes = [container.get(probe) for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
        self.must(all(probes), f"{name}: lacks a probe")
        ports = {port["name"] for port in container["ports"]}
        paths = [(probe["httpGet"]["path"], probe["httpGet"]["port"] in ports) for probe in probes if probe]
        self.must(paths == [("/livez", True), ("/livez", True), ("/readyz", True)], f"{name}: probes {paths}")
        asleep = at(container, "lifecycle", "preStop", "sleep", "seconds")
        self.must((asleep is not None) == (name == "gateway"), f"{name}: preStop {asleep}")
        config = self.config()
        seconds = (config["kafka"]["session_timeout_ms"] + config["kafka"]["transaction_timeout_ms"]) / 1000
        need = config["pipeline"]["deadline_seconds"] + seconds if name in WORKERS else asleep
        self.must(spec["terminationGracePeriodSeconds"] > need, f"{name}: its grace period is not above {need} s")
        static = document["kind"] == "StatefulSet"
        instance = [v for v in container["env"] if v["name"] == "REJOINDER__KAFKA__GROUP_INSTANCE_ID"]
        self.must(static == bool(instance), f"{name}: static membership needs a StatefulSet, and the other way round")

    def availability(self):
        for budget in self.kind("PodDisruptionBudget"):
            name = component(budget)
            labels = self.pods[name][1]["metadata"]["labels"]
            self.must(budget["spec"]["maxUnavailable"] == 1, f"{name}: more than one may be away")
            taken = [n for n, (_, t) in self.pods.items() if matches(budget["spec"]["selector"], t["metadata"]["labels"])]
            self.must(taken == [name], f"{name}: its budget is about {taken}, {labels}")
        for service in self.kind("Service"):
            selector = {"matchLabels": service["spec"]["selector"]}
            taken = [n for n, (_, t) in self.pods.items() if matches(selector, t["metadata"]["labels"])]
            self.must(taken == [component(service)], f"service {component(service)} leads to {taken}")
            ports = [p["name"] for n in taken for p in self.pods[n][1]["spec"]["containers"][0]["ports"]]
            self.must(all(p["targetPort"] in ports for p in service["spec"]["ports"]), f"service to {taken}: its port")

    def scaling(self):
        kafka, targets = self.config()["kafka"], []
        for scaler in self.kind("HorizontalPodAutoscaler", "ScaledObject"):
            target, name = scaler["spec"]["scaleTargetRef"], component(scaler)
            targets.append(target["name"])
            workload = self.pods[name][0]
            found = (workload["kind"], workload["metadata"]["name"]) == (target["kind"], target["name"])
            self.must(found, f"{name}: scales {target}")
            self.must("replicas" not in workload["spec"], f"{name}: its replicas are set by two")
            if scaler["kind"] == "ScaledObject":
                most = scaler["spec"]["maxReplicaCount"] * self.config()["pipeline"]["runners"]
                self.must(most <= kafka["partitions"], f"{name}: is scaled above its partitions")
                for trigger in scaler["spec"]["triggers"]:
                    group = trigger["metadata"]["consumerGroup"]
                    self.must(group == f"{kafka['prefix']}rejoinder-{name}", f"{name}: looks at the group {group}")
        self.must(len(targets) == len(set(targets)), "two scale one workload")

    def network(self):
        policies = self.kind("NetworkPolicy")
        if not policies:
            return
        denied = [p for p in policies if "ingress" not in p["spec"] and "egress" not in p["spec"]]
        for name, (_, template) in self.pods.items():
            labels = template["metadata"]["labels"]
            both = [p for p in denied if matches(p["spec"]["podSelector"], labels)]
            self.must(both and both[0]["spec"]["policyTypes"] == ["Ingress", "Egress"], f"{name}: is not denied by default")
            rules = [p for p in policies if "egress" in p["spec"] and matches(p["spec"]["podSelector"], labels)]
            ports = {port["port"] for p in rules for rule in p["spec"]["egress"] for port in rule["ports"]}
            self.must(53 in ports, f"{name}: cannot ask for names")
            config = self.config()
            brokers = {int(broker.rpartition(":")[2]) for broker in config["kafka"]["brokers"].split(",")}
            self.must(brokers <= ports or name == "migrate", f"{name}: does not reach Kafka")
            mail = config["mail"]["smtp"]["port"]
            self.must((mail in ports) == (name == "notifier"), f"{name}: SMTP {mail} in {ports}")

    def config(self):
        import tomllib

        maps = [m["data"]["rejoinder.toml"] for m in self.kind("ConfigMap") if "rejoinder.toml" in m["data"]]
        self.must(len(set(maps)) == 1, "the configurations differ")
        return tomllib.loads(maps[0])

    def configuration(self):
        """The program reads what was rendered, with each container's variables and a sample in place of secrets."""
        if not self.program:
            return
        text = next(m["data"]["rejoinder.toml"] for m in self.kind("ConfigMap") if "rejoinder.toml" in m["data"])
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            for name, (_, template) in self.pods.items():
                env = {}
                for variable in template["spec"]["containers"][0]["env"]:
                    sample = "0123456789abcdef" * 2
                    value = variable.get("value", sample)
                    env[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda found: env[found[1]], value)
                # Each process is given the secrets of its part alone, and the check is of the whole.
                env.setdefault("REJOINDER__MODERATION__KEYS", '["0123456789abcdef0123456789abcdef"]')
                env.setdefault("REJOINDER__POSTGRES__URL", "postgres://rejoinder@postgres/rejoinder")
                env |= {"REJOINDER_CONFIG": file.name, "PATH": os.environ["PATH"]}
                run = subprocess.run([self.program, "config", "check", "--no-files"], env=env, capture_output=True, text=True)
                self.must(run.returncode == 0, f"{name}: {run.stderr.strip()}")


def main(program, *files):
    wrong = [f"{file}: {what}" for file in files for what in Rendering(file, program).check()]
    for line in wrong:
        print(line)
    if wrong or not files:
        sys.exit(f"{len(wrong)} things do not hold")
    print(f"{len(files)} renderings hold together")


if __name__ == "__main__":
    main(*sys.argv[1:])
