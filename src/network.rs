//! How hosts outside of this machine are reached, and whom they are trusted by: one configuration for AWS, for the domain, for
//! S3 and for secrets.

use logctl_sink::http::HttpClient;

use crate::{
    env::Environment,
    error::{Error, Kind},
};

/// Variables that name a file of authorities, the one that counts first.
const BUNDLES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];

/// How hosts outside of this machine are reached.
#[derive(Debug, Clone, Default)]
pub struct Network {
    proxy: String,
    exempt: String,
    /// The variable that names a file of authorities, and the file.
    bundle: Option<(&'static str, String)>,
}

impl Network {
    /// As the variables `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in either case, and `AWS_CA_BUNDLE` or `SSL_CERT_FILE`.
    #[must_use]
    pub fn new(env: &Environment) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| env.var(name)).unwrap_or_default().to_owned();
        Self {
            proxy: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            exempt: first(&["NO_PROXY", "no_proxy"]),
            bundle: BUNDLES.into_iter().find_map(|name| Some((name, env.var(name)?.to_owned()))),
        }
    }

    /// The authorities, in PEM, that are trusted beside the public ones.
    ///
    /// # Errors
    /// Wrong usage where the file that a variable names cannot be read.
    pub fn authorities(&self) -> Result<Option<String>, Error> {
        let Some((name, path)) = &self.bundle else { return Ok(None) };
        let wrong = |what: String| Error::new(Kind::Usage, format!("{name}={path}: {what}"));
        let pem = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        if pem.contains("-----BEGIN CERTIFICATE-----") {
            Ok(Some(pem))
        } else {
            Err(wrong("it holds no certificate in PEM".to_owned()))
        }
    }

    /// A client; `authority` is a certificate in PEM that is trusted beside the public ones.
    ///
    /// # Errors
    /// Wrong usage where a certificate cannot be read.
    pub fn client(&self, authority: Option<&str>) -> Result<HttpClient, Error> {
        let own = authority.unwrap_or_default();
        let all = format!("{own}\n{}", self.authorities()?.unwrap_or_default());
        let all = Some(all.as_str()).filter(|all| !all.trim().is_empty());
        let client = HttpClient::new(all).and_then(|client| client.with_proxy(all, &self.proxy, &self.exempt));
        client.map_err(|cause| Error::new(Kind::Usage, cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_read_is_named() {
        let network = Network { bundle: Some(("AWS_CA_BUNDLE", "/nowhere".to_owned())), ..Network::default() };
        let error = network.client(None).unwrap_err();
        assert!(error.kind == Kind::Usage && error.message.starts_with("AWS_CA_BUNDLE=/nowhere: "), "{error}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let network =
            Network { bundle: Some(("SSL_CERT_FILE", file.path().display().to_string())), ..Network::default() };
        assert!(network.client(None).is_err());
        assert!(Network::default().client(None).is_ok());
    }
}
