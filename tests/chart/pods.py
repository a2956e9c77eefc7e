"""Bare pods of the templates in a rendering, so that a server without controllers can be asked to admit them.

    pods.py FILE > PODS
"""

import sys
from pathlib import Path

import yaml

KINDS = {"Deployment", "StatefulSet", "Job"}


def pods(file):
    for document in filter(None, yaml.safe_load_all(Path(file).read_text())):
        if document["kind"] in KINDS:
            template = document["spec"]["template"]
            metadata = template["metadata"] | {"name": document["metadata"]["name"]}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


yaml.safe_dump_all(pods(sys.argv[1]), sys.stdout)
