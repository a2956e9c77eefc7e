"""What must hold of the compose file, as `docker compose config --format json` resolves it.

    compose.py FILE [REJOINDER]  prints what does not hold, and exits with 1 where something does not
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKERS = {"validator", "spam-filter", "comment-store", "notifier", "gateway"}
ONCE = {"migrate", "topics"}
WITH_KEY = {"notifier", "gateway"}


def faults(compose, program):
    services = compose["services"]
    expected = WORKERS | ONCE | {"kafka", "postgres", "mailpit"}
    if set(services) != expected:
        yield f"the services are {sorted(services)}"
    for name, service in services.items():
        if not service.get("read_only"):
            yield f"{name}: its root can be written to"
        if service.get("cap_drop") != ["ALL"] or service.get("cap_add") or service.get("privileged"):
            yield f"{name}: keeps capabilities"
        if service.get("security_opt") != ["no-new-privileges:true"]:
            yield f"{name}: may gain privileges"
        if service.get("user", "0").split(":")[0] in ("", "0", "root"):
            yield f"{name}: runs as root"
        for port in service.get("ports", []):
            if port.get("host_ip") != "127.0.0.1" or name not in ("gateway", "mailpit"):
                yield f"{name}: {port['target']} is open to the network"
        healthy = service.get("healthcheck", {})
        if name in ONCE:
            if not healthy.get("disable"):
                yield f"{name}: is asked whether it is healthy"
        elif not healthy.get("test"):
            yield f"{name}: nobody asks whether it is healthy"
        if "inside" not in service["networks"]:
            yield f"{name}: is not in the network"
    if not compose["networks"]["inside"].get("internal"):
        yield "the inside has a way out"

    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    for name in sorted(WORKERS | ONCE):
        service = services[name]
        if service["image"] != f"rejoinder:{version}":
            yield f"{name}: the image is {service['image']}, not of version {version}"
        if service["command"][0] != name:
            yield f"{name}: runs {service['command']}"
        environment = service["environment"]
        if ("REJOINDER__MODERATION__KEYS" in environment) != (name in WITH_KEY):
            yield f"{name}: the signing key is for {WITH_KEY} alone"
        needed = {key: value["condition"] for key, value in service["depends_on"].items()}
        done, up = "service_completed_successfully", "service_healthy"
        wanted = {"migrate": {"postgres": up}, "topics": {"kafka": up}}.get(name, {"migrate": done, "topics": done})
        if needed != wanted:
            yield f"{name}: waits for {needed}"
        if program:
            # Each process is given the secrets of its part alone, and the check is of the whole.
            whole = {
                "REJOINDER__MODERATION__KEYS": '["0123456789abcdef0123456789abcdef"]',
                "REJOINDER__POSTGRES__URL": "postgres://rejoinder@postgres/rejoinder",
            }
            environment = whole | environment | {"REJOINDER_CONFIG": str(ROOT / "deploy/compose/rejoinder.toml")}
            run = subprocess.run([program, "config", "check", "--no-files"], env=environment, capture_output=True, text=True)
            if run.returncode:
                yield f"{name}: {run.stderr.strip()}"


def main(file, program=""):
    with open(file) as text:
        compose = json.load(text)
    wrong = list(faults(compose, program))
    for line in wrong:
        print(f"compose.yaml: {line}")
    if wrong:
        sys.exit(f"{len(wrong)} things do not hold")
    print(f"compose: {len(compose['services'])} services hold together")


if __name__ == "__main__":
    main(*sys.argv[1:])
