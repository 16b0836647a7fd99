//! The index template of a stack.

use logctl_core::{compression::Compression, names::IndexPrefix};
use serde_json::{Value, json};

const TEMPLATE: &str = include_str!("../../index_template.json");

/// Name of the template that a stack with this prefix installs.
pub fn name(prefix: &IndexPrefix) -> String {
    format!("logctl-{prefix}")
}

/// The template for indices of `prefix`, each of so many `shards`, with as many copies of each as `replicas` (from-to) says.
///
/// # Panics
/// Never: the file is checked by a test.
pub fn body(prefix: &IndexPrefix, shards: u32, replicas: &str, compression: Compression) -> Value {
    #[expect(clippy::expect_used, reason = "a file of this crate, covered by a test")]
    let mut template: Value = serde_json::from_str(TEMPLATE).expect("the template is JSON");
    // Years, and not `PREFIX-*`: that would also be every index of a stack whose prefix begins with this one.
    template["index_patterns"] = json!([format!("{prefix}-2*"), format!("{prefix}-outliers")]);
    let settings = &mut template["template"]["settings"]["index"];
    settings["number_of_shards"] = json!(shards);
    if compression == Compression::Zstd {
        settings["codec"] = json!("zstd");
        settings["codec.compression_level"] = json!(6);
    }
    set_copies(&mut template, replicas);
    template
}

/// The copies of a shard that a domain wants which spreads them over zones, if that is what it refuses.
pub fn copies_wanted(refusal: &str) -> Option<String> {
    let (_, rest) = refusal.split_once("multiple of total awareness attributes")?;
    let zones =
        rest.split_once('[').and_then(|(_, rest)| rest.split_once(']')).and_then(|(zones, _)| zones.parse().ok());
    let zones: u32 = zones.unwrap_or(3);
    Some(format!("0-{}", zones.saturating_sub(1)))
}

/// Sets the copies of each shard, from-to.
pub fn set_copies(template: &mut Value, copies: &str) {
    template["template"]["settings"]["index"]["auto_expand_replicas"] = json!(copies);
}

/// Something of the template that an engine may not know: each is a comfort, none is needed.
pub struct Comfort {
    /// What it is called, also by an engine that refuses it.
    pub name: &'static str,
    pointer: &'static str,
    /// What stands there instead, if anything.
    instead: Option<&'static str>,
}

/// They are left out in this order where the engine does not say which one it minds.
const COMFORTS: [Comfort; 4] = [
    Comfort { name: "codec", pointer: "/template/settings/index/codec", instead: Some("best_compression") },
    Comfort { name: "compression_level", pointer: "/template/settings/index/codec.compression_level", instead: None },
    Comfort { name: "disable_objects", pointer: "/template/mappings/disable_objects", instead: None },
    Comfort {
        name: "max_token_length",
        pointer: "/template/settings/index/analysis/tokenizer/logctl/max_token_length",
        instead: None,
    },
];

impl Comfort {
    fn is_in(&self, template: &Value) -> bool {
        let found = template.pointer(self.pointer);
        found.is_some_and(|found| self.instead.is_none_or(|instead| found != instead))
    }

    fn leave_out(&self, template: &mut Value) {
        if let (Some(instead), Some(found)) = (self.instead, template.pointer_mut(self.pointer)) {
            *found = json!(instead);
        } else if let Some((parent, name)) = self.pointer.rsplit_once('/')
            && let Some(object) = template.pointer_mut(parent).and_then(Value::as_object_mut)
        {
            object.remove(name);
        }
    }
}

/// Takes out of `template` what the engine names in its refusal, else the first comfort that is left. Tells what that was.
pub fn leave_out(template: &mut Value, refusal: &str) -> Option<&'static str> {
    let left = || COMFORTS.iter().filter(|comfort| comfort.is_in(template));
    // The longer name holds the shorter one.
    let named = left().filter(|comfort| refusal.contains(comfort.name)).max_by_key(|comfort| comfort.name.len());
    let comfort = named.or_else(|| left().next())?;
    comfort.leave_out(template);
    Some(comfort.name)
}

/// Whether an installed template was put there by logctl.
pub fn is_ours(installed: &Value) -> bool {
    installed.pointer("/index_templates/0/index_template/_meta/owner").and_then(Value::as_str) == Some("logctl")
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn template() -> Value {
        body(&"logctl".parse().unwrap(), 3, "0-2", Compression::Zstd)
    }

    #[test]
    fn the_template_covers_the_indices_of_its_prefix_only() {
        let body = template();
        assert_eq!(body["index_patterns"], json!(["logctl-2*", "logctl-outliers"]));
        assert_eq!(body["template"]["settings"]["index"]["auto_expand_replicas"], "0-2");
        assert_eq!(body["template"]["settings"]["index"]["number_of_shards"], 3);
    }

    #[test_case("unknown value for [index.codec] must be one of [default, best_compression] but was: zstd", "codec"; "a codec")]
    #[test_case("unknown setting [index.codec.compression_level] please check", "compression_level"; "its level")]
    #[test_case("Root mapping definition has unsupported parameters:  [disable_objects : true]", "disable_objects"; "a parameter of the mapping")]
    #[test_case("no", "codec"; "nothing is named")]
    fn what_is_named_is_left_out(refusal: &str, name: &str) {
        assert_eq!(leave_out(&mut template(), refusal), Some(name));
    }

    #[test]
    fn what_is_needed_is_never_left_out() {
        let mut body = template();
        let names: Vec<_> = std::iter::from_fn(|| leave_out(&mut body, "no")).collect();
        assert_eq!(names, COMFORTS.map(|comfort| comfort.name));
        assert_eq!(body["template"]["settings"]["index"]["codec"], "best_compression");
        assert_eq!(leave_out(&mut body, "max_token_length"), None);
    }
}
