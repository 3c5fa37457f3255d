"""Reads the rows and objects of the programs with Google's clients, and prints a summary as JSON."""

import json
import os

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

project, dataset = os.environ["WAREHOUSE_URL"].removeprefix("bigquery://").split("/")
client = bigquery.Client(
    project=project,
    credentials=AnonymousCredentials(),
    client_options=ClientOptions(api_endpoint=f"http://{os.environ['BIGQUERY_EMULATOR_HOST']}"),
)
ads = list(client.query_and_wait(f"SELECT DISTINCT source, job_id FROM {dataset}.cleaned_jobs"))
rows = list(client.list_rows(client.get_table(f"{project}.{dataset}.job_embeddings")))

bucket, _, prefix = os.environ["ARTIFACTS_URL"].removeprefix("gs://").partition("/")
store = storage.Client(
    project=project,
    credentials=AnonymousCredentials(),
    client_options=ClientOptions(api_endpoint=os.environ["STORAGE_EMULATOR_HOST"]),
)
text = store.bucket(bucket).blob(f"{prefix}/models/x.json").download_as_text()

print(
    json.dumps(
        {
            "ads": len(ads),
            "embeddings": len(rows),
            "norm": max(sum(x * x for x in row["embedding"]) ** 0.5 for row in rows),
            "object": text,
        }
    )
)
