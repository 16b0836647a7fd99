//! Which leaves of an event tell its level, its ids and its service: by their names, so it is decided once for each shape.

use std::borrow::Cow;

use crate::{
    fields::known::{Known, fold},
    json::text::unescape,
    level::{Level, Scale},
    shape::each_value,
};

/// How deep messages are looked into that stand in messages.
const MAX_INNER: usize = 2;

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
        let (mut names, mut all_folded) = (Vec::new(), Vec::new());
        let mut leaf = 0;
        each_value(shape, |path, depth| {
            let own = path.rsplit('.').next().unwrap_or_default();
            let mut room = [0; 24];
            let folded = fold(own, &mut room).unwrap_or_default();
            if let Some((known, rank)) = Known::find(path) {
                let both = path.rsplit('.').take(2).collect::<Vec<_>>();
                let scale = if both == ["no", "level"] { Scale::Python } else { Scale::of_name(folded) };
                // A dotted name at the root comes before nesting.
                ranked.push((known, [rank, depth, leaf], scale));
            }
            match path {
                "log" | "message" | "msg" | "json@message" | "json@m" | "details.cause" | "details.output" | "body" => {
                    roles.messages.push(leaf);
                }
                "container_name" | "kubernetes.container_name" => roles.services.push(leaf),
                "type" => roles.kinds.push(leaf),
                _ => {}
            }
            if matches!(
                folded,
                "status" | "statuscode" | "state" | "responsestatus" | "integrationstatus" | "elbstatuscode"
            ) {
                roles.statuses.push(leaf);
            }
            names.push(path.to_owned());
            if depth == 1 {
                all_folded.push(folded.to_owned());
            }
            leaf += 1;
        });
        let has = |name: &str| names.iter().any(|known: &String| known == name);
        let any = |wanted: &[&str]| all_folded.iter().any(|folded: &String| wanted.contains(&&**folded));
        // Two scales share a number: the neighbours decide.
        let neighbours = if has("channel") {
            Some(Scale::Monolog)
        } else if any(&["levelvalue"]) {
            Some(Scale::Logback)
        } else if any(&["loggername", "levelno"]) {
            Some(Scale::Python)
        } else {
            None
        };
        ranked.sort_by_key(|(_, rank, _)| *rank);
        for (known, [_, _, leaf], scale) in ranked {
            match known {
                Known::Level => {
                    let scale = if scale == Scale::Pino { neighbours.unwrap_or(scale) } else { scale };
                    roles.levels.push((leaf, scale));
                }
                Known::RequestId => roles.request_ids.push(leaf),
                Known::TraceId => roles.trace_ids.push(leaf),
            }
        }
        // A status of its own is none of a request's.
        let of_request = any(&[
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
        ]) || names.iter().any(|name| name.starts_with("http") || name.starts_with("req."));
        let of_aws = has("execution_arn") || has("type") || has("delivery.destination");
        if !of_request && !of_aws {
            roles.statuses.clear();
        }
        if !has("execution_arn") && !names.iter().any(|name| name.starts_with("record.")) {
            roles.kinds.clear();
        }
        roles.is_error = any(&["errortype"]) && any(&["errormessage"]);
        roles
    }

    /// What the leaves tell, each of which is JSON, of an event that stands `depth` messages deep.
    pub fn read<'l>(&self, leaf: impl Fn(usize) -> Cow<'l, str>, depth: usize) -> Told {
        let leaf = &leaf;
        let mut told = Told {
            level: self.level(leaf),
            request_id: first(&self.request_ids, leaf),
            trace_id: first(&self.trace_ids, leaf).map(|id| super::first_id(&id).unwrap_or(id)),
            service: first(&self.services, leaf),
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
            let is_object = is_json && !inner.fields.is_empty();
            // What a container or a runtime says around a message is less telling than the message.
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
                scale.level(number).or_else(unique)
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
        self.statuses.iter().find_map(|at| {
            let json = leaf(*at);
            let word = text(&json).unwrap_or(Cow::Borrowed(&json));
            let failed = matches!(word.parse(), Ok(500_u16..=599))
                || ["error", "failure", "failed", "timeout", "timed_out", "fault"]
                    .iter()
                    .any(|bad| word.eq_ignore_ascii_case(bad));
            failed.then_some(Level::Error)
        })
    }
}

/// The first of these leaves that is a text and says something.
fn first<'l>(leaves: &[usize], leaf: &impl Fn(usize) -> Cow<'l, str>) -> Option<String> {
    let says = |json: &str| text(json).filter(|text| !text.is_empty() && text != "-").map(Cow::into_owned);
    leaves.iter().find_map(|at| says(&leaf(*at)))
}

/// The text of a leaf that is one.
fn text(json: &str) -> Option<Cow<'_, str>> {
    Some(unescape(json.strip_prefix('"')?.strip_suffix('"')?))
}
