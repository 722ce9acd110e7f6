//! From a frame to HDLC-lite octets (protocol §6.2, §6.3).

use super::{copy_run, specials, ESCAPE, ESCAPE_XOR, FLAG, SPECIAL};
use crate::wire::fcs::{self, FCS_LEN};

/// The most octets that a frame of `len` octets can become: every octet and both of the FCS escaped,
/// and a flag on either side.
pub const fn encoded_max(len: usize) -> usize {
    2 * (len + FCS_LEN) + 2
}

/// Writes `frame` to the front of `out` as flag, escaped frame and FCS, flag. Returns the number of
/// octets written, or `None` if they do not fit (they always do in [`encoded_max`]); `out` then holds
/// nothing of use.
///
/// A flag stands on both sides: pyspinel loses every other frame that has none in front.
pub fn encode(frame: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut end = 0;
    put(out, &mut end, [FLAG])?;
    escape(frame, out, &mut end)?;
    escape(&fcs::of(frame), out, &mut end)?;
    put(out, &mut end, [FLAG])?;
    Some(end)
}

/// Copies runs of ordinary octets whole: a random octet is special once in fifty.
fn escape(mut octets: &[u8], out: &mut [u8], end: &mut usize) -> Option<()> {
    loop {
        let run = copy_run(octets, out.get_mut(*end..)?, specials);
        *end += run;
        let Some((&octet, rest)) = octets[run..].split_first() else {
            return Some(());
        };
        // Without room the run ends at an octet that is ordinary; so it does at one that looks special.
        match SPECIAL.contains(&octet) {
            true => put(out, end, [ESCAPE, octet ^ ESCAPE_XOR])?,
            false => put(out, end, [octet])?,
        }
        octets = rest;
    }
}

#[inline(always)]
fn put<const N: usize>(out: &mut [u8], end: &mut usize, octets: [u8; N]) -> Option<()> {
    let room = out.get_mut(*end..*end + N)?;
    room.copy_from_slice(&octets);
    *end += N;
    Some(())
}
