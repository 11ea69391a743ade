"""A fake OpenTelemetry collector: takes spans as OTLP in JSON and has them at hand."""
import json

from harness import client
from harness.upstream import HitLog, Upstream


def value(x):
    """The Python value of an OTLP AnyValue."""
    (kind, inner), = x.items()
    if kind == "arrayValue":
        return [value(v) for v in inner["values"]]
    return int(inner) if kind == "intValue" else inner


class Span:
    def __init__(self, resource, raw):
        self.resource, self.raw = resource, raw
        self.trace, self.id, self.parent = raw["traceId"], raw["spanId"], raw.get("parentSpanId")
        self.name, self.kind = raw["name"], raw["kind"]
        self.start, self.end = int(raw["startTimeUnixNano"]), int(raw["endTimeUnixNano"])
        self.attributes = {a["key"]: value(a["value"]) for a in raw["attributes"]}
        self.events = [(e["name"], {a["key"]: value(a["value"]) for a in e["attributes"]}) for e in raw.get("events", [])]
        self.failed = raw["status"].get("code") == 2

    def __getitem__(self, name):
        return self.attributes[name]

    def __repr__(self):
        return f"<{self.name} {self.attributes}>"


class Collector:
    """Answers each POST by the steps that its upstream plays, at first with success."""

    def __init__(self, **place):
        self.http = Upstream("collector", HitLog(), **place).play(lambda x: x.json(200, {"partialSuccess": {}}))

    @property
    def url(self):
        return self.http.url

    def spans(self):
        found = []
        for hit in self.http.hits:
            for r in json.loads(hit.body)["resourceSpans"]:
                resource = {a["key"]: value(a["value"]) for a in r["resource"]["attributes"]}
                found += [Span(resource, s) for scope in r["scopeSpans"] for s in scope["spans"]]
        return found

    def trace_of(self, request_id, seconds=15):
        """The spans of one request, its server's span first; waits for them."""
        def whole():
            spans = self.spans()
            roots = [s for s in spans if s.attributes.get("echelon.request_id") == request_id]
            return roots and roots[:1] + [s for s in spans if s.trace == roots[0].trace and s is not roots[0]]
        return client.until(whole, seconds) or []
