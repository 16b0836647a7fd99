//! The XML that S3 and IAM answer with, as far as it is needed.

/// The texts of the elements called `name`, unescaped.
pub fn texts(xml: &str, name: &str) -> impl Iterator<Item = String> {
    let open = format!("<{name}>");
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (text, after) = after.split_once('<')?;
        rest = after;
        let entities =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&amp;", "&")];
        Some(entities.iter().fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read() {
        let xml = "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a/1</Key></Contents>\
            <Contents><Key>a&amp;b&lt;</Key></Contents></ListBucketResult>";
        assert_eq!(texts(xml, "Key").collect::<Vec<_>>(), ["a/1", "a&b<"]);
        assert_eq!(texts(xml, "IsTruncated").next().as_deref(), Some("true"));
        assert_eq!(texts("<Key>cut", "Key").next(), None);
    }
}
