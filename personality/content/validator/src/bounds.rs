//! Lists and texts that stay within bounds, whatever the content holds.

use serde::Serialize;

/// Most items of a list.
pub const MAX_ITEMS: usize = 1_000;
/// Most bytes of a name.
pub const MAX_NAME: usize = 1 << 10;
/// Most bytes of a text.
pub const MAX_TEXT: usize = 16 << 10;
/// Most problems, and bytes of one.
const MAX_PROBLEMS: usize = 50;
const MAX_PROBLEM: usize = 512;

/// A part of a list.
#[derive(Serialize)]
pub struct List<T> {
    /// How many there are.
    pub total: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<T>,
    /// Bytes of strings that the items may still have. Each list has its own, so that one
    /// that is full leaves the others theirs.
    #[serde(skip)]
    strings: usize,
}

impl<T> List<T> {
    pub fn new(strings: usize) -> Self {
        Self {
            total: 0,
            items: Vec::new(),
            strings,
        }
    }

    /// Counts an item, and makes and keeps it if there is room. Once there was none, no
    /// others are kept either: the items are the first of the list.
    pub fn push(&mut self, strings: usize, item: impl FnOnce() -> T) {
        let whole = self.items.len() as u64 == self.total;
        self.total += 1;
        if whole && self.items.len() < MAX_ITEMS && strings <= self.strings {
            self.strings -= strings;
            self.items.push(item());
        }
    }

    pub fn is_cut(&self) -> bool {
        self.total > self.items.len() as u64
    }
}

/// The first `most` bytes of a text, less what would be part of a character.
pub fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// What could not be read or was cut, a sentence each.
#[derive(Serialize, Default)]
#[serde(transparent)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a problem that was not added before.
    pub fn add(&mut self, problem: impl Into<String>) {
        let mut problem = problem.into();
        problem.truncate(problem.floor_char_boundary(MAX_PROBLEM));
        if self.0.len() == MAX_PROBLEMS {
            self.0
                .push("there are more problems than are given here".into());
        }
        if self.0.len() < MAX_PROBLEMS && !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// Adds one about a custom section.
    pub fn of_section(&mut self, name: &str, problem: &str) {
        self.add(format!("custom section {name}: {problem}"));
    }
}
