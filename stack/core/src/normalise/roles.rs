//! Which leaves of an event tell its level, its ids and its service: by their names, so it is decided once for each shape.

use std::borrow::Cow;

use crate::{
    fields::known::{Known, MAX_FOLDED, fold},
    json::text::unescape,
    level::{Level, Scale},
    shape::{each_value, is_too_long},
};

/// How deep messages are looked into that stand in messages.
const MAX_INNER: usize = 2;
/// Bytes of the name of a container.
const MAX_SERVICE: usize = 256;

/// Names that tell what became of a request, folded, the most telling first.
const STATUSES: [&str; 6] = ["status", "statuscode", "state", "responsestatus", "integrationstatus", "elbstatuscode"];
/// Where they tell it of the event, and not of something in it.
const ABOVE_STATUSES: [&str; 7] = ["", "record", "details", "delivery", "http", "response", "res"];
/// Names that only an event of a request has, folded: a status of anything else is none of these.
const OF_REQUESTS: [&str; 17] = [
    "httpmethod",
    "method",
    "requestmethod",
    "routekey",
    "requesttime",
    "path",
    "resourcepath",
    "ip",
    "sourceip",
    "clientip",
    "remoteaddr",
    "requesturi",
    "uri",
    "url",
    "requestid",
    "requestcontext",
    "verb",
];

/// What each leaf is asked for.
#[derive(Debug, Default)]
pub struct Roles {
    /// Leaves that tell level and ids, the most telling first.
    levels: Vec<(usize, Scale)>,
    request_ids: Vec<usize>,
    trace_ids: Vec<usize>,
    /// Texts that are messages themselves.
    messages: Vec<usize>,
    /// Names of containers.
    services: Vec<usize>,
    /// What became of a request, a function or a delivery: a number or a word.
    statuses: Vec<usize>,
    /// What kind of event a service of AWS tells of.
    kinds: Vec<usize>,
    /// Whether the event is an error by the names that it has.
    is_error: bool,
}

/// What an event tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// How severe.
    pub level: Option<Level>,
    /// The request it belongs to.
    pub request_id: Option<String>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// The container that it comes from.
    pub service: Option<String>,
}

impl Roles {
    /// Those of the leaves of a shape.
    #[must_use]
    pub fn of(shape: &[u8]) -> Self {
        let mut roles = Self::default();
        let mut ranked: Vec<(Known, [usize; 3], Scale)> = Vec::new();
        // Two scales share a number: the neighbours decide.
        let mut neighbours: [bool; 3] = [false; 3];
        let (mut of_request, mut of_aws, mut of_lambda, mut of_states) = (false, false, false, false);
        let (mut error_type, mut error_message) = (false, false);
        let mut statuses: Vec<([usize; 2], String, usize)> = Vec::new();
        let mut leaf = 0;
        each_value(shape, |path, depth| {
            leaf += 1;
            if is_too_long(path) {
                return;
            }
            let leaf = leaf - 1;
            let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
            let mut room = [0; MAX_FOLDED];
            let folded = fold(last, &mut room).unwrap_or_default();
            if let Some((known, rank)) = Known::find(path) {
                let scale = if path.ends_with("level.no") { Scale::Python } else { Scale::of_name(folded) };
                // A dotted name at the root comes before nesting.
                ranked.push((known, [rank, depth, leaf], scale));
            }
            match path {
                "log" | "message" | "msg" | "json@message" | "json@m" | "details.cause" | "details.output" | "body" => {
                    roles.messages.push(leaf);
                }
                "container_name" | "kubernetes.container_name" => roles.services.push(leaf),
                "type" => roles.kinds.push(leaf),
                "channel" => neighbours[0] = true,
                "execution_arn" => (of_states, of_aws) = (true, true),
                "delivery.destination" => of_aws = true,
                _ => {}
            }
            let place = |all: &[&str], one: &str| all.iter().position(|known| *known == one);
            if let (Some(above), Some(name)) = (place(&ABOVE_STATUSES, above), place(&STATUSES, folded)) {
                statuses.push(([above, name], path.to_owned(), leaf));
            }
            of_lambda |= path.starts_with("record.");
            of_request |= path.starts_with("http") || path.starts_with("req.");
            if depth == 1 {
                neighbours[1] |= folded == "levelvalue";
                neighbours[2] |= matches!(folded, "loggername" | "levelno");
                of_request |= OF_REQUESTS.contains(&folded);
                error_type |= folded == "errortype";
                error_message |= folded == "errormessage";
            }
        });
        let scales = [Scale::Monolog, Scale::Logback, Scale::Python];
        let of_neighbour = scales.into_iter().zip(neighbours).find_map(|(scale, is)| is.then_some(scale));
        ranked.sort_by_key(|(_, rank, _)| *rank);
        for (known, [_, _, leaf], scale) in ranked {
            match known {
                Known::Level => {
                    let scale = if scale == Scale::Pino { of_neighbour.unwrap_or(scale) } else { scale };
                    roles.levels.push((leaf, scale));
                }
                Known::RequestId => roles.request_ids.push(leaf),
                Known::TraceId => roles.trace_ids.push(leaf),
            }
        }
        if of_request || of_aws || of_lambda {
            statuses.sort();
            roles.statuses = statuses.into_iter().map(|(_, _, leaf)| leaf).collect();
        }
        if !of_states && !of_lambda {
            roles.kinds.clear();
        }
        roles.is_error = error_type && error_message;
        roles
    }

    /// What the leaves tell, each of which is JSON, of an event that stands `depth` messages deep.
    pub fn read<'l>(&self, leaf: impl Fn(usize) -> Cow<'l, str>, depth: usize) -> Told {
        let leaf = &leaf;
        let mut told = Told {
            level: self.level(leaf),
            request_id: first(&self.request_ids, leaf),
            trace_id: first(&self.trace_ids, leaf).map(|id| super::first_id(&id).unwrap_or(id)),
            service: first(&self.services, leaf).filter(|name| name.len() <= MAX_SERVICE),
        };
        if depth == MAX_INNER {
            return told;
        }
        for message in &self.messages {
            let json = leaf(*message);
            let may_be_json = json.contains('{') && json.contains('}');
            // A text is asked only where nothing else tells.
            if !may_be_json && (told.level.is_some() || told.request_id.is_some()) {
                continue;
            }
            let Some(text) = text(&json) else { continue };
            let text = text.trim();
            let is_json = may_be_json && text.ends_with('}');
            if !is_json && (told.level.is_some() || told.request_id.is_some()) {
                continue;
            }
            let inner = super::whole(super::of_message(text), depth + 1);
            let is_object = is_json && text.starts_with('{') && !inner.fields.is_empty();
            // What a container or a runtime says around a message is less telling than the message. What only quotes an
            // object is text.
            told.level = if is_object { inner.level.or(told.level) } else { told.level.or(inner.level) };
            told.request_id = told.request_id.or(inner.request_id);
            told.trace_id = told.trace_id.or(inner.trace_id);
        }
        told
    }

    fn level<'l>(&self, leaf: &impl Fn(usize) -> Cow<'l, str>) -> Option<Level> {
        // A name tells more than a number.
        let named = self.levels.iter().find_map(|(at, _)| {
            let json = leaf(*at);
            Level::of_word(super::text::without_colours(&text(&json)?).trim())
        });
        let counted = || {
            self.levels.iter().find_map(|(at, scale)| {
                let number: i64 = leaf(*at).parse().ok()?;
                let unique = || {
                    [Scale::Logback, Scale::Java]
                        .into_iter()
                        .find_map(|scale| (number >= 700 && number % 100 == 0).then(|| scale.level(number)).flatten())
                };
                scale.level(number).or_else(|| Scale::Pino.level(number)).or_else(unique)
            })
        };
        named
            .or_else(counted)
            .or_else(|| self.kind(leaf))
            .or_else(|| self.status(leaf))
            .or(self.is_error.then_some(Level::Error))
    }

    /// `ExecutionFailed`, `LambdaFunctionTimedOut` of Step Functions.
    fn kind<'l>(&self, leaf: &impl Fn(usize) -> Cow<'l, str>) -> Option<Level> {
        let kind = first(&self.kinds, leaf)?;
        ["Failed", "TimedOut", "Aborted"].iter().any(|end| kind.ends_with(end)).then_some(Level::Error)
    }

    fn status<'l>(&self, leaf: &impl Fn(usize) -> Cow<'l, str>) -> Option<Level> {
        // The first one that is a status decides.
        self.statuses.iter().find_map(|at| {
            let json = leaf(*at);
            let word = text(&json).unwrap_or(Cow::Borrowed(&json));
            let is = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
            let failed = match word.parse() {
                Ok(500_u16..=599) => true,
                Ok(100..500) => false,
                _ if is(&["error", "failure", "failed", "timeout", "timed_out", "fault"]) => true,
                _ if is(&["ok", "success", "succeeded", "completed"]) => false,
                _ => return None,
            };
            Some(failed.then_some(Level::Error))
        })?
    }
}

/// The first of these leaves that is a text and says something.
fn first<'l>(leaves: &[usize], leaf: &impl Fn(usize) -> Cow<'l, str>) -> Option<String> {
    let says = |json: &str| text(json).filter(|text| super::is_something(text)).map(Cow::into_owned);
    leaves.iter().find_map(|at| says(&leaf(*at)))
}

/// The text of a leaf that is one.
fn text(json: &str) -> Option<Cow<'_, str>> {
    Some(unescape(json.strip_prefix('"')?.strip_suffix('"')?))
}
