//! What the services log: sections of templates, one an event.
//!
//! A section begins with `## NAME`, followed by `in order` when its templates tell a story (a START, what happens, an END)
//! and by `: COLUMN COLUMN…` when a filter cuts its events into columns. Placeholders stand between « and ».

const TEXTS: [&str; 3] = [include_str!("application.txt"), include_str!("aws.txt"), include_str!("text.txt")];

/// The templates of one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The templates; without an order, earlier ones are meant to be more frequent.
    pub templates: Vec<&'static str>,
    /// Whether the templates follow one another.
    pub in_order: bool,
    /// The names of the columns a filter cuts the message into.
    pub columns: Vec<&'static str>,
}

/// The section of this name.
///
/// # Panics
/// When there is none.
pub fn section(name: &str) -> Section {
    let found = TEXTS.iter().flat_map(|text| sections(text)).find(|(found, _)| *found == name);
    found.unwrap_or_else(|| panic!("no section of templates is named {name}")).1
}

fn sections(text: &'static str) -> impl Iterator<Item = (&'static str, Section)> {
    let parts = text.strip_prefix("## ").unwrap_or(text).split("\n## ");
    parts.filter_map(|part| {
        let (heading, templates) = part.split_once('\n')?;
        let (title, columns) = heading.split_once(':').unwrap_or((heading, ""));
        let name = title.strip_suffix(" in order").unwrap_or(title);
        let section = Section {
            templates: templates.lines().filter(|line| !line.is_empty()).collect(),
            in_order: name != title,
            columns: columns.split_whitespace().collect(),
        };
        Some((name, section))
    })
}
