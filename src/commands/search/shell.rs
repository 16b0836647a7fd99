//! What the shell has made of a query that was not quoted.

use crate::error::{Error, Kind};

/// Looks for what the shell has made of a comparison that was not quoted: `status>=500` sends the answer to a file `=500`.
///
/// # Errors
/// Wrong usage, with the quoted form.
#[cfg(unix)]
pub fn redirected(words: &[String]) -> Result<(), Error> {
    use std::os::{fd::AsFd as _, unix::fs::MetadataExt as _};
    let is_name = |word: &String| word.chars().all(|c| c.is_alphanumeric() || "_.@-".contains(c));
    let Some(name) = words.last().filter(|name| is_name(name)) else { return Ok(()) };
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().map(std::fs::File::from);
    let Ok(answer) = stdout.and_then(|file| file.metadata()) else { return Ok(()) };
    if !answer.is_file() {
        return Ok(());
    }
    for entry in std::fs::read_dir(".").into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let (sign, value) = file.strip_prefix('=').map_or((">", &*file), |value| (">=", value));
        let is_answer = entry.metadata().is_ok_and(|file| (file.dev(), file.ino()) == (answer.dev(), answer.ino()));
        if is_answer && value.parse::<f64>().is_ok() {
            let what =
                format!("the shell has read the sign in {name}{sign}{value} and sends the answer to a file `{file}`");
            return Err(Error::new(Kind::Usage, what).hint(format!("quote it: logctl search '{name}{sign}{value}'")));
        }
    }
    Ok(())
}

/// Cannot tell elsewhere which file the answer goes to.
#[cfg(not(unix))]
pub fn redirected(_: &[String]) -> Result<(), Error> {
    Ok(())
}
