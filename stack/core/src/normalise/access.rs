//! Access logs in the Common Log Format, as API Gateway writes them where nobody chose JSON.
//!
//! `ip caller user [time] "method path protocol" status bytes request-id`:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>

use serde_json::{Map, Value};

use super::Normalised;
use crate::{ids, level::Level};

pub(super) fn read(message: &str) -> Option<Normalised> {
    // IPv4 or IPv6.
    let client = message.bytes().position(|byte| !(byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')))?;
    let (client, rest) = message.split_at(client);
    let (_, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let (user, rest) = rest.split_once(" [")?;
    if client.is_empty() || user.contains(' ') {
        return None;
    }
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let mut request = request.split(' ');
    let (method, mut path) = (request.next()?, request.next()?);
    // API Gateway's route key is a method and a path: `GET GET /pets`.
    if !path.starts_with('/')
        && let Some(next) = request.next().filter(|next| next.starts_with('/'))
    {
        path = next;
    }
    let mut rest = rest.split(' ');
    let status: u16 = rest.next()?.parse().ok()?;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("clientIp", client.into());
    if user != "-" {
        put("user", user.into());
    }
    put("requestTime", time.into());
    put("httpMethod", method.into());
    put("path", path.into());
    put("status", status.into());
    if let Some(bytes) = rest.next().and_then(|bytes| bytes.parse::<u64>().ok()) {
        put("responseLength", bytes.into());
    }
    // Those of API Gateway for HTTP and of CloudFront end in equals signs.
    let is_id =
        |word: &&str| ids::is_id(word) || (word.len() >= 12 && word.ends_with('=') && !word.contains(['"', '/', ':']));
    let request_id = rest.find(is_id).map(str::to_owned);
    Some(Normalised { level: (status >= 500).then_some(Level::Error), request_id, fields, ..Normalised::default() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_of_api_gateway() {
        let line = r#"192.0.2.1 - ana [23/Nov/2026:10:00:00 +0000] "GET /pets/1 HTTP/1.1" 503 41 8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f"#;
        let read = read(line).unwrap();
        assert_eq!(read.level, Some(Level::Error));
        assert_eq!(read.request_id.as_deref(), Some("8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f"));
        assert_eq!(
            Value::Object(read.fields),
            json!({"clientIp": "192.0.2.1", "user": "ana", "requestTime": "23/Nov/2026:10:00:00 +0000",
                "httpMethod": "GET", "path": "/pets/1", "status": 503, "responseLength": 41})
        );
    }

    #[test]
    fn other_lines_with_brackets() {
        assert_eq!(read("sent a [letter] \"to you\" 200"), None);
        assert_eq!(read("[Sun Dec 04 04:47:44 2005] [error] mod_jk"), None);
    }
}
