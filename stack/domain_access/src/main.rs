//! DomainAccess: sets up the domain before the first document, as a custom resource of the stack.

mod handler;
mod template;

use std::time::SystemTime;

use handler::{DomainAccess, Request, handle};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use logctl_sink::{
    http::HttpClient,
    lambda::{
        Failure,
        environment::{Environment, variable},
    },
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = HttpClient::new(None)?; // For the answer to CloudFormation, whatever is wrong with the rest.
    run(service_fn(async |event: LambdaEvent<Request>| {
        let access = DomainAccess::new(Environment { get: &variable, clock: SystemTime::now });
        let local = variable("AWS_ENDPOINT_URL");
        handle(event.payload, &http, local.as_deref(), access).await.map_err(diagnostic)
    }))
    .await
}

fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.kind.to_owned(), error_message: failure.message }
}
