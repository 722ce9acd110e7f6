//! Every time and count of the link, and where it comes from. "The hosts in use" are
//! `spi-hdlc-adapter` and OpenThread's posix driver.

use crate::time::Duration;

/// What a transaction costs beside its octets, in the middle of what was measured: 25 to 60 µs on a
/// Raspberry Pi, up to 220 µs on slow hosts.
pub(super) const TRANSACTION_COST: Duration = Duration::from_micros(100);

/// The least that the clock goes on: an [`Instant`](crate::time::Instant) counts microseconds.
pub(super) const CLOCK_STEP: Duration = Duration::from_micros(1);

/// How often INT's level is looked at while an answer is due: the most that a lost edge costs then.
/// Thirty wakeups a second, for as long as an answer is waited for, are not seen in `top`.
pub(super) const LEVEL_PERIOD_DUE: Duration = Duration::from_millis(30);

/// After how long it is looked at once a frame was moved and no answer is due; then after as long as
/// nothing happened. The message buffers of an OpenThread NCP (44 of 128 octets unless built otherwise)
/// do not fill from a radio of 250 kbit/s before 180 ms, so nothing is lost behind a lost edge while
/// packets come one after another.
pub(super) const LEVEL_PERIOD_SOON: Duration = Duration::from_millis(100);

/// How often it is looked at when nothing has happened for long: the most that a lost edge can delay an
/// unsolicited frame, and at most one wakeup in ten seconds. The way there takes seven looks.
pub(super) const LEVEL_PERIOD_IDLE: Duration = Duration::from_secs(10);

/// How long an answer is waited for: wpantund's command time-out (protocol §7.3).
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a frame that was taken under CRC waits for the answer, which confirms it: what an NCP takes
/// for most of its answers, and what a repetition after a wrong CRC may take longer.
pub(super) const CONFIRM_WAIT: Duration = Duration::from_millis(10);

/// First pause while INT is active for nothing: the first step of the hosts in use (§5.9, §5.7).
pub(super) const LEVEL_DELAY_MIN: Duration = Duration::from_millis(1);

/// 1 ms doubled ten times is a second, above any sensible poll period.
pub(super) const LEVEL_DOUBLINGS: u32 = 10;

/// Fruitless transactions after which a stuck INT is reported: some 2 s at the poll period of 33 ms.
pub(super) const STUCK_REPORTED: u32 = 64;

/// Transactions in a row that follow at once upon each other and move nothing: as many as the eight
/// wrong CRCs of [`CRC_FAILURES_MAX`] can take, each with its report, which come without a pause.
pub(super) const IN_VAIN_MAX: u32 = 2 * CRC_FAILURES_MAX;

/// The shortest poll period without INT: what epoll can time.
pub(super) const POLL_MIN: Duration = Duration::from_millis(1);

/// Without INT, a poll comes after a sixteenth of the time that nothing happened: an answer that took
/// `t` is found at most `t`/16, or 1 ms, late.
pub(super) const POLL_SHARE: u32 = 16;

/// Pause after a bad header, and after a bad header that INT announced (§5.7).
pub(super) const BAD_DELAY: Duration = Duration::from_millis(10);
pub(super) const BAD_DELAY_SOON: Duration = Duration::from_millis(1);

/// How many bad headers in a row get the shorter pause (§5.7).
pub(super) const BAD_SOON: u32 = 4;

/// Bad headers in a row before the remedial action (§5.7): two seconds.
pub(super) const BAD_MAX: u32 = 200;

/// Or as long, of void ones, where a machine is too slow for that many; a little more, so that the count
/// decides elsewhere.
pub(super) const BAD_TIME: Duration = Duration::from_millis(2_500);

/// Pause after those that follow: whoever is dead for so long is in no hurry, and found an eighth of a
/// second after it comes back at the latest.
pub(super) const BAD_DELAY_DEAD: Duration = Duration::from_millis(120);

/// How long a slave may be silent after it was reset before it is reset again, the first time: a boot of
/// 30 s, as a verified one of a signed image takes, and a fifth more. Doubled each time.
pub(super) const BOOT_MAX: Duration = Duration::from_secs(36);

/// Up to 288 s: five minutes are what an operator waits before he pulls the plug.
pub(super) const BOOT_DOUBLINGS: u32 = 3;

/// How long after a transaction that a slave took part in a void header can mean that it is not armed
/// again: twice and more the 5 ms of the slowest.
pub(super) const REARM_MAX: Duration = Duration::from_millis(13);

/// By how much a timer may be late on a machine that is not overloaded.
pub(super) const TIMER_SLACK: Duration = Duration::from_micros(500);

/// Bad headers in a row after which their end is worth a line (30 is where the hosts in use warn).
pub(super) const BAD_REPORTED: u32 = 30;

/// Refusals in a row that are reported, and that make the link fail (§5.7); the time keeps a slave that
/// is asked often from being given up early: 100 steps of the hosts in use take that long.
pub(super) const REFUSALS_REPORTED: u32 = 30;
pub(super) const REFUSALS_MAX: u32 = 100;
pub(super) const REFUSALS_TIME: Duration = Duration::from_millis(2_900);

/// How long a frame may be longer than any RECV_LEN so far, while that is not 0, before it is dropped
/// (§5.4): seconds, and less than what [`REFUSALS_TIME`] gives a slave that takes nothing.
pub(super) const TOO_BIG_TIME: Duration = Duration::from_secs(2);

/// How often in a row a CRC may be wrong, either way (§5.11, failure cap).
pub(super) const CRC_FAILURES_MAX: u32 = 8;

/// The first pause after a failure of another kind than silence, doubled each time up to 6.4 s: longer than any boot that the hosts
/// in use wait for (2 to 5 s, §5.6).
pub(super) const FAILURE_PAUSE: Duration = Duration::from_millis(100);
pub(super) const FAILURE_DOUBLINGS: u32 = 6;

/// Pauses after driver errors double up to 0.64 s.
pub(super) const ERROR_DOUBLINGS: u32 = 6;

/// How often a reset, by the slave or asked for by the client, is worth a line: neither can flood the
/// log with them.
pub(super) const RESET_REPORT_PERIOD: Duration = Duration::from_secs(1);

/// Shifted headers in a row before the option is named: one can be chance.
pub(super) const SHIFT_REPORTED: u32 = 3;
