//! The configuration of the SDKs: which identity, which Region.

use std::{fs, path::PathBuf, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig,
    profile::{Profile, ProfileFileCredentialsProvider, ProfileSet},
    provider_config::ProviderConfig,
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_http_client::{
    self as http_client, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{http::SharedHttpClient, runtime_components::RuntimeComponents};
use aws_types::os_shim_internal::{Env, Fs};

use logctl_sink::{aws::Hosts, http::CertificateDer};

use super::{Aws, Retry, login::Login, retry::ATTEMPTS};
use crate::{
    args::{AwsOptions, nearest},
    context::Context,
    env::Environment,
    error::{Error, Kind},
    network::Network,
};

/// The two halves of a key.
const KEY: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/// What calls of AWS are made of.
pub struct Connection {
    /// The configuration of the SDKs, which try nothing again by themselves: [`Retry`] does.
    pub config: SdkConfig,
    /// The Region.
    pub region: String,
    /// How calls are tried again.
    pub retry: Retry,
    /// How the caller logs in.
    pub login: Login,
    /// Where the services answer.
    pub hosts: Hosts,
}

/// The configuration of the SDKs. A profile that was typed decides who the caller is, also where the environment holds keys.
///
/// # Errors
/// Wrong usage where no Region is known or the profile does not exist; denied where half of a key is there.
pub async fn load(options: &AwsOptions, cx: &Context<'_>) -> Result<Connection, Error> {
    let env = cx.env;
    cx.check_target()?;
    check_key(options, env)?;
    let profiles = aws_config::profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None)
        .await
        .map_err(|error| Error::new(Kind::Usage, "the AWS configuration cannot be read").because(error))?;
    check_profile(options, cx, &profiles)?;
    let keys = options.profile.is_none() && missing_of_key(env) == [None, None];
    let profile =
        options.profile.as_deref().or(env.var("AWS_PROFILE")).or(profiles.get_profile("default").map(Profile::name));
    let login = if keys { Login::Keys } else { Login::new(profile, &profiles, env) };
    let retry = Retry::new(attempts(env, profile, &profiles)?, cx.notice);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .time_source(retry.clock.clone())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_secs(20))
                .build(),
        );
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let authorities = Network::new(env).authorities()?;
    if !authorities.is_empty() {
        loader = loader.http_client(trusting(&authorities)?);
    }
    let mut config = loader.load().await;
    let Some(region) = config.region().map(ToString::to_string) else {
        return Err(Error::new(Kind::Usage, "no AWS Region is set").hint("add --region, or set AWS_REGION"));
    };
    let hosts = Aws::hosts_of(&config, env);
    if let Some(profile) = &options.profile {
        // The SDK's own chain would take keys of the environment first. A role of the profile is assumed in the same Region,
        // by the same connections.
        let mut provider = ProviderConfig::without_region().with_region(config.region().cloned());
        if let Some(http) = config.http_client() {
            provider = provider.with_http_client(http);
        }
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&provider).build();
        config = config.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build();
    }
    Ok(Connection { config, region, retry, login, hosts })
}

/// How often a call is tried: as the variables and the profile say that the SDKs read.
fn attempts(env: &Environment, profile: Option<&str>, profiles: &ProfileSet) -> Result<u32, Error> {
    let profile = profile.and_then(|name| profiles.get_profile(name));
    let setting = |variable: &str, key: &str| {
        let of_profile = || Some((format!("{key} of the profile"), profile?.get(key)?.to_owned()));
        env.var(variable).map(|value| (variable.to_owned(), value.to_owned())).or_else(of_profile)
    };
    if let Some((name, mode)) = setting("AWS_RETRY_MODE", "retry_mode")
        && !["standard", "adaptive", "legacy"].contains(&mode.to_lowercase().as_str())
    {
        return Err(Error::new(Kind::Usage, format!("{name}: {mode} is no way to try again"))
            .hint("there are standard, adaptive and legacy; logctl always slows down where it is throttled"));
    }
    let Some((name, number)) = setting("AWS_MAX_ATTEMPTS", "max_attempts") else { return Ok(ATTEMPTS) };
    number.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
        Error::new(Kind::Usage, format!("{name}: {number} is no number of tries")).hint("one means: never again")
    })
}

/// The SDK's own client, which trusts these authorities, too; by itself it knows those of the system.
fn trusting(authorities: &[CertificateDer<'static>]) -> Result<SharedHttpClient, Error> {
    let pem = |certificate: &CertificateDer<'static>| {
        let text = base64_simd::STANDARD.encode_to_string(certificate.as_ref());
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    let trust = TrustStore::default().with_pem_certificate(authorities.iter().map(pem).collect::<String>());
    let context = TlsContext::builder().with_trust_store(trust).build();
    let context = context.map_err(|error| Error::failed("cannot trust these authorities").because(error))?;
    Ok(http_client::Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc));
        connector.set_tls_context(context.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    }))
}

/// With one half of a key the SDK would silently go on to the next identity that it finds.
fn check_key(options: &AwsOptions, env: &Environment) -> Result<(), Error> {
    let [Some(missing), None] = missing_of_key(env) else { return Ok(()) };
    if options.profile.is_some() {
        return Ok(());
    }
    let there = KEY.iter().find(|name| **name != missing).copied().unwrap_or_default();
    Err(Error::new(Kind::LoggedOut, format!("{there} is set without {missing}"))
        .hint("set both, or none and choose a profile with --profile"))
}

/// The halves of a key that the environment lacks.
fn missing_of_key(env: &Environment) -> [Option<&'static str>; 2] {
    let mut missing = KEY.into_iter().filter(|name| env.var(name).is_none_or(|half| half.trim().is_empty()));
    [missing.next(), missing.next()]
}

/// The SDK would take a profile that does not exist for one without credentials, and go on.
fn check_profile(options: &AwsOptions, cx: &Context<'_>, profiles: &ProfileSet) -> Result<(), Error> {
    let env = cx.env;
    let keys = missing_of_key(env) == [None, None];
    let (name, source) = match (&options.profile, env.var("AWS_PROFILE")) {
        (Some(name), _) => (name.as_str(), cx.global.files.profile.as_deref().unwrap_or("--profile")),
        (None, Some(name)) if !keys => (name, "AWS_PROFILE"),
        (None, _) => return Ok(()),
    };
    if profiles.get_profile(name).is_some() {
        return Ok(());
    }
    let error = Error::new(Kind::Usage, format!("{source}: there is no AWS profile {name}"));
    let path = env.var("AWS_CONFIG_FILE").map(PathBuf::from);
    let path = path.or_else(|| Some(PathBuf::from(env.var("HOME")?).join(".aws/config")));
    let text = path.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    if let (Some(path), true) = (path, text.lines().any(|line| line.trim() == format!("[{name}]"))) {
        return Err(error.hint(format!("{} calls it [{name}]; there it must be [profile {name}]", path.display())));
    }
    let known: Vec<&str> = profiles.profiles().collect();
    Err(match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("there is: {near}")),
        None => error.hint("make one with: aws configure --profile NAME"),
    })
}
