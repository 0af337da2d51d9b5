//! The data of values, by their type.

/// The data of one registry value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// `REG_DWORD`, and `REG_DWORD_BIG_ENDIAN` as the number it stands for.
    Dword(u32),
    /// `REG_QWORD`.
    Qword(u64),
    /// `REG_SZ`, up to its first NUL.
    Sz(String),
    /// `REG_EXPAND_SZ`, as stored.
    ExpandSz(String),
    /// `REG_MULTI_SZ`; empty strings inside of the list are kept, they mean something in
    /// `PendingFileRenameOperations`.
    MultiSz(Vec<String>),
    /// Every other type, and whatever does not have the form of its type.
    Binary(Vec<u8>),
}

impl Data {
    /// Reads bytes of the registry type `kind` (`REG_SZ` is 1, and so on).
    #[must_use]
    pub fn read(kind: u32, bytes: &[u8]) -> Data {
        match (kind, bytes.len()) {
            (1, _) => Data::Sz(text(bytes)),
            (2, _) => Data::ExpandSz(text(bytes)),
            (4, 4..) => Data::Dword(u32_at(bytes, 0).unwrap_or_default()),
            (5, 4..) => Data::Dword(u32_at(bytes, 0).unwrap_or_default().swap_bytes()),
            (7, _) => Data::MultiSz(texts(bytes)),
            (11, 8..) => Data::Qword(u64_at(bytes, 0).unwrap_or_default()),
            _ => Data::Binary(bytes.to_vec()),
        }
    }

    /// The registry type and the bytes that stand for it.
    #[must_use]
    pub fn stored(&self) -> (u32, Vec<u8>) {
        let wide = |text: &str| {
            let units = text.encode_utf16().chain([0]);
            units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
        };
        match self {
            Data::Sz(text) => (1, wide(text)),
            Data::ExpandSz(text) => (2, wide(text)),
            Data::Binary(bytes) => (3, bytes.clone()),
            Data::Dword(number) => (4, number.to_le_bytes().to_vec()),
            Data::MultiSz(texts) => {
                (7, texts.iter().flat_map(|it| wide(it)).chain([0, 0]).collect())
            }
            Data::Qword(number) => (11, number.to_le_bytes().to_vec()),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    // Nearly all of it is ASCII, which needs no decoding.
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut letters = bytes.chunks_exact(2);
    for letter in &mut letters {
        match letter {
            [0, 0] => return text,
            [letter, 0] if letter.is_ascii() => text.push(char::from(*letter)),
            _ => return wide_text(bytes),
        }
    }
    text
}

fn wide_text(bytes: &[u8]) -> String {
    let units = units(bytes).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|it| it.unwrap_or('\u{fffd}')).collect()
}

/// Every string ends with a NUL, and one more ends the list.
fn texts(bytes: &[u8]) -> Vec<String> {
    let units: Vec<u16> = units(bytes).collect();
    let mut all: Vec<String> =
        units.split(|unit| *unit == 0).map(String::from_utf16_lossy).collect();
    // Behind the last NUL there is nothing, and before it the empty string that ends the list.
    for _ in 0..2 {
        all.pop_if(|last| last.is_empty());
    }
    all
}

fn units(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|it| u16::from_le_bytes([it[0], it[1]]))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
