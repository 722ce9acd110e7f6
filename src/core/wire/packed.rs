//! Spinel data packing (protocol §2): a [`Reader`] that borrows from the frame and a [`Writer`] that
//! fills a caller's buffer. Neither allocates, and neither can panic whatever the octets are.
//!
//! | code | Rust | octets |
//! | --- | --- | --- |
//! | `b` | `bool` | 1 |
//! | `C` `c` | `u8` `i8` | 1 |
//! | `S` `s` | `u16` `i16` | 2, little-endian |
//! | `L` `l` | `u32` `i32` | 4, little-endian |
//! | `X` `x` | `u64` `i64` | 8, little-endian |
//! | `i` | `u32` | 1..3, [`Reader::uint_packed`] |
//! | `6` | `[u8; 16]` | 16, network order |
//! | `E` `e` | `[u8; 8]` `[u8; 6]` | 8, 6, as printed |
//! | `D` | `&[u8]` | the rest |
//! | `d` `t(..)` | `&[u8]`, a nested [`Reader`] | 2 + n |
//! | `U` | `&[u8]` without the terminator | n + 1 |

use core::fmt;

/// The largest packed unsigned integer: three groups of seven bits (§2.2).
pub const UINT_PACKED_MAX: u32 = 2_097_151;

/// Why a value could not be read: the octets do not hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The value runs past the end of its buffer.
    Truncated,
    /// A packed unsigned integer longer than three octets (§2.2, errata E4).
    IntegerTooLong,
    /// A string without its terminating zero octet inside the buffer.
    Unterminated,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Truncated => "a value runs past the end",
            Malformed::IntegerTooLong => "a packed integer is longer than three octets",
            Malformed::Unterminated => "a string has no terminating zero",
        })
    }
}

impl std::error::Error for Malformed {}

/// Reads values from the front of a slice.
///
/// A failed read leaves the reader where it was.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

macro_rules! read_le {
    ($($(#[$doc:meta])* $name:ident: $ty:ty, $len:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Malformed::Truncated`].
        pub fn $name(&mut self) -> Result<$ty, Malformed> {
            Ok(<$ty>::from_le_bytes(self.array::<$len>()?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// A reader at the start of `octets`.
    pub const fn new(octets: &'a [u8]) -> Self {
        Reader { rest: octets }
    }

    /// Whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet (type `D`).
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `n` octets.
    ///
    /// # Errors
    /// [`Malformed::Truncated`].
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        if n > self.rest.len() {
            return Err(Malformed::Truncated);
        }
        let (front, rest) = self.rest.split_at(n);
        self.rest = rest;
        Ok(front)
    }

    /// The next `N` octets as an array (types `6`, `E`, `e`).
    ///
    /// # Errors
    /// [`Malformed::Truncated`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    read_le! {
        /// Type `C`.
        uint8: u8, 1;
        /// Type `c`.
        int8: i8, 1;
        /// Type `S`.
        uint16: u16, 2;
        /// Type `s`.
        int16: i16, 2;
        /// Type `L`.
        uint32: u32, 4;
        /// Type `l`.
        int32: i32, 4;
        /// Type `X`.
        uint64: u64, 8;
        /// Type `x`.
        int64: i64, 8;
    }

    /// Type `b`: any octet but zero is true, as libspinel reads it (errata E41).
    ///
    /// # Errors
    /// [`Malformed::Truncated`].
    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        Ok(self.uint8()? != 0)
    }

    /// Type `i`: up to three octets of seven bits, least significant first (§2.2). Overlong forms
    /// are accepted up to three octets.
    ///
    /// # Errors
    /// [`Malformed::Truncated`], [`Malformed::IntegerTooLong`].
    pub fn uint_packed(&mut self) -> Result<u32, Malformed> {
        let mut value = 0;
        for index in 0..3 {
            let octet = *self.rest.get(index).ok_or(Malformed::Truncated)?;
            value |= u32::from(octet & 0x7F) << (7 * index);
            if octet & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(Malformed::IntegerTooLong)
    }

    /// Type `d`: a length of two octets, then the data.
    ///
    /// # Errors
    /// [`Malformed::Truncated`].
    pub fn data_with_length(&mut self) -> Result<&'a [u8], Malformed> {
        let before = *self;
        let length = self.uint16()?;
        self.take(usize::from(length)).map_err(|error| {
            *self = before;
            error
        })
    }

    /// Type `t(..)`: a reader over the structure's members. Members that it does not read are
    /// skipped (§2.1: later versions may append members).
    ///
    /// # Errors
    /// [`Malformed::Truncated`].
    pub fn structure(&mut self) -> Result<Reader<'a>, Malformed> {
        self.data_with_length().map(Reader::new)
    }

    /// Type `U`: the octets before the terminating zero, which need not be valid UTF-8.
    ///
    /// # Errors
    /// [`Malformed::Unterminated`].
    pub fn utf8(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self
            .rest
            .iter()
            .position(|&octet| octet == 0)
            .ok_or(Malformed::Unterminated)?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }
}

/// The buffer is full, or the value has no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// Writes values to the front of a buffer.
///
/// A failed write leaves the writer where it was.
#[derive(Debug)]
pub struct Writer<'a> {
    buf: &'a mut [u8],
    len: usize,
}

macro_rules! write_le {
    ($($(#[$doc:meta])* $name:ident: $ty:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Overflow`] when the buffer is full.
        pub fn $name(&mut self, value: $ty) -> Result<(), Overflow> {
            self.data(&value.to_le_bytes())
        }
    )*};
}

impl<'a> Writer<'a> {
    /// A writer at the start of `buf`.
    pub fn new(buf: &'a mut [u8]) -> Self {
        Writer { buf, len: 0 }
    }

    /// How many octets have been written.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What has been written.
    pub fn written(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    /// Octets as they stand (types `D`, `6`, `E`, `e`).
    ///
    /// # Errors
    /// [`Overflow`] when the buffer is full.
    pub fn data(&mut self, octets: &[u8]) -> Result<(), Overflow> {
        let room = self
            .buf
            .get_mut(self.len..)
            .and_then(|free| free.get_mut(..octets.len()))
            .ok_or(Overflow)?;
        room.copy_from_slice(octets);
        self.len += octets.len();
        Ok(())
    }

    write_le! {
        /// Type `C`.
        uint8: u8;
        /// Type `c`.
        int8: i8;
        /// Type `S`.
        uint16: u16;
        /// Type `s`.
        int16: i16;
        /// Type `L`.
        uint32: u32;
        /// Type `l`.
        int32: i32;
        /// Type `X`.
        uint64: u64;
        /// Type `x`.
        int64: i64;
    }

    /// Type `b`.
    ///
    /// # Errors
    /// [`Overflow`] when the buffer is full.
    pub fn boolean(&mut self, value: bool) -> Result<(), Overflow> {
        self.uint8(u8::from(value))
    }

    /// Type `i`, in as few octets as possible (§2.2).
    ///
    /// # Errors
    /// [`Overflow`] when the buffer is full or `value` exceeds [`UINT_PACKED_MAX`].
    pub fn uint_packed(&mut self, value: u32) -> Result<(), Overflow> {
        let group = |index: u32| (value >> (7 * index)) as u8 & 0x7F;
        match value {
            0..=0x7F => self.data(&[group(0)]),
            0x80..=0x3FFF => self.data(&[group(0) | 0x80, group(1)]),
            0x4000..=UINT_PACKED_MAX => self.data(&[group(0) | 0x80, group(1) | 0x80, group(2)]),
            _ => Err(Overflow),
        }
    }

    /// Type `d`.
    ///
    /// # Errors
    /// [`Overflow`] when the buffer is full or `octets` is longer than 65,535.
    pub fn data_with_length(&mut self, octets: &[u8]) -> Result<(), Overflow> {
        self.structure(|inner| inner.data(octets))
    }

    /// Type `t(..)`: whatever `members` writes, behind its length.
    ///
    /// # Errors
    /// [`Overflow`] when the buffer is full or the members are longer than 65,535 octets.
    pub fn structure(
        &mut self,
        members: impl FnOnce(&mut Self) -> Result<(), Overflow>,
    ) -> Result<(), Overflow> {
        let start = self.len;
        let result = self.uint16(0).and_then(|()| members(self)).and_then(|()| {
            let length = u16::try_from(self.len - start - 2).map_err(|_| Overflow)?;
            self.buf[start..start + 2].copy_from_slice(&length.to_le_bytes());
            Ok(())
        });
        if result.is_err() {
            self.len = start;
        }
        result
    }

    /// Type `U`: `text` and the terminating zero octet.
    ///
    /// # Errors
    /// [`Overflow`] when the buffer is full or `text` holds a zero octet.
    pub fn utf8(&mut self, text: &str) -> Result<(), Overflow> {
        if text.as_bytes().contains(&0) || text.len() + 1 > self.buf.len() - self.len {
            return Err(Overflow);
        }
        self.data(text.as_bytes())?;
        self.uint8(0)
    }

    /// Whatever `write` writes, or nothing if it fails.
    ///
    /// # Errors
    /// What `write` says.
    pub(super) fn attempt<T, E>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let start = self.len;
        let result = write(self);
        if result.is_err() {
            self.len = start;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The table of protocol §2.2.
    const UINT_PACKED: &[(u32, &[u8])] = &[
        (0, &[0x00]),
        (1, &[0x01]),
        (127, &[0x7F]),
        (128, &[0x80, 0x01]),
        (129, &[0x81, 0x01]),
        (255, &[0xFF, 0x01]),
        (300, &[0xAC, 0x02]),
        (512, &[0x80, 0x04]),
        (1_281, &[0x81, 0x0A]),
        (1_337, &[0xB9, 0x0A]),
        (4_096, &[0x80, 0x20]),
        (4_104, &[0x88, 0x20]),
        (4_105, &[0x89, 0x20]),
        (4_608, &[0x80, 0x24]),
        (4_864, &[0x80, 0x26]),
        (5_376, &[0x80, 0x2A]),
        (6_400, &[0x80, 0x32]),
        (15_296, &[0xC0, 0x77]),
        (15_360, &[0x80, 0x78]),
        (16_383, &[0xFF, 0x7F]),
        (16_384, &[0x80, 0x80, 0x01]),
        (16_385, &[0x81, 0x80, 0x01]),
        (2_000_000, &[0x80, 0x89, 0x7A]),
        (2_097_150, &[0xFE, 0xFF, 0x7F]),
        (2_097_151, &[0xFF, 0xFF, 0x7F]),
    ];

    /// What `write` leaves in a buffer that was used before.
    fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<(), Overflow>) -> Vec<u8> {
        let mut buf = [0xA5; 64];
        let mut writer = Writer::new(&mut buf);
        write(&mut writer).unwrap();
        let len = writer.len();
        assert!(buf[len..].iter().all(|&octet| octet == 0xA5));
        buf[..len].to_vec()
    }

    #[test]
    fn uint_packed_vectors_both_ways() {
        for &(value, octets) in UINT_PACKED {
            assert_eq!(
                written(|writer| writer.uint_packed(value)),
                octets,
                "{value}"
            );
            let trailing = [octets, &[0xA5]].concat();
            let mut reader = Reader::new(&trailing);
            assert_eq!(reader.uint_packed(), Ok(value));
            assert_eq!(reader.rest(), [0xA5], "{value}");
        }
    }

    #[test]
    fn uint_packed_edges() {
        let read = |octets: &[u8]| {
            let mut reader = Reader::new(octets);
            let value = reader.uint_packed();
            if value.is_err() {
                assert_eq!(reader.rest(), octets);
            }
            value
        };
        assert_eq!(read(&[]), Err(Malformed::Truncated));
        assert_eq!(read(&[0x80, 0x80]), Err(Malformed::Truncated));
        assert_eq!(
            read(&[0x80, 0x80, 0x80, 0x01]),
            Err(Malformed::IntegerTooLong)
        );
        assert_eq!(read(&[0x80, 0x80, 0x80]), Err(Malformed::IntegerTooLong));
        assert_eq!(read(&[0x80, 0x00]), Ok(0));
        assert_eq!(read(&[0x81, 0x80, 0x00]), Ok(1));
        let mut buf = [0; 8];
        let mut writer = Writer::new(&mut buf);
        assert_eq!(writer.uint_packed(UINT_PACKED_MAX + 1), Err(Overflow));
        assert!(writer.is_empty());
    }

    /// The examples of protocol §2.1 both ways, each with an octet behind it.
    #[test]
    fn type_vectors_both_ways() {
        macro_rules! vector {
            ($method:ident, $value:expr, $octets:expr) => {{
                let octets: &[u8] = &$octets;
                assert_eq!(written(|writer| writer.$method($value)), octets);
                let trailing = [octets, &[0xA5]].concat();
                let mut reader = Reader::new(&trailing);
                assert_eq!(reader.$method(), Ok($value));
                assert_eq!(reader.rest(), [0xA5]);
            }};
        }
        vector!(boolean, true, [0x01]);
        vector!(boolean, false, [0x00]);
        vector!(uint8, 255, [0xFF]);
        vector!(int8, -128, [0x80]);
        vector!(uint16, 0x1234, [0x34, 0x12]);
        vector!(int16, -2, [0xFE, 0xFF]);
        vector!(uint32, 0x1234_5678, [0x78, 0x56, 0x34, 0x12]);
        vector!(int32, -2, [0xFE, 0xFF, 0xFF, 0xFF]);
        vector!(uint64, 0x0102_0304_0506_0708, [8, 7, 6, 5, 4, 3, 2, 1]);
        vector!(int64, -2, [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        vector!(
            data_with_length,
            &[0xAA, 0xBB][..],
            [0x02, 0x00, 0xAA, 0xBB]
        );
    }

    #[test]
    fn structure_vector_both_ways() {
        let octets = [0x03, 0x00, 0x01, 0x03, 0x02];
        let structure = |writer: &mut Writer<'_>| {
            writer.structure(|members| {
                members.uint8(1)?;
                members.uint16(0x0203)
            })
        };
        assert_eq!(written(structure), octets);
        let mut reader = Reader::new(&octets);
        let mut members = reader.structure().unwrap();
        assert_eq!((members.uint8(), members.uint16()), (Ok(1), Ok(0x0203)));
        assert!(members.is_empty() && reader.is_empty());
    }

    #[test]
    fn string_vectors_both_ways() {
        assert_eq!(written(|writer| writer.utf8("Hi")), b"Hi\0");
        assert_eq!(written(|writer| writer.utf8("")), [0]);
        let mut reader = Reader::new(b"Hi\0\0\xA5");
        assert_eq!(reader.utf8(), Ok(&b"Hi"[..]));
        assert_eq!(reader.utf8(), Ok(&b""[..]));
        assert_eq!(reader.utf8(), Err(Malformed::Unterminated));
        assert_eq!(reader.rest(), [0xA5]);
        assert_eq!(Writer::new(&mut [0; 8]).utf8("a\0b"), Err(Overflow));
    }

    #[test]
    fn any_octet_but_zero_is_true() {
        assert_eq!(Reader::new(&[0xA5]).boolean(), Ok(true));
    }

    #[test]
    fn a_failed_read_leaves_the_reader_where_it_was() {
        let octets = [0x03, 0x00, 0xAA];
        let mut reader = Reader::new(&octets);
        assert_eq!(reader.data_with_length(), Err(Malformed::Truncated));
        assert!(reader.structure().is_err());
        assert_eq!(reader.uint32(), Err(Malformed::Truncated));
        assert_eq!(reader.array::<4>(), Err(Malformed::Truncated));
        assert_eq!(reader.take(usize::MAX), Err(Malformed::Truncated));
        assert_eq!(reader.rest(), octets);
    }

    #[test]
    fn a_failed_write_leaves_the_writer_where_it_was() {
        let mut buf = [0; 3];
        let mut writer = Writer::new(&mut buf);
        writer.uint8(0xA5).unwrap();
        assert_eq!(writer.uint32(1), Err(Overflow));
        assert_eq!(writer.uint_packed(16_384), Err(Overflow));
        assert_eq!(writer.data_with_length(&[1]), Err(Overflow));
        assert_eq!(writer.utf8("ab"), Err(Overflow));
        assert_eq!(writer.structure(|_| Err(Overflow)), Err(Overflow));
        let attempt = writer.attempt(|writer| {
            writer.uint16(1).unwrap();
            Err::<(), _>("failed")
        });
        assert_eq!(attempt, Err("failed"));
        assert_eq!(writer.written(), [0xA5]);
        writer.uint16(0x0201).unwrap();
        assert_eq!(writer.written(), [0xA5, 0x01, 0x02]);
    }

    #[test]
    fn a_structure_longer_than_its_length_field_overflows() {
        let mut buf = vec![0; 70_000];
        let mut writer = Writer::new(&mut buf);
        assert_eq!(writer.data_with_length(&[0; 65_536]), Err(Overflow));
        assert!(writer.is_empty());
        assert_eq!(writer.data_with_length(&[0; 65_535]), Ok(()));
    }

    proptest! {
        #[test]
        fn uint_packed_round_trips(value in 0..=UINT_PACKED_MAX) {
            let octets = written(|writer| writer.uint_packed(value));
            let least = [0x7F, 0x3FFF, UINT_PACKED_MAX].iter().position(|&max| value <= max);
            prop_assert_eq!(Some(octets.len() - 1), least);
            prop_assert_eq!(Reader::new(&octets).uint_packed(), Ok(value));
        }

        #[test]
        fn members_round_trip(
            number in any::<i64>(),
            address in any::<[u8; 16]>(),
            data in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let octets = written(|writer| {
                writer.structure(|members| {
                    members.int64(number)?;
                    members.data_with_length(&data)
                })?;
                writer.data(&address)?;
                writer.data(&data)
            });
            let mut reader = Reader::new(&octets);
            let mut members = reader.structure().unwrap();
            prop_assert_eq!(members.int64(), Ok(number));
            prop_assert_eq!(members.data_with_length(), Ok(&data[..]));
            prop_assert_eq!(reader.array(), Ok(address));
            prop_assert_eq!(reader.rest(), &data[..]);
        }

        #[test]
        fn strings_round_trip(text in "[^\0]{0,8}") {
            let octets = written(|writer| writer.utf8(&text));
            prop_assert_eq!(Reader::new(&octets).utf8(), Ok(text.as_bytes()));
        }

        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..8)) {
            let mut reader = Reader::new(&octets);
            while reader.uint_packed().is_ok() {}
            while reader.data_with_length().is_ok() {}
            while reader.utf8().is_ok() {}
            prop_assert!(octets.ends_with(reader.rest()));
        }
    }
}
