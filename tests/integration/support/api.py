"""The HTTP API of a running volleyd, and its description."""

import json
import re
import urllib.error
import urllib.request
from functools import cache

import yaml
from jsonschema import Draft202012Validator

from .servers import ROOT


@cache
def description():
    return yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())


def resolved(part):
    while "$ref" in part:
        at = description()
        for step in part["$ref"].removeprefix("#/").split("/"):
            at = at[step]
        part = at
    return part


def mistakes(value, schema):
    """What of a value is not as the schema of the description says."""
    validator = Draft202012Validator({"components": description()["components"], **schema})
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(value)]


class Api:
    def __init__(self, volleyd, token=None):
        self.base = f"http://{volleyd.address}"
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method, path, headers=None, body=None):
        """Returns status and JSON, or text if it is none."""
        request = urllib.request.Request(self.base + path, method=method, headers={**self.headers, **(headers or {})}, data=body)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                status, kind, body = response.status, response.headers["Content-Type"], response.read().decode()
        except urllib.error.HTTPError as error:
            status, kind, body = error.code, error.headers["Content-Type"], error.read().decode()
        return status, json.loads(body) if kind == "application/json" else body

    def get(self, what):
        status, body = self.ask("GET", "/api/v1/" + what)
        assert status == 200, (what, status, body)
        return body

    def post(self, what):
        status, body = self.ask("POST", "/api/v1/" + what)
        assert status in (200, 202), (what, status, body)
        return body

    def component(self, name):
        return self.get("components/" + name)

    def events(self, most):
        """The next events, decoded."""
        request = urllib.request.Request(self.base + "/api/v1/events", headers=self.headers)
        found = []
        with urllib.request.urlopen(request, timeout=20) as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            for line in response:
                if match := re.match(rb"data: (.*)\n", line):
                    found.append(json.loads(match.group(1)))
                if len(found) == most:
                    return found
        return found
