//! What Ctrl-C means to a run.

use std::{cell::Cell, rc::Rc};

use tokio_util::sync::CancellationToken;

use crate::error::{Error, Kind};

/// What Ctrl-C means. It ends a run at once, unless the run has begun to change things: then it asks it to stop at its next
/// safe point, and a second one ends it at once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    armed: Rc<Cell<bool>>,
    expected: Rc<Cell<bool>>,
    token: CancellationToken,
}

impl Interrupt {
    /// From here on things are changed.
    pub fn arm(&self) {
        self.armed.set(true);
    }

    /// From here on it is how the run ends, and nothing is said of it.
    pub fn expect(&self) {
        self.armed.set(true);
        self.expected.set(true);
    }

    /// Whether that is so.
    #[must_use]
    pub fn is_expected(&self) -> bool {
        self.expected.get()
    }

    /// Whether the run shall end at its next safe point.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until the run shall end at its next safe point.
    pub async fn set(&self) {
        self.token.cancelled().await;
    }

    /// Ends the run here if it shall end; `hint` says how to go on.
    ///
    /// # Errors
    /// Interrupted.
    pub fn check(&self, hint: &str) -> Result<(), Error> {
        if self.is_set() { Err(Error::new(Kind::Interrupted, "interrupted").hint(hint)) } else { Ok(()) }
    }

    /// Takes note of a Ctrl-C. Tells whether it ends the run at once.
    pub(crate) fn press(&self) -> bool {
        let again = self.is_set();
        if self.armed.get() {
            self.token.cancel();
        }
        again || !self.armed.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_waits_for_a_safe_point_only_where_things_are_changed() {
        let interrupt = Interrupt::default();
        assert!(interrupt.press());
        interrupt.arm();
        assert!(!interrupt.press());
        assert_eq!(interrupt.check("go on").unwrap_err().kind, Kind::Interrupted);
        assert!(interrupt.press());
    }
}
