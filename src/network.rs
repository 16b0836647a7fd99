//! How hosts outside of this machine are reached, where no SDK does it.

use logctl_sink::http::HttpClient;

use crate::{
    env::Environment,
    error::{Error, Kind},
};

/// How hosts outside of this machine are reached.
#[derive(Debug, Clone, Default)]
pub struct Network {
    proxy: String,
    exempt: String,
}

impl Network {
    /// As the variables `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in either case.
    #[must_use]
    pub fn new(env: &Environment) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| env.var(name)).unwrap_or_default().to_owned();
        Self {
            proxy: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            exempt: first(&["NO_PROXY", "no_proxy"]),
        }
    }

    /// A client; `authority` is a certificate in PEM that is trusted beside the public ones.
    ///
    /// # Errors
    /// Wrong usage where the certificate cannot be read.
    pub fn client(&self, authority: Option<&str>) -> Result<HttpClient, Error> {
        let authority = authority.filter(|pem| !pem.is_empty());
        let client =
            HttpClient::new(authority).and_then(|client| client.with_proxy(authority, &self.proxy, &self.exempt));
        client.map_err(|cause| Error::new(Kind::Usage, cause))
    }
}
