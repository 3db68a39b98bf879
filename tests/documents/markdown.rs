//! As much of Markdown as the checks need: fenced code blocks, links, headings.

use std::fs;
use std::path::PathBuf;

/// A Markdown file.
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    text: String,
}

/// A fenced code block.
pub(crate) struct Block {
    /// The line of its opening fence.
    pub(crate) line: usize,
    /// The first word behind the fence.
    pub(crate) language: String,
    pub(crate) text: String,
}

/// An inline link or a link definition.
pub(crate) struct Link {
    pub(crate) line: usize,
    pub(crate) target: String,
}

impl Document {
    pub(crate) fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// Its path from the workspace's folder on.
    pub(crate) fn name(&self) -> String {
        self.path
            .strip_prefix(super::root())
            .unwrap_or(&self.path)
            .display()
            .to_string()
    }

    /// All of it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (index, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(after), None) => {
                    let language = after.split([',', ' ']).next().unwrap_or_default().to_owned();
                    open = Some(Block {
                        line: index + 1,
                        language,
                        text: String::new(),
                    });
                }
                (Some(_), Some(block)) => blocks.push(block),
                (None, Some(mut block)) => {
                    block.text += line;
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a code block has no end", self.name());
        blocks.into_iter()
    }

    /// The lines outside code blocks, with their numbers and without inline code.
    fn prose(&self) -> impl Iterator<Item = (usize, String)> {
        let mut inside = false;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            // Every second piece between backticks is code.
            (!inside && !fence).then(|| {
                (
                    index + 1,
                    line.split('`').step_by(2).collect::<Vec<_>>().join("code"),
                )
            })
        })
    }

    pub(crate) fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for (line, text) in self.prose() {
            for (at, _) in text.match_indices("](") {
                let target = text[at + 2..]
                    .split([')', ' '])
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                links.push(Link { line, target });
            }
            if let Some((_, target)) = text.strip_prefix('[').and_then(|text| text.split_once("]: ")) {
                links.push(Link {
                    line,
                    target: target.trim().to_owned(),
                });
            }
        }
        links
    }

    /// Whether a link leads to a file and, with a fragment, to a heading in it. Addresses elsewhere are not followed.
    pub(crate) fn resolve(&self, target: &str) -> Result<(), String> {
        if target.contains("://") || target.starts_with("mailto:") {
            return Ok(());
        }
        let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() {
            self.path.clone()
        } else {
            self.path.with_file_name(file)
        };
        if !path.exists() {
            return Err("no such file".to_owned());
        }
        if fragment.is_empty() || path.extension().is_none_or(|extension| extension != "md") {
            return Ok(());
        }
        let known = Self::read(path).anchors();
        if known.iter().any(|anchor| anchor == fragment) {
            Ok(())
        } else {
            Err(format!("headings are {known:?}"))
        }
    }

    /// The fragments that lead to headings, as the usual renderers make them.
    fn anchors(&self) -> Vec<String> {
        let mut inside = false;
        let headings = self.text.lines().filter(|line| {
            inside ^= line.trim_start().starts_with("```");
            !inside && line.starts_with('#')
        });
        headings
            .map(|line| {
                let title = line.trim_start_matches('#').trim().to_lowercase();
                let kept = title
                    .chars()
                    .filter(|each| each.is_alphanumeric() || [' ', '-', '_'].contains(each));
                kept.map(|each| if each == ' ' { '-' } else { each }).collect()
            })
            .collect()
    }
}
