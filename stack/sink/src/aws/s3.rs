//! A bucket, as far as dead letters need it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::{Method, Request};
use logctl_core::backoff::Backoff;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use tokio::time::sleep;

use super::{AwsClient, AwsError, ESCAPED, xml::texts};
use crate::http::Response;

/// How often a request is sent that S3 did not take for a passing reason.
const TRIES: u32 = 3;
/// The pauses in between: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(600));
/// The slashes of a key are those of its path.
const IN_KEYS: &AsciiSet = &ESCAPED.remove(b'/');

/// The header that tells why an object was set aside.
const REASON: &str = "x-amz-meta-reason";
/// Characters of such a reason: escaped, they stay below the 2 KB that S3 keeps beside an object.
const MAX_REASON: usize = 400;
/// How long a copy may take; S3 makes it by itself, and an object may be large.
const COPY_TIMEOUT: Duration = Duration::from_secs(20);

/// An object.
#[derive(Debug)]
pub struct Object {
    /// What it holds.
    pub body: Bytes,
    /// When it was put, where S3 tells.
    pub modified: Option<SystemTime>,
    /// Why it was set aside, if it was.
    pub reason: Option<String>,
    /// Which version of it this is, where the bucket keeps several.
    pub version: Option<String>,
}

/// What a header cannot hold, or would not keep.
const IN_HEADERS: &AsciiSet = &CONTROLS.add(b'%').add(b' ');

/// A part of a listing.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Keys in their order.
    pub keys: Vec<String>,
    /// Where the listing goes on, if it does.
    pub next: Option<String>,
}

/// A bucket.
#[derive(Clone)]
pub struct Bucket {
    /// Signs and sends.
    pub aws: AwsClient,
    /// Its name.
    pub name: String,
    /// The account that must own it.
    pub owner: String,
}

impl Bucket {
    /// Puts an object.
    ///
    /// # Errors
    /// When S3 refuses it or cannot be reached.
    pub async fn put(&self, key: &str, body: Bytes) -> Result<(), AwsError> {
        self.send(Method::PUT, &escaped(key), &[], body).await.map(drop)
    }

    /// Puts an object under another key with the reason why, without reading it; the old one is gone, `for_good` where no
    /// version of it may stay.
    ///
    /// # Errors
    /// When S3 refuses that or cannot be reached.
    pub async fn set_aside(&self, key: &str, to: &str, reason: &str, for_good: bool) -> Result<(), AwsError> {
        let plain = |sign: char| if sign.is_ascii_graphic() || sign == ' ' { sign } else { '?' };
        let reason: String = reason.chars().map(plain).take(MAX_REASON).collect();
        let headers = [
            ("x-amz-copy-source", format!("/{}/{}", self.name, escaped(key))),
            ("x-amz-metadata-directive", "REPLACE".to_owned()),
            (REASON, utf8_percent_encode(&reason, IN_HEADERS).to_string()),
        ];
        let patient = Self { aws: self.aws.clone().with_timeout(COPY_TIMEOUT), ..self.clone() };
        let copied = patient.send(Method::PUT, &escaped(to), &headers, Bytes::new()).await?;
        // A copy that fails on the way is answered with 200 all the same.
        let text = String::from_utf8_lossy(&copied.body);
        if !text.contains("<CopyObjectResult") {
            let code = texts(&text, "Code").next().unwrap_or_else(|| "InternalError".to_owned());
            return Err(AwsError::Service { code, message: copied.excerpt(), status: copied.status.as_u16() });
        }
        let version = copied.headers.get("x-amz-copy-source-version-id").and_then(|version| version.to_str().ok());
        match version {
            Some(version) if for_good => self.delete_version(key, version).await,
            _ => self.delete(key).await,
        }
    }

    /// Reads an object.
    ///
    /// # Errors
    /// When S3 refuses that, cannot be reached, or knows no such object.
    pub async fn get(&self, key: &str) -> Result<Object, AwsError> {
        let Response { headers, body, .. } = self.send(Method::GET, &escaped(key), &[], Bytes::new()).await?;
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let modified = header("last-modified").and_then(|date| httpdate::parse_http_date(date).ok());
        Ok(Object {
            body,
            modified,
            reason: header(REASON).map(|reason| percent_decode_str(reason).decode_utf8_lossy().into_owned()),
            version: header("x-amz-version-id").map(str::to_owned),
        })
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// When S3 refuses that or cannot be reached.
    pub async fn delete(&self, key: &str) -> Result<(), AwsError> {
        self.send(Method::DELETE, &escaped(key), &[], Bytes::new()).await.map(drop)
    }

    /// Deletes a version of an object for good.
    ///
    /// # Errors
    /// When S3 refuses that or cannot be reached.
    pub async fn delete_version(&self, key: &str, version: &str) -> Result<(), AwsError> {
        let version = utf8_percent_encode(version, ESCAPED);
        let rest = format!("{}?versionId={version}", escaped(key));
        self.send(Method::DELETE, &rest, &[], Bytes::new()).await.map(drop)
    }

    /// Lists the keys that begin with `prefix` and come after `after`, at most 1,000 of them.
    ///
    /// # Errors
    /// When S3 refuses that or cannot be reached.
    pub async fn list(&self, prefix: &str, after: &str) -> Result<Page, AwsError> {
        let [prefix, after] = [prefix, after].map(|text| utf8_percent_encode(text, ESCAPED));
        // In the order of names, as the signature wants them.
        let query = format!("?list-type=2&prefix={prefix}&start-after={after}");
        let response = self.send(Method::GET, &query, &[], Bytes::new()).await?;
        let text = String::from_utf8_lossy(&response.body);
        if !text.contains("<ListBucketResult") {
            return Err(AwsError::NotAws { status: response.status.as_u16(), beginning: response.excerpt() });
        }
        let keys: Vec<String> = texts(&text, "Key").collect();
        let more = texts(&text, "IsTruncated").next().as_deref() == Some("true");
        let next = keys.last().filter(|_| more).cloned();
        Ok(Page { keys, next })
    }

    async fn send(
        &self,
        method: Method,
        rest: &str,
        headers: &[(&str, String)],
        body: Bytes,
    ) -> Result<Response, AwsError> {
        let url = format!("{}/{rest}", self.aws.bucket_url(&self.name));
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let mut tries = 1;
        loop {
            let request = Request::builder().method(&method).uri(&url);
            let request = request.header("x-amz-expected-bucket-owner", &self.owner);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
            match self.aws.send("s3", request.body(body.clone())).await {
                Err(error) if error.is_passing() && tries < TRIES => {
                    tries += 1;
                    sleep(backoff.pause(fastrand::f64())).await;
                }
                result => return result,
            }
        }
    }
}

fn escaped(key: &str) -> String {
    utf8_percent_encode(key, IN_KEYS).to_string()
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

    use super::*;
    use crate::{aws::Signer, http::HttpClient};

    #[tokio::test]
    async fn a_page_is_no_success() {
        let server = MockServer::start().await;
        let page = ResponseTemplate::new(200).set_body_raw("<html>Hotel Login</html>", "text/html");
        Mock::given(any()).respond_with(page).mount(&server).await;
        let signer = Signer::new(Credentials::from_keys("k", "s", None), "r".to_owned(), || SystemTime::UNIX_EPOCH);
        let aws = AwsClient::new(HttpClient::new(None).unwrap(), signer, Some(server.uri()));
        let bucket = Bucket { aws, name: "letters".to_owned(), owner: "1".to_owned() };
        let error = bucket.put("outage/1", Bytes::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "somebody answers who is not AWS: <html>Hotel Login</html>");
    }

    #[test]
    fn keys_are_escaped() {
        assert_eq!(escaped("outage/2026-11-23/1-ü [$]"), "outage/2026-11-23/1-%C3%BC%20%5B%24%5D");
    }
}
