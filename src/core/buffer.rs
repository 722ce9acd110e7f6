//! A buffer of octets between a descriptor and a codec: filled at one end, emptied at the other.

/// Octets that were read and not yet decoded, or encoded and not yet written.
///
/// Never grows. Room is made at the front when the back runs out, so that a frame always stands in
/// one piece.
#[derive(Debug)]
pub struct Buffer {
    buf: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// An empty buffer for `capacity` octets.
    pub fn new(capacity: usize) -> Self {
        Buffer {
            buf: vec![0; capacity].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// What was put in and not taken out.
    pub fn filled(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// How many octets can be put in.
    pub fn room(&self) -> usize {
        self.buf.len() - (self.end - self.start)
    }

    /// All the room that there is, in one piece.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buf[self.end..]
    }

    /// Counts the first `n` octets of [`Buffer::space`] as put in.
    pub fn commit(&mut self, n: usize) {
        self.end = (self.end + n).min(self.buf.len());
    }

    /// Takes `n` octets out.
    pub fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order_across_the_end() {
        let mut buffer = Buffer::new(8);
        buffer.space()[..6].copy_from_slice(b"abcdef");
        buffer.commit(6);
        buffer.consume(4);
        assert_eq!(buffer.room(), 6);
        buffer.space()[..6].copy_from_slice(b"ghijkl");
        buffer.commit(6);
        assert_eq!(buffer.filled(), b"efghijkl");
        assert_eq!(buffer.room(), 0);
        assert!(buffer.space().is_empty());
        buffer.consume(99);
        assert_eq!((buffer.filled(), buffer.room()), (&b""[..], 8));
    }
}
