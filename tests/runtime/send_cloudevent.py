"""Sends one CloudEvent with the official SDK and prints the status and the response as one line of JSON."""

import argparse
import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

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

    # The SDK does not set datacontenttype, and most senders do not either.
    attributes = {"id": arguments.id, "type": "market.jobs.loaded", "source": "https://example.com/löader"}
    message = MODES[arguments.mode](CloudEvent(attributes, arguments.data))
    url = urlsplit(arguments.url)
    # Not urllib, which would add a Content-Type header.
    connection = HTTPConnection(url.hostname, url.port, timeout=120)
    connection.request("POST", url.path, message.body, dict(message.headers))
    response = connection.getresponse()
    print(json.dumps({"status": response.status, "body": json.load(response)}))


if __name__ == "__main__":
    main()
