//! Spinel packing: values by signature, as text, and one by one.
//!
//! Input: the length of the signature, the signature, the octets of the value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::wire::packed::{Overflow, Reader, Writer};
use spinel_bridge::wire::signature::{encode_text, Formatted, Signature};

fuzz_target!(|input: &[u8]| {
    let Some((&len, rest)) = input.split_first() else {
        return;
    };
    let (codes, octets) = rest.split_at(usize::from(len).min(rest.len()));
    if let Ok(codes) = std::str::from_utf8(codes) {
        by_signature(codes, octets);
    }
    one_by_one(codes, octets);
});

fn by_signature(codes: &str, octets: &[u8]) {
    let signature = match Signature::parse(codes) {
        Ok(signature) => signature,
        Err(error) => {
            assert!(!error.to_string().contains('\n'));
            return;
        }
    };
    assert!(Signature::parse(signature.item().as_str()).is_ok());
    let mut buf = [0xA5; 2048];
    // Whatever the text is, it gives a value that the signature reads, or a message.
    if let Ok(text) = std::str::from_utf8(octets) {
        let mut writer = Writer::new(&mut buf);
        match encode_text(signature, text, &mut writer) {
            Ok(()) => assert!(Formatted::new(signature, writer.written()).is_ok()),
            Err(error) => assert!(writer.is_empty() && !error.to_string().is_empty()),
        }
    }
    let Ok(formatted) = Formatted::new(signature, octets) else {
        return;
    };
    assert!(formatted.surplus() <= octets.len());
    let text = formatted.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(!formatted.hide_data().to_string().contains(char::is_control));
    if text.is_empty() {
        return;
    }
    let mut buf = vec![0; octets.len()];
    let mut writer = Writer::new(&mut buf);
    let result = encode_text(signature, &text, &mut writer);
    assert_eq!(result, Ok(()), "{codes} {text:?}");
    let again = Formatted::new(signature, writer.written()).expect("what was encoded is read");
    assert_eq!((again.to_string(), again.surplus()), (text, 0));
}

/// Reads what the codes say; a failed read moves nothing, and what was read is written back the same.
fn one_by_one(codes: &[u8], octets: &[u8]) {
    let mut reader = Reader::new(octets);
    let mut buf = vec![0; octets.len() + 1];
    let mut writer = Writer::new(&mut buf);
    let mut canonical = true;
    for code in codes {
        let before = reader;
        let written = writer.len();
        let Some(result) = copy(*code, &mut reader, &mut writer, &mut canonical) else {
            assert_eq!(
                reader.rest(),
                before.rest(),
                "a failed read moved the reader"
            );
            continue;
        };
        assert_eq!(result, Ok(()), "no room for what was read");
        let read = before.rest().len() - reader.rest().len();
        if canonical {
            assert_eq!(&writer.written()[written..], &before.rest()[..read]);
        }
    }
    assert_eq!(writer.data(&vec![0; octets.len() + 2]), Err(Overflow));
}

/// `None`: the octets do not hold the value.
fn copy(
    code: u8,
    from: &mut Reader<'_>,
    to: &mut Writer<'_>,
    canonical: &mut bool,
) -> Option<Result<(), Overflow>> {
    Some(match code {
        b'b' => {
            *canonical &= matches!(from.rest().first(), Some(0 | 1));
            to.boolean(from.boolean().ok()?)
        }
        b'C' => to.uint8(from.uint8().ok()?),
        b'c' => to.int8(from.int8().ok()?),
        b'S' => to.uint16(from.uint16().ok()?),
        b's' => to.int16(from.int16().ok()?),
        b'L' => to.uint32(from.uint32().ok()?),
        b'l' => to.int32(from.int32().ok()?),
        b'X' => to.uint64(from.uint64().ok()?),
        b'x' => to.int64(from.int64().ok()?),
        b'i' => {
            let before = from.rest().len();
            let value = from.uint_packed().ok()?;
            let (start, room) = (to.len(), before - from.rest().len());
            let result = to.uint_packed(value);
            // Overlong forms are read, never written.
            assert!(to.len() - start <= room);
            *canonical &= to.len() - start == room;
            result
        }
        b'6' => to.data(&from.array::<16>().ok()?),
        b'E' => to.data(&from.array::<8>().ok()?),
        b'e' => to.data(&from.array::<6>().ok()?),
        b'd' => to.data_with_length(from.data_with_length().ok()?),
        b't' => {
            let members = from.structure().ok()?;
            to.structure(|inner| inner.data(members.rest()))
        }
        b'U' => match std::str::from_utf8(from.utf8().ok()?) {
            Ok(text) => to.utf8(text),
            Err(_) => {
                *canonical = false;
                Ok(())
            }
        },
        _ => to.data(from.take(usize::from(code)).ok()?),
    })
}
