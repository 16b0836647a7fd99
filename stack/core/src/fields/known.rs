//! The names under which frameworks tell level and ids: one table for the encoder and for the query language.

/// What a name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// How severe an event is.
    Level,
    /// The request that it belongs to.
    RequestId,
    /// The trace that it belongs to.
    TraceId,
}

/// Longest name of the table, folded.
pub(crate) const MAX_FOLDED: usize = 24;

/// Names below which frameworks put what they tell, folded.
const WRAPPERS: [&str; 30] = [
    "aws",
    "context",
    "contextmap",
    "data",
    "dd",
    "detail",
    "details",
    "event",
    "extra",
    "faas",
    "fields",
    "http",
    "httprequest",
    "lambda",
    "log",
    "logprocessed",
    "mdc",
    "message",
    "meta",
    "metadata",
    "otel",
    "properties",
    "record",
    "req",
    "request",
    "requestcontext",
    "span",
    "threadcontext",
    "trace",
    "xray",
];

/// Those of them that tell the level of the event, and not of something in it.
const LEVEL_WRAPPERS: [&str; 5] = ["log", "logprocessed", "record", "fields", "metadata"];

impl Known {
    /// Everything that a name can tell.
    pub const ALL: [Self; 3] = [Self::Level, Self::RequestId, Self::TraceId];

    /// Its names as they are usually spelled, the most telling first. A dot is nesting, or part of the name.
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Level => &[
                "level",
                "log.level",
                "severity",
                "logLevel",
                "log_level",
                "Level",
                "LogLevel",
                "levelname",
                "level_name",
                "lvl",
                "severity_text",
                "severityText",
                "SeverityText",
                "Severity",
                "levelno",
                "severity_number",
                "severityNumber",
                "SeverityNumber",
                "level_value",
            ],
            Self::RequestId => &[
                "requestId",
                "request_id",
                "requestid",
                "RequestId",
                "requestID",
                "RequestID",
                "request-id",
                "awsRequestId",
                "aws_request_id",
                "AWSRequestId",
                "function_request_id",
                "FunctionRequestId",
                "faas.invocation_id",
                "x-request-id",
                "X-Request-Id",
                "x-amzn-requestid",
                "x-amzn-RequestId",
                "http.request.id",
                "req.id",
                "req_id",
                "span.requestId",
                "fields.requestId",
                "fields.RequestID",
                "context.requestId",
                "context.request_id",
                "extra.request_id",
                "extra.requestId",
                "requestContext.requestId",
                "httpRequest.requestId",
                "record.requestId",
            ],
            Self::TraceId => &[
                "traceId",
                "trace_id",
                "traceid",
                "TraceId",
                "traceID",
                "trace.id",
                "xray_trace_id",
                "xrayTraceId",
                "XrayTraceId",
                "x-amzn-trace-id",
                "X-Amzn-Trace-Id",
                "traceparent",
                "dd.trace_id",
                "otelTraceID",
                "span.traceId",
                "context.traceId",
            ],
        }
    }

    /// The same folded: letters and digits in lower case, the most telling first.
    const fn folded(self) -> &'static [&'static str] {
        match self {
            Self::Level => &[
                "level",
                "loglevel",
                "severity",
                "levelname",
                "lvl",
                "severitytext",
                "levelno",
                "severitynumber",
                "levelvalue",
            ],
            Self::RequestId => &[
                "requestid",
                "awsrequestid",
                "functionrequestid",
                "lambdarequestid",
                "invocationid",
                "xrequestid",
                "xamznrequestid",
                "xamzrequestid",
                "httprequestid",
                "reqid",
            ],
            Self::TraceId => {
                &["traceid", "xraytraceid", "awsxraytraceid", "xamzntraceid", "traceparent", "oteltraceid", "ddtraceid"]
            }
        }
    }

    /// What a dotted name tells, and how telling it is: less is more. Names are compared folded, alone or with the one above.
    #[must_use]
    pub fn find(path: &str) -> Option<(Self, usize)> {
        // Compact names of libraries, which folded would be too short to mean anything.
        match path {
            "@l" | "json@l" | "@level" | "json@level" => return Some((Self::Level, 0)),
            "@tr" | "json@tr" => return Some((Self::TraceId, 0)),
            _ => {}
        }
        let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
        let mut room = [0; MAX_FOLDED];
        let alone = fold(last, &mut room)?;
        let depth = if above.is_empty() { 0 } else { 1 + above.bytes().filter(|byte| *byte == b'.').count() };
        let found = Self::ALL.into_iter().find_map(|known| Some((known, known.place(alone)?)));
        if let Some((known, place)) = found.filter(|(known, _)| known.may_be_below(above)) {
            return Some((known, 100 * depth + place));
        }
        if above.is_empty() {
            return None;
        }
        // `trace.id`, `http.request.id`, `log.level`.
        let (further, next) = above.rsplit_once('.').unwrap_or(("", above));
        let mut room = [0; MAX_FOLDED];
        let length = fold(next, &mut room)?.len();
        let mut rest = [0; MAX_FOLDED];
        let last = fold(last, &mut rest)?;
        room.get_mut(length..length + last.len())?.copy_from_slice(last.as_bytes());
        let both = std::str::from_utf8(&room[..length + last.len()]).ok()?;
        let found = Self::ALL.into_iter().find_map(|known| Some((known, known.place(both)?)));
        found.filter(|(known, _)| known.may_be_below(further)).map(|(known, place)| (known, 100 * depth + place))
    }

    fn place(self, folded: &str) -> Option<usize> {
        self.folded().iter().position(|name| *name == folded)
    }

    /// Whether names below this one tell something of the event, and not of something in it.
    fn may_be_below(self, above: &str) -> bool {
        let wrappers: &[&str] = if self == Self::Level { &LEVEL_WRAPPERS } else { &WRAPPERS };
        above.is_empty()
            || above.split('.').all(|part| {
                let mut room = [0; MAX_FOLDED];
                fold(part, &mut room).is_some_and(|folded| wrappers.contains(&folded))
            })
    }
}

/// The letters and digits of a name in lower case; none of one that is too long to be known.
pub(crate) fn fold<'r>(name: &str, room: &'r mut [u8; MAX_FOLDED]) -> Option<&'r str> {
    let mut length = 0;
    for byte in name.bytes().filter(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80) {
        *room.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    std::str::from_utf8(&room[..length]).ok()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test]
    fn each_name_that_is_asked_for_is_found() {
        for known in Known::ALL {
            for name in known.names() {
                assert_eq!(Known::find(name).map(|(known, _)| known), Some(known), "{name}");
            }
        }
    }

    #[test_case("Level", Some(Known::Level))]
    #[test_case("record.level.name", Some(Known::Level); "loguru")]
    #[test_case("json@l", Some(Known::Level); "serilog")]
    #[test_case("requestContext.http.requestId", Some(Known::RequestId))]
    #[test_case("upstream.requestId", None; "of something else")]
    #[test_case("user.level", None; "a level of a user")]
    #[test_case("levels", None)]
    #[test_case("", None)]
    #[test_case("ü", None)]
    #[test_case("id", None)]
    fn names(name: &str, known: Option<Known>) {
        assert_eq!(Known::find(name).map(|(known, _)| known), known);
    }

    #[test]
    fn what_stands_higher_tells_more() {
        let rank = |name: &str| Known::find(name).unwrap().1;
        assert!(rank("requestId") < rank("awsRequestId") && rank("awsRequestId") < rank("context.requestId"));
    }
}
