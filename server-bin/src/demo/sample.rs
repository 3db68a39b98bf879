//! What the page shows: one look at the server, as JSON for its plots and as a table for readers without scripts.

use std::fmt::Write as _;
use std::time::Duration;

use crate::Counted;
use crate::PHASES;

/// How long rounds took: at `n` those of less than 2 to the power of `n` microseconds.
pub(super) type Latencies = [u64; 24];

/// One look at the server.
pub(super) struct Sample {
    /// Since the demonstration was made.
    pub(super) time: Duration,
    /// Requests that came while somebody watched.
    pub(super) requests: u64,
    /// How long rounds with requests took, while somebody watched.
    pub(super) latencies: Latencies,
    pub(super) workers: Vec<Counted>,
    /// By how many bytes the process has grown; none where the system does not say so.
    pub(super) grown: Option<u64>,
}

/// With fewer connections, what the process needs for other things is too much of what it has grown by.
const ENOUGH: u64 = 500;

impl Sample {
    fn connections(&self) -> u64 {
        self.workers.iter().map(Counted::connections).sum()
    }

    /// Returns the memory for each connection, where that can be told.
    fn bytes_each(&self) -> Option<u64> {
        let connections = self.connections();
        (connections >= ENOUGH).then(|| Some(self.grown? / connections))?
    }

    /// Returns the sample as one line of JSON. Phases are in the order of the page's own list.
    pub(super) fn json(&self) -> String {
        let bytes = self.bytes_each().map_or("null".into(), |bytes| bytes.to_string());
        let workers = list(self.workers.iter().map(|worker| {
            let phases = list(worker.phases);
            format!(r#"{{"accepted":{},"phases":{phases}}}"#, worker.accepted)
        }));
        format!(
            r#"{{"time":{:.3},"requests":{},"bytes":{bytes},"latencies":{},"workers":{workers}}}"#,
            self.time.as_secs_f64(),
            self.requests,
            list(self.latencies),
        )
    }

    /// Returns the page, its table filled with this sample.
    pub(super) fn page(&self) -> String {
        let names = list(PHASES.map(|name| format!("\"{name}\"")));
        include_str!("page.html")
            .replace("<!-- table -->", &self.table())
            .replace("\"phases\"", &names)
    }

    fn table(&self) -> String {
        let mut table =
            String::from("<thead><tr><th>worker<th>accepted<th>connections<th>doing what</thead>\n");
        for (number, worker) in self.workers.iter().enumerate() {
            let doing = PHASES.iter().zip(worker.phases).filter(|(_, count)| *count > 0);
            let doing: Vec<String> = doing.map(|(name, count)| format!("{count} {name}")).collect();
            // A string takes everything.
            let _ = writeln!(
                table,
                "<tr><th>{number}<td>{}<td>{}<td>{}",
                worker.accepted,
                worker.connections(),
                doing.join(", ")
            );
        }
        let bytes = self
            .bytes_each()
            .map_or(format!("told from {ENOUGH} connections on"), |bytes| {
                bytes.to_string()
            });
        let _ = write!(
            table,
            "<tr><th>all<td>{}<td>{}<td>requests: {} while somebody watched; bytes for each connection: {bytes}",
            self.workers.iter().map(|worker| worker.accepted).sum::<u64>(),
            self.connections(),
            self.requests,
        );
        table
    }
}

/// A list in JSON of what is JSON already.
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(connections: u64) -> Sample {
        let mut worker = Counted {
            accepted: 1000,
            ..Counted::default()
        };
        worker.phases[2] = connections;
        Sample {
            time: Duration::from_millis(1500),
            requests: 7,
            latencies: Latencies::default(),
            workers: vec![worker],
            grown: Some(100_000),
        }
    }

    #[test]
    fn memory_is_told_for_each_connection_when_there_are_enough() {
        assert_eq!(sample(499).bytes_each(), None);
        assert_eq!(sample(500).bytes_each(), Some(200));
        assert!(sample(3).json().contains(r#""bytes":null"#));
    }

    #[test]
    fn a_sample_is_one_line_of_json() {
        let json = sample(3).json();
        assert!(
            json.starts_with(r#"{"time":1.500,"requests":7,"bytes":null,"latencies":[0,"#),
            "{json}"
        );
        assert!(
            json.ends_with(r#"{"accepted":1000,"phases":[0,0,3,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}"#),
            "{json}"
        );
        assert!(!json.contains('\n'));
    }

    #[test]
    fn the_page_has_a_table_and_its_script_has_the_phases_names() {
        let page = sample(3).page();
        assert!(page.contains("<tr><th>0<td>1000<td>3<td>3 idle"), "{page}");
        assert!(
            page.contains(r#"["preface","fresh","idle","#) && !page.contains("<!-- table -->"),
            "{page}"
        );
        for outside in ["src=", "href=\"http", "href=\"//", "@import", "url("] {
            assert!(
                !page.contains(outside),
                "the page needs nothing from elsewhere: {outside}"
            );
        }
    }
}
