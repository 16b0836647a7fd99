//! Objects of S3, as far as dead letters need them.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, Request};
use tokio::time::sleep;

use crate::{
    aws::{Aws, AwsError, encode},
    dead_letters::Bucket,
    http::Answer,
};

/// How often a request is sent that S3 did not take for a passing reason.
const TRIES: u32 = 3;
/// The pause before it is sent again; the following one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(300);

/// A part of a listing.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Keys in their order.
    pub keys: Vec<String>,
    /// Where the listing goes on, if it does.
    pub next: Option<String>,
}

impl Aws {
    /// Puts an object.
    ///
    /// # Errors
    /// When S3 refuses it or cannot be reached.
    pub async fn put_object(&self, bucket: &Bucket, key: &str, body: Bytes) -> Result<(), AwsError> {
        self.object(Method::PUT, bucket, &encode(key, "/"), body).await.map(drop)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// When S3 refuses that, cannot be reached, or knows no such object.
    pub async fn get_object(&self, bucket: &Bucket, key: &str) -> Result<Bytes, AwsError> {
        self.object(Method::GET, bucket, &encode(key, "/"), Bytes::new()).await.map(|answer| answer.body)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// When S3 refuses that or cannot be reached.
    pub async fn delete_object(&self, bucket: &Bucket, key: &str) -> Result<(), AwsError> {
        self.object(Method::DELETE, bucket, &encode(key, "/"), Bytes::new()).await.map(drop)
    }

    /// Lists the keys that begin with `prefix` and come after `after`, at most 1,000 of them.
    ///
    /// # Errors
    /// When S3 refuses that or cannot be reached.
    pub async fn list_objects(&self, bucket: &Bucket, prefix: &str, after: &str) -> Result<Page, AwsError> {
        // In the order of names, as the signature wants them.
        let query = format!("?list-type=2&prefix={}&start-after={}", encode(prefix, ""), encode(after, ""));
        let answer = self.object(Method::GET, bucket, &query, Bytes::new()).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let keys: Vec<String> = texts(&text, "Key").collect();
        let more = texts(&text, "IsTruncated").next().as_deref() == Some("true");
        let next = keys.last().filter(|_| more).cloned();
        Ok(Page { keys, next })
    }

    async fn object(&self, method: Method, bucket: &Bucket, rest: &str, body: Bytes) -> Result<Answer, AwsError> {
        let url = format!("{}/{rest}", self.bucket_url(&bucket.name));
        let mut tries = 1;
        let mut pause = FIRST_PAUSE;
        loop {
            let request = Request::builder().method(&method).uri(&url);
            let request = request.header("x-amz-expected-bucket-owner", &bucket.owner);
            match self.send("s3", request.body(body.clone())).await {
                Err(error) if error.is_passing() && tries < TRIES => {
                    tries += 1;
                    sleep(pause.mul_f64(fastrand::f64() / 2.0 + 0.5)).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
    }
}

/// The texts of the elements called `name`, unescaped: all that is needed of the XML that S3 and IAM answer with.
pub fn texts(xml: &str, name: &str) -> impl Iterator<Item = String> {
    let open = format!("<{name}>");
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (text, after) = after.split_once('<')?;
        rest = after;
        let entities =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&amp;", "&")];
        Some(entities.iter().fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read() {
        let xml = "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a/1</Key></Contents>\
            <Contents><Key>a&amp;b&lt;</Key></Contents></ListBucketResult>";
        assert_eq!(texts(xml, "Key").collect::<Vec<_>>(), ["a/1", "a&b<"]);
        assert_eq!(texts(xml, "IsTruncated").next().as_deref(), Some("true"));
        assert_eq!(texts("<Key>cut", "Key").next(), None);
    }

    #[test]
    fn keys_are_escaped() {
        assert_eq!(encode("outage/2026-11-23/1-ü [$]", "/"), "outage/2026-11-23/1-%C3%BC%20%5B%24%5D");
    }
}
