//! Pages of somebody else, answered with a status of success: a network that wants a login, a proxy.

use aws_sdk_cloudwatchlogs::config::{
    ConfigBag, Intercept, RuntimeComponents, interceptors::AfterDeserializationInterceptorContextRef,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{interceptors::dyn_dispatch_hint, orchestrator::HttpResponse},
};

/// Makes an error of each of them. The SDK reads no answer of an operation that has nothing to tell, such as
/// PutSubscriptionFilter, and takes any for a success.
#[derive(Debug)]
pub(super) struct NoPages;

#[dyn_dispatch_hint]
impl Intercept for NoPages {
    fn name(&self) -> &'static str {
        "NoPages"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_page(context.response()) { Err("this is a page, and no answer of AWS".into()) } else { Ok(()) }
    }
}

/// Whether an answer is a page, whatever its status.
pub(super) fn is_page(answer: &HttpResponse) -> bool {
    let told = answer.headers().get("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    let begins = answer.body().bytes().unwrap_or_default().trim_ascii_start();
    told || ["<!doctype html", "<html"]
        .iter()
        .any(|page| begins.get(..page.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(page.as_bytes())))
}
