//! Dead letters on their way into the bucket.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use logctl_core::dead_letter::{DeadLetter, LetterKind};
use strum::{EnumCount as _, IntoEnumIterator as _};

use crate::aws::{AwsError, s3::Bucket};

/// Dead letters, compressed as they come: there may be as many of them as there were events.
#[derive(Default)]
pub struct Letters {
    kinds: [Option<Open>; LetterKind::COUNT],
}

struct Open {
    gzip: GzEncoder<Vec<u8>>,
    count: usize,
}

impl Letters {
    /// Adds a letter.
    ///
    /// # Panics
    /// Never: a letter is plain data, and writing into memory does not fail.
    #[expect(clippy::expect_used, reason = "a Vec takes every byte")]
    pub fn add(&mut self, letter: &DeadLetter<'_>) {
        let fresh = || Open { gzip: GzEncoder::new(Vec::new(), Compression::fast()), count: 0 };
        let open = self.kinds[letter.kind as usize].get_or_insert_with(fresh);
        let mut line = serde_json::to_vec(letter).expect("plain data");
        // An event is kept as it came, and may have come with line breaks between its values.
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        line.push(b'\n');
        open.gzip.write_all(&line).expect("writing into memory");
        open.count += 1;
    }

    /// How many there are of a kind.
    #[must_use]
    pub fn count(&self, kind: LetterKind) -> usize {
        self.kinds[kind as usize].as_ref().map_or(0, |open| open.count)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        LetterKind::iter().map(|kind| self.count(kind)).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts an object for each kind of letters, under the key that `key` gives.
    ///
    /// # Errors
    /// When the bucket refuses one of them. Then nothing may be acknowledged.
    pub async fn put(self, bucket: &Bucket, key: impl Fn(LetterKind) -> String) -> Result<(), AwsError> {
        for (kind, object) in self.into_objects() {
            bucket.put(&key(kind), object.into()).await?;
        }
        Ok(())
    }

    /// The objects: gzip of NDJSON for each kind there is.
    ///
    /// # Panics
    /// Never: writing into memory does not fail.
    #[expect(clippy::expect_used, reason = "a Vec takes every byte")]
    pub fn into_objects(self) -> impl Iterator<Item = (LetterKind, Vec<u8>)> {
        let objects = LetterKind::iter().zip(self.kinds);
        objects.filter_map(|(kind, open)| Some((kind, open?.gzip.finish().expect("writing into memory"))))
    }
}
