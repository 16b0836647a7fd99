//! The functions' archives: where they come from, and the bucket from which CloudFormation takes them.

use std::{fs, path::Path, time::Duration};

use aws_sdk_s3::{
    config::timeout::TimeoutConfig,
    error::{ConnectorError, SdkError},
    primitives::{AggregatedBytes, ByteStream},
};
use logctl_core::names::{Function, StackName};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use super::{
    operation::{INTERVAL, LOOKS, Operation, Update, parameter},
    stack::{self, Phase, Status},
};
use crate::{
    aws::Aws,
    error::{Error, Kind},
    progress::Progress,
    words::count,
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
    function: Function,
    /// Its SHA-256.
    hash: [u8; 32],
    bytes: Vec<u8>,
}

/// File names of the archives, the parameters that take their keys, and the functions that run them.
const FUNCTIONS: [(&str, &str, Function); 3] = [
    ("logs_forwarder", "ForwarderKey", Function::Forwarder),
    ("log_group_created", "SubscriberKey", Function::Subscriber),
    ("domain_access", "DomainAccessKey", Function::Domain),
];
/// The parameter that names who may put archives into the bucket.
const DEPLOYERS: &str = "Deployers";

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
        (Some(folder), _) => FUNCTIONS.map(|(name, ..)| read(folder, name)),
        (None, Some(embedded)) => embedded.map(|bytes| Ok(bytes.to_vec())),
        (None, None) => {
            return Err(Error::new(Kind::Usage, "this logctl was built without the functions' archives").hint(
                "name the folder that holds them with --functions; `make functions` builds them in target/functions",
            ));
        }
    };
    let archive = |((name, parameter, function), bytes)| archive(name, parameter, function, bytes?);
    FUNCTIONS.into_iter().zip(contents).map(archive).collect()
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let path = folder.join(format!("{name}.zip"));
    fs::read(&path).map_err(|error| {
        Error::failed(format!("cannot read the function archive {}", path.display()))
            .because(error)
            .hint("`make functions` builds the archives in target/functions")
    })
}

fn archive(name: &str, parameter: &'static str, function: Function, bytes: Vec<u8>) -> Result<Archive, Error> {
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err(Error::failed(format!("the function archive {name}.zip is not a zip file"))
            .hint("`make functions` builds the archives in target/functions"));
    }
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    let short = hash.iter().take(16).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    Ok(Archive { parameter, key: format!("functions/{name}-{short}.zip"), function, hash, bytes })
}

/// The bucket of an account and Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifacts {
    /// Its name.
    pub bucket: String,
    /// Whether it takes archives of the caller.
    pub admits: bool,
    stack_id: String,
    /// ARNs of who may put archives there, separated by commas.
    deployers: String,
}

/// The stack that holds the bucket.
struct ArtifactStack {
    id: String,
    status: Status,
    bucket: Option<String>,
    deployers: String,
}

impl Artifacts {
    /// The bucket, where there is one that can be used.
    ///
    /// # Errors
    /// When CloudFormation cannot be asked.
    pub async fn find(aws: &Aws) -> Result<Option<Self>, Error> {
        let stack = ArtifactStack::find(aws).await?.filter(|stack| stack.status.phase == Phase::Stands);
        Ok(stack.and_then(|ArtifactStack { id, bucket, deployers, .. }| {
            let admits = aws.principal().split(',').all(|arn| deployers.split(',').any(|other| other == arn));
            Some(Self { bucket: bucket?, admits, stack_id: id, deployers })
        }))
    }

    /// Makes the bucket. What is left of a first try that failed is replaced.
    ///
    /// # Errors
    /// When its stack fails.
    pub async fn create(aws: &Aws, progress: &dyn Progress) -> Result<Self, Error> {
        let failed = "cannot create the artifact bucket";
        let hint = format!("see why with: aws cloudformation describe-stack-events --stack-name {STACK}");
        if let Some(ArtifactStack { status, id, .. }) = ArtifactStack::find(aws).await? {
            let is = || Error::failed(format!("{failed}: stack {STACK} is {}", status.name));
            match status.phase {
                Phase::Dead => {
                    progress.note(&format!("removing stack {STACK}, which is {}", status.name));
                    let ended = Operation::delete(aws, &id, STACK).await?.wait(aws, progress).await?;
                    ended.check(&format!("cannot remove stack {STACK}, which is {}", status.name))?;
                }
                Phase::Damaged => {
                    let way = format!("aws cloudformation continue-update-rollback --stack-name {STACK}");
                    return Err(is().hint(way));
                }
                Phase::InProgress if status.name == "CREATE_IN_PROGRESS" => {} // It is waited for.
                Phase::InProgress | Phase::Shell => return Err(is().hint("wait until that is done, then try again")),
                Phase::Stands => return Err(is().because("it names no bucket").hint(hint)),
            }
        }
        let parameters = [parameter(DEPLOYERS, &aws.principal())];
        let ended = Operation::create(aws, STACK, TEMPLATE, &parameters).await?.wait(aws, progress).await?;
        ended.check(failed).map_err(|error| error.hint(&hint))?;
        for _ in 0..LOOKS {
            if let Some(artifacts) = Self::find(aws).await? {
                return Ok(artifacts);
            }
            sleep(INTERVAL).await;
        }
        Err(Error::failed(failed).hint(hint))
    }

    /// Lets the caller put archives there, beside those who may already.
    ///
    /// # Errors
    /// When its stack fails.
    pub async fn admit(&self, aws: &Aws, progress: &dyn Progress) -> Result<(), Error> {
        let all = [self.deployers.clone(), aws.principal()];
        let deployers = all.into_iter().filter(|arns| !arns.is_empty()).collect::<Vec<_>>().join(",");
        let parameters = vec![parameter(DEPLOYERS, &deployers)];
        let update = Update { stack_id: &self.stack_id, name: STACK, template: Some(TEMPLATE), parameters };
        match Operation::update(aws, update).await? {
            Some(operation) => operation.wait(aws, progress).await?.check("cannot admit you to the artifact bucket"),
            None => Ok(()),
        }
    }
}

impl ArtifactStack {
    async fn find(aws: &Aws) -> Result<Option<Self>, Error> {
        let stack = stack::describe(aws, STACK).await;
        let stack = stack.map_err(|error| aws.explain("cannot read the artifact stack", &error))?;
        Ok(stack.map(|stack| {
            let output = stack.outputs().iter().find(|output| output.output_key() == Some("Bucket"));
            let given = stack.parameters().iter().find(|parameter| parameter.parameter_key() == Some(DEPLOYERS));
            Self {
                status: Status::from(stack.stack_status().map_or("", |status| status.as_str())),
                bucket: output.and_then(|output| output.output_value.clone()),
                deployers: given.and_then(|given| given.parameter_value.clone()).unwrap_or_default(),
                id: stack.stack_id.unwrap_or_default(),
            }
        }))
    }
}

/// How long an archive may take over a slow line.
const UPLOAD: Duration = Duration::from_mins(5);

/// Uploads the archives that the bucket does not hold yet, and looks at those that it holds. The account must own the bucket.
///
/// # Errors
/// When S3 refuses one, or one is not what its name says.
pub async fn upload(aws: &Aws, bucket: &str, archives: &[Archive]) -> Result<(), Error> {
    let client = aws.s3();
    let owner = &aws.target.account;
    let patience = || {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(UPLOAD).build();
        aws_sdk_s3::config::Config::builder().timeout_config(timeouts)
    };
    for archive in archives {
        let key = &archive.key;
        let get = async || {
            let get = client.get_object().bucket(bucket).key(key).expected_bucket_owner(owner);
            let found = get.customize().config_override(patience()).send().await?;
            let body = found.body.collect().await.map(AggregatedBytes::into_bytes);
            body.map_err(|error| SdkError::dispatch_failure(ConnectorError::io(Box::new(error))))
        };
        match aws.call("s3", get).await {
            Ok(found) => {
                archive.check(bucket, &found)?;
                continue;
            }
            Err(error) if error.code() == Some("NoSuchKey") => {}
            Err(error) => return Err(aws.explain("cannot look for the functions in the bucket", &error)),
        }
        let put = || {
            let put = client.put_object().bucket(bucket).key(key).expected_bucket_owner(owner);
            put.body(ByteStream::from(archive.bytes.clone())).customize().config_override(patience()).send()
        };
        aws.call("s3", put).await.map_err(|error| aws.explain("cannot upload the functions", &error))?;
    }
    Ok(())
}

/// Compares what the functions run with what was deployed: says what is wrong, if something is.
///
/// # Errors
/// When that cannot be read.
pub async fn check_deployed(aws: &Aws, stack: &StackName, archives: &[Archive]) -> Result<Option<Error>, Error> {
    let client = aws.signed().await?;
    for archive in archives {
        let name = stack.function(archive.function);
        let found = aws.call_signed("lambda", || client.function(&name)).await;
        let found = found.map_err(|error| aws.explain_signed(&format!("cannot read what {name} runs"), &error))?;
        let wanted = base64_simd::STANDARD.encode_to_string(archive.hash);
        if found.is_none_or(|found| found.code_sha256 != wanted) {
            let changed = Error::failed(format!("{name} runs other code than was deployed"))
                .hint("somebody has changed it since; deploy again, and see who may change functions");
            return Ok(Some(changed));
        }
    }
    Ok(None)
}

impl Archive {
    /// Compares it with what lies in the bucket under its name.
    fn check(&self, bucket: &str, found: &[u8]) -> Result<(), Error> {
        if <[u8; 32]>::from(Sha256::digest(found)) == self.hash {
            return Ok(());
        }
        let (key, bytes) = (&self.key, count(found.len(), "byte"));
        Err(Error::failed(format!("the archive {key} in bucket {bucket} has been changed: {bytes} of something else"))
            .because("what lies there would run with the roles of the functions")
            .hint(format!("see who did it; then delete it: aws s3 rm s3://{bucket}/{key}")))
    }
}

#[cfg(test)]
impl Artifacts {
    /// One that takes archives of the caller.
    pub(crate) fn example() -> Self {
        let [bucket, stack_id, deployers] = ["artifacts", "arn:artifacts", "arn:ana"].map(str::to_owned);
        Self { bucket, admits: true, stack_id, deployers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let missing = load(Some(folder.path())).unwrap_err();
        assert!(missing.message.contains("logs_forwarder.zip"), "{missing}");
        for (name, ..) in FUNCTIONS {
            fs::write(folder.path().join(format!("{name}.zip")), "not a zip").unwrap();
        }
        assert_eq!(
            load(Some(folder.path())).unwrap_err().message,
            "the function archive logs_forwarder.zip is not a zip file"
        );
    }

    #[test]
    fn the_key_follows_from_the_content() {
        let made = |bytes: &[u8]| archive("x", "XKey", Function::Domain, [b"PK\x03\x04", bytes].concat()).unwrap();
        assert_eq!(made(b"a").key, made(b"a").key);
        assert_ne!(made(b"a").key, made(b"b").key);
        assert_eq!(made(b"a").check("b", b"PK\x03\x04a"), Ok(()));
        let error = made(b"a").check("b", b"PK\x03\x04b").unwrap_err();
        assert!(error.message.ends_with("has been changed: 5 bytes of something else"), "{error}");
    }
}
