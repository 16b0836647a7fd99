//! How a domain compresses what it stores.

use strum::{Display, EnumString, VariantNames};

/// A codec of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case", parse_err_ty = String, parse_err_fn = no_codec)]
pub enum Compression {
    /// DEFLATE, which every engine has.
    #[default]
    BestCompression,
    /// Zstandard, which `OpenSearch` has since 2.9 with a plugin, and Amazon's domains have.
    Zstd,
}

fn no_codec(_: &str) -> String {
    format!("the codecs are {}", Compression::VARIANTS.join(", "))
}
