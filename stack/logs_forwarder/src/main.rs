//! LogsForwarder: indexes what the subscription filters deliver.

mod handler;
mod redrive;

use std::time::SystemTime;

use handler::Forwarder;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use logctl_sink::lambda::{
    Failure,
    environment::{Environment, variable},
};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let forwarder = Forwarder::new(Environment { get: &variable, clock: SystemTime::now })?;
    run(service_fn(async |event: LambdaEvent<Value>| forwarder.handle(event).await.map_err(diagnostic))).await
}

fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.kind.to_owned(), error_message: failure.message }
}
