//! Values of the co-processor's own making.

use crate::wire::packed::Writer;

/// Packs a structured value of the co-processor's own making.
pub(crate) fn pack(
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), crate::wire::packed::Overflow>,
) -> Vec<u8> {
    let mut buf = [0; 256];
    let mut writer = Writer::new(&mut buf);
    // What does not fit is left out: nothing here is longer than a quarter of the buffer.
    let _ = write(&mut writer);
    writer.written().to_vec()
}
