//! `key=value key="several words"`: <https://brandur.org/logfmt>. A key may stand without a value, as a word does that somebody has
//! not quoted; there are no more of them than pairs, and the first is a pair.

use serde_json::{Map, Value};

use super::Normalised;

pub(super) fn read(message: &str) -> Option<Normalised> {
    let mut fields = Map::new();
    let mut rest = message;
    let mut words = 0;
    while !rest.is_empty() {
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@' | b'/');
        let (name, after) = rest.split_at(rest.bytes().position(|byte| !in_name(&byte))?);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        if after.is_empty() || after.starts_with(' ') {
            words += 1;
            if fields.is_empty() {
                return None;
            }
            rest = after.trim_start_matches(' ');
            continue;
        }
        let (value, after) = value(after.strip_prefix('=')?)?;
        fields.insert(name.to_owned(), typed(&value));
        rest = after.trim_start_matches(' ');
    }
    (fields.len() >= 2 && words <= fields.len()).then(|| Normalised { fields, ..Normalised::default() })
}

/// The value at the start of `text`, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        return (!text[..end].contains('\n')).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let after = &quoted[at + 1..];
                return (after.is_empty() || after.starts_with(' ')).then_some((value, after));
            }
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

fn typed(value: &str) -> Value {
    match value {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => match text.parse::<i64>() {
            // `007` and `+7` are names, not numbers.
            Ok(number) if number.to_string() == text => number.into(),
            _ => Value::String(text.to_owned()),
        },
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "a table of cases")]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    #[test_case(r#"level=info msg="he said \"hi\"" n=7 zip=007"#, Some(json!({"level": "info", "msg": "he said \"hi\"", "n": 7, "zip": "007"})); "quoted and typed")]
    #[test_case("a= b=1", Some(json!({"a": "", "b": 1})); "an empty value")]
    #[test_case("plain words a=1 b=2", None; "words before the pairs")]
    #[test_case("status=404 not found path=/x", Some(json!({"status": 404, "path": "/x"})); "words that are not quoted")]
    #[test_case("a=1 is one of many words b=2", None; "prose with two pairs")]
    #[test_case(r#"a="open b=1"#, None; "an open quote")]
    #[test_case("x = y = z", None; "an equation")]
    fn fields(line: &str, expected: Option<Value>) {
        assert_eq!(read(line).map(|found| Value::Object(found.fields)), expected);
    }
}
