//! What an error from the operating system means for the bridge.

use nix::errno::Errno;
use std::io;

/// Whether the device behind a descriptor is gone for good, so that trying again is of no use: it was
/// unbound or unplugged. The only errors of a bus that end the program.
///
/// spidev answers ESHUTDOWN once its device is unbound (`drivers/spi/spidev.c`), a GPIO chip that went
/// away ENODEV (`drivers/gpio/gpiolib-cdev.c`), an unplugged serial adapter ENXIO.
pub fn is_gone(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ENXIO | Errno::ENODEV | Errno::ESHUTDOWN))
}
