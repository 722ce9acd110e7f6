use super::*;

fn chip(number: u32, label: &str, lines: &[&str]) -> Chip {
    Chip {
        path: format!("/dev/gpiochip{number}").into(),
        aliases: Vec::new(),
        name: format!("gpiochip{number}"),
        label: label.to_owned(),
        lines: lines
            .iter()
            .map(|name| (!name.is_empty()).then(|| (*name).to_owned()))
            .collect(),
    }
}

/// A Raspberry Pi 4 with a port expander twice.
fn board() -> Chips {
    let mut soc = chip(0, "pinctrl-bcm2711", &["ID_SDA", "", "GPIO25", "GPIO26"]);
    soc.aliases.push("/dev/gpiochip4".into());
    Chips {
        chips: vec![
            soc,
            chip(1, "mcp23017", &["", "INT", "SHARED"]),
            chip(2, "mcp23017", &["", "SHARED"]),
            chip(3, "", &[]),
        ],
        ..Chips::default()
    }
}

fn at(chip: &str, offset: u32) -> GpioLine {
    GpioLine::Offset {
        chip: chip.to_owned(),
        offset,
    }
}

fn named(name: &str) -> GpioLine {
    GpioLine::Name(name.to_owned())
}

#[track_caller]
fn found(wanted: &GpioLine) -> (String, u32) {
    let location = resolve(&board(), wanted).unwrap();
    (location.path.display().to_string(), location.offset)
}

#[track_caller]
fn refused(all: &Chips, wanted: &GpioLine) -> String {
    let message = resolve(all, wanted).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn chip_by_name_path_alias_and_label() {
    for spelling in [
        "gpiochip0",
        "/dev/gpiochip0",
        "gpiochip4",
        "/dev/gpiochip4",
        "pinctrl-bcm2711",
    ] {
        assert_eq!(found(&at(spelling, 2)), ("/dev/gpiochip0".into(), 2));
    }
}

#[test]
fn line_by_name() {
    assert_eq!(found(&named("GPIO25")), ("/dev/gpiochip0".into(), 2));
    assert_eq!(found(&named("INT")), ("/dev/gpiochip1".into(), 1));
}

#[test]
fn location_prints_what_was_found() {
    let location = resolve(&board(), &at("gpiochip0", 2)).unwrap();
    assert_eq!(location.to_string(), "/dev/gpiochip0:2 (GPIO25)");
    let location = resolve(&board(), &at("gpiochip0", 1)).unwrap();
    assert_eq!(location.to_string(), "/dev/gpiochip0:1");
}

#[test]
fn unknown_chip_lists_the_chips() {
    assert_eq!(
        refused(&board(), &at("gpiochip9", 0)),
        "no GPIO chip has the name or label \"gpiochip9\"; there are gpiochip0 [pinctrl-bcm2711] \
         (4 lines), gpiochip1 [mcp23017] (3 lines), gpiochip2 [mcp23017] (2 lines), gpiochip3 \
         (0 lines)"
    );
}

#[test]
fn label_of_several_chips_lists_them() {
    assert_eq!(
        refused(&board(), &at("mcp23017", 0)),
        "several GPIO chips have the label \"mcp23017\": gpiochip1 [mcp23017] (3 lines), gpiochip2 \
         [mcp23017] (2 lines); give the name instead"
    );
}

#[test]
fn offset_beyond_the_chip() {
    assert_eq!(
        refused(&board(), &at("gpiochip0", 4)),
        "gpiochip0 [pinctrl-bcm2711] has no line 4: its offsets are 0 to 3"
    );
    assert_eq!(
        refused(&board(), &at("gpiochip3", 0)),
        "gpiochip3 has no lines, so none with offset 0"
    );
}

#[test]
fn name_of_several_lines_lists_them() {
    assert_eq!(
        refused(&board(), &named("SHARED")),
        "several GPIO lines have the name \"SHARED\": gpiochip1:2, gpiochip2:1; give one of these \
         instead"
    );
}

#[test]
fn unknown_name_offers_near_ones() {
    let message = refused(&board(), &named("gpio_25"));
    assert!(
        message.starts_with("no GPIO line has the name \"gpio_25\"; did you mean GPIO25, GPIO26?"),
        "{message}"
    );
    let message = refused(&board(), &named("nothing-like-it"));
    assert!(!message.contains("did you mean"), "{message}");
    assert!(message.contains("gpiochip0"), "{message}");
}

#[test]
fn chip_that_may_not_be_opened() {
    let mut all = board();
    all.denied = vec!["/dev/gpiochip7".into()];
    let message = refused(&all, &at("gpiochip7", 0));
    assert!(message.starts_with("/dev/gpiochip7: permission denied"));
    assert!(message.contains("gpio"), "{message}");
    // The line that was not found may be on it.
    assert!(refused(&all, &named("WAKE")).contains("/dev/gpiochip7"));
    assert!(refused(&all, &at("label", 0)).contains("/dev/gpiochip7"));
}

#[test]
fn machine_without_gpio() {
    let none = Chips::default();
    assert!(refused(&none, &named("GPIO25")).contains("CONFIG_GPIO_CDEV"));
    assert!(refused(&none, &at("gpiochip0", 0)).contains("CONFIG_GPIO_CDEV"));
}

#[test]
fn busy_names_the_consumer() {
    let busy = LineError::Busy {
        line: resolve(&board(), &named("GPIO25")).unwrap(),
        consumer: Some("spi0 CS1".to_owned()),
    };
    assert!(busy
        .to_string()
        .starts_with("/dev/gpiochip0:2 (GPIO25) is in use by \"spi0 CS1\": "));
}
