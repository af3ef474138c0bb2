//! Text that WIT is printed into, with a bound: printing can make exponentially much.

use wit_component::Output;

/// The layout is that of wit-component's OutputToString.
pub struct BoundedOutput<F: FnMut(&str)> {
    text: String,
    most: usize,
    /// Called with the text when it is full. Does not return.
    full: F,
    indent: usize,
    needs_indent: bool,
}

impl<F: FnMut(&str)> BoundedOutput<F> {
    pub fn new(most: usize, full: F) -> Self {
        Self {
            text: String::new(),
            most,
            full,
            indent: 0,
            needs_indent: false,
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<F: FnMut(&str)> Output for BoundedOutput<F> {
    fn push_str(&mut self, src: &str) {
        let room = self.most - self.text.len();
        if src.len() > room {
            self.text.push_str(&src[..src.floor_char_boundary(room)]);
            (self.full)(&self.text);
        }
        self.text.push_str(src);
    }

    fn indent_if_needed(&mut self) -> bool {
        let needed = self.needs_indent;
        if needed {
            for _ in 0..self.indent {
                self.push_str("  ");
            }
            self.needs_indent = false;
        }
        needed
    }

    fn indent_start(&mut self) {
        self.push_str(" {");
        self.indent += 1;
        self.newline();
    }

    fn indent_end(&mut self) {
        self.indent = self.indent.saturating_sub(1);
        self.indent_if_needed();
        self.push_str("}");
        self.newline();
    }

    fn newline(&mut self) {
        self.push_str("\n");
        self.needs_indent = true;
    }
}
