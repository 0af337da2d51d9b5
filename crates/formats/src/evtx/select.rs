//! Deciding whether a record is wanted from its bytes, before anything of it is built.
//!
//! A record is a template and the values it is filled with. The template says once for many records
//! which value is the event id and who the provider is; it is looked at once a chunk.

use super::binxml::{
    Instance, Name, Token, Value, instance_at, kind, push_characters, template_tokens, u16_at,
    u32_at,
};
use super::wanted::{ProviderIndex, Wanted, fold_name};

/// What to do with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// It is wanted.
    Expand,
    /// It is not.
    Pass,
    /// Its form is not the usual one: expand it, then see.
    ExpandAndSee,
}

/// Where a template says who writes and which event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The template is for a provider nobody asked for.
    Unwanted,
    /// The id is in this slot, the provider known.
    Known { id: u16, provider: ProviderIndex },
    /// Both are in slots.
    InSlots { id: u16, provider: u16 },
    /// Not told in the usual way.
    Unusual,
}

/// Templates of one chunk whose form is remembered; a power of two.
const FORMS: usize = 256;

/// Tokens of a template looked at: provider and id stand within the first twenty.
const TOKENS: usize = 64;

/// Chooses records; remembers the templates of one chunk.
pub(super) struct Selector<'w> {
    wanted: &'w Wanted,
    forms: Box<[Option<(usize, Form)>; FORMS]>,
    name: String,
}

impl<'w> Selector<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        Self { wanted, forms: Box::new([None; FORMS]), name: String::new() }
    }

    /// Forgets the templates of the chunk before.
    pub(super) fn begin_chunk(&mut self) {
        self.forms.fill(None);
    }

    /// Chooses the record whose content stands in `at..end` of the chunk.
    pub(super) fn choose(&mut self, chunk: &[u8], at: usize, end: usize) -> Choice {
        if self.wanted.is_everything() {
            return Choice::Expand;
        }
        let Some(instance) = only_instance(chunk, at, end) else { return Choice::ExpandAndSee };
        let form = self.form(chunk, instance.template_at);
        self.choose_by_form(chunk, instance, form).unwrap_or(Choice::ExpandAndSee)
    }

    fn choose_by_form(&mut self, chunk: &[u8], instance: Instance, form: Form) -> Option<Choice> {
        let wanted = match form {
            Form::Unwanted => false,
            Form::Known { id, provider } => {
                let id = number(instance.values.get(chunk, id)?)?;
                self.wanted.provider_wants(provider, id)
            }
            Form::InSlots { id, provider } => {
                let id = number(instance.values.get(chunk, id)?)?;
                if self.wanted.any_provider_wants(id) {
                    let provider = instance.values.get(chunk, provider)?;
                    if provider.kind != kind::STRING || provider.bytes.is_empty() {
                        return None;
                    }
                    self.provider(provider.bytes)
                        .is_some_and(|provider| self.wanted.provider_wants(provider, id))
                } else {
                    false
                }
            }
            Form::Unusual => return None,
        };
        Some(if wanted { Choice::Expand } else { Choice::Pass })
    }

    fn form(&mut self, chunk: &[u8], template_at: usize) -> Form {
        let place = template_at % FORMS;
        if let Some((at, form)) = self.forms[place]
            && at == template_at
        {
            return form;
        }
        let form = self.read_form(chunk, template_at).unwrap_or(Form::Unusual);
        self.forms[place] = Some((template_at, form));
        form
    }

    /// Walks the beginning of a template up to the id; `None` when it is not the usual one.
    fn read_form(&mut self, chunk: &[u8], template_at: usize) -> Option<Form> {
        let mut path = Path::default();
        let mut provider = None;
        let mut attribute = None;
        for token in template_tokens(chunk, template_at)?.take(TOKENS) {
            let token = token.ok()?;
            match token {
                Token::Open(name) => {
                    path.open(chunk, name)?;
                    attribute = None;
                }
                Token::Attribute(name) => attribute = Some(name),
                Token::EndOfStart => attribute = None,
                Token::Close | Token::CloseEmpty => {
                    path.close()?;
                    attribute = None;
                }
                Token::Text(_) | Token::Slot { .. } => {
                    let is_name = attribute.is_some_and(|name: Name| name.is(chunk, b"Name"));
                    match path.place() {
                        // A name of several pieces is not the usual form.
                        Place::Provider if is_name && provider.is_some() => return None,
                        Place::Provider if is_name => provider = Some(token),
                        Place::EventId if attribute.is_none() => {
                            return self.finish(provider?, token);
                        }
                        _ => {}
                    }
                }
                Token::Ignored => {}
                Token::Character(_) | Token::Entity(_) | Token::Instance(_) => {
                    if path.place() != Place::Other || attribute.is_some() {
                        return None;
                    }
                }
            }
        }
        None
    }

    fn finish(&mut self, provider: Token<'_>, id: Token<'_>) -> Option<Form> {
        let Token::Slot { slot: id, .. } = id else { return None };
        match provider {
            Token::Slot { slot: provider, .. } => Some(Form::InSlots { id, provider }),
            Token::Text(name) if !name.is_empty() => Some(match self.provider(name) {
                Some(provider) => Form::Known { id, provider },
                None => Form::Unwanted,
            }),
            _ => None,
        }
    }

    fn provider(&mut self, units: &[u8]) -> Option<ProviderIndex> {
        self.name.clear();
        push_characters(&mut self.name, units);
        fold_name(&mut self.name);
        self.wanted.provider(&self.name)
    }
}

/// The instance of a template that is the whole content of a record, as nearly always.
fn only_instance(chunk: &[u8], at: usize, end: usize) -> Option<Instance> {
    let content = chunk.get(at..end)?;
    // Head of a fragment (token, two numbers of version, flags), then the token of an instance.
    match content {
        [0x0f, _, _, _, 0x0c, ..] => instance_at(chunk, at + 5, end),
        [0x0c, ..] => instance_at(chunk, at + 1, end),
        _ => None,
    }
}

/// The number in a slot; `None` for anything that is not a plain unsigned one.
pub(super) fn number(value: Value<'_>) -> Option<u32> {
    match (value.kind, value.bytes.len()) {
        (kind::UINT16, 2) => u16_at(value.bytes, 0).map(u32::from),
        (kind::UINT32, 4) => u32_at(value.bytes, 0),
        (kind::UINT8, 1) => Some(u32::from(value.bytes[0])),
        _ => None,
    }
}

/// Where in the usual beginning of an event a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Provider,
    EventId,
    Other,
}

/// How deep the walk is, and whether the way there was `Event`, `System`.
#[derive(Debug, Default)]
struct Path {
    depth: usize,
    in_system: bool,
    third: Option<Place>,
}

impl Path {
    fn open(&mut self, chunk: &[u8], name: Name) -> Option<()> {
        self.depth += 1;
        match self.depth {
            1 => name.is(chunk, b"Event").then_some(())?,
            2 => self.in_system = name.is(chunk, b"System"),
            3 if self.in_system => {
                self.third = Some(if name.is(chunk, b"Provider") {
                    Place::Provider
                } else if name.is(chunk, b"EventID") {
                    Place::EventId
                } else {
                    Place::Other
                });
            }
            _ => {}
        }
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        if self.depth == 3 {
            self.third = None;
        }
        self.depth = self.depth.checked_sub(1)?;
        Some(())
    }

    fn place(&self) -> Place {
        match (self.depth, self.third) {
            (3, Some(place)) => place,
            _ => Place::Other,
        }
    }
}
