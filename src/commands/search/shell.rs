//! What the shell has made of a query that was not quoted.

use std::time::Duration;

use crate::error::{Error, Kind};

/// Looks for what the shell has made of a comparison that was not quoted: `status>=500` writes a file `=500`.
///
/// # Errors
/// Wrong usage, with the quoted form.
pub fn redirected(words: &[String]) -> Result<(), Error> {
    const JUST_NOW: Duration = Duration::from_secs(5);
    let is_name = |word: &String| word.chars().all(|c| c.is_alphanumeric() || "_.@-".contains(c));
    let Some(name) = words.last().filter(|name| is_name(name)) else { return Ok(()) };
    for entry in std::fs::read_dir(".").into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let (sign, value) = file.strip_prefix('=').map_or((">", &*file), |value| (">=", value));
        let is_new = entry.metadata().is_ok_and(|file| {
            file.len() == 0 && file.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age < JUST_NOW))
        });
        if is_new && value.parse::<f64>().is_ok() {
            return Err(Error::new(
                Kind::Usage,
                format!("the shell has read the sign in {name}{sign}{value} and written a file `{file}`"),
            )
            .hint(format!("quote it: logctl search '{name}{sign}{value}'")));
        }
    }
    Ok(())
}
