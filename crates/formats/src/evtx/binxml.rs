//! Tokens of binary XML, the form in which records of event logs hold their content.
//!
//! Numbers of tokens and layouts are from \[MS-EVEN6\] 2.2.12; where a chunk differs from what goes
//! over the wire (names and templates are stored once and pointed to by their offset in the chunk),
//! from the documentation of libevtx.

/// Reads a number at `at`; `None` behind the end.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Reads a number at `at`; `None` behind the end.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Reads a number at `at`; `None` behind the end.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Reads an offset or a count at `at`; `None` behind the end.
pub(super) fn offset_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

/// Types of values, as \[MS-EVEN6\] 2.2.12 numbers them.
pub(super) mod kind {
    pub(in super::super) const NULL: u8 = 0x00;
    pub(in super::super) const STRING: u8 = 0x01;
    pub(in super::super) const UINT8: u8 = 0x04;
    pub(in super::super) const UINT16: u8 = 0x06;
    pub(in super::super) const UINT32: u8 = 0x08;
    pub(in super::super) const BINARY_XML: u8 = 0x21;
    /// Added to a type: several values of it.
    pub(in super::super) const ARRAY: u8 = 0x80;
}

/// Where a name stands in the chunk; read with [`Name::units`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(usize);

impl Name {
    /// The name as UTF-16 bytes; `None` when it does not lie in the chunk.
    pub(super) fn units(self, chunk: &[u8]) -> Option<&[u8]> {
        // Before it stand the offset of the next name of its bucket (4 bytes) and its hash (2).
        let at = self.0.checked_add(6)?;
        let count = usize::from(u16_at(chunk, at)?);
        chunk.get(at + 2..at + 2 + 2 * count)
    }

    /// Whether the name is this one of plain ASCII.
    pub(super) fn is(self, chunk: &[u8], ascii: &[u8]) -> bool {
        self.units(chunk).is_some_and(|units| equals_ascii(units, ascii))
    }
}

/// Whether UTF-16 bytes say this ASCII text.
pub(super) fn equals_ascii(units: &[u8], ascii: &[u8]) -> bool {
    units.len() == 2 * ascii.len()
        && units.chunks_exact(2).zip(ascii).all(|(unit, &byte)| unit == [byte, 0])
}

/// Decodes UTF-16 bytes up to the first zero; what is no character becomes U+FFFD.
pub(super) fn characters(units: &[u8]) -> impl Iterator<Item = char> {
    let units = units.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units.take_while(|&unit| unit != 0))
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// Appends what [`characters`] gives. Nearly all text is ASCII, which is copied in blocks.
pub(super) fn push_characters(text: &mut String, mut units: &[u8]) {
    while let Some(shorter) = units.strip_suffix(&[0, 0])
        && units.len().is_multiple_of(2)
    {
        units = shorter;
    }
    text.reserve(units.len() / 2);
    let mut done = 0;
    for block in units.chunks(2 * BLOCK) {
        let (mut bytes, mut plain) = ([0; BLOCK], true);
        for (byte, unit) in bytes.iter_mut().zip(block.chunks_exact(2)) {
            *byte = unit[0];
            plain &= unit[1] == 0 && (1..0x80).contains(&unit[0]);
        }
        match str::from_utf8(&bytes[..block.len() / 2]) {
            Ok(plain_text) if plain => text.push_str(plain_text),
            _ => break,
        }
        done += block.len();
    }
    if done < units.len() {
        text.extend(characters(&units[done..]));
    }
}

/// Characters copied at once.
const BLOCK: usize = 64;

/// The values a template is filled with: a table of sizes and types, then the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Values {
    table_at: usize,
    count: usize,
    end: usize,
}

/// One value of [`Values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) kind: u8,
    /// Offset of the bytes in the chunk.
    pub(super) at: usize,
    pub(super) bytes: &'a [u8],
}

impl Values {
    /// All values in order; it stops before the first that does not lie in the record.
    pub(super) fn iter(self, chunk: &[u8]) -> impl Iterator<Item = Value<'_>> {
        let table = chunk.get(self.table_at..self.table_at + 4 * self.count).unwrap_or_default();
        let mut at = self.table_at + 4 * self.count;
        table.chunks_exact(4).map_while(move |entry| {
            let behind = at + usize::from(u16::from_le_bytes([entry[0], entry[1]]));
            let value = Value { kind: entry[2], at, bytes: chunk.get(at..behind)? };
            at = behind;
            (behind <= self.end).then_some(value)
        })
    }

    /// How many there are by the table.
    pub(super) fn count(self) -> usize {
        self.count
    }

    /// The value of one slot; `None` when there is none or it does not lie in the record.
    pub(super) fn get(self, chunk: &[u8], slot: u16) -> Option<Value<'_>> {
        self.iter(chunk).nth(usize::from(slot))
    }
}

/// A template and what it is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instance {
    /// Offset of the template's definition in the chunk.
    pub(super) template_at: usize,
    pub(super) values: Values,
}

/// Bytes before the tokens of a template's definition: next of its bucket, GUID, size.
const TEMPLATE_HEAD_BYTES: usize = 24;

/// Reads an instance of a template whose token stands before `at`.
pub(super) fn instance_at(chunk: &[u8], at: usize, end: usize) -> Option<Instance> {
    // One byte of unknown use, the first four of the template's GUID, then its offset.
    let template_at = offset_at(chunk, at.checked_add(5)?)?;
    let mut table_at = at + 9;
    if template_at == table_at {
        // First use in this chunk: the definition itself stands in between.
        let size = offset_at(chunk, template_at + 20)?;
        table_at = table_at.checked_add(TEMPLATE_HEAD_BYTES)?.checked_add(size)?;
    }
    let count = offset_at(chunk, table_at)?;
    table_at += 4;
    let values_at = table_at.checked_add(count.checked_mul(4)?)?;
    let fits = values_at <= end && end <= chunk.len();
    fits.then_some(Instance { template_at, values: Values { table_at, count, end } })
}

/// The tokens of the template defined at `at`.
pub(super) fn template_tokens(chunk: &[u8], at: usize) -> Option<Tokens<'_>> {
    let size = offset_at(chunk, at.checked_add(20)?)?;
    let start = at + TEMPLATE_HEAD_BYTES;
    let end = start.checked_add(size).filter(|&end| end <= chunk.len())?;
    Some(Tokens { chunk, at: start, end, in_template: true })
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `<name`; attributes follow.
    Open(Name),
    /// `>`.
    EndOfStart,
    /// `/>`.
    CloseEmpty,
    /// `</name>`.
    Close,
    /// Text that stands in the template itself, UTF-16.
    Text(&'a [u8]),
    /// `name=`; its value follows.
    Attribute(Name),
    /// `&#n;`, one UTF-16 unit.
    Character(u16),
    /// `&name;`.
    Entity(Name),
    /// The value of a slot belongs here.
    Slot {
        /// Which one.
        slot: u16,
        /// Whether the element is left out when the slot is empty.
        optional: bool,
    },
    /// A template and what it is filled with.
    Instance(Instance),
    /// Nothing that has a meaning here: heads of fragments, processing instructions.
    Ignored,
}

/// Walks the tokens in a range of a chunk.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    chunk: &'a [u8],
    at: usize,
    end: usize,
    /// Elements of templates carry a number of the slot that they depend on, others do not.
    in_template: bool,
}

/// The tokens stop making sense here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Tokens<'a> {
    /// The tokens of a record or of a value, which is no template.
    pub(super) fn of_fragment(chunk: &'a [u8], at: usize, end: usize) -> Self {
        Self { chunk, at, end: end.min(chunk.len()), in_template: false }
    }

    /// Offset of the next token in the chunk.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn read(&mut self, token: u8) -> Option<Token<'a>> {
        // Bit 0x40 says that more of the same follows, which nobody needs to know.
        Some(match token {
            0x01 | 0x41 => {
                self.skip(if self.in_template { 6 } else { 4 })?;
                let name = self.name()?;
                if token & 0x40 != 0 {
                    self.skip(4)?;
                }
                Token::Open(name)
            }
            0x02 => Token::EndOfStart,
            0x03 => Token::CloseEmpty,
            0x04 => Token::Close,
            0x05 | 0x45 => {
                let kind = *self.chunk.get(self.at)?;
                self.skip(1)?;
                let text = self.counted_text()?;
                if kind == kind::STRING { Token::Text(text) } else { return None }
            }
            0x06 | 0x46 => Token::Attribute(self.name()?),
            0x07 | 0x47 => Token::Text(self.counted_text()?),
            0x08 | 0x48 => {
                self.skip(2)?;
                Token::Character(u16_at(self.chunk, self.at - 2)?)
            }
            0x09 | 0x49 => Token::Entity(self.name()?),
            0x0a => {
                self.name()?;
                Token::Ignored
            }
            0x0b => {
                self.counted_text()?;
                Token::Ignored
            }
            0x0c => {
                let instance = instance_at(self.chunk, self.at, self.end)?;
                self.at = instance
                    .values
                    .iter(self.chunk)
                    .last()
                    .map_or(instance.values.table_at, |last| last.at + last.bytes.len());
                Token::Instance(instance)
            }
            0x0d | 0x0e => {
                self.skip(3)?;
                let slot = u16_at(self.chunk, self.at - 3)?;
                Token::Slot { slot, optional: token == 0x0e }
            }
            0x0f => {
                self.skip(3)?;
                Token::Ignored
            }
            _ => return None,
        })
    }

    /// Text behind its count of UTF-16 units.
    fn counted_text(&mut self) -> Option<&'a [u8]> {
        let start = self.at + 2;
        let length = 2 * usize::from(u16_at(self.chunk, self.at)?);
        self.skip(2 + length)?;
        self.chunk.get(start..start + length)
    }

    /// An offset of a name; at its first use in the chunk the name itself follows.
    fn name(&mut self) -> Option<Name> {
        let name = offset_at(self.chunk, self.at)?;
        self.skip(4)?;
        if name == self.at {
            let count = usize::from(u16_at(self.chunk, self.at + 6)?);
            self.skip(6 + 2 + 2 * count + 2)?;
        }
        Some(Name(name))
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|&at| at <= self.end)?;
        Some(())
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let token = self.chunk[self.at];
        self.at += 1;
        if token == 0 {
            self.at = self.end;
            return None;
        }
        let read = self.read(token);
        if read.is_none() {
            self.at = self.end;
        }
        Some(read.ok_or(Malformed))
    }
}
