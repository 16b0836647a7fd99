//! Reports as cells: one grid is drawn for people and written for a pipe.

use anstyle::Style;
use comfy_table::{ContentArrangement, Table, presets::NOTHING};

use super::{Look, one_line, paint};

/// What a cell means to who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// A text.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// It wants attention.
    Warning,
    /// It is wrong.
    Bad,
    /// It matters less.
    Dim,
    /// It stands out.
    Strong,
}

/// One value, and how it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    text: String,
    /// For people, where that is something else.
    shown: Option<String>,
    role: Role,
}

impl Cell {
    /// A cell with a text, which may come from anywhere.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "every caller has a value or a reference at hand")]
    pub fn new(text: impl ToString) -> Self {
        Self { text: text.to_string(), shown: None, role: Role::Plain }
    }

    /// With another text for people.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "every caller has a value or a reference at hand")]
    pub fn shown(self, shown: impl ToString) -> Self {
        Self { shown: Some(shown.to_string()), ..self }
    }

    /// With a meaning.
    #[must_use]
    pub fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }
}

/// Who sees a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Everybody, people under this title.
    Both(&'static str),
    /// People only.
    Terminal(&'static str),
    /// Programs only.
    Pipe,
}

/// Rows of cells under columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grid {
    /// Who sees which cell of a row.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// What stands above it for people: part and whole for a bar, and cells side by side.
    pub above: Vec<Above>,
}

/// A line above a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Above {
    /// A text.
    Text(String),
    /// A share, with its name.
    Bar {
        /// What it is a share of.
        name: &'static str,
        /// How much there is.
        part: usize,
        /// Of how much.
        whole: usize,
    },
    /// Cells side by side.
    Cells(Vec<Cell>),
}

impl Grid {
    /// For people: a table without lines, as wide as the terminal at most.
    #[must_use]
    pub fn terminal(&self, look: &Look) -> String {
        let mut text: String = self.above.iter().map(|line| line.drawn(look) + "\n").collect();
        if !matches!(self.above.as_slice(), [] | [Above::Text(_)]) && !self.rows.is_empty() {
            text.push('\n');
        }
        let titles = self.columns.iter().filter_map(|column| match column {
            Column::Both(title) | Column::Terminal(title) => Some(paint(look.bold(), title)),
            Column::Pipe => None,
        });
        let rows = self.rows.iter().map(|row| {
            let cells = self.columns.iter().zip(row).filter(|(column, _)| **column != Column::Pipe);
            cells.map(|(_, cell)| cell.drawn(look)).collect::<Vec<_>>()
        });
        if !self.rows.is_empty() {
            text += &table(titles.collect(), rows, look);
        }
        text
    }

    /// For a pipe: one record a line, tabs between the columns.
    pub fn pipe(&self) -> impl Iterator<Item = String> {
        self.rows.iter().map(|row| {
            let cells = self.columns.iter().zip(row).filter(|(column, _)| !matches!(column, Column::Terminal(_)));
            cells.map(|(_, cell)| one_line(&cell.text)).collect::<Vec<_>>().join("\t")
        })
    }
}

impl Cell {
    fn drawn(&self, look: &Look) -> String {
        paint(self.role.style(look), one_line(self.shown.as_ref().unwrap_or(&self.text)))
    }
}

impl Role {
    fn style(self, look: &Look) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => look.good(),
            Self::Warning => look.warning(),
            Self::Bad => look.bad(),
            Self::Dim => look.dim(),
            Self::Strong => look.bold(),
        }
    }
}

impl Above {
    fn drawn(&self, look: &Look) -> String {
        match self {
            Self::Text(text) => one_line(text).into_owned(),
            Self::Bar { name, part, whole } => {
                let width = 30.min(look.width.saturating_sub(40)).max(10);
                let percent = (part * 100).checked_div(*whole).map_or_else(String::new, |p| format!(" ({p} %)"));
                format!("{name} {} {part} of {whole}{percent}", bar(*part, *whole, width, look))
            }
            Self::Cells(cells) => cells.iter().map(|cell| cell.drawn(look)).collect::<Vec<_>>().join("  "),
        }
    }
}

fn table(header: Vec<String>, rows: impl IntoIterator<Item = Vec<String>>, look: &Look) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(look.width).unwrap_or(u16::MAX));
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A bar of `width` columns, filled to `part` of `whole`.
fn bar(part: usize, whole: usize, width: usize, look: &Look) -> String {
    let filled = (part * width + whole / 2).checked_div(whole).unwrap_or_default();
    // Something is never shown as nothing, nor a part as the whole.
    let filled = filled.min(width - usize::from(part < whole)).max(usize::from(part > 0)).min(width);
    format!("{}{}", paint(look.good(), "█".repeat(filled)), paint(look.dim(), "░".repeat(width - filled)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_its_terminal() {
        let row = ["/aws/lambda/checkout", "missing", "a reason of several words"].map(Cell::new);
        let columns = ["LOG GROUP", "STATE", "WHY"].map(Column::Both);
        let grid = Grid { columns: columns.to_vec(), rows: vec![row.to_vec()], above: Vec::new() };
        for width in [40, 80] {
            let text = grid.terminal(&Look::plain(width));
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn people_and_programs_see_what_is_theirs() {
        let row = vec![Cell::new("a\nb"), Cell::new("replace").shown("! replace"), Cell::new("3")];
        let columns = vec![Column::Both("NAME"), Column::Both("DO"), Column::Pipe];
        let above = vec![Above::Text("account 1".to_owned())];
        let grid = Grid { columns, rows: vec![row], above };
        assert_eq!(grid.pipe().collect::<Vec<_>>(), ["a\\nb\treplace\t3"]);
        assert_eq!(grid.terminal(&Look::plain(80)), "account 1\nNAME  DO\na\\nb  ! replace\n");
        assert_eq!(Grid::default().terminal(&Look::plain(80)), "");
    }

    #[test]
    fn a_bar_is_full_only_when_all_is_done() {
        let look = Look::plain(80);
        assert_eq!(bar(999, 1000, 10, &look), "█████████░");
        assert_eq!(bar(1, 1000, 10, &look), "█░░░░░░░░░");
        assert_eq!(bar(0, 0, 4, &look), "░░░░");
        assert_eq!(bar(3, 3, 4, &look), "████");
    }
}
