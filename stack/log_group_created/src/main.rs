//! LogGroupCreated: subscribes every log group that comes into being.

mod call;
mod first_minutes;
mod handler;

use std::time::SystemTime;

use handler::Subscriber;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use logctl_sink::lambda::{
    Failure,
    environment::{Environment, variable},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let subscriber = Subscriber::new(Environment { get: &variable, clock: SystemTime::now })?;
    run(service_fn(async |event: LambdaEvent<call::Call>| subscriber.handle(event).await.map_err(diagnostic))).await
}

fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.kind.to_owned(), error_message: failure.message }
}
