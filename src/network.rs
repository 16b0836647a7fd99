//! How hosts outside of this machine are reached, and whom they are trusted by: one configuration for AWS, for the domain, for
//! S3 and for secrets.

use std::sync::LazyLock;

use logctl_sink::http::{CertificateDer, HttpClient, certificates};

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

    /// The authorities that a variable names, in PEM: those that can be read, where one can.
    ///
    /// # Errors
    /// Wrong usage where the file cannot be read, or holds none.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let Some((name, path)) = &self.bundle else { return Ok(Vec::new()) };
        let wrong = |what: &str| Error::new(Kind::Usage, format!("{name}={path}: {what}"));
        let pem = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let found = certificates(&pem);
        if found.is_empty() { Err(wrong("it holds no certificate in PEM that can be read")) } else { Ok(found) }
    }

    /// A client, which trusts the public authorities, those of this machine and those that a variable names; and `authority`,
    /// a certificate in PEM.
    ///
    /// # Errors
    /// Wrong usage where a certificate cannot be read.
    pub fn client(&self, authority: Option<&str>) -> Result<HttpClient, Error> {
        let wrong = |cause: String| Error::new(Kind::Usage, cause);
        let mut trusted = self.authorities()?;
        if let Some(pem) = authority.filter(|pem| !pem.is_empty()) {
            let own = certificates(pem);
            if own.is_empty() {
                return Err(wrong("the domain's authority is no certificate in PEM that can be read".to_owned()));
            }
            trusted.extend(own);
        }
        trusted.extend(OF_THIS_MACHINE.iter().cloned());
        let client = HttpClient::trusting(&trusted);
        client.with_proxy(&trusted, &self.proxy, &self.exempt).map_err(wrong)
    }
}

/// The authorities that this machine trusts, as the SDK's own client does.
static OF_THIS_MACHINE: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

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
