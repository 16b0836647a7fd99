use hyper::HeaderMap;
use test_case::test_case;

use super::*;

#[test_case("sqs", "eu-west-1", false, false, "https://sqs.eu-west-1.amazonaws.com"; "plain")]
#[test_case("logs", "us-east-1", true, false, "https://logs-fips.us-east-1.amazonaws.com"; "fips")]
#[test_case("secretsmanager", "us-east-1", true, true, "https://secretsmanager-fips.us-east-1.api.aws"; "both")]
#[test_case("s3", "us-east-1", true, true, "https://s3-fips.dualstack.us-east-1.amazonaws.com"; "both of s3")]
#[test_case("sqs", "eusc-de-east-1", false, false, "https://sqs.eusc-de-east-1.amazonaws.eu"; "in the sovereign cloud")]
#[test_case("s3", "cn-north-1", false, false, "https://s3.cn-north-1.amazonaws.com.cn"; "in china")]
fn where_a_service_answers(service: &str, region: &str, fips: bool, dual_stack: bool, expected: &str) {
    let hosts = Hosts { fips, dual_stack, ..Hosts::default() };
    assert_eq!(hosts.url(service, region), expected);
}

#[test]
fn what_stands_in_for_one_service_counts_first() {
    let of_service = BTreeMap::from([("s3", "http://127.0.0.1:2/".to_owned())]);
    let hosts = Hosts { all: Some("http://127.0.0.1:1".to_owned()), of_service, ..Hosts::default() };
    assert_eq!(hosts.url("s3", "r"), "http://127.0.0.1:2");
    assert_eq!(hosts.url("sqs", "r"), "http://127.0.0.1:1");
}

#[test_case(400, "", r#"{"__type":"com.amazonaws#ThrottlingException","message":"Rate exceeded"}"#, "ThrottlingException: Rate exceeded", true; "throttled with 400")]
#[test_case(400, "", r#"{"__type":"LimitExceededException","Message":"m"}"#, "LimitExceededException: m", false; "a limit is no throttling")]
#[test_case(403, "", "<Error><Code>AccessDenied</Code><Message>no</Message></Error>", "AccessDenied: no", false; "xml")]
#[test_case(503, "", "<html> oops </html>", "InternalFailure: <html> oops </html>", false; "a page")]
#[test_case(429, "TooManyRequestsException", r#"{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate exceeded"}"#, "TooManyRequestsException: Rate exceeded", true; "throttled by a service that names it in a header only")]
#[test_case(404, "ResourceNotFoundException:http://internal", r#"{"Type":"User","Message":"gone"}"#, "ResourceNotFoundException: gone", false; "a name with more behind it")]
#[test_case(429, "", "{}", "TooManyRequestsException: {}", true; "throttled without a word")]
fn errors(status: u16, header: &'static str, body: &str, text: &str, throttling: bool) {
    let mut headers = HeaderMap::new();
    if !header.is_empty() {
        headers.insert("x-amzn-errortype", hyper::header::HeaderValue::from_static(header));
    }
    let answer = Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    let error = service_error(&answer);
    assert_eq!((error.to_string().as_str(), error.is_throttling()), (text, throttling));
}
