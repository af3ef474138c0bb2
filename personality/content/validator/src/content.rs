//! The content, piece by piece.

use crate::host;
use std::mem;

/// Least number of bytes asked of the host at once.
const PIECE: usize = 64 * 1024;

/// The part of the content that is in memory.
pub struct Content {
    buffer: Vec<u8>,
    /// Bytes at the beginning of the buffer that the reader is done with.
    start: usize,
    /// Bytes that are still at the host.
    unread: u64,
    size: u64,
}

impl Content {
    pub fn new(size: u64) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            unread: size,
            size,
        }
    }

    pub fn available(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Whether all that is left is available.
    pub fn all_available(&self) -> bool {
        self.unread == 0
    }

    /// Is done with that many available bytes.
    pub fn consume(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// Appends `wanted` bytes or a whole piece, but not more than there is: lengths
    /// in the content are not to be trusted.
    pub fn fetch(&mut self, wanted: usize) {
        self.buffer.drain(..mem::take(&mut self.start));
        let more = self.unread.min(wanted.max(PIECE) as u64) as usize;
        let end = self.buffer.len();
        self.buffer.reserve_exact(more);
        self.buffer.resize(end + more, 0);
        host::read(&mut self.buffer[end..]);
        self.unread -= more as u64;
    }

    /// How many bytes the reader is done with.
    pub fn position(&self) -> u64 {
        self.size - self.unread - self.available().len() as u64
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Makes `wanted` bytes available, or all that are left if these are fewer.
    pub fn ensure(&mut self, wanted: usize) -> &[u8] {
        let available = self.available().len();
        if available < wanted {
            self.fetch(wanted - available);
        }
        let available = self.available();
        &available[..wanted.min(available.len())]
    }

    /// Is done with `bytes` more, which need not be available.
    pub fn skip(&mut self, bytes: u64) {
        let available = self.available().len() as u64;
        if bytes <= available {
            self.start += bytes as usize;
            return;
        }
        let beyond = (bytes - available).min(self.unread);
        host::skip(beyond);
        self.unread -= beyond;
        self.buffer.clear();
        self.start = 0;
    }
}
