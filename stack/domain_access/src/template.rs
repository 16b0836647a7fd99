//! The index template of a stack.

use logctl_core::names::IndexPrefix;
use serde_json::{Value, json};

const TEMPLATE: &str = include_str!("../../index_template.json");

/// Name of the template that a stack with this prefix installs.
pub fn name(prefix: &IndexPrefix) -> String {
    format!("logctl-{prefix}")
}

/// The template for indices of `prefix`, with as many copies of a shard as `replicas` (from-to) says.
///
/// # Panics
/// Never: the file is checked by a test.
pub fn body(prefix: &IndexPrefix, replicas: &str) -> Value {
    #[expect(clippy::expect_used, reason = "a file of this crate, covered by a test")]
    let mut template: Value = serde_json::from_str(TEMPLATE).expect("the template is JSON");
    // Years, and not `PREFIX-*`: that would also be every index of a stack whose prefix begins with this one.
    template["index_patterns"] = json!([format!("{prefix}-2*"), format!("{prefix}-outliers")]);
    template["template"]["settings"]["index"]["auto_expand_replicas"] = json!(replicas);
    template
}

/// What an engine may refuse, in the order in which it is left out: each is a comfort, none is needed.
pub const OPTIONAL: [&str; 2] =
    ["/template/mappings/disable_objects", "/template/settings/index/analysis/tokenizer/logctl/max_token_length"];

/// Takes what `pointer` names out of `template`.
pub fn without(template: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    if let Some(object) = template.pointer_mut(parent).and_then(Value::as_object_mut) {
        object.remove(name);
    }
}

/// Whether an installed template was put there by logctl.
pub fn is_ours(installed: &Value) -> bool {
    installed.pointer("/index_templates/0/index_template/_meta/owner").and_then(Value::as_str) == Some("logctl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_covers_the_indices_of_its_prefix_only() {
        let body = body(&"logctl".parse().unwrap(), "0-2");
        assert_eq!(body["index_patterns"], json!(["logctl-2*", "logctl-outliers"]));
        assert_eq!(body["template"]["settings"]["index"]["auto_expand_replicas"], "0-2");
    }

    #[test]
    fn what_is_optional_is_there_and_can_be_left_out() {
        let mut body = body(&"logctl".parse().unwrap(), "0-2");
        for pointer in OPTIONAL {
            assert!(body.pointer(pointer).is_some(), "{pointer}");
            without(&mut body, pointer);
            assert!(body.pointer(pointer).is_none(), "{pointer}");
        }
    }
}
