//! Lists of values out of files: `requestId in @ids.txt`, `requestId in @-`.

use std::io::{IsTerminal as _, Read as _};

use crate::{
    error::{Error, Kind},
    ui::notice,
    words::{count, quote},
};

/// Bytes of a query, lists out of files aside.
const MAX_QUERY: usize = 64 << 10;
/// Bytes of a list.
const MAX_LIST: u64 = 4 << 20;

/// The arguments with the values of their lists, and what is said of those. A file is read only where a whole argument asks for
/// it, or three of them: in a line that was pasted, the name of a file is text.
///
/// # Errors
/// Wrong usage where a file cannot be read or holds no value, and where the query is too long.
pub fn read(arguments: &[String]) -> Result<(Vec<String>, Vec<String>), Error> {
    let bytes: usize = arguments.iter().map(String::len).sum();
    if bytes > MAX_QUERY {
        let what = format!("the query has {bytes} bytes, and takes {MAX_QUERY}");
        return Err(Error::new(Kind::Usage, what).hint("a long list of values stands in a file: requestId in @ids.txt"));
    }
    let mut read = Vec::new();
    let mut notes = Vec::new();
    let mut rest = arguments;
    while let Some(first) = rest.first() {
        let parts: Vec<&str> = first.split_whitespace().collect();
        let (list, taken) = match (asked(&parts), rest) {
            (Some(list), _) => (Some(list), 1),
            (None, [name, word, path, ..]) => (asked(&[name, word, path]), 3),
            (None, _) => (None, 1),
        };
        if let Some((test, path)) = list {
            let values = values(path)?;
            notes.push(format!("{} out of @{path}", count(values.len(), "value")));
            read.push(format!("{test} ({})", values.join(", ")));
            rest = &rest[taken..];
            continue;
        }
        if first.contains(" in @") && (first.contains(" AND ") || first.contains(" OR ")) {
            let what = "a list out of a file is an argument of its own";
            return Err(Error::new(Kind::Usage, what).hint("logctl search level=error 'requestId in @ids.txt'"));
        }
        read.push(first.clone());
        rest = &rest[1..];
    }
    Ok((read, notes))
}

/// The test and the path of `NAME in @PATH`, `NAME not in @PATH`.
fn asked<'t>(words: &[&'t str]) -> Option<(String, &'t str)> {
    let (test, path) = match words {
        [name, "in", path] => (format!("{name} in"), path),
        [name, "not" | "NOT", "in", path] => (format!("{name} not in"), path),
        _ => return None,
    };
    let is_name = words[0].chars().all(|c| c.is_alphanumeric() || "_-.@".contains(c));
    Some((test, path.strip_prefix('@')?)).filter(|(_, path)| is_name && !path.is_empty())
}

fn values(path: &str) -> Result<Vec<String>, Error> {
    let wrong = |what: &str| {
        Error::new(Kind::Usage, format!("@{path}: {what}")).hint("one value a line: requestId in @ids.txt")
    };
    if ["/proc/", "/dev/", "/sys/"].iter().any(|of_system| path.starts_with(of_system)) {
        return Err(wrong("this is no list of values"));
    }
    if path == "-" && std::io::stdin().is_terminal() {
        notice("reading values, one a line; Ctrl-D ends the list");
    }
    let mut text = String::new();
    let read = match path {
        "-" => std::io::stdin().take(MAX_LIST + 1).read_to_string(&mut text),
        path => std::fs::File::open(path).and_then(|file| file.take(MAX_LIST + 1).read_to_string(&mut text)),
    };
    read.map_err(|error| wrong(&error.to_string()))?;
    if text.len() as u64 > MAX_LIST {
        return Err(wrong(&format!("it has more than {MAX_LIST} bytes; search for a part of it at a time")));
    }
    let values: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(quote).collect();
    if values.is_empty() { Err(wrong("there is no value in it")) } else { Ok(values) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn values_stand_one_a_line() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"R-1\n\n R \"2\"\n").unwrap();
        let path = format!("@{}", file.path().display());
        let expected = r#"requestId in ("R-1", "R \"2\"")"#;
        let query = |arguments: &[&str]| read(&arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(query(&[&format!("requestId in {path}")]).unwrap().0, [expected]);
        let (arguments, notes) = query(&["requestId", "in", &path, "x"]).unwrap();
        assert_eq!(
            (arguments, notes),
            (vec![expected.to_owned(), "x".to_owned()], vec![format!("2 values out of {path}")])
        );
        assert_eq!(query(&["requestId in @/nowhere"]).unwrap_err().kind, Kind::Usage);
        assert_eq!(query(&[&"x".repeat(MAX_QUERY + 1)]).unwrap_err().kind, Kind::Usage);
        // A line that was pasted names a file, and means none.
        for pasted in
            ["see mail in @home", &format!("ERROR upload failed in {path}"), &format!("failed: in {path} now")]
        {
            assert_eq!(query(&[pasted]).unwrap().0, [pasted], "{pasted}");
        }
        assert!(query(&["x in @/proc/self/environ"]).is_err());
        assert!(query(&[&format!("a=1 AND requestId in {path}")]).is_err());
    }
}
