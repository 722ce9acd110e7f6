//! GPIO lines, as they are named on the command line.

use super::{limits, Limits};
use crate::nearest::nearest;
use crate::number::{integer, is_digits};
use std::fmt;
use std::str::FromStr;

/// A line, and how the kernel is to treat it: `GPIO25`, `GPIO25:pull-up`, `gpiochip0:25:debounce=100`.
///
/// What follows the line are the words of [`Bias`] and `debounce=N`, each at most once, each after a colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpioWire {
    /// The line.
    pub line: GpioLine,
    /// `None`: as it is.
    pub bias: Option<Bias>,
    /// How long a level must hold until it counts, in µs; 0: not at all.
    pub debounce_us: u32,
}

impl From<GpioLine> for GpioWire {
    fn from(line: GpioLine) -> GpioWire {
        GpioWire {
            line,
            bias: None,
            debounce_us: 0,
        }
    }
}

/// The resistor that the chip itself has at a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// `pull-up`
    PullUp,
    /// `pull-down`
    PullDown,
    /// `bias-disabled`
    Disabled,
}

impl Bias {
    /// All, with their words, which are those of the device tree.
    pub const ALL: [(Bias, &'static str); 3] = [
        (Bias::PullUp, "pull-up"),
        (Bias::PullDown, "pull-down"),
        (Bias::Disabled, "bias-disabled"),
    ];
}

impl FromStr for GpioWire {
    type Err = GpioLineError;

    fn from_str(text: &str) -> Result<GpioWire, GpioLineError> {
        let (mut rest, mut bias, mut debounce) = (text, None, None);
        while let Some((line, word)) = rest.rsplit_once(':') {
            if let Some((found, _)) = Bias::ALL.iter().find(|(_, name)| *name == word) {
                if bias.replace(*found).is_some() {
                    return Err(GpioLineError::Word(word.to_owned()));
                }
            } else if let Some(time) = word.strip_prefix("debounce=") {
                let time = integer(time).and_then(|time| DEBOUNCE.check(time));
                if time.is_none() || debounce.is_some() {
                    return Err(GpioLineError::Word(word.to_owned()));
                }
                debounce = time;
            } else if resembles_a_word(word) {
                return Err(GpioLineError::Word(word.to_owned()));
            } else {
                break;
            }
            rest = line;
        }
        Ok(GpioWire {
            line: rest.parse()?,
            bias,
            debounce_us: debounce.unwrap_or(0),
        })
    }
}

/// The name of a line may have a colon in it. `pullup` after one is no such name.
fn resembles_a_word(text: &str) -> bool {
    let words = Bias::ALL.iter().map(|(_, word)| *word);
    nearest(text, words.chain(["debounce"])).is_some_and(|(far, _)| far <= 2)
}

impl fmt::Display for GpioWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.fmt(f)?;
        for (bias, word) in Bias::ALL {
            if self.bias == Some(bias) {
                write!(f, ":{word}")?;
            }
        }
        match self.debounce_us {
            0 => Ok(()),
            time => write!(f, ":debounce={time}"),
        }
    }
}

/// A line of a GPIO chip.
///
/// A text that ends in a colon and a number is an offset on a chip; any other is a line's name. The
/// colon is ours because a comma would cut the command short in wpantund's configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpioLine {
    /// `gpiochip0:25`, `/dev/gpiochip0:25` or `pinctrl-bcm2711:25`: chip name, path or label, and offset.
    Offset {
        /// The chip's name (`gpiochip0`), path or label.
        chip: String,
        /// The line's offset on the chip.
        offset: u32,
    },
    /// `GPIO25`: the name that the device tree gives the line. It may contain spaces.
    Name(String),
}

impl FromStr for GpioLine {
    type Err = GpioLineError;

    fn from_str(text: &str) -> Result<GpioLine, GpioLineError> {
        if text.trim().is_empty() || text.starts_with('-') {
            return Err(GpioLineError::Missing);
        }
        if text.starts_with("/sys/") {
            let line = sysfs_line(text);
            return Err(GpioLineError::Sysfs { line });
        }
        if let Some((chip, offset)) = text.rsplit_once(',') {
            if is_digits(offset) {
                let (chip, offset) = (chip.to_owned(), offset.to_owned());
                return Err(GpioLineError::Comma { chip, offset });
            }
        }
        let (chip, offset) = text.rsplit_once(':').unwrap_or(("", text));
        if is_digits(offset) {
            return match (chip, offset.parse()) {
                ("", _) => Err(GpioLineError::NoChip {
                    offset: offset.to_owned(),
                }),
                (_, Ok(offset)) => Ok(GpioLine::Offset {
                    chip: chip.to_owned(),
                    offset,
                }),
                (_, Err(_)) => Err(GpioLineError::NoOffset {
                    chip: chip.to_owned(),
                }),
            };
        }
        let chip = text.split(':').next().unwrap_or(text);
        if chip.starts_with('/') || is_chip_name(chip) || offset.is_empty() {
            return Err(GpioLineError::NoOffset {
                chip: chip.to_owned(),
            });
        }
        Ok(GpioLine::Name(text.to_owned()))
    }
}

impl fmt::Display for GpioLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GpioLine::Offset { chip, offset } => write!(f, "{chip}:{offset}"),
            GpioLine::Name(name) => f.write_str(name),
        }
    }
}

/// Why a text is no [`GpioLine`]; each message says what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpioLineError {
    /// Nothing, or what looks like the next option.
    Missing,
    /// `/sys/class/gpio/gpio25`: the interface that `spi-hdlc-adapter` used.
    Sysfs {
        /// The line's offset on its chip, as far as the path tells it.
        line: Option<u32>,
    },
    /// `gpiochip0,25`.
    Comma {
        /// `gpiochip0`.
        chip: String,
        /// `25`.
        offset: String,
    },
    /// `25`: an offset without a chip.
    NoChip {
        /// `25`.
        offset: String,
    },
    /// `pullup`, `debounce=0`, or one of them twice: no word for how a line is to be treated.
    Word(String),
    /// RES with `debounce=`.
    Output,
    /// `gpiochip0`, `/dev/gpiochip0:x`: a chip without a usable offset.
    NoOffset {
        /// `gpiochip0`.
        chip: String,
    },
}

impl fmt::Display for GpioLineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GpioLineError::Missing => {
                write!(f, "no line; write gpiochip0:25 or the line's name GPIO25; see gpioinfo")
            }
            GpioLineError::Sysfs { line: Some(line) } => write!(
                f,
                "sysfs is not used; write gpiochip0:{line} or the line's name GPIO{line}; see gpioinfo"
            ),
            GpioLineError::Sysfs { line: None } => write!(
                f,
                "sysfs is not used; write gpiochip0:25 or the line's name GPIO25; see gpioinfo"
            ),
            GpioLineError::Comma { chip, offset } => {
                write!(f, "write {chip}:{offset}, with a colon")
            }
            GpioLineError::NoChip { offset } => write!(f, "which chip? write gpiochip0:{offset}"),
            GpioLineError::Word(word) => write!(
                f,
                "what is \"{word}\"? after the line go :pull-up, :pull-down or :bias-disabled, and \
                 :debounce=N with {DEBOUNCE}, each once"
            ),
            GpioLineError::Output => write!(f, "debounce is for INT, not for an output"),
            GpioLineError::NoOffset { chip } => {
                write!(f, "which line? write its number, like {chip}:25; see gpioinfo")
            }
        }
    }
}

impl std::error::Error for GpioLineError {}

/// The offset of the line of `/sys/class/gpio/gpio25`. Numbers from 512 on are those of newer kernels,
/// where the first chip begins at 512 (raspberrypi/linux#6037: kernel 6.6).
fn sysfs_line(path: &str) -> Option<u32> {
    let number = |part: &str| part.strip_prefix("gpio")?.parse::<u32>().ok();
    let number = path.rsplit('/').find_map(number)?;
    Some(number.checked_sub(SYSFS_BASE).unwrap_or(number))
}

fn is_chip_name(text: &str) -> bool {
    text.strip_prefix("gpiochip").is_some_and(is_digits)
}

/// `debounce=`. From this on an edge is later than a poll would have been ([`super::POLL_PERIOD`]).
pub const DEBOUNCE: Limits = limits(1, 30_000, 0, "µs");

/// The number of the first line in sysfs since kernel 6.6 (raspberrypi/linux#6037).
const SYSFS_BASE: u32 = 512;
