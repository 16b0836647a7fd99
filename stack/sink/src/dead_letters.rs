//! The dead-letter bucket.

use logctl_core::dead_letter::{DeadLetter, Kind, key};

use crate::{
    aws::{Aws, AwsError},
    domain::gzip,
};

/// Where dead letters go.
#[derive(Clone)]
pub struct DeadLetters {
    /// Signs and sends.
    pub aws: Aws,
    /// The bucket.
    pub bucket: String,
    /// The account that must own it.
    pub owner: String,
}

impl DeadLetters {
    /// Keeps `letters`, one object for each kind among them. `request` makes the key unique.
    ///
    /// # Errors
    /// When the bucket refuses one of the objects. Then nothing may be acknowledged.
    pub async fn keep(&self, letters: &[DeadLetter], request: &str) -> Result<(), AwsError> {
        for kind in [Kind::Rejected, Kind::Outage, Kind::Undecodable] {
            let mut lines = Vec::new();
            let mut at = i64::MAX;
            for letter in letters.iter().filter(|letter| letter.kind == kind) {
                serde_json::to_writer(&mut lines, letter).map_err(|error| AwsError::Request(error.to_string()))?;
                lines.push(b'\n');
                at = at.min(letter.at);
            }
            if !lines.is_empty() {
                let body = gzip(&lines).into();
                self.aws.put_object(&self.bucket, &self.owner, &key(kind, at, request), body).await?;
            }
        }
        Ok(())
    }
}
