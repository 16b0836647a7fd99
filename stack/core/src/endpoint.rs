//! Where a domain answers.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::auth::AuthMode;

/// The address of a domain: `https://`, a host, and a port where it is not 443. Plain `http://` leads to this machine only:
/// what is sent there are logs, and what proves who sends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme and authority, without a slash at the end.
    url: String,
    host: String,
}

impl FromStr for Endpoint {
    type Err = String;

    /// The refusal never quotes the text, which may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "an endpoint looks like https://search-logs-abc.eu-west-1.es.amazonaws.com".to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err("an endpoint carries no name and password: the stack reads them from a secret".to_owned());
        }
        if authority.contains(['/', '?', '#']) {
            return Err("an endpoint ends with its host or port; leave out the path behind it".to_owned());
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') || (bare != host && c == ':');
        let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        if bare.is_empty() || !bare.chars().all(known) || !port_fits {
            return Err(wrong());
        }
        let endpoint =
            Self { url: format!("{}://{authority}", scheme.to_ascii_lowercase()), host: bare.to_ascii_lowercase() };
        match scheme.to_ascii_lowercase().as_str() {
            "https" => Ok(endpoint),
            "http" if endpoint.is_loopback() => Ok(endpoint),
            "http" => Err("plain http:// is for this machine only; the endpoint of a domain has https://".to_owned()),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.url)
    }
}

impl Endpoint {
    /// Scheme and authority, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// What its host wants.
    #[must_use]
    pub fn auth(&self) -> AuthMode {
        AuthMode::of_host(&self.host)
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("https://search-x.eu-west-1.es.amazonaws.com", AuthMode::SigV4)]
    #[test_case("https://search-x.eu-west-1.es.amazonaws.com:443/", AuthMode::SigV4)]
    #[test_case("HTTPS://logs.shop.example", AuthMode::None)]
    #[test_case("http://127.0.0.1:9200", AuthMode::None)]
    #[test_case("http://localhost:9200", AuthMode::None)]
    #[test_case("http://[::1]:9200", AuthMode::None)]
    fn endpoints_and_their_auth(text: &str, auth: AuthMode) {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.auth(), auth);
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }

    #[test_case("localhost:9200", "looks like"; "no scheme")]
    #[test_case("ftp://x", "looks like"; "another scheme")]
    #[test_case("", "looks like"; "nothing")]
    #[test_case("https://", "looks like"; "no host")]
    #[test_case("https://a b", "looks like"; "a space")]
    #[test_case("https://a:0", "looks like"; "no port")]
    #[test_case("https://a:b:1", "looks like"; "two ports")]
    #[test_case("https://admin:hunter2@a", "no name and password"; "a password")]
    #[test_case("https://admin@a", "no name and password"; "a name")]
    #[test_case("https://a/_dashboards", "leave out the path"; "a path")]
    #[test_case("http://search.shop.example", "this machine only"; "logs in the clear")]
    #[test_case("http://127.0.0.1.shop.example", "this machine only"; "a name that begins like this machine")]
    #[test_case("http://localhost@shop.example", "no name and password"; "a name that is called like this machine")]
    fn no_endpoints(text: &str, says: &str) {
        let error = text.parse::<Endpoint>().unwrap_err();
        assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
    }
}
