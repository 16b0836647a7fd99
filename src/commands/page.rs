//! Pages of HTML: without a script, without a network, readable on paper and on a phone.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
};

use crate::{
    error::{Error, Kind},
    ui::hides,
};

/// What all pages look like.
const STYLE: &str = include_str!("page.css");

/// Checks, before any work, that the page can be written there: to a file, new or old, in a folder that is there.
///
/// # Errors
/// Wrong usage.
pub fn check(path: &Path) -> Result<(), Error> {
    let wrong = |what: &str| Err(Error::new(Kind::Usage, format!("--html {}: {what}", path.display())));
    match path.metadata() {
        Ok(there) if !there.is_file() => wrong("this is no file"),
        Ok(_) => Ok(()),
        Err(_) if folder_of(path).is_dir() => Ok(()),
        Err(_) => wrong("there is no such folder"),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a page, whole or not at all. A link stays one, and a file keeps who may read it.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(page: &str, path: &Path) -> Result<(), Error> {
    let failed = |error: &io::Error| Error::failed(format!("--html {}", path.display())).because(error.kind());
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let before = path.metadata().ok().map(|file| file.permissions());
    let mut file = shareable().tempfile_in(folder_of(&path)).map_err(|error| failed(&error))?;
    file.write_all(page.as_bytes()).map_err(|error| failed(&error))?;
    if let Some(before) = before {
        file.as_file().set_permissions(before).map_err(|error| failed(&error))?;
    }
    file.persist(&path).map(drop).map_err(|error| failed(&error.error))
}

/// Others may read it, as far as the user lets them read what a program writes.
fn shareable() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

/// The begin of a page: its title, and what it looks like beside what all do. No text of a page is loaded from elsewhere.
#[must_use]
pub fn head(title: &str, style: &str) -> String {
    let title = xml(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{style}</style>\n<h1>{title}</h1>\n"
    )
}

/// A text within XML; what XML cannot hold is left out, and what hides is shown.
#[must_use]
pub fn xml(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            c if hides(c) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
            }
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        write("<p>", &folder.path().join("a.html")).unwrap();
        let error = write("<p>", &folder.path().join("nowhere/a.html")).unwrap_err();
        assert!(error.message.starts_with("--html "), "{}", error.message);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn xml_holds_any_text() {
        assert_eq!(xml("<a href='x'>&\u{1}\n\"\u{ffff}"), "&lt;a href=&#39;x&#39;&gt;&amp; &quot;");
    }
}
