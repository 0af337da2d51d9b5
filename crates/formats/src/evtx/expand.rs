//! Expanding one record to an event.
//!
//! This is done here and not by the crate `evtx`, because that builds all records of a chunk to give
//! one, recurses on nested content, and brings a JSON and an XML writer of which nothing is used;
//! an event needs eight fields of the head and the pairs of its data. The tests compare every
//! record of real logs with what that crate makes of it.

use super::binxml::{
    Malformed, Name, Token, Tokens, Value, characters, equals_ascii, kind, push_characters,
    template_tokens, u64_at,
};
use super::event::Event;
use super::select::number;
use super::value::{items, write_single, write_value};

/// Templates and values within each other; Windows uses three.
const FRAMES: usize = 16;

/// Elements within each other; Windows uses about six.
const ELEMENTS: usize = 64;

/// What one chunk may cost to expand. Records are short and templates are shared, so a crafted
/// chunk can describe far more than it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Bytes of tokens that may still be walked: a full chunk of the shortest records needs 2 MiB.
    tokens_bytes: usize,
    /// Bytes of data that may still be made: a real chunk needs less than 0.5 MiB.
    data_bytes: usize,
}

impl Budget {
    /// The most that one chunk may take.
    pub(super) const CHUNK: Budget = Budget { tokens_bytes: 16 << 20, data_bytes: 2 << 20 };

    /// What a pair of data costs beside its text.
    const PAIR_BYTES: usize = 48;

    fn take_tokens(&mut self, bytes: usize) -> Result<(), Fault> {
        self.tokens_bytes = self.tokens_bytes.checked_sub(bytes).ok_or(Fault::TooMuch)?;
        Ok(())
    }

    fn take_data(&mut self, bytes: usize) -> Result<(), Fault> {
        self.data_bytes = self.data_bytes.checked_sub(bytes).ok_or(Fault::TooMuch)?;
        Ok(())
    }
}

/// Why a record cannot be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The content is not binary XML of an event.
    Malformed,
    /// Elements or templates within each other without end.
    TooDeep,
    /// The chunk describes far more than it holds.
    TooMuch,
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Fault::Malformed
    }
}

/// Expands the record whose content stands in `at..end` of the chunk. `event` holds what the head of
/// the record tells, its number and its time, which the content may tell better.
pub(super) fn expand(
    chunk: &[u8],
    at: usize,
    end: usize,
    event: Event,
    budget: &mut Budget,
) -> Result<Event, Fault> {
    let tokens = Tokens::of_fragment(chunk, at, end);
    let mut frames = Vec::with_capacity(4);
    frames.push(Frame { tokens, values: Vec::new(), elements: 0 });
    let mut builder = Builder::new(chunk, event, budget);
    while let Some(frame) = frames.last_mut() {
        let before = frame.tokens.position();
        let Some(token) = frame.tokens.next() else {
            builder.close_down_to(frame.elements)?;
            frames.pop();
            continue;
        };
        builder.budget.take_tokens(frame.tokens.position().saturating_sub(before))?;
        let inner = match token? {
            Token::Instance(instance) => {
                let tokens =
                    template_tokens(chunk, instance.template_at).ok_or(Fault::Malformed)?;
                let mut values = Vec::with_capacity(instance.values.count());
                values.extend(instance.values.iter(chunk));
                Some((tokens, values))
            }
            Token::Slot { slot, optional: _ } => {
                let value = frame.values.get(usize::from(slot)).copied();
                let value = value.ok_or(Fault::Malformed)?;
                if value.kind == kind::BINARY_XML {
                    let end = value.at + value.bytes.len();
                    Some((Tokens::of_fragment(chunk, value.at, end), Vec::new()))
                } else {
                    builder.value(value)?;
                    None
                }
            }
            other => {
                builder.token(other)?;
                None
            }
        };
        if let Some((tokens, values)) = inner {
            if frames.len() >= FRAMES {
                return Err(Fault::TooDeep);
            }
            frames.push(Frame { tokens, values, elements: builder.path.len() });
        }
    }
    builder.finish()
}

/// Tokens under way, and what fills their slots.
struct Frame<'a> {
    tokens: Tokens<'a>,
    values: Vec<Value<'a>>,
    /// Elements that were open when it began.
    elements: usize,
}

/// Where in an event an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Event,
    System,
    Provider,
    EventId,
    Level,
    TimeCreated,
    Channel,
    Computer,
    /// `EventData`: its elements are the data.
    EventData,
    /// One of them.
    Datum,
    /// `UserData` and its like: the elements in it that hold no others are the data.
    UserData,
    /// One of them.
    UserElement,
    Other,
}

/// An element that is open.
struct Element {
    place: Place,
    name: Name,
    /// What its attribute `Name` says.
    label: String,
    text: String,
    /// Items of an array: the element stands once for each.
    items: Vec<String>,
    has_elements: bool,
    /// Its text is a slot that holds nothing.
    is_absent: bool,
}

/// Puts an event together from tokens.
struct Builder<'a, 'b> {
    chunk: &'a [u8],
    budget: &'b mut Budget,
    event: Event,
    /// Stands in for a provider without a name.
    source_name: String,
    path: Vec<Element>,
    attribute: Option<(Name, String)>,
    unnamed: usize,
    seen_event: bool,
}

impl<'a, 'b> Builder<'a, 'b> {
    fn new(chunk: &'a [u8], event: Event, budget: &'b mut Budget) -> Self {
        Self {
            chunk,
            budget,
            event,
            source_name: String::new(),
            path: Vec::with_capacity(8),
            attribute: None,
            unnamed: 0,
            seen_event: false,
        }
    }

    fn finish(mut self) -> Result<Event, Fault> {
        if self.event.provider.is_empty() {
            self.event.provider = self.source_name;
        }
        // An event of nobody is what zeroed sectors leave.
        let told = self.seen_event && !self.event.provider.is_empty();
        if told { Ok(self.event) } else { Err(Fault::Malformed) }
    }

    fn token(&mut self, token: Token<'_>) -> Result<(), Fault> {
        match token {
            Token::Open(name) => self.open(name),
            Token::Attribute(name) => {
                self.end_attribute()?;
                self.attribute = Some((name, String::new()));
                Ok(())
            }
            Token::EndOfStart => self.end_attribute(),
            Token::CloseEmpty | Token::Close => {
                self.end_attribute()?;
                let open = self.path.len().checked_sub(1).ok_or(Fault::Malformed)?;
                self.close_down_to(open)
            }
            Token::Text(units) => self.append(|text| push_characters(text, units)),
            Token::Character(unit) => {
                self.append(|text| text.extend(characters(&unit.to_le_bytes())))
            }
            Token::Entity(name) => {
                let character = entity(self.chunk, name).ok_or(Fault::Malformed)?;
                self.append(|text| text.push(character))
            }
            // These two hold others and are followed by the caller.
            Token::Slot { .. } | Token::Instance(_) | Token::Ignored => Ok(()),
        }
    }

    fn open(&mut self, name: Name) -> Result<(), Fault> {
        self.end_attribute()?;
        if self.path.len() >= ELEMENTS {
            return Err(Fault::TooDeep);
        }
        let place = match self.path.last_mut() {
            Some(parent) => {
                parent.has_elements = true;
                place_in(parent.place, name, self.chunk)
            }
            None if name.is(self.chunk, b"Event") => Place::Event,
            None => Place::Other,
        };
        self.seen_event |= place == Place::Event;
        self.path.push(Element {
            place,
            name,
            label: String::new(),
            text: String::new(),
            items: Vec::new(),
            has_elements: false,
            is_absent: false,
        });
        Ok(())
    }

    /// A value that is no binary XML, into the attribute or the element that is open.
    fn value(&mut self, value: Value<'_>) -> Result<(), Fault> {
        let place = self.path.last().map_or(Place::Other, |element| element.place);
        match (place, number(value)) {
            (Place::TimeCreated, None) if value.kind == FILE_TIME => {
                self.event.time = u64_at(value.bytes, 0).unwrap_or(self.event.time);
                return Ok(());
            }
            (Place::EventId, Some(id)) if self.attribute.is_none() => {
                self.event.id = id;
                return Ok(());
            }
            (Place::Level, Some(level)) if self.attribute.is_none() => {
                self.event.level = u8::try_from(level).unwrap_or_default();
                return Ok(());
            }
            _ => {}
        }
        if self.attribute.is_some() || !matches!(place, Place::Datum | Place::UserElement) {
            return self.append(|text| write_value(text, value));
        }
        let items = if value.kind & kind::ARRAY == 0 { Vec::new() } else { items(value) };
        self.budget.take_data(items.len() * Budget::PAIR_BYTES)?;
        for bytes in &items {
            let mut text = String::new();
            write_single(&mut text, value.kind & !kind::ARRAY, bytes);
            self.budget.take_data(text.len())?;
            if let Some(element) = self.path.last_mut() {
                element.items.push(text);
            }
        }
        if value.kind & kind::ARRAY == 0 {
            self.append(|text| write_value(text, value))?;
        }
        if let Some(element) = self.path.last_mut() {
            element.is_absent = value.kind == kind::NULL
                || value.kind & kind::ARRAY != 0 && items.is_empty()
                || value.kind == BINARY && value.bytes.is_empty();
        }
        Ok(())
    }

    /// Writes text to the attribute or the element that is open, and pays for it.
    fn append(&mut self, write: impl FnOnce(&mut String)) -> Result<(), Fault> {
        let Some(element) = self.path.last_mut() else { return Ok(()) };
        let text = match &mut self.attribute {
            Some((name, text)) if says_something(element.place, *name, self.chunk) => text,
            None if element.place != Place::Other => &mut element.text,
            _ => return Ok(()),
        };
        let before = text.len();
        write(text);
        let written = text.len() - before;
        self.budget.take_data(written)
    }

    // Asked for nearly every token, hence the question that needs no move.
    #[inline]
    fn end_attribute(&mut self) -> Result<(), Fault> {
        if self.attribute.is_none() {
            return Ok(());
        }
        match self.attribute.take() {
            Some((name, text)) => self.take_attribute(name, text),
            None => Ok(()),
        }
    }

    fn take_attribute(&mut self, name: Name, text: String) -> Result<(), Fault> {
        let Some(element) = self.path.last_mut() else { return Err(Fault::Malformed) };
        match element.place {
            Place::Provider if name.is(self.chunk, b"Name") => self.event.provider = text,
            Place::Provider if name.is(self.chunk, b"EventSourceName") => self.source_name = text,
            Place::Datum if name.is(self.chunk, b"Name") => element.label = text,
            Place::UserElement if says_something(element.place, name, self.chunk) => {
                let name = self.name(name)?;
                self.pair(name, text)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn close_down_to(&mut self, elements: usize) -> Result<(), Fault> {
        self.end_attribute()?;
        while self.path.len() > elements {
            let Some(element) = self.path.pop() else { break };
            match element.place {
                // A number in a slot, as always, was taken as one.
                Place::EventId if !element.text.is_empty() => {
                    self.event.id = element.text.trim().parse().unwrap_or(0);
                }
                Place::Level if !element.text.is_empty() => {
                    self.event.level = element.text.trim().parse().unwrap_or(0);
                }
                Place::Channel => self.event.channel = element.text,
                Place::Computer => self.event.computer = element.text,
                Place::Datum => self.close_datum(element)?,
                Place::UserElement => self.close_user_element(element)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn close_datum(&mut self, element: Element) -> Result<(), Fault> {
        let is_data = element.name.is(self.chunk, b"Data");
        if element.label.is_empty() && element.is_absent || element.has_elements && !is_data {
            return Ok(());
        }
        let Element { name, label, text, items, .. } = element;
        if items.is_empty() {
            let name = if label.is_empty() { self.datum_name(name, is_data)? } else { label };
            return self.pair(name, text);
        }
        for item in items {
            let name = if label.is_empty() {
                self.datum_name(name, is_data)?
            } else {
                self.budget.take_data(label.len())?;
                label.clone()
            };
            self.pair(name, item)?;
        }
        Ok(())
    }

    /// What a datum without an attribute `Name` is called.
    fn datum_name(&mut self, element: Name, is_data: bool) -> Result<String, Fault> {
        if !is_data {
            return self.name(element);
        }
        self.unnamed += 1;
        Ok(format!("param{}", self.unnamed))
    }

    fn close_user_element(&mut self, element: Element) -> Result<(), Fault> {
        let Element { name, text, items, has_elements, .. } = element;
        if items.is_empty() {
            if has_elements && text.trim().is_empty() {
                return Ok(());
            }
            let name = self.name(name)?;
            return self.pair(name, text);
        }
        for item in items {
            let name = self.name(name)?;
            self.pair(name, item)?;
        }
        Ok(())
    }

    fn pair(&mut self, name: String, value: String) -> Result<(), Fault> {
        self.budget.take_data(Budget::PAIR_BYTES)?;
        if self.event.data.capacity() == 0 {
            self.event.data.reserve(8);
        }
        self.event.data.push((name, value));
        Ok(())
    }

    fn name(&mut self, name: Name) -> Result<String, Fault> {
        let units = name.units(self.chunk).ok_or(Fault::Malformed)?;
        self.budget.take_data(units.len())?;
        let mut name = String::new();
        push_characters(&mut name, units);
        Ok(name)
    }
}

/// The type of bytes without a meaning.
const BINARY: u8 = 0x0e;
/// The type of times.
const FILE_TIME: u8 = 0x11;

/// Whether an attribute is of use; most of those in the head of an event are not.
fn says_something(place: Place, name: Name, chunk: &[u8]) -> bool {
    match place {
        Place::Provider => name.is(chunk, b"Name") || name.is(chunk, b"EventSourceName"),
        Place::Datum => name.is(chunk, b"Name"),
        Place::UserElement => {
            let is_namespace = name.units(chunk).is_some_and(|units| {
                units.get(..10).is_some_and(|start| equals_ascii(start, b"xmlns"))
                    && units.get(10..12).is_none_or(|next| next == b":\0")
            });
            !is_namespace
        }
        _ => false,
    }
}

fn place_in(parent: Place, name: Name, chunk: &[u8]) -> Place {
    let is = |ascii: &[u8]| name.is(chunk, ascii);
    match parent {
        Place::Event if is(b"System") => Place::System,
        Place::Event if is(b"EventData") => Place::EventData,
        Place::Event
            if is(b"UserData")
                || is(b"ProcessingErrorData")
                || is(b"BinaryEventData")
                || is(b"DebugData") =>
        {
            Place::UserData
        }
        Place::System if is(b"Provider") => Place::Provider,
        Place::System if is(b"EventID") => Place::EventId,
        Place::System if is(b"Level") => Place::Level,
        Place::System if is(b"TimeCreated") => Place::TimeCreated,
        Place::System if is(b"Channel") => Place::Channel,
        Place::System if is(b"Computer") => Place::Computer,
        Place::EventData => Place::Datum,
        Place::UserData | Place::UserElement | Place::Datum => Place::UserElement,
        _ => Place::Other,
    }
}

/// The five entities that XML knows without a definition.
fn entity(chunk: &[u8], name: Name) -> Option<char> {
    let known: [(&[u8], char); 5] =
        [(b"lt", '<'), (b"gt", '>'), (b"amp", '&'), (b"quot", '"'), (b"apos", '\'')];
    known.iter().find(|(ascii, _)| name.is(chunk, ascii)).map(|&(_, character)| character)
}
