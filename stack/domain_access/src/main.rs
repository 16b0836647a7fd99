//! DomainAccess: sets up the domain before the first document, as a custom resource of the stack.

mod handler;
mod template;

use std::time::SystemTime;

use handler::DomainAccess;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use logctl_sink::{environment::Environment, function::Failure};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let get = |name: &str| std::env::var(name).ok();
    let access = DomainAccess::new(Environment { get: &get, clock: SystemTime::now })?;
    run(service_fn(async |event: LambdaEvent<handler::Request>| access.handle(event.payload).await.map_err(diagnostic)))
        .await
}

fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.kind.to_owned(), error_message: failure.message }
}
