"""Sends one CloudEvent with the official SDK and prints status and answer as one line of JSON."""

import argparse
import json
import urllib.error
import urllib.request

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

MODES = {"binary": to_binary_event, "structured": to_structured_event}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("id")
    parser.add_argument("data", type=json.loads, help="the event's data as JSON")
    arguments = parser.parse_args()

    attributes = {"id": arguments.id, "type": "market.jobs.loaded", "source": "https://example.com/löader"}
    message = MODES[arguments.mode](CloudEvent(attributes, arguments.data))
    request = urllib.request.Request(arguments.url, message.body, dict(message.headers), method="POST")
    try:
        response = urllib.request.urlopen(request, timeout=120)
    except urllib.error.HTTPError as refusal:
        response = refusal
    with response:
        print(json.dumps({"status": response.status, "headers": dict(response.headers), "body": json.load(response)}))


if __name__ == "__main__":
    main()
