//! Reports as cells: one grid is drawn for people and written for a pipe.

use anstyle::Style;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::NOTHING};

use indicatif::HumanBytes;

use super::{Look, one_line, paint, wrap::cut};
use crate::words::grouped;

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

    /// What programs see.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
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
    /// Programs only, under this title where they want one.
    Pipe(&'static str),
}

impl Column {
    /// Its title, where programs see it.
    const fn of_programs(&self) -> Option<&'static str> {
        match self {
            Self::Both(title) | Self::Pipe(title) => Some(title),
            Self::Terminal(_) => None,
        }
    }

    /// Its title, where people see it.
    const fn of_people(&self) -> Option<&'static str> {
        match self {
            Self::Both(title) | Self::Terminal(title) => Some(title),
            Self::Pipe(_) => None,
        }
    }
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
    /// How many of the rows people see, where that is not all of them.
    pub most: Option<usize>,
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
        part: u64,
        /// Of how much.
        whole: u64,
        /// What is counted, and how that is written.
        unit: Unit,
    },
    /// Rows of cells.
    Rows(Vec<Vec<Cell>>),
}

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Number,
    /// Bytes that come in on a day.
    BytesADay,
}

impl Unit {
    fn written(self, number: u64) -> String {
        match self {
            Self::Number => grouped(number),
            Self::BytesADay => HumanBytes(number).to_string(),
        }
    }

    const fn of_a_day(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::BytesADay => " a day",
        }
    }
}

impl Grid {
    /// For people: a table without lines, as wide as the terminal at most.
    #[must_use]
    pub fn terminal(&self, look: &Look) -> String {
        let mut text: String = self.above.iter().map(|line| line.drawn(look) + "\n").collect();
        if !matches!(self.above.as_slice(), [] | [Above::Text(_)]) && !self.rows.is_empty() {
            text.push('\n');
        }
        let titles = self.columns.iter().filter_map(Column::of_people).map(|title| paint(look.bold(), title));
        let rows = self.rows.iter().take(self.most.unwrap_or(usize::MAX)).map(|row| {
            let cells = self.columns.iter().zip(row).filter(|(column, _)| column.of_people().is_some());
            cells.map(|(_, cell)| cell.drawn(look)).collect::<Vec<_>>()
        });
        if !self.rows.is_empty() && self.most != Some(0) {
            text += &table(Some(titles.collect()), rows, look);
        }
        text
    }

    /// For a pipe: one record a line, tabs between the columns.
    pub fn pipe(&self) -> impl Iterator<Item = String> {
        self.records().map(|record| record.iter().map(|text| one_line(text)).collect::<Vec<_>>().join("\t"))
    }

    /// Titles of the columns that programs see.
    pub fn titles(&self) -> impl Iterator<Item = String> {
        self.columns.iter().filter_map(Column::of_programs).map(|title| title.to_lowercase().replace(' ', "_"))
    }

    /// The texts that programs see.
    pub fn records(&self) -> impl Iterator<Item = Vec<&str>> {
        self.rows.iter().map(|row| {
            let cells = self.columns.iter().zip(row).filter(|(column, _)| column.of_programs().is_some());
            cells.map(|(_, cell)| cell.text.as_str()).collect()
        })
    }

    /// A table of Markdown: <https://github.github.com/gfm/#tables-extension->. Signs of its own are escaped, and nothing of a
    /// text is taken for HTML.
    pub fn markdown(&self) -> impl Iterator<Item = String> {
        let titles: Vec<String> = self.columns.iter().filter_map(Column::of_programs).map(str::to_owned).collect();
        let rule = format!("|{}", " --- |".repeat(titles.len()));
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let cell = |text: &str| {
            let mut cell = String::new();
            for c in one_line(text).chars() {
                match c {
                    '<' => cell.push_str("&lt;"),
                    '&' => cell.push_str("&amp;"),
                    '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' => cell.extend(['\\', c]),
                    c => cell.push(c),
                }
            }
            cell
        };
        let rows = self.records().map(move |record| line(record.into_iter().map(cell).collect()));
        [line(titles), rule].into_iter().chain(rows)
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
            Self::Text(text) => {
                let text = one_line(text);
                let lines: Vec<&str> = cut(&text, look.width, look.width).into_iter().map(|line| &text[line]).collect();
                lines.join("\n")
            }
            Self::Bar { name, part, whole, unit } => {
                let width = 30.min(look.width.saturating_sub(40)).max(10);
                let percent = (part * 100).checked_div(*whole).map_or_else(String::new, |p| format!(" ({p} %)"));
                let (bar, day) = (bar(*part, *whole, width, look), unit.of_a_day());
                format!("{name} {bar} {} of {}{day}{percent}", unit.written(*part), unit.written(*whole))
            }
            Self::Rows(rows) => {
                let rows = rows.iter().map(|row| row.iter().map(|cell| cell.drawn(look)).collect());
                table(None, rows, look).trim_end().to_owned()
            }
        }
    }
}

/// Columns that are as narrow stay whole, where the others keep as much room.
const NARROW: usize = 17;
/// Blanks behind each column.
const GAP: u16 = 2;

fn table(header: Option<Vec<String>>, rows: impl IntoIterator<Item = Vec<String>>, look: &Look) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(look.width).unwrap_or(u16::MAX));
    if let Some(header) = header {
        table.set_header(header);
    }
    table.add_rows(rows);
    let widths = table.column_max_content_widths();
    let is_narrow = |width: u16| usize::from(width) <= NARROW;
    let (narrow, wide): (Vec<u16>, Vec<u16>) = widths.iter().partition(|width| is_narrow(**width));
    let taken: usize = narrow.iter().map(|width| usize::from(width + GAP)).sum();
    let whole = taken + wide.len() * NARROW <= look.width;
    for (column, width) in table.column_iter_mut().zip(widths) {
        column.set_padding((0, GAP));
        if whole && is_narrow(width) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A bar of `width` columns, filled to `part` of `whole`.
fn bar(part: u64, whole: u64, width: usize, look: &Look) -> String {
    let filled = (part.saturating_mul(width as u64) + whole / 2).checked_div(whole).unwrap_or_default();
    let filled = usize::try_from(filled).unwrap_or(width);
    // Something is never shown as nothing, nor a part as the whole.
    let filled = filled.min(width - usize::from(part < whole)).max(usize::from(part > 0)).min(width);
    format!("{}{}", paint(look.good(), "█".repeat(filled)), paint(look.dim(), "░".repeat(width - filled)))
}

/// Figures as a line of bars, the highest as high as a line; what is nothing is a dot.
#[must_use]
pub fn sparkline(figures: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = figures.iter().copied().max().unwrap_or_default();
    let bar = |figure: &u64| {
        let height = (figure.saturating_mul(BARS.len() as u64)).div_ceil(most.max(1));
        height.checked_sub(1).and_then(|height| BARS.get(usize::try_from(height).ok()?)).unwrap_or(&'·')
    };
    figures.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_its_terminal() {
        let row = ["/aws/lambda/checkout", "missing", "a reason of several words"].map(Cell::new);
        let columns = ["LOG GROUP", "STATE", "WHY"].map(Column::Both);
        let grid = Grid { columns: columns.to_vec(), rows: vec![row.to_vec()], ..Grid::default() };
        for width in [40, 80] {
            let text = grid.terminal(&Look::plain(width));
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn people_and_programs_see_what_is_theirs() {
        let row = vec![Cell::new("a\nb"), Cell::new("replace").shown("! replace"), Cell::new("3")];
        let columns = vec![Column::Both("NAME"), Column::Both("DO"), Column::Pipe("NUMBER")];
        let above = vec![Above::Text("account 1".to_owned())];
        let grid = Grid { columns, rows: vec![row], above, most: None };
        assert_eq!(grid.pipe().collect::<Vec<_>>(), ["a\\nb\treplace\t3"]);
        assert_eq!(grid.terminal(&Look::plain(80)), "account 1\nNAME  DO\na\\nb  ! replace\n");
        assert_eq!(Grid::default().terminal(&Look::plain(80)), "");
        assert_eq!(grid.titles().collect::<Vec<_>>(), ["name", "do", "number"]);
        let none = Grid { most: Some(0), ..grid };
        assert_eq!(none.terminal(&Look::plain(80)), "account 1\n");
    }

    #[test]
    fn markdown_holds_texts_and_nothing_else() {
        let row = ["/a_b|c", "<img src=x>", "line\nbreak `x`"].map(Cell::new);
        let columns = ["LOG GROUP", "WHY", "MORE"].map(Column::Both).to_vec();
        let grid = Grid { columns, rows: vec![row.to_vec()], ..Grid::default() };
        let expected = [
            "| LOG GROUP | WHY | MORE |",
            "| --- | --- | --- |",
            r"| /a\_b\|c | &lt;img src=x> | line\\nbreak \`x\` |",
        ];
        assert_eq!(grid.markdown().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_line_of_bars_shows_what_is_little_and_what_is_nothing() {
        assert_eq!(sparkline(&[0, 1, 500, 1000, u64::MAX / 16]), "·▁▁▁█");
        assert_eq!(sparkline(&[8, 4, 1, 0]), "█▄▁·");
        assert_eq!(sparkline(&[0, 0]), "··");
        assert_eq!(sparkline(&[]), "");
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
