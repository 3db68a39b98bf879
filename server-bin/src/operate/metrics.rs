//! Numbers as text that Prometheus reads: its text exposition format, version 0.0.4.

use std::fmt::{self, Write as _};

/// What the text is sent as.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family's numbers do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// They only grow.
    Counter,
    /// They come and go.
    Gauge,
}

/// The text, as far as it is written. Each family of numbers stands together, with its help before it.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    /// Begins a family, whose samples follow.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.begin(name, kind, help)
    }

    fn begin(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        let out = &mut self.0;
        put(out, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { out, name }
    }

    /// A family of one number.
    pub(crate) fn number(&mut self, name: &'static str, kind: Kind, help: &str, value: impl fmt::Display) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// A histogram of times: the upper bounds of its buckets in seconds, how many fell into each and above the last, and
    /// the sum of all in seconds.
    pub(crate) fn histogram(
        &mut self,
        name: &'static str,
        help: &str,
        bounds: &[f64],
        counts: &[u64],
        sum: f64,
    ) {
        let mut family = self.begin(name, "histogram", help);
        let mut total = 0u64;
        let bounds = bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts) {
            total += count;
            family.named("_bucket", &[("le", &bound)], total);
        }
        family.named("_sum", &[], sum);
        family.named("_count", &[], total);
    }

    /// The whole text.
    #[must_use]
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// A family, to which samples are added.
#[derive(Debug)]
pub(crate) struct Family<'a> {
    out: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// Adds a number, told apart from the others of the family by its labels.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: impl fmt::Display) -> &mut Self {
        self.named("", labels, value);
        self
    }

    fn named(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl fmt::Display) {
        put(self.out, format_args!("{}{suffix}", self.name));
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            put(self.out, format_args!("{before}{label}=\"{}\"", Escaped(text)));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        put(self.out, format_args!("{after} {value}\n"));
    }
}

fn put(out: &mut String, text: fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = out.write_fmt(text);
}

/// A label's value: a backslash before quotes and backslashes, and `\n` for a line feed.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|each| match each {
            '\n' => f.write_str("\\n"),
            '"' | '\\' => write!(f, "\\{each}"),
            _ => f.write_char(each),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_stand_together_and_histograms_add_up() {
        let mut text = Text::default();
        text.number("a_total", Kind::Counter, "How many.", 3);
        text.family("b", Kind::Gauge, "By phase.")
            .sample(&[("phase", "idle"), ("x", "a\"b\\c\nd")], 1)
            .sample(&[("phase", "head")], 2);
        text.histogram("t_seconds", "How long.", &[0.001, 0.5], &[4, 5, 6], 7.25);
        assert_eq!(
            text.finish(),
            "# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n\
             # HELP b By phase.\n# TYPE b gauge\nb{phase=\"idle\",x=\"a\\\"b\\\\c\\nd\"} 1\nb{phase=\"head\"} 2\n\
             # HELP t_seconds How long.\n# TYPE t_seconds histogram\nt_seconds_bucket{le=\"0.001\"} 4\n\
             t_seconds_bucket{le=\"0.5\"} 9\nt_seconds_bucket{le=\"+Inf\"} 15\nt_seconds_sum 7.25\nt_seconds_count 15\n"
        );
    }
}
