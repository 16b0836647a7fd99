//! Long answers, page by page.

use std::{
    io,
    process::{Child, Command, Stdio},
};

use super::Ui;
use crate::error::{Error, Kind};

impl Ui {
    /// From here on stdout goes to a pager, where it is a terminal.
    ///
    /// # Errors
    /// Wrong usage where the pager cannot be started.
    pub fn page(&mut self) -> Result<(), Error> {
        if !self.look.stdout_is_terminal {
            return Ok(());
        }
        let words: Vec<&str> = self.look.pager.split_whitespace().collect();
        let [program, arguments @ ..] = words.as_slice() else { return Ok(()) };
        let _ = self.out.flush();
        let less = self.look.less.map(|flags| ("LESS", flags));
        let started = Command::new(program).args(arguments).envs(less).stdin(Stdio::piped()).spawn();
        let mut pager = started.map_err(|error| {
            Error::new(Kind::Usage, format!("the pager {program} cannot be started"))
                .because(error)
                .hint("name one in LOGCTL_PAGER or PAGER, or leave out --pager")
        })?;
        if let Some(input) = pager.stdin.take() {
            self.out = Box::new(io::BufWriter::new(input));
        }
        self.pager = Some(pager);
        Ok(())
    }

    /// Waits until the pager is left: what is said about the answer comes after it.
    pub(super) fn leave_pager(&mut self) {
        if let Some(mut pager) = self.pager.take() {
            let _ = self.out.flush();
            self.out = Box::new(io::BufWriter::new(io::stdout()));
            let _ = Child::wait(&mut pager);
        }
    }
}
