//! The table: reading it from the docs, comparing a column, writing a column.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// What one step reported: the scenario, what happened, and what a wait said then.
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) step: String,
    pub(crate) report: String,
}

/// The whole table: each row has a cell for each column.
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<(Row, Vec<String>)>,
}

/// Stands where a kernel was not asked, or not since the backend has changed there.
const UNKNOWN: &str = "?";

const INTRODUCTION: &str = "\
# What each backend reports

This file is made by `tests/behaviour.rs` and compared by it on every run. To write the column of the backend at hand anew:

```sh
UPDATE_BEHAVIOUR=1 cargo test -p multiplex -p kqueue-on-linux --test behaviour
```

Each line is one wait that does not block, after what the first column says. `-` means no event. What comes for one source in
several events of one wait is written as one. A program may rely on what the documentation of the crate promises, not on
this table: it shows where the backends differ within the promise.

`kqueue (emulated)` is the kqueue backend over the tests' emulation on Linux as it answers in the place of FreeBSD. The columns
of FreeBSD and OpenBSD were written on those kernels, 15.1-RELEASE-p1 and 7.3. `?` stands where a kernel was not asked, or where the
backend has been mended since then for what it answered: until it has run there again, the emulation alone says what comes.
";

impl Table {
    pub(crate) fn read() -> Self {
        let mut table = Self {
            columns: Vec::new(),
            rows: Vec::new(),
        };
        let mut scenario = String::new();
        for line in fs::read_to_string(path()).unwrap_or_default().lines() {
            if let Some(title) = line.strip_prefix("## ") {
                title.clone_into(&mut scenario);
            } else if let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) {
                let mut cells = cells.split(" | ").map(str::to_owned);
                let step = cells.next().unwrap_or_default();
                if step == "then" {
                    table.columns = cells.collect();
                } else if step != "---" {
                    let row = Row {
                        scenario: scenario.clone(),
                        step,
                        report: String::new(),
                    };
                    table.rows.push((row, cells.collect()));
                }
            }
        }
        table
    }

    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column == name)
    }

    /// Fails with every line that is not as it is in the docs.
    pub(crate) fn check_column(&self, name: &str, rows: &[Row]) {
        let column = self
            .columns
            .iter()
            .position(|column| column == name)
            .expect("the caller asked");
        // A row that the docs do not have at all is wrong; one that this kernel was not asked is not.
        let in_docs = |row: &Row| self.find(row).map_or("nothing", |cells| &cells[column]);
        let mut wrong = String::new();
        for row in rows
            .iter()
            .filter(|row| ![row.report.as_str(), UNKNOWN].contains(&in_docs(row)))
        {
            let Row {
                scenario,
                step,
                report,
            } = row;
            let _ = writeln!(
                wrong,
                "{scenario}, {step}: {report}; the docs say {}",
                in_docs(row)
            );
        }
        assert!(
            wrong.is_empty(),
            "{name} differs from docs/behaviour.md:\n{wrong}"
        );
        assert_eq!(
            self.rows.len(),
            rows.len(),
            "docs/behaviour.md has rows that nothing makes any more"
        );
    }

    /// Puts a column into the table, whose rows become the given ones.
    pub(crate) fn set_column(&mut self, name: &str, rows: &[Row]) {
        if !self.has_column(name) {
            self.columns.push(name.to_owned());
        }
        let place = self
            .columns
            .iter()
            .position(|column| column == name)
            .expect("it was added");
        let filled = rows.iter().map(|row| {
            let mut cells = self.find(row).cloned().unwrap_or_default();
            cells.resize(self.columns.len(), UNKNOWN.to_owned());
            row.report.clone_into(&mut cells[place]);
            let Row { scenario, step, .. } = row;
            (
                Row {
                    scenario: scenario.clone(),
                    step: step.clone(),
                    report: String::new(),
                },
                cells,
            )
        });
        self.rows = filled.collect();
    }

    fn find(&self, wanted: &Row) -> Option<&Vec<String>> {
        let same = |(row, _): &&(Row, _)| row.scenario == wanted.scenario && row.step == wanted.step;
        self.rows.iter().find(same).map(|(_, cells)| cells)
    }

    pub(crate) fn write(&self) {
        let mut text = INTRODUCTION.to_owned();
        let mut scenario = "";
        for (row, cells) in &self.rows {
            if row.scenario != scenario {
                scenario = &row.scenario;
                let head = self.columns.join(" | ");
                let rule = vec!["---"; self.columns.len() + 1].join(" | ");
                let _ = write!(text, "\n## {scenario}\n\n| then | {head} |\n| {rule} |\n");
            }
            let _ = writeln!(text, "| {} | {} |", row.step, cells.join(" | "));
        }
        fs::create_dir_all(path().parent().expect("it is in docs")).expect("docs can be written");
        fs::write(path(), text).expect("docs can be written");
    }
}

/// The docs, unless `BEHAVIOUR_TABLE` names another file. The other package, which runs the same tests, lies elsewhere.
fn path() -> PathBuf {
    if let Some(path) = std::env::var_os("BEHAVIOUR_TABLE") {
        return path.into();
    }
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let package = if cfg!(multiplex_kqueue) {
        package.join("../../multiplex")
    } else {
        package
    };
    package.join("docs/behaviour.md")
}
