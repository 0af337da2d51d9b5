//! Arguments as one command line, from which a program gets back exactly what was given.

/// The arguments as one line of UTF-16.
///
/// `CommandLineToArgvW` and the C runtimes take it apart so: backslashes count as they are, but
/// before a quote, where each two stand for one and an odd one makes the quote a letter.
/// Source: <https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments>.
pub(super) fn line<'a>(arguments: impl IntoIterator<Item = &'a [u16]>) -> Vec<u16> {
    let mut line = Vec::new();
    for argument in arguments {
        if !line.is_empty() {
            line.push(BLANK);
        }
        quoted(argument, &mut line);
    }
    line
}

const BLANK: u16 = b' ' as u16;
const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;

fn quoted(argument: &[u16], line: &mut Vec<u16>) {
    const APART: [u16; 5] = [BLANK, QUOTE, b'\t' as u16, b'\n' as u16, 0x0b];
    if !argument.is_empty() && !argument.iter().any(|unit| APART.contains(unit)) {
        line.extend_from_slice(argument);
        return;
    }
    line.push(QUOTE);
    let mut backslashes = 0;
    for unit in argument {
        match *unit {
            BACKSLASH => backslashes += 1,
            QUOTE => {
                // Those that stand there already, once more, and one for the quote.
                line.extend(std::iter::repeat_n(BACKSLASH, backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        line.push(*unit);
    }
    line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
    line.push(QUOTE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(arguments: &[&str]) -> String {
        let units: Vec<Vec<u16>> = arguments.iter().map(|it| it.encode_utf16().collect()).collect();
        String::from_utf16(&line(units.iter().map(Vec::as_slice))).unwrap()
    }

    /// Takes a line apart by the rules of the source above, written anew.
    fn apart(line: &[u16]) -> Vec<Vec<u16>> {
        let (mut all, mut at) = (Vec::new(), 0);
        loop {
            while line.get(at).is_some_and(|it| [BLANK, b'\t' as u16].contains(it)) {
                at += 1;
            }
            if at >= line.len() {
                return all;
            }
            let (mut one, mut is_quoted) = (Vec::new(), false);
            while let Some(unit) = line.get(at) {
                let backslashes = line[at..].iter().take_while(|it| **it == BACKSLASH).count();
                let is_before_quote = line.get(at + backslashes) == Some(&QUOTE);
                if backslashes > 0 {
                    let letters = if is_before_quote { backslashes / 2 } else { backslashes };
                    one.extend(std::iter::repeat_n(BACKSLASH, letters));
                    at += backslashes;
                    if is_before_quote && backslashes % 2 == 1 {
                        one.push(QUOTE);
                        at += 1;
                    }
                } else if *unit == QUOTE {
                    is_quoted = !is_quoted;
                    at += 1;
                } else if !is_quoted && [BLANK, b'\t' as u16].contains(unit) {
                    break;
                } else {
                    one.push(*unit);
                    at += 1;
                }
            }
            all.push(one);
        }
    }

    #[test]
    fn only_what_would_be_taken_apart_is_quoted() {
        assert_eq!(of(&["fix", "--until", "3"]), "fix --until 3");
        assert_eq!(of(&[r"D:\my files\"]), r#""D:\my files\\""#);
        assert_eq!(of(&[r"D:\files\", "x"]), r"D:\files\ x");
        assert_eq!(of(&["", "a\"b"]), r#""" "a\"b""#);
    }

    proptest! {
        #[test]
        fn every_program_gets_back_what_was_given(
            arguments in prop::collection::vec(
                prop_oneof![
                    r#"[a\\" \t\n]{0,8}"#.prop_map(|it| it.encode_utf16().collect::<Vec<u16>>()),
                    prop::collection::vec(1..=u16::MAX, 0..8),
                ],
                0..6,
            ),
        ) {
            let line = line(arguments.iter().map(Vec::as_slice));
            prop_assert_eq!(&apart(&line), &arguments);
            #[cfg(windows)]
            prop_assert_eq!(super::super::elevation::as_windows_takes_it_apart(&line), arguments);
        }
    }
}
