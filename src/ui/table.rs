//! Tables and bars.

use comfy_table::{ContentArrangement, Table, presets::NOTHING};

use super::{Look, paint};

/// A table without lines, as wide as the terminal at most. Cells may carry styles.
#[must_use]
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>, look: &Look) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(look.width).unwrap_or(u16::MAX));
    table.set_header(header.iter().map(|title| paint(look.bold(), title)).collect::<Vec<_>>());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    if text.trim().is_empty() {
        text.clear();
    }
    text
}

/// A bar of `width` columns, filled to `part` of `whole`.
#[must_use]
pub fn bar(part: usize, whole: usize, width: usize, look: &Look) -> String {
    let filled = (part * width + whole / 2).checked_div(whole).unwrap_or_default();
    // Something is never shown as nothing, nor a part as the whole.
    let filled = filled.min(width - usize::from(part < whole)).max(usize::from(part > 0)).min(width);
    format!("{}{}", paint(look.good(), "█".repeat(filled)), paint(look.dim(), "░".repeat(width - filled)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Format;

    fn look(width: usize) -> Look {
        Look {
            width,
            colour: false,
            time_zone: jiff::tz::TimeZone::UTC,
            format: Format::Table,
            stdout_is_terminal: true,
            interactive: false,
            stderr_colour: false,
            quiet: false,
        }
    }

    #[test]
    fn a_table_fits_its_terminal() {
        let rows =
            || [vec!["/aws/lambda/checkout".to_owned(), "missing".to_owned(), "a reason of several words".to_owned()]];
        for width in [40, 80] {
            let text = table(&["LOG GROUP", "STATE", "WHY"], rows(), &look(width));
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn a_bar_is_full_only_when_all_is_done() {
        assert_eq!(bar(999, 1000, 10, &look(80)), "█████████░");
        assert_eq!(bar(1, 1000, 10, &look(80)), "█░░░░░░░░░");
        assert_eq!(bar(0, 0, 4, &look(80)), "░░░░");
        assert_eq!(bar(3, 3, 4, &look(80)), "████");
    }
}
