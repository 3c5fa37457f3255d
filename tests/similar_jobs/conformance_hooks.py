"""Half of the requests use an ad of the index: the others would only get 404."""

import schemathesis

KNOWN = {"source": "MCF", "job_id": "MCF-2025-0012345"}


def is_known(value):
    """Decides by the generated value, so that runs with the same seed are equal."""
    return len(repr(value)) % 2 == 0


@schemathesis.hook
def map_query(ctx, query):
    if query and KNOWN.keys() <= query.keys() and is_known(query):
        query.update(KNOWN)
    return query


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    if path_parameters and KNOWN.keys() <= path_parameters.keys() and is_known(path_parameters):
        path_parameters.update(KNOWN)
    return path_parameters


@schemathesis.hook
def map_body(ctx, body):
    if isinstance(body, dict) and "job" in body and is_known(body):
        body["job"] = dict(KNOWN)
    return body
