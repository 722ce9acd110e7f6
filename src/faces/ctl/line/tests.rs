use super::*;
use proptest::prelude::*;

fn parse(line: &str) -> Result<Option<RequestLine<'_>>, NotARequest<'_>> {
    RequestLine::parse(line)
}

/// Lines of the server and what they mean, both ways.
fn told_vectors() -> Vec<(&'static str, Told)> {
    let answer = |tag: &str, answer| Told::Answer {
        tag: tag.to_owned(),
        answer,
    };
    let row = Fields::new()
        .with("name", Field::text("Test \"Net\" é\n"))
        .with("channel", 11_u8)
        .with("joinable", true)
        .with("rssi", -60_i8)
        .with("xpanid", Field::word("DEAD00BEEF00CAFE"))
        .with("empty", Field::text(""));
    vec![
        (
            "a.1 row name=\"Test \\\"Net\\\" é\\n\" channel=11 joinable=true rssi=-60 \
             xpanid=DEAD00BEEF00CAFE empty=\"\"\n",
            answer("a.1", Answer::Row(row)),
        ),
        ("1 row\n", answer("1", Answer::Row(Fields::new()))),
        (
            "1 progress 3 16 \"channel 13\"\n",
            answer(
                "1",
                Answer::Progress {
                    what: "channel 13".into(),
                    done: 3,
                    of: 16,
                },
            ),
        ),
        ("1 ok\n", answer("1", Answer::Done)),
        (
            "? error no-peers \"nobody: try again\"\n",
            answer(
                "?",
                Answer::Failed(Failure::new(Code::NoPeers, "nobody: try again")),
            ),
        ),
        (
            "* state state=offline:commissioned\n",
            Told::Event {
                name: "state".into(),
                fields: Fields::new().with("state", Field::word("offline:commissioned")),
            },
        ),
        (
            "* lost n=3\n",
            Told::Event {
                name: "lost".into(),
                fields: Fields::new().with("n", 3),
            },
        ),
    ]
}

fn write(told: &Told) -> String {
    match told {
        Told::Answer { tag, answer: what } => answer(tag, what),
        Told::Event { name, fields } => super::told(name, fields),
        Told::Greeting { interface, .. } => greeting(interface),
    }
}

#[test]
fn lines_of_the_server_both_ways() {
    for (line, told) in told_vectors() {
        assert_eq!(write(&told), line);
        assert_eq!(Told::parse(line.trim_end()).as_ref(), Ok(&told), "{line}");
    }
    assert_eq!(lost(3), "* lost n=3\n");
}

#[test]
fn the_greeting() {
    let line = greeting("wpan0");
    assert_eq!(
        line,
        format!(
            "* spinel-bridge {} protocol=1 interface=wpan0\n",
            env!("CARGO_PKG_VERSION")
        )
    );
    assert_eq!(
        Told::parse(line.trim_end()),
        Ok(Told::Greeting {
            version: env!("CARGO_PKG_VERSION").into(),
            protocol: 1,
            interface: "wpan0".into()
        })
    );
    assert!(Told::parse("* spinel-bridge 2").is_err());
}

#[test]
fn every_code_comes_back() {
    for &code in Code::ALL {
        let failed = Answer::Failed(Failure::new(code, "why"));
        let told = Told::parse(answer("t", &failed).trim_end());
        let Ok(Told::Answer { answer, .. }) = told else {
            panic!("{told:?}")
        };
        assert_eq!(answer, failed);
    }
}

#[test]
fn requests_are_split() {
    let line = parse(" 7\tform \"two words\"  channel=11 name=\"a b\"\r").unwrap();
    let line = line.unwrap();
    assert_eq!((line.tag, line.verb), ("7", "form"));
    let raw: Vec<&str> = line.words.iter().map(Word::raw).collect();
    assert_eq!(raw, ["\"two words\"", "channel=11", "name=\"a b\""]);
    assert_eq!(parse("").unwrap(), None);
    assert_eq!(parse(" \t\r").unwrap(), None);
}

#[test]
fn garbage_is_no_request() {
    for (line, tag) in [
        ("* status", None),
        ("? status", None),
        ("seventeen-letters status", None),
        ("é status", None),
        ("7", Some("7")),
        ("7 set A \"open", Some("7")),
        (r#"7 set A "\q""#, Some("7")),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.tag, tag, "{line}");
        assert_eq!(error.failure.code, Code::Usage);
    }
}

#[test]
fn a_word_that_looks_like_a_number_stays_text() {
    for word in ["1122334455667788", "-1", "0", "true", "false"] {
        let line = answer(
            "1",
            &Answer::Row(Fields::new().with("x", Field::word(word))),
        );
        assert_eq!(line, format!("1 row x=\"{word}\"\n"));
    }
    for word in ["0011", "+1", "-0", "True", "fd00::1", "a=b"] {
        let line = answer(
            "1",
            &Answer::Row(Fields::new().with("x", Field::word(word))),
        );
        assert_eq!(line, format!("1 row x={word}\n"));
    }
}

#[test]
fn a_name_cannot_break_a_line() {
    let fields = Fields::new()
        .with("a b\n=\"\\é", 1)
        .with("", 2)
        .with("UNKNOWN(15360)", 3);
    assert_eq!(
        answer("1", &Answer::Row(fields)),
        "1 row a_b_____=1 _=2 UNKNOWN(15360)=3\n"
    );
}

fn any_field() -> impl Strategy<Value = Field> {
    prop_oneof![
        any::<bool>().prop_map(Field::Bool),
        any::<i64>().prop_map(Field::Number),
        "[!-~]{1,12}".prop_map(Field::Word),
        "[0-9a-fA-F:]{1,20}".prop_map(Field::Word),
        any::<String>().prop_map(Field::Text),
        any::<String>().prop_map(Field::Word),
    ]
}

#[test]
fn control_characters_are_nowhere_but_escaped() {
    for line in [
        "* \u{b}!",
        "* event \u{b}=1",
        "1 row \u{b}=1",
        "1 row name=\"\u{1b}[2J\"",
        "1 error usage \u{b}",
        "* spinel-bridge \u{b} protocol=1 interface=wpan0",
    ] {
        assert!(Told::parse(line).is_err(), "{line:?}");
    }
    assert!(Told::parse("1\trow name=\"\\u{1b}[2J\"").is_ok());
}

/// What a value is after it was written: a word that needs quotes is a text.
fn after(field: &Field) -> Field {
    match field {
        Field::Word(word) if !is_bare(word) || is_typed(word) => Field::Text(word.clone()),
        field => field.clone(),
    }
}

proptest! {
    #[test]
    fn rows_round_trip(
        values in prop::collection::vec(("[A-Za-z_:()0-9.-]{1,12}", any_field()), 0..6),
    ) {
        let row = Answer::Row(Fields(values.clone()));
        let line = answer("tag", &row);
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert!(!line.trim_end().contains(char::is_control));
        let values = values.into_iter().map(|(name, value)| (name, after(&value)));
        let told = Told::Answer {
            tag: "tag".into(),
            answer: Answer::Row(Fields(values.collect())),
        };
        prop_assert_eq!(Told::parse(line.trim_end_matches('\n')), Ok(told));
    }

    #[test]
    fn requests_round_trip(words in prop::collection::vec(any::<String>(), 0..6)) {
        let written: Vec<String> = words
            .iter()
            .enumerate()
            .map(|(n, word)| if n % 2 == 0 { word_of(word) } else { key_value("key", word) })
            .collect();
        let line = request("t-1", "setprop", &written);
        let parsed = parse(line.trim_end_matches('\n')).unwrap().unwrap();
        prop_assert_eq!((parsed.tag, parsed.verb), ("t-1", "setprop"));
        prop_assert_eq!(parsed.words.len(), words.len());
        for (n, (word, text)) in parsed.words.iter().zip(&words).enumerate() {
            if n % 2 == 0 {
                prop_assert_eq!(word.key_value(), None);
                prop_assert_eq!(&word.text().unwrap(), text);
            } else {
                let (key, value) = word.key_value().unwrap();
                prop_assert_eq!((key, &value.text().unwrap()), ("key", text));
            }
        }
    }

    #[test]
    fn any_line_is_read_or_refused(line in "[a-z0-9 =\"\\\\{}ux?*.\t-]{0,60}|.{0,60}") {
        if let Ok(Some(request)) = parse(&line) {
            prop_assert!(is_tag(request.tag));
            for word in &request.words {
                let _ = word.text();
            }
        }
        if let Ok(told) = Told::parse(&line) {
            prop_assert!(!write(&told).trim_end().contains(char::is_control));
        }
    }
}
