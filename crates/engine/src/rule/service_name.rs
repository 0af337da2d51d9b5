//! The name of a service as the binary data of its events give it: UTF-16 in hexadecimal digits.

/// The name that `digits` stand for; `None` where they are no name, as in most names themselves.
///
/// Events of the Service Control Manager name a service in the language of Windows, and put the name
/// of its key beside it as bytes.
pub(super) fn service_name(digits: &str) -> Option<String> {
    let (units, rest) = digits.as_bytes().as_chunks::<4>();
    if units.is_empty() || !rest.is_empty() {
        return None;
    }
    units.iter().map(character).collect()
}

/// A printable ASCII character, the only ones that names of keys of Windows' own services have.
fn character(digits: &[u8; 4]) -> Option<char> {
    let [high, low, b'0', b'0'] = *digits else { return None };
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    let code = nibble(high)? << 4 | nibble(low)?;
    char::from_u32(code).filter(char::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::service_name;

    #[test]
    fn digits_are_read_as_a_name() {
        assert_eq!(service_name("4200490054005300").unwrap(), "BITS");
        assert_eq!(service_name("75007a00").unwrap(), "uz");
    }

    #[test]
    fn what_is_a_name_already_stays_one() {
        for name in ["BITS", "wuauserv", "", "4200490", "0000", "é200", "42014901"] {
            assert_eq!(service_name(name), None, "{name}");
        }
    }
}
