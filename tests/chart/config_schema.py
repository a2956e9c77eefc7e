"""Holds the part of the chart's values.schema.json that says what `config` may hold against deploy/rejoinder.toml.

    config_schema.py          exits with 1 where they differ
    config_schema.py --write  makes it anew
"""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "deploy/chart/values.schema.json"
# What the chart sets itself, and what is secret and must not stand in a ConfigMap.
NOT_HERE = {
    "": {"deployment", "data_dir", "instance", "listen", "probes", "embedded", "moderation"},
    "kafka": {"group_instance_id", "property_files"},
    "postgres": {"url", "url_file", "password_file"},
    "mail": {"folder"},
    "mail.dkim": {"private_key_file"},
    "mail.smtp": {"password_file", "password_env"},
    "sites.*": {"akismet_keys"},
    "sites.*.external_check": {"key"},
}
# What a type does not say.
SPECIAL = {
    "kafka.properties": {"type": "object", "additionalProperties": {"type": "string"}},
    "kafka.partitions": {"type": "integer", "minimum": 1},
    "kafka.replication_factor": {"type": "integer", "minimum": 1},
    "kafka.session_timeout_ms": {"type": "integer", "minimum": 1000},
    "kafka.transaction_timeout_ms": {"type": "integer", "minimum": 1000},
    "kafka.prefix": {"type": "string", "pattern": "^[A-Za-z0-9._-]{0,100}$"},
    "kafka.brokers": {"type": "string", "pattern": "^[^\\s,]*(\\s*,\\s*[^\\s,]+)*$"},
    "pipeline.runners": {"type": "integer", "minimum": 1},
    "public_url": {"type": "string", "pattern": "^(https?://[^\\s?#]+)?$"},
    "log.format": {"enum": ["text", "json"]},
    "mail.backend": {"enum": ["smtp"]},
    "mail.smtp.security": {"enum": ["starttls", "tls", "none"]},
    "mail.smtp.port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "policy.screening.mode": {"enum": ["post", "pre", "first_time"]},
    "policy.screening.suspect_words": {"type": "object", "additionalProperties": {"type": "number"}},
}


def documented():
    """The documented file, with the keys that stand there as comments."""
    example = re.compile(r'^# ((?:"[^"]+"|[a-z_]+) = .+|\[[a-z_.]+\])$')
    lines = (ROOT / "deploy/rejoinder.toml").read_text().splitlines()
    return tomllib.loads("\n".join(example.sub(r"\1", line) for line in lines))


def schema(value, path=""):
    if path in SPECIAL:
        return SPECIAL[path]
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer", "minimum": 0}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case list():
            items = schema(value[0], f"{path}[]") if value else {"type": "string"}
            return {"type": "array", "items": items}
    properties = {
        key: schema(below, f"{path}.{key}".lstrip("."))
        for key, below in value.items()
        if key not in NOT_HERE.get(path, ())
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def config():
    """Definitions: the configuration, and a policy, which the sites share."""
    toml = documented()
    policy = schema(toml.pop("policy"), "policy")
    policy["properties"]["trial"]["properties"]["screening"] = policy["properties"]["screening"]
    example = toml.pop("sites")["example"]
    example.pop("policy")
    site = schema(example, "sites.*")
    site["properties"]["policy"] = {"$ref": "#/$defs/policy"}
    site["properties"]["moderators"]["minItems"] = 1
    site["properties"]["moderators"]["items"]["required"] = ["name", "email"]
    site["required"] = ["moderators"]
    whole = schema(toml)
    whole["properties"]["policy"] = {"$ref": "#/$defs/policy"}
    whole["properties"]["sites"] = {
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {"^[A-Za-z0-9._-]+$": site},
    }
    return {"config": whole, "policy": policy}


def compact(value, indent=0):
    """JSON in which whatever fits in a line stands in one."""
    line = json.dumps(value, ensure_ascii=False)
    if indent + len(line) <= 125 or not isinstance(value, (dict, list)):
        return line
    inner = " " * (indent + 2)
    if isinstance(value, list):
        parts, ends = [compact(below, indent + 2) for below in value], "[]"
    else:
        parts, ends = [f"{json.dumps(key)}: {compact(below, indent + 2)}" for key, below in value.items()], "{}"
    return f"{ends[0]}\n{inner}" + f",\n{inner}".join(parts) + f"\n{' ' * indent}{ends[1]}"


def main():
    text = SCHEMA.read_text()
    held = json.loads(text)
    held["$defs"] |= config()
    wanted = compact(held) + "\n"
    if sys.argv[1:] == ["--write"]:
        SCHEMA.write_text(wanted)
    elif wanted != text:
        sys.exit(f"{SCHEMA.relative_to(ROOT)} is not what deploy/rejoinder.toml says; run {sys.argv[0]} --write")


if __name__ == "__main__":
    main()
