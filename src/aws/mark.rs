//! The mark of an answer of AWS: the id that it gives to every request. A network that wants a login, or a proxy, may answer
//! with a status of success and anything else.

use aws_sdk_cloudwatchlogs::config::{
    ConfigBag, Intercept, RuntimeComponents, interceptors::AfterDeserializationInterceptorContextRef,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{interceptors::dyn_dispatch_hint, orchestrator::HttpResponse},
};
use logctl_sink::aws::REQUEST_IDS;

use super::Clock;

/// Makes an error of a success without it. The SDK reads no answer of an operation that has nothing to tell, such as
/// PutSubscriptionFilter, and takes any for a success. Of each answer the clock hears when it was given.
#[derive(Debug)]
pub(super) struct Marked(pub(super) Clock);

#[dyn_dispatch_hint]
impl Intercept for Marked {
    fn name(&self) -> &'static str {
        "Marked"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        if let Some(date) = answer.headers().get("date") {
            self.0.hear(date);
        }
        if is_strange(answer) { Err("this is no answer of AWS".into()) } else { Ok(()) }
    }
}

/// Whether an answer says that all is well, and is not one of AWS.
pub(super) fn is_strange(answer: &HttpResponse) -> bool {
    answer.status().is_success() && !REQUEST_IDS.iter().any(|name| answer.headers().contains_key(*name))
}
