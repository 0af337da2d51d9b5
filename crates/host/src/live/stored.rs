//! Values of the registry as they are stored.

use unwedge_formats::regf;

use crate::Data;

/// The registry type and the bytes by which Windows stores `data`.
pub(super) fn form_of(data: &Data) -> (u32, Vec<u8>) {
    let data = match data.clone() {
        Data::Dword(number) => regf::Data::Dword(number),
        Data::Qword(number) => regf::Data::Qword(number),
        Data::Sz(text) => regf::Data::Sz(text),
        Data::ExpandSz(text) => regf::Data::ExpandSz(text),
        Data::MultiSz(texts) => regf::Data::MultiSz(texts),
        Data::Binary(bytes) => regf::Data::Binary(bytes),
    };
    data.stored()
}

/// A value as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawValue {
    pub(super) name: String,
    pub(super) kind: u32,
    pub(super) bytes: Vec<u8>,
}

impl RawValue {
    /// What it says.
    pub(super) fn data(&self) -> Data {
        regf::Data::read(self.kind, &self.bytes).into()
    }

    /// The value as it is written again by [`Data`]; `None` if something of it would be lost.
    pub(super) fn kept(&self) -> Option<Data> {
        let data = regf::Data::read(self.kind, &self.bytes);
        let (kind, bytes) = data.stored();
        let is_text = matches!(kind, 1 | 2 | 7);
        // Strings are often stored without the zeros at their end, which nobody can miss.
        let bare = |bytes: &[u8]| {
            let zeros = bytes.rchunks_exact(2).take_while(|it| *it == [0, 0]).count();
            bytes[..bytes.len() - if is_text { zeros * 2 } else { 0 }].to_vec()
        };
        (kind == self.kind && bare(&bytes) == bare(&self.bytes)).then(|| data.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(kind: u32, bytes: &[u8]) -> Option<Data> {
        RawValue { name: String::new(), kind, bytes: bytes.to_vec() }.kept()
    }

    #[test]
    fn only_a_value_that_can_be_written_again_is_kept() {
        assert_eq!(kept(1, b"a\0\0\0"), Some(Data::Sz("a".to_owned())));
        assert_eq!(kept(1, b"a\0"), Some(Data::Sz("a".to_owned())));
        assert_eq!(kept(1, b"a\0\0\0b\0\0\0"), None);
        assert_eq!(kept(1, b"a\0b"), None);
        assert_eq!(kept(1, b"\x00\xd8"), None);
        assert_eq!(kept(4, &[1, 0, 0, 0]), Some(Data::Dword(1)));
        assert_eq!(kept(4, &[1, 0, 0, 0, 0, 0]), None);
        assert_eq!(kept(5, &[0, 0, 0, 1]), None);
        assert_eq!(kept(0, &[1]), None);
        assert_eq!(kept(3, &[1, 0, 0]), Some(Data::Binary(vec![1, 0, 0])));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let texts = ["", "a", "", "b"].map(str::to_owned).to_vec();
        for data in [
            Data::Dword(7),
            Data::Qword(1 << 40),
            Data::Sz("a".to_owned()),
            Data::ExpandSz("%a%".to_owned()),
            Data::MultiSz(texts),
            Data::MultiSz(Vec::new()),
            Data::Binary(vec![0, 0]),
        ] {
            let (kind, bytes) = form_of(&data);
            let stored = RawValue { name: String::new(), kind, bytes };
            assert_eq!(stored.data(), data);
            assert_eq!(stored.kept(), Some(data));
        }
    }
}
