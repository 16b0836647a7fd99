"""Writes all events between two times in their order, one JSON object a line, as `opensearch-py` is used for it."""

import json
import sys

from opensearchpy import OpenSearch, helpers

url, indices, begin, end = sys.argv[1:]
query = {
    "query": {"range": {"@timestamp": {"gte": int(begin), "lt": int(end), "format": "epoch_millis"}}},
    "sort": [{"@timestamp": "asc"}],
}
client = OpenSearch(url, timeout=300)
for hit in helpers.scan(client, query=query, index=indices, size=5_000, preserve_order=True, request_timeout=300):
    sys.stdout.write(json.dumps(hit["_source"]) + "\n")
