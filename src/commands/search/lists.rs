//! Lists of values out of files: `requestId in @ids.txt`, `requestId in @-`.

use std::io::{IsTerminal as _, Read as _};

use crate::{
    error::{Error, Kind},
    query::quote,
    ui::notice,
};

/// Bytes of a query, lists out of files aside.
const MAX_QUERY: usize = 64 << 10;
/// Bytes of a list.
const MAX_LIST: u64 = 4 << 20;

/// The arguments with the values of their lists.
///
/// # Errors
/// Wrong usage where a file cannot be read or holds no value, and where the query is too long.
pub fn read(arguments: &[String]) -> Result<Vec<String>, Error> {
    let bytes: usize = arguments.iter().map(String::len).sum();
    if bytes > MAX_QUERY {
        let what = format!("the query has {bytes} bytes, and takes {MAX_QUERY}");
        return Err(Error::new(Kind::Usage, what).hint("a long list of values stands in a file: requestId in @ids.txt"));
    }
    // `requestId`, `in`, `@ids.txt` as three arguments.
    let mut joined: Vec<String> = Vec::new();
    for argument in arguments {
        match joined.as_mut_slice() {
            [.., name, word] if word == "in" && argument.starts_with('@') => {
                *name = format!("{name} in {argument}");
                joined.pop();
            }
            _ => joined.push(argument.clone()),
        }
    }
    joined.into_iter().map(with_values).collect()
}

fn with_values(argument: String) -> Result<String, Error> {
    let Some((before, rest)) = argument.split_once(" in @") else { return Ok(argument) };
    let (path, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    // In prose it is none.
    if before.contains(' ') && !std::path::Path::new(path).is_file() {
        return Ok(argument);
    }
    let wrong = |what: &str| {
        Error::new(Kind::Usage, format!("@{path}: {what}")).hint("one value a line: requestId in @ids.txt")
    };
    let mut text = String::new();
    if path == "-" && std::io::stdin().is_terminal() {
        notice("reading values, one a line; Ctrl-D ends the list");
    }
    let read = match path {
        "-" => std::io::stdin().take(MAX_LIST + 1).read_to_string(&mut text),
        path => std::fs::File::open(path).and_then(|file| file.take(MAX_LIST + 1).read_to_string(&mut text)),
    };
    read.map_err(|error| wrong(&error.to_string()))?;
    if text.len() as u64 > MAX_LIST {
        return Err(wrong(&format!("it has more than {MAX_LIST} bytes; search for a part of it at a time")));
    }
    let values: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(quote).collect();
    if values.is_empty() {
        return Err(wrong("there is no value in it"));
    }
    Ok(format!("{before} in ({}) {behind}", values.join(", ")))
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
        let expected = r#"requestId in ("R-1", "R \"2\"") "#;
        assert_eq!(read(&[format!("requestId in {path}")]).unwrap(), [expected]);
        assert_eq!(read(&["requestId", "in", &path, "x"].map(str::to_owned)).unwrap(), [expected, "x"]);
        assert_eq!(read(&["requestId in @/nowhere".to_owned()]).unwrap_err().kind, Kind::Usage);
        assert_eq!(read(&["see mail in @home".to_owned()]).unwrap(), ["see mail in @home"]);
        assert_eq!(read(&["x".repeat(MAX_QUERY + 1)]).unwrap_err().kind, Kind::Usage);
    }
}
