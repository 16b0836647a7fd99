//! Signatures, made by the SDK's own crate.

use std::{sync::Arc, time::SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use bytes::Bytes;
use hyper::Request;

/// Why a request could not be signed: it has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("the request could not be signed: {0}")]
pub struct SignatureError(String);

/// Signs requests of one Region with one identity.
#[derive(Clone)]
pub struct Signer {
    credentials: Credentials,
    pub(super) region: String,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Signer {
    /// A signer. `clock` tells the time that goes into the signature.
    #[must_use]
    pub fn new(
        credentials: Credentials,
        region: String,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        Self { credentials, region, clock: Arc::new(clock) }
    }

    /// The same identity in another Region.
    #[must_use]
    pub fn in_region(self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self }
    }

    /// Adds the signature for `service` to a request, the content's hash included.
    ///
    /// # Errors
    /// When the request cannot be put into canonical form.
    pub fn sign(&self, request: &mut Request<Bytes>, service: &str) -> Result<(), SignatureError> {
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        if service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let identity = self.credentials.clone().into();
        let failed = |what: String| SignatureError(what);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time((self.clock)())
            .settings(settings)
            .build()
            .map_err(|error| failed(error.to_string()))?
            .into();
        let uri = request.uri().to_string();
        let headers: Vec<(String, String)> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let signable = SignableRequest::new(
            request.method().as_str(),
            uri,
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(request.body()),
        )
        .map_err(|error| failed(error.to_string()))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| failed(error.to_string()))?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the AWS documentation, "Examples of how to derive a signing key", is for another service; what can
    /// be checked without a second implementation is that the headers are there and the content's hash is right.
    #[test]
    fn a_signature_covers_the_content() {
        let credentials = Credentials::from_keys("AKIDEXAMPLE", "secret", Some("token".into()));
        let signer = Signer::new(credentials, "eu-west-1".into(), || SystemTime::UNIX_EPOCH);
        let mut request = Request::post("https://d.eu-west-1.es.amazonaws.com/_bulk").body(Bytes::new()).unwrap();
        signer.sign(&mut request, "es").unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-amz-content-sha256"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(header("x-amz-security-token"), "token");
        assert!(header("authorization").contains("Credential=AKIDEXAMPLE/19700101/eu-west-1/es/aws4_request"));
    }
}
