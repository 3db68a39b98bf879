//! A Markdown table, and notes below it for the cells that have no number.

use std::fmt;

/// A table; its first column is text, the others are numbers.
pub struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    /// Makes one without rows.
    pub fn new(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self {
            title: title.to_owned(),
            columns,
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a row; it has as many cells as there are columns, or the rest is empty.
    pub fn row(&mut self, mut cells: Vec<String>) {
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// Adds a line below the table, once.
    pub fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        writeln!(f, "| {} |", self.columns.join(" | "))?;
        writeln!(f, "| --- |{}", " ---: |".repeat(self.columns.len() - 1))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "- {note}"))
    }
}

/// A whole number with a comma for each three digits.
pub fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let sign = if number <= -0.5 { "-" } else { "" };
    let first = (digits.len() + 2) % 3 + 1;
    let groups: Vec<_> = std::iter::once(&digits[..first])
        .chain(
            digits.as_bytes()[first..]
                .chunks(3)
                .filter_map(|group| std::str::from_utf8(group).ok()),
        )
        .collect();
    format!("{sign}{}", groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_comma_for_each_three_digits() {
        let shown = [0.4, 999.0, 1_000.0, 12_345.6, 1_234_567.0, -1_000.0].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "12,346", "1,234,567", "-1,000"]);
    }

    #[test]
    fn a_table_is_markdown_and_its_notes_stand_once_below() {
        let mut table = Table::new("Loads", &["server", "µs"]);
        table.row(vec!["ours".into()]);
        table.note("h2o is missing".into());
        table.note("h2o is missing".into());
        let text = "### Loads\n\n| server | µs |\n| --- | ---: |\n| ours |  |\n\n- h2o is missing\n";
        assert_eq!(table.to_string(), text);
    }
}
