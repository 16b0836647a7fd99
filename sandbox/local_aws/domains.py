"""Search domains, as far as they tell where they publish their own logs."""

from ministack.core import iam_actions
from ministack.services import opensearch

DOMAIN = "/2021-01-01/opensearch/domain/"


def install():
    opensearch.create_domain_record = _with_publishing(opensearch.create_domain_record)
    opensearch._public = _shown(opensearch._public)
    iam_actions.extract_resource_arn = _of_domains(iam_actions.extract_resource_arn)


def _with_publishing(create):
    def created(payload, *args, **kwargs):
        record = create(payload, *args, **kwargs)
        record["_LogPublishing"] = payload.get("LogPublishingOptions") or {}
        return record

    return created


def _shown(public):
    return lambda record: {**public(record), "LogPublishingOptions": record.get("_LogPublishing", {})}


def _of_domains(extract):
    """What a policy names where a domain is described: its ARN."""

    def extracted(service, method, path, headers, body, query, region, account):
        if service == "opensearch" and path.startswith(DOMAIN):
            return f"arn:aws:es:{region}:{account}:domain/{path.removeprefix(DOMAIN).split('/')[0]}"
        return extract(service, method, path, headers, body, query, region, account)

    return extracted
