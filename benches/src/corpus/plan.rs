//! Which payloads there are, and how many events of which format each holds.

use super::{
    Kind,
    templates::{self, Section},
};

/// What makes a payload.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names the payload and seeds it.
    pub name: String,
    /// The log group its events come from.
    pub group: &'static str,
    /// The formats of its events; none in a control message.
    pub sections: Vec<Section>,
    /// How many events.
    pub events: usize,
}

/// The whole corpus: log group, formats, events. A group in which several formats meet is a container with side-cars,
/// or a service in the middle of a change of its logger.
const WHOLE: &[(&str, &str, usize)] = &[
    ("/aws/ecs/shop/checkout", "checkout", 5_500),
    ("/aws/ecs/shop/orders", "orders", 4_000),
    ("/aws/lambda/payments-prod", "payments", 3_600),
    ("/aws/lambda/notify", "powertools_typescript", 1_400),
    ("/aws/ecs/shop/inventory", "inventory", 3_400),
    ("/aws/ecs/shop/catalog", "elastic_common_schema", 3_200),
    ("/aws/ecs/shop/shipping", "opentelemetry", 2_400),
    ("/aws/ecs/shop/search", "search_service", 3_600),
    ("/iot/telemetry", "telemetry", 2_800),
    ("/aws/ecs/shop/billing", "logback", 2_600),
    ("/aws/containerinsights/shop/application", "kubernetes", 1_700),
    ("/aws/lambda/metrics", "metrics", 1_300),
    ("/aws/lambda/ledger", "numeric_strings", 1_500),
    ("/aws/lambda/broker", "identifiers", 1_500),
    ("/aws/lambda/upload", "lambda_node", 4_000),
    ("/aws/lambda/report", "lambda_python", 3_000),
    ("/aws/lambda/thumbnails", "lambda_json", 2_000),
    ("/aws/apigateway/shop/access", "api_gateway_json", 1_600),
    ("/aws/apigateway/shop/common", "api_gateway_common", 2_000),
    ("API-Gateway-Execution-Logs_4f0c1a2b3d/prod", "api_gateway_execution", 1_200),
    ("/vpc/flow", "flow_log", 1_500),
    ("/vpc/flow-columns", "flow_log_columns", 10_000),
    ("/nginx/access-columns", "access_columns", 1_600),
    ("/alb/shop-columns", "balancer_columns", 700),
    ("/aws/lambda/lambda-columns", "lambda_columns", 600),
    ("/aws/apigateway/execution-columns", "api_gateway_columns", 300),
    ("/legacy/key-columns", "key_columns", 200),
    ("aws-cloudtrail-logs-123456789012", "cloudtrail", 700),
    ("aws-waf-logs-shop", "firewall", 500),
    ("/aws/vendedlogs/states/orders", "state_machine", 800),
    ("/aws/ecs/shop/gateway", "logfmt router", 2_300),
    ("/srv/app/python", "python", 700),
    ("/srv/app/java", "java", 600),
    ("/srv/nginx/error", "nginx syslog", 1_200),
    ("/aws/rds/instance/shop/postgresql", "postgres", 500),
    ("/aws/ecs/shop/localisation", "unicode unicode_escaped", 1_200),
    ("/srv/mixed", "plain checkout logfmt lambda_python java orders", 1_000),
    ("/aws/lambda/import", "huge_json huge_text", 24),
    ("/aws/lambda/megabyte", "megabyte", 1),
    ("/srv/odd", "odd", 150),
    ("/srv/surprises", "surprises", 125),
    ("", "", 0),
];

/// Payloads of one event a format, of differing events.
const SINGLES: usize = 4;

/// The plans of a kind's payloads.
pub fn of(kind: Kind) -> Vec<Plan> {
    match kind {
        Kind::Whole => WHOLE.iter().map(|&(group, formats, events)| plan(group, formats, events)).collect(),
        Kind::OneEvent => WHOLE.iter().filter(|entry| usual(entry.1)).flat_map(singles).collect(),
        Kind::ExtractedFields => WHOLE.iter().filter(|entry| columns(entry.1)).map(with_columns).collect(),
        Kind::Large => vec![Plan {
            name: "large".to_owned(),
            ..plan("/srv/large", "checkout orders payments logback lambda_node", 10_000)
        }],
    }
}

fn plan(group: &'static str, formats: &str, events: usize) -> Plan {
    let name = formats.split(' ').next().filter(|first| !first.is_empty()).unwrap_or("control");
    Plan {
        name: name.to_owned(),
        group,
        sections: formats.split_whitespace().map(templates::section).collect(),
        events,
    }
}

fn singles(&(group, formats, _): &(&'static str, &str, usize)) -> impl Iterator<Item = Plan> {
    let plan = plan(group, formats, 1);
    (0..SINGLES).map(move |n| Plan { name: format!("{}-{n}", plan.name), ..plan.clone() })
}

fn with_columns(&(group, formats, events): &(&'static str, &str, usize)) -> Plan {
    plan(group, formats, (events * 2).min(10_000))
}

fn columns(formats: &str) -> bool {
    formats.ends_with("_columns")
}

/// Whether a format's events are as long, and as well-formed, as most are.
fn usual(formats: &str) -> bool {
    !formats.is_empty() && !["huge", "megabyte", "odd", "surprises"].iter().any(|rare| formats.starts_with(rare))
}
