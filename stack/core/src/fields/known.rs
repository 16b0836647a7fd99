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

impl Known {
    /// Everything that a name can tell.
    pub const ALL: [Self; 3] = [Self::Level, Self::RequestId, Self::TraceId];

    /// Its names, the most telling first. A dot is nesting, or part of the name.
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Level => &[
                "level",
                "log.level",
                "severity",
                "loglevel",
                "logLevel",
                "log_level",
                "levelname",
                "lvl",
                "severity_text",
                "severityText",
                "SeverityText",
                "levelno",
                "severity_number",
                "severityNumber",
                "SeverityNumber",
            ],
            Self::RequestId => &[
                "requestId",
                "request_id",
                "requestid",
                "RequestId",
                "requestID",
                "request-id",
                "awsRequestId",
                "aws_request_id",
                "function_request_id",
                "faas.invocation_id",
                "x-request-id",
                "X-Request-Id",
                "x-amzn-requestid",
                "x-amzn-RequestId",
                "http.request.id",
                "req_id",
                "AWSRequestId",
            ],
            Self::TraceId => &[
                "traceId",
                "trace_id",
                "traceid",
                "TraceId",
                "trace.id",
                "xray_trace_id",
                "xrayTraceId",
                "x-amzn-trace-id",
                "X-Amzn-Trace-Id",
                "traceparent",
                "dd.trace_id",
            ],
        }
    }

    /// What `name` tells, and its place among the names for that.
    #[inline]
    pub(crate) fn find(name: &str) -> Option<(Self, usize)> {
        let (first, last) = (name.bytes().next()?, name.bytes().next_back());
        if !FIRST_BYTES[usize::from(first)] {
            return None; // Most names.
        }
        let same = |known: &str| known.len() == name.len() && known.bytes().next_back() == last && known == name;
        Self::ALL.into_iter().find_map(|known| Some((known, known.names().iter().position(|name| same(name))?)))
    }

    /// Whether an object of this name may hold one of the names that have a dot.
    #[inline]
    pub(crate) fn may_be_inside(name: &str) -> bool {
        let nested =
            |path: &str| path.len() > name.len() && path.as_bytes()[name.len()] == b'.' && path.starts_with(name);
        name.bytes().next().is_some_and(|first| FIRST_BYTES_OF_DOTTED[usize::from(first)])
            && Self::ALL.into_iter().any(|known| known.names().iter().any(|path| nested(path)))
    }
}

/// What the names begin with, and what those begin with that have a dot.
const FIRST_BYTES: [bool; 256] = first_bytes(false);
const FIRST_BYTES_OF_DOTTED: [bool; 256] = first_bytes(true);

const fn first_bytes(dotted: bool) -> [bool; 256] {
    let mut bytes = [false; 256];
    let mut known = 0;
    while known < Known::ALL.len() {
        let names = Known::ALL[known].names();
        let mut name = 0;
        while name < names.len() {
            if !dotted || has_dot(names[name].as_bytes()) {
                bytes[names[name].as_bytes()[0] as usize] = true;
            }
            name += 1;
        }
        known += 1;
    }
    bytes
}

const fn has_dot(name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() {
        if name[at] == b'.' {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_of_the_table_is_found_at_its_place() {
        for known in Known::ALL {
            for (place, name) in known.names().iter().enumerate() {
                assert_eq!(Known::find(name), Some((known, place)), "{name}");
                if let Some((outer, _)) = name.split_once('.') {
                    assert!(Known::may_be_inside(outer), "{outer}");
                }
            }
        }
        for name in ["", "Level ", "levels", "message", "requestid2", "ü"] {
            assert_eq!(Known::find(name), None, "{name}");
        }
        assert!(!Known::may_be_inside("level") && !Known::may_be_inside("logs"));
    }
}
