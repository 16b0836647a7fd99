//! Where a domain answers.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::{auth::AuthMode, partition::Partition};

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
        let dashboards = ["/_dashboards", "/_plugin/kibana", "/app/"];
        if let Some(at) = dashboards.iter().filter_map(|path| rest.find(path)).min() {
            let own = &rest[..at];
            let plain = !own.contains(['@', '?', '#']);
            return Err(if plain {
                format!("this is the address of Dashboards; the domain's own ends before the path: {scheme}://{own}")
            } else {
                wrong()
            });
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

    /// The Region and the service that a request is signed for, where the host names them.
    ///
    /// <https://docs.aws.amazon.com/opensearch-service/latest/developerguide/endpoints.html>
    #[must_use]
    pub fn signed_for(&self) -> Option<(&str, &'static str)> {
        if let Some(labels) = self.host.strip_suffix(".on.aws") {
            let (rest, region) = labels.rsplit_once('.')?;
            let (_, service) = rest.rsplit_once('.')?;
            return (service == "aos").then_some((region, "es"));
        }
        let labels = Partition::strip(&self.host)?;
        let (rest, service) = labels.rsplit_once('.')?;
        let (_, region) = rest.rsplit_once('.')?;
        match service {
            "es" => Some((region, "es")),
            "aoss" => Some((region, "aoss")),
            _ => None,
        }
    }

    /// Whether the host's name says that it is in a VPC.
    #[must_use]
    pub fn is_in_vpc(&self) -> bool {
        self.host.starts_with("vpc-") && self.signed_for().is_some()
    }

    /// The host, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
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

    #[test_case("https://search-x.eu-west-1.es.amazonaws.com", Some(("eu-west-1", "es")); "a domain")]
    #[test_case("https://vpc-x.cn-north-1.es.amazonaws.com.cn:443", Some(("cn-north-1", "es")); "in china")]
    #[test_case("https://search-x.aos.us-east-1.on.aws", Some(("us-east-1", "es")); "dual stack")]
    #[test_case("https://x.us-east-1.aoss.amazonaws.com", Some(("us-east-1", "aoss")); "a collection")]
    #[test_case("https://search-x.eusc-de-east-1.es.amazonaws.eu", Some(("eusc-de-east-1", "es")); "the sovereign cloud")]
    #[test_case("https://search-x.us-iso-east-1.es.c2s.ic.gov", Some(("us-iso-east-1", "es")); "an isolated one")]
    #[test_case("https://logs.shop.example", None; "a name of one's own")]
    fn what_a_host_is_signed_for(text: &str, expected: Option<(&str, &str)>) {
        assert_eq!(text.parse::<Endpoint>().unwrap().signed_for(), expected);
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
    #[test_case("https://a/_dashboards", "address of Dashboards; the domain's own ends before the path: https://a"; "dashboards")]
    #[test_case("https://a/logs", "leave out the path"; "a path")]
    #[test_case("https://x:hunter2@a/_dashboards", "no name and password"; "dashboards with a password")]
    #[test_case("http://search.shop.example", "this machine only"; "logs in the clear")]
    #[test_case("http://127.0.0.1.shop.example", "this machine only"; "a name that begins like this machine")]
    #[test_case("http://localhost@shop.example", "no name and password"; "a name that is called like this machine")]
    fn no_endpoints(text: &str, says: &str) {
        let error = text.parse::<Endpoint>().unwrap_err();
        assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
    }
}
