//! A file that is written as it is read, and has its name only when it is complete.

use std::{
    cell::Cell,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use super::export::Behind;
use crate::error::{Error, Kind};

/// Whether a line of the file ends there.
fn ends_a_line(path: &Path, length: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(length.saturating_sub(1)))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte == *b"\n")
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("--to {}", path.display())).because(error)
}

/// A file that has its name only when it is complete.
pub struct Part {
    pub path: PathBuf,
    /// Where it is until then.
    until_then: PathBuf,
    file: File,
    /// Whether nothing was there before.
    is_new: bool,
    /// How long it is where it is gone on with; what stands behind that is kept until the event of the cursor is found.
    goes_on_at: Cell<Option<u64>>,
}

impl Part {
    /// Begins it, or goes on with what is there.
    ///
    /// # Errors
    /// Where it is there, another run writes it, or it is not what it was.
    pub fn open(path: &Path, behind: Option<&Behind>) -> Result<Self, Error> {
        let usage = |what: String| Error::new(Kind::Usage, what);
        let failed = |error: &io::Error| failed(path, error);
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let until_then = PathBuf::from(part);
        let told = until_then.display();
        if path.exists() {
            let what = format!("--to {}: the file is there already", path.display());
            return Err(usage(what).hint("give another name, or delete it"));
        }
        let busy = || Error::failed(format!("{told} is being written by another run"));
        let is_busy = |file: &File| matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        let length = behind.and_then(|behind| behind.bytes);
        let mut options = OpenOptions::new();
        let opened = match length {
            Some(_) => options.append(true).open(&until_then),
            None => options.append(true).create_new(true).open(&until_then),
        };
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists if File::open(&until_then).is_ok_and(|file| is_busy(&file)) => busy(),
            io::ErrorKind::AlreadyExists => usage(format!("{told} is there from before"))
                .hint("go on with the --cursor that the last run has named; else delete it, or write to another file what is behind the \"cursor\" of its last line"),
            io::ErrorKind::NotFound if length.is_some() => {
                usage(format!("there is no {told} to go on with")).hint("leave out --cursor")
            }
            _ => failed(&error),
        })?;
        if is_busy(&file) {
            return Err(busy());
        }
        let there = file.metadata().map_err(|error| failed(&error))?.len();
        match length {
            Some(length) if length > there => {
                let what = format!("{told} has {there} bytes, and had {length} where that cursor was named");
                return Err(usage(what).hint("delete it, and begin anew without --cursor"));
            }
            Some(length) if !ends_a_line(&until_then, length).map_err(|error| failed(&error))? => {
                let what = format!("{told} does not end with an event where that cursor says");
                return Err(usage(what).hint("is it the file of another run?"));
            }
            _ => {}
        }
        Ok(Self { path: path.to_owned(), until_then, file, is_new: length.is_none(), goes_on_at: Cell::new(length) })
    }

    /// What is written goes here.
    pub fn writer(&self) -> Result<File, Error> {
        self.file.try_clone().map_err(|error| failed(&self.path, &error))
    }

    /// Takes away what was written after `length`, which ended within an event. Where nothing was, it is left as it was found.
    pub fn cut(&self, length: u64) {
        if length > 0 {
            let _ = self.file.set_len(length);
        } else if self.is_new {
            let _ = std::fs::remove_file(&self.until_then);
        }
    }

    pub fn length(&self) -> Result<u64, Error> {
        let length = self.file.metadata().map(|file| file.len());
        length.map_err(|error| failed(&self.path, &error))
    }

    /// Takes away what stands behind the event of the cursor, once: half an event, or those up to a later cursor.
    pub fn begin(&self) -> Result<(), Error> {
        let Some(length) = self.goes_on_at.take() else { return Ok(()) };
        self.file.set_len(length).map_err(|error| failed(&self.path, &error))
    }

    /// Gives it its name.
    pub fn complete(self) -> Result<(), Error> {
        if self.path.exists() {
            let what = format!("--to {}: there is a file of this name by now", self.path.display());
            return Err(Error::failed(what).hint(format!("what was read is in {}", self.until_then.display())));
        }
        let named = self.file.sync_all().and_then(|()| std::fs::rename(&self.until_then, &self.path));
        named.map_err(|error| failed(&self.path, &error))
    }
}
