"""Rendered objects against the schemas of their kinds: Kubernetes' own, and those of other operators' kinds.

    schemas.py CRDS FILE...  prints what is wrong, and exits with 1 where something is
"""

import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

# The oldest that the chart names, and the newest.
VERSIONS = ["1.30.0", "1.37.0"]


def strict(schema):
    """The schema with unknown fields refused, as kubectl's --validate=strict does."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if closed.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
        closed["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    open_already = closed.get("additionalProperties") or closed.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(closed.get("properties"), dict) and not open_already:
        closed["additionalProperties"] = False
    return closed


def definitions(folder):
    """The schema of each kind that a file below the folder defines, by apiVersion and kind."""
    known = {}
    for path in Path(folder).glob("*/*.yaml"):
        for crd in yaml.safe_load_all(path.read_text()):
            for version in crd["spec"]["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                # What all objects have is not in the definition.
                schema["properties"]["metadata"] = {"type": "object"}
                kind = (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
                known[kind] = jsonschema.Draft202012Validator(schema)
    return known


def faults(document, known):
    """What is wrong with one object."""
    validator = known.get((document["apiVersion"], document["kind"]))
    if validator:
        for error in validator.iter_errors(document):
            yield f"{error.json_path}: {error.message}"
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{error.path}: {error.message} (Kubernetes {version})"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"no schema for {document['apiVersion']} {document['kind']} (Kubernetes {version})"


def main(crds, *files):
    known = definitions(crds)
    wrong, seen = 0, 0
    for file in files:
        for document in filter(None, yaml.safe_load_all(Path(file).read_text())):
            seen += 1
            for fault in faults(document, known):
                wrong += 1
                print(f"{file}: {document['kind']} {document['metadata']['name']}: {fault}")
    if wrong or not seen:
        sys.exit(f"{wrong} faults in {seen} objects")
    print(f"{seen} objects are as their schemas say")


if __name__ == "__main__":
    main(*sys.argv[1:])
