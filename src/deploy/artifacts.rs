//! The functions' archives: where they come from, and the bucket from which CloudFormation takes them.

use std::{fs, path::Path, time::Duration};

use aws_sdk_s3::{config::timeout::TimeoutConfig, primitives::ByteStream};
use sha2::{Digest as _, Sha256};

use super::{
    operation::Operation,
    stack::{self, Phase, Status},
};
use crate::{
    aws::Aws,
    error::{Error, Kind},
    progress::Progress,
};

/// Name of the stack that holds the bucket. All forwarding stacks of an account and Region share it.
pub const STACK: &str = "logctl-artifacts";
const TEMPLATE: &str = include_str!("../../stack/artifacts.yaml");

/// The archive of one function.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The template's parameter that takes its key.
    pub parameter: &'static str,
    /// Where it lies in the bucket: the same content, the same key.
    pub key: String,
    bytes: Vec<u8>,
}

/// File names of the archives and the parameters that take their keys.
const FUNCTIONS: [(&str, &str); 3] =
    [("logs_forwarder", "ForwarderKey"), ("log_group_created", "SubscriberKey"), ("domain_access", "DomainAccessKey")];

#[cfg(feature = "embedded-functions")]
const EMBEDDED: Option<[&[u8]; 3]> = Some([
    include_bytes!(concat!(env!("LOGCTL_FUNCTIONS"), "/logs_forwarder.zip")),
    include_bytes!(concat!(env!("LOGCTL_FUNCTIONS"), "/log_group_created.zip")),
    include_bytes!(concat!(env!("LOGCTL_FUNCTIONS"), "/domain_access.zip")),
]);
#[cfg(not(feature = "embedded-functions"))]
const EMBEDDED: Option<[&[u8]; 3]> = None;

/// The archives: those in `folder`, else those that are part of this binary.
///
/// # Errors
/// Wrong usage where there are none; a failure where one cannot be read or is no archive.
pub fn load(folder: Option<&Path>) -> Result<Vec<Archive>, Error> {
    let contents = match (folder, EMBEDDED) {
        (Some(folder), _) => FUNCTIONS.map(|(name, _)| read(folder, name)),
        (None, Some(embedded)) => embedded.map(|bytes| Ok(bytes.to_vec())),
        (None, None) => {
            return Err(Error::new(Kind::Usage, "this logctl was built without the functions' archives").hint(
                "name the folder that holds them with --functions; `make functions` builds them in target/functions",
            ));
        }
    };
    FUNCTIONS.into_iter().zip(contents).map(|((name, parameter), bytes)| archive(name, parameter, bytes?)).collect()
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let path = folder.join(format!("{name}.zip"));
    fs::read(&path).map_err(|error| {
        Error::failed(format!("cannot read the function archive {}", path.display()))
            .because(error)
            .hint("`make functions` builds the archives in target/functions")
    })
}

fn archive(name: &str, parameter: &'static str, bytes: Vec<u8>) -> Result<Archive, Error> {
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err(Error::failed(format!("the function archive {name}.zip is not a zip file"))
            .hint("`make functions` builds the archives in target/functions"));
    }
    let hash = Sha256::digest(&bytes).iter().take(16).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    Ok(Archive { parameter, key: format!("functions/{name}-{hash}.zip"), bytes })
}

/// The bucket, where there is one that can be used.
///
/// # Errors
/// When CloudFormation cannot be asked.
pub async fn bucket(aws: &Aws) -> Result<Option<String>, Error> {
    Ok(describe(aws).await?.and_then(|(status, bucket, _)| bucket.filter(|_| status.phase == Phase::Stands)))
}

/// Status, bucket and ARN of the stack that holds the bucket.
async fn describe(aws: &Aws) -> Result<Option<(Status, Option<String>, String)>, Error> {
    let stack = stack::describe(aws, STACK).await;
    let stack = stack.map_err(|error| aws.explain("cannot read the artifact stack", &error))?;
    Ok(stack.map(|stack| {
        let status = Status::from(stack.stack_status().map_or("", |status| status.as_str()));
        let id = stack.stack_id.unwrap_or_default();
        let output = stack.outputs.unwrap_or_default().into_iter().find(|output| output.output_key() == Some("Bucket"));
        (status, output.and_then(|output| output.output_value), id)
    }))
}

/// Makes the bucket. What is left of a first try that failed is replaced.
///
/// # Errors
/// When its stack fails.
pub async fn create_bucket(aws: &Aws, progress: &dyn Progress) -> Result<String, Error> {
    let failed = "cannot create the artifact bucket";
    let hint = format!("see why with: aws cloudformation describe-stack-events --stack-name {STACK}");
    if let Some((status, _, id)) = describe(aws).await?
        && status.phase == Phase::Dead
    {
        progress.note(&format!("removing stack {STACK}, which is {}", status.name));
        let ended = Operation::delete(aws, &id, STACK).await?.wait(aws, progress).await?;
        ended.check(&format!("cannot remove stack {STACK}, which is {}", status.name))?;
    }
    let ended = Operation::create(aws, STACK, TEMPLATE).await?.wait(aws, progress).await?;
    ended.check(failed).map_err(|error| error.hint(&hint))?;
    bucket(aws).await?.ok_or_else(|| Error::failed(failed).hint(hint))
}

/// How long an archive may take over a slow line.
const UPLOAD: Duration = Duration::from_mins(5);

/// Uploads the archives that the bucket does not hold yet. The account must own the bucket.
///
/// # Errors
/// When S3 refuses one.
pub async fn upload(aws: &Aws, bucket: &str, archives: &[Archive]) -> Result<(), Error> {
    let client = aws_sdk_s3::Client::new(&aws.config);
    let owner = &aws.target.account;
    let patience = || {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(UPLOAD).build();
        aws_sdk_s3::config::Config::builder().timeout_config(timeouts)
    };
    for Archive { key, bytes, .. } in archives {
        let head = || client.head_object().bucket(bucket).key(key).expected_bucket_owner(owner).send();
        if aws.call("s3", head).await.is_ok() {
            continue;
        }
        let put = || {
            let put = client.put_object().bucket(bucket).key(key).expected_bucket_owner(owner);
            put.body(ByteStream::from(bytes.clone())).customize().config_override(patience()).send()
        };
        aws.call("s3", put).await.map_err(|error| aws.explain("cannot upload the functions", &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let missing = load(Some(folder.path())).unwrap_err();
        assert!(missing.message.contains("logs_forwarder.zip"), "{missing}");
        for (name, _) in FUNCTIONS {
            fs::write(folder.path().join(format!("{name}.zip")), "not a zip").unwrap();
        }
        assert_eq!(
            load(Some(folder.path())).unwrap_err().message,
            "the function archive logs_forwarder.zip is not a zip file"
        );
    }

    #[test]
    fn the_key_follows_from_the_content() {
        let key = |bytes: &[u8]| archive("x", "XKey", [b"PK\x03\x04", bytes].concat()).unwrap().key;
        assert_eq!(key(b"a"), key(b"a"));
        assert_ne!(key(b"a"), key(b"b"));
    }
}
