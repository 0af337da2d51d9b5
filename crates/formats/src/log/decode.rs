//! Brings log bytes of any usual encoding to UTF-8, piece by piece.

/// How the bytes of a text file are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, ASCII, or an 8-bit code page: the bytes are taken as they are.
    Bytes,
    /// UTF-16, little end first.
    Utf16Le,
    /// UTF-16, big end first.
    Utf16Be,
}

impl Encoding {
    /// Tells the encoding from the first bytes: a byte order mark, or the zeros of plain letters.
    #[must_use]
    pub fn of(head: &[u8]) -> Encoding {
        match head {
            [0xff, 0xfe, ..] => return Encoding::Utf16Le,
            [0xfe, 0xff, ..] => return Encoding::Utf16Be,
            _ => {}
        }
        let head = &head[..head.len().min(64)];
        let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|&&b| b == 0).count();
        let half = head.len() / 2;
        match (zeros(0), zeros(1)) {
            (0, high) if half >= 8 && high * 10 >= half * 9 => Encoding::Utf16Le,
            (low, 0) if half >= 8 && low * 10 >= half * 9 => Encoding::Utf16Be,
            _ => Encoding::Bytes,
        }
    }
}

/// Turns pieces of UTF-16 into UTF-8; a piece may end anywhere, also inside a character.
#[derive(Debug)]
pub struct Decoder {
    big_endian: bool,
    odd: Option<u8>,
    high_surrogate: Option<u16>,
}

impl Decoder {
    /// A decoder for `encoding`; `None` when the bytes need no decoding.
    #[must_use]
    pub fn new(encoding: Encoding) -> Option<Decoder> {
        match encoding {
            Encoding::Bytes => None,
            Encoding::Utf16Le => {
                Some(Decoder { big_endian: false, odd: None, high_surrogate: None })
            }
            Encoding::Utf16Be => {
                Some(Decoder { big_endian: true, odd: None, high_surrogate: None })
            }
        }
    }

    /// Decodes `piece` onto the end of `out`; what is no character becomes U+FFFD.
    pub fn decode(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut bytes = self.odd.take().into_iter().chain(piece.iter().copied());
        while let Some(first) = bytes.next() {
            let Some(second) = bytes.next() else {
                self.odd = Some(first);
                return;
            };
            let unit = match self.big_endian {
                true => u16::from_be_bytes([first, second]),
                false => u16::from_le_bytes([first, second]),
            };
            self.unit(unit, out);
        }
    }

    fn unit(&mut self, unit: u16, out: &mut Vec<u8>) {
        let mut push = |c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        match (self.high_surrogate.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let pair = char::decode_utf16([high, unit]).next().and_then(Result::ok);
                push(pair.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (lonely, _) => {
                if lonely.is_some() {
                    push(char::REPLACEMENT_CHARACTER);
                }
                match unit {
                    0xd800..=0xdbff => self.high_surrogate = Some(unit),
                    _ => {
                        push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoding: Encoding, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut decoder = Decoder::new(encoding).unwrap();
        for piece in pieces {
            decoder.decode(piece, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_piece_may_end_inside_a_character() {
        let text: Vec<u8> = "aé😀".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for cut in 0..text.len() {
            let (head, tail) = text.split_at(cut);
            assert_eq!(decoded(Encoding::Utf16Le, &[head, tail]), "aé😀");
        }
    }

    #[test]
    fn the_encoding_is_told_from_the_first_bytes() {
        let wide: Vec<u8> =
            "2020-01-01 no mark".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(Encoding::of(&wide), Encoding::Utf16Le);
        let wide: Vec<u8> =
            "2020-01-01 no mark".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(Encoding::of(&wide), Encoding::Utf16Be);
        assert_eq!(Encoding::of(b"\xff\xfe2\0"), Encoding::Utf16Le);
        assert_eq!(Encoding::of(b"\xef\xbb\xbf2020"), Encoding::Bytes);
        assert_eq!(Encoding::of(b""), Encoding::Bytes);
    }

    #[test]
    fn a_lonely_surrogate_is_replaced() {
        assert_eq!(decoded(Encoding::Utf16Be, &[&[0xd8, 0x00, 0x00, 0x61]]), "\u{fffd}a");
    }
}
