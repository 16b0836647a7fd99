//! How a caller logs in: what their identity needs once it has expired or is refused.

use std::path::Path;

use aws_config::profile::{Profile, ProfileSet};

use crate::env::Environment;

/// How a caller logs in. Names are those of profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// By keys of the environment.
    Keys,
    /// By IAM Identity Center.
    IdentityCenter(String),
    /// By the console, with `aws login`.
    Console(String),
    /// By a program that prints keys.
    Program(String),
    /// By keys that stand in the profile.
    Static(String),
    /// By a role that wants a code of this device.
    Device { profile: String, serial: String },
    /// By a token in a file.
    Token { path: String, named_by: String },
    /// In a way that is not known.
    Unknown(Option<String>),
}

impl Login {
    /// That of a profile, else that of the environment.
    pub(super) fn new(profile: Option<&str>, profiles: &ProfileSet, env: &Environment) -> Self {
        let Some(name) = profile else {
            return match env.var("AWS_WEB_IDENTITY_TOKEN_FILE") {
                Some(path) => Self::Token { path: path.to_owned(), named_by: "AWS_WEB_IDENTITY_TOKEN_FILE".to_owned() },
                None => Self::Unknown(None),
            };
        };
        let mut seen = Vec::new();
        let mut next = Some(name);
        while let Some(profile) = next.filter(|name| !seen.contains(name)).and_then(|name| profiles.get_profile(name)) {
            if let Some(login) = Self::of(profile) {
                return login;
            }
            seen.push(profile.name());
            next = profile.get("source_profile");
        }
        Self::Unknown(Some(name.to_owned()))
    }

    fn of(profile: &Profile) -> Option<Self> {
        let name = || profile.name().to_owned();
        let has = |key: &str| profile.get(key).is_some();
        if let Some(serial) = profile.get("mfa_serial") {
            return Some(Self::Device { profile: name(), serial: serial.to_owned() });
        }
        if let Some(path) = profile.get("web_identity_token_file") {
            let named_by = format!("web_identity_token_file of profile {}", profile.name());
            return Some(Self::Token { path: path.to_owned(), named_by });
        }
        if has("sso_session") || has("sso_start_url") {
            return Some(Self::IdentityCenter(name()));
        }
        if has("login_session") {
            return Some(Self::Console(name()));
        }
        if has("credential_process") {
            return Some(Self::Program(name()));
        }
        has("aws_access_key_id").then(|| Self::Static(name()))
    }

    /// What to do for a fresh identity.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Keys => {
                "set fresh keys in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, of a session, AWS_SESSION_TOKEN; \
                 or choose a profile with --profile"
                    .to_owned()
            }
            Self::IdentityCenter(profile) => format!("aws sso login --profile {profile}"),
            Self::Console(profile) => format!("aws login --profile {profile}"),
            Self::Program(profile) => {
                format!("profile {profile} asks a program for keys (credential_process); run that by hand to see why")
            }
            Self::Static(profile) => format!("the keys stand in profile {profile}; aws configure --profile {profile}"),
            Self::Device { profile, serial } => format!(
                "profile {profile} wants a code of {serial}, which logctl does not ask for; begin a session with: \
                 eval \"$(aws configure export-credentials --profile {profile} --format env)\""
            ),
            Self::Token { path, named_by } if Path::new(path).exists() => {
                format!("the token in {path} ({named_by}) wants to be renewed")
            }
            Self::Token { path, named_by } => format!("the file {path} ({named_by}) does not exist"),
            Self::Unknown(Some(profile)) => {
                format!("see how profile {profile} logs in: aws configure list --profile {profile}")
            }
            Self::Unknown(None) => {
                "log in (aws sso login), choose a profile with --profile, or set AWS_ACCESS_KEY_ID".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
    use aws_types::os_shim_internal::{Env, Fs};
    use test_case::test_case;

    use super::*;

    const CONFIG: &str = "
        [profile center]
        sso_session = corp
        [profile old]
        sso_start_url = https://example.awsapps.com/start
        [profile console]
        login_session = arn:aws:iam::123456789012:user/ana
        [profile tool]
        credential_process = /usr/bin/keys
        [profile keys]
        aws_access_key_id = AKIA
        [profile role]
        role_arn = arn:aws:iam::123456789012:role/dev
        source_profile = center
        [profile device]
        role_arn = arn:aws:iam::123456789012:role/dev
        source_profile = keys
        mfa_serial = arn:aws:iam::123456789012:mfa/ana
        [profile pod]
        role_arn = arn:aws:iam::123456789012:role/dev
        web_identity_token_file = /nowhere/token
        [profile circle]
        source_profile = circle
    ";

    #[test_case("center", "aws sso login --profile center"; "identity center")]
    #[test_case("old", "aws sso login --profile old"; "identity center as it was configured before")]
    #[test_case("role", "aws sso login --profile center"; "a role of somebody who logs in there")]
    #[test_case("console", "aws login --profile console"; "the console")]
    #[test_case("tool", "credential_process"; "a program")]
    #[test_case("keys", "aws configure --profile keys"; "keys of the profile")]
    #[test_case("device", "arn:aws:iam::123456789012:mfa/ana"; "a device")]
    #[test_case("pod", "the file /nowhere/token (web_identity_token_file of profile pod) does not exist"; "a token")]
    #[test_case("circle", "aws configure list --profile circle"; "a profile that leads to itself")]
    #[tokio::test]
    async fn each_profile_needs_its_own_login(profile: &str, hint: &str) {
        let config = CONFIG.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, config).build();
        let profiles = aws_config::profile::load(&Fs::real(), &Env::from_slice(&[]), &files, None).await.unwrap();
        let login = Login::new(Some(profile), &profiles, &Environment::from_process());
        assert!(login.hint().contains(hint), "{login:?}: {}", login.hint());
    }
}
