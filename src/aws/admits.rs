//! What a function's policy says of who may invoke it.

use serde_json::Value;
use wildmatch::WildMatch;

/// Whether a function's policy lets a service of one of these names invoke it for `source`, an ARN; `None` where it says
/// something that is not understood here: a condition on something else, or a denial.
#[must_use]
pub fn admits(policy: &Value, principals: &[String], source: &str, account: &str) -> Option<bool> {
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    let says: Vec<Option<bool>> =
        statements.iter().map(|statement| allows(statement, principals, source, account)).collect();
    let denies = statements.iter().any(|statement| statement["Effect"] != "Allow");
    if denies {
        return None;
    }
    if says.contains(&Some(true)) {
        return Some(true);
    }
    if says.contains(&None) { None } else { Some(false) }
}

/// Whether a statement allows it, as far as that is understood.
fn allows(statement: &Value, principals: &[String], source: &str, account: &str) -> Option<bool> {
    let invokes = |action: &str| WildMatch::new(&action.to_lowercase()).matches("lambda:invokefunction");
    let principal = &statement["Principal"];
    let services = if principal.is_string() { principal } else { &principal["Service"] };
    if !any(&statement["Action"], invokes)
        || !any(services, |name| name == "*" || principals.iter().any(|known| known == name))
    {
        return Some(false);
    }
    let operators = statement["Condition"].as_object().into_iter().flatten();
    let conditions =
        operators.flat_map(|(operator, keys)| keys.as_object().into_iter().flatten().map(move |pair| (operator, pair)));
    let held = conditions.map(|(operator, (key, wanted))| {
        let actual = match key.to_lowercase().as_str() {
            "aws:sourcearn" => source,
            "aws:sourceaccount" => account,
            _ => return None,
        };
        match operator.as_str() {
            "StringEquals" => Some(any(wanted, |wanted| wanted == actual)),
            "ArnLike" | "ArnEquals" | "StringLike" => {
                Some(any(wanted, |wanted| WildMatch::new(wanted).matches(actual)))
            }
            _ => None,
        }
    });
    // What does not hold decides, whatever else is not understood.
    let held: Vec<Option<bool>> = held.collect();
    if held.contains(&Some(false)) { Some(false) } else { held.into_iter().collect::<Option<Vec<_>>>().map(|_| true) }
}

/// Whether one of the texts, or the only one, is such.
fn any(texts: &Value, is_such: impl Fn(&str) -> bool) -> bool {
    match texts {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).any(is_such),
        text => text.as_str().is_some_and(is_such),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    const OURS: &str = "arn:aws:logs:eu-west-1:1:log-group:any:*";

    fn statement(condition: &Value) -> Value {
        json!({"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Condition": condition})
    }

    fn of(statements: &[Value]) -> Option<bool> {
        admits(&json!({"Statement": statements}), &["logs.amazonaws.com".to_owned()], OURS, "1")
    }

    #[test_case(&json!({"ArnLike": {"AWS:SourceArn": "arn:aws:logs:eu-west-1:1:log-group:*"}, "StringEquals": {"AWS:SourceAccount": "1"}}), Some(true); "as it has to be")]
    #[test_case(&json!({"ArnLike": {"AWS:SourceArn": ["arn:x", "arn:aws:logs:eu-west-1:1:log-group:*"]}}), Some(true); "one of several")]
    #[test_case(&json!({"ArnLike": {"AWS:SourceArn": "arn:aws:logs:us-east-1:1:log-group:*"}}), Some(false); "of another region")]
    #[test_case(&json!({"StringEquals": {"AWS:SourceAccount": "2"}}), Some(false); "of another account")]
    #[test_case(&json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), None; "something unknown")]
    #[test_case(&json!({"StringNotEquals": {"AWS:SourceAccount": "1"}}), None; "an unknown comparison")]
    #[test_case(&json!({"StringEquals": {"aws:PrincipalOrgID": "o-1", "AWS:SourceAccount": "2"}}), Some(false); "unknown, and not for this account")]
    fn conditions(condition: &Value, says: Option<bool>) {
        assert_eq!(of(&[statement(condition)]), says);
    }

    #[test]
    fn one_statement_is_enough_unless_another_denies() {
        let (allows, unclear) = (statement(&json!({})), statement(&json!({"Bool": {"aws:x": "true"}})));
        assert_eq!(of(&[unclear.clone(), allows.clone()]), Some(true));
        assert_eq!(of(&[unclear]), None);
        let mut denies = allows.clone();
        denies["Effect"] = json!("Deny");
        assert_eq!(of(&[allows.clone(), denies]), None);
        let mut others = allows.clone();
        others["Principal"]["Service"] = json!("logs.ap-south-1.amazonaws.com");
        let mut reads = allows.clone();
        reads["Action"] = json!("lambda:GetFunction");
        assert_eq!((of(&[others]), of(&[reads]), of(&[])), (Some(false), Some(false), Some(false)));
        let mut all = allows;
        all["Principal"] = json!("*");
        all["Action"] = json!(["lambda:Invoke*"]);
        assert_eq!(of(&[all]), Some(true));
    }
}
