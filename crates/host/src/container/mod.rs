//! Files that hold files: gzip, xz, zip, cabinets, tar and 7z, in each other too, told by their
//! first bytes, never by name.
//!
//! Nothing is ever unpacked to disk. Sizes, ratios, depth and numbers are bounded.

mod budget;
mod cabinet;
mod form;
mod level;
mod name;
mod seven_zip;
mod tar;
#[cfg(test)]
mod tests;

use std::io::{Cursor, Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::ops::ControlFlow;

use budget::Budget;
use form::{Form, HEAD_BYTES, Nature};
use level::{Content, Want};
use name::Names;

/// Containers in containers are opened so deep: the log, its cabinet, a zip of a folder, the zip of
/// a ticket.
const MOST_DEPTH: usize = 4;
/// At most so many members of one file are looked at, on all levels together.
const MOST_MEMBERS: usize = 500_000;
/// Endings of files that never are logs; everything else is recognised by content.
const NEVER_LOGS: [&str; 24] = [
    "exe", "dll", "sys", "mui", "cat", "mum", "manifest", "nls", "ttf", "png", "jpg", "jpeg",
    "gif", "ico", "bmp", "svg", "pdb", "wim", "esd", "vhd", "vhdx", "msu", "msi", "iso",
];

/// Bytes that can be read in any order.
pub trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// Opens the same file anew each time it is called.
pub type Opener<'o> = &'o dyn Fn() -> crate::Result<Box<dyn ReadSeek + 'o>>;

/// Takes each member that is found, with its bytes or the reason why they cannot be read.
pub type Visit<'v> = dyn FnMut(&Member, Result<&mut dyn Read>) + 'v;

/// A file within a file, by the way that leads to it; no way at all is the file itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    form: Form,
    index: usize,
    /// Harmless and unique among its siblings; `None` where the form has no names.
    name: Option<String>,
}

impl Member {
    /// The file itself, which is no container.
    pub const WHOLE: Member = Member { steps: Vec::new() };

    /// Whether this is the file as it is stored.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.steps.is_empty()
    }

    /// The name under which reports cite it: `bundle.zip!logs/CbsPersist_1.cab!CbsPersist_1.log`.
    #[must_use]
    pub fn cited(&self, source: &str) -> String {
        let names = self.names().map(|name| format!("!{name}"));
        [source.to_owned()].into_iter().chain(names).collect()
    }

    /// The names on the way to it, outermost first; gzip and xz have none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| step.name.as_deref())
    }

    fn within(&self, step: Step) -> Member {
        Member { steps: self.steps.iter().cloned().chain([step]).collect() }
    }
}

/// Whether a file of this name never is a log.
#[must_use]
pub fn is_never_a_log(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| NEVER_LOGS.contains(&ending.as_str()))
}

/// A name or path made harmless: components joined by `/`, none of which leads up or out, is a
/// device, or holds what a terminal or Windows would take for something else.
#[must_use]
pub fn harmless_name(name: &str) -> String {
    name::cleaned(name).name
}

/// Goes through all that the file holds, in one pass, and hands it to `visit`: the file itself when
/// it is no container. Only what `visit` reads is decompressed, as far as the form allows that.
///
/// A container that cannot be read is a visit with the error; so is a member whose name leads out
/// of the container, which is then visited again with its content under a harmless name. What is
/// never a log is left out.
pub fn walk(open: Opener<'_>, visit: &mut Visit<'_>) -> Result<()> {
    let (file, budget) = opened(open)?;
    Walk { budget: &budget, members_left: MOST_MEMBERS, visit }.look(file, &Member::WHOLE);
    Ok(())
}

/// Lists what the file holds: at least itself, unless it is a container that is empty. Tells of the
/// first thing that cannot be read when nothing else is found.
pub fn members(open: Opener<'_>) -> Result<Vec<Member>> {
    let (mut found, mut first_error) = (Vec::new(), None);
    walk(open, &mut |member, content| match content {
        Ok(_) => found.push(member.clone()),
        Err(why) => first_error = first_error.take().or(Some(why)),
    })?;
    match (found.is_empty(), first_error) {
        (true, Some(why)) => Err(why),
        _ => Ok(found),
    }
}

/// Lists the members of the outermost archive without looking into them, with the names as they
/// would be unpacked; a file that is no archive has none. Only a tar archive is decompressed for it.
pub fn directory(open: Opener<'_>) -> Result<Vec<Member>> {
    let (file, budget) = opened(open)?;
    let mut found = Vec::new();
    list(file, &Member::WHOLE, &budget, &mut found)?;
    Ok(found)
}

/// Opens one member and hands it to `visit`; it is decompressed as it is read.
pub fn read<T>(
    open: Opener<'_>,
    member: &Member,
    visit: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T> {
    let (file, budget) = opened(open)?;
    let (mut visit, mut out) = (Some(visit), None);
    follow(file, &member.steps, &budget, &mut |reader| {
        out = visit.take().map(|visit| visit(reader));
    })?;
    out.ok_or_else(|| Error::new(ErrorKind::NotFound, "the member is not there any more"))
}

fn opened<'o>(open: Opener<'o>) -> Result<(Content<'o>, Budget)> {
    let mut file = open().map_err(Error::other)?;
    let size = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    Ok((Content::File(file), Budget::of(size)))
}

/// One pass through a file.
struct Walk<'w, 'v> {
    budget: &'w Budget,
    members_left: usize,
    visit: &'w mut Visit<'v>,
}

impl Walk<'_, '_> {
    /// Looks at a file or member; goes [`MOST_DEPTH`] containers deep and no deeper.
    fn look(&mut self, content: Content<'_>, member: &Member) {
        with_nature(content, |nature, content| {
            let refused = |why: &str| Err(Error::new(ErrorKind::Unsupported, why));
            match (nature, content) {
                (Err(why), _) => (self.visit)(member, Err(why)),
                (Ok(Nature::Plain), Content::File(mut file)) => (self.visit)(member, Ok(&mut file)),
                (Ok(Nature::Plain), Content::Stream(stream)) => (self.visit)(member, Ok(stream)),
                (Ok(Nature::Refused(why)), _) => (self.visit)(member, refused(why)),
                (Ok(Nature::Holds(_)), _) if member.steps.len() == MOST_DEPTH => {
                    let why = "containers lie too deep in each other: unpack the outer ones";
                    (self.visit)(member, refused(why));
                }
                (Ok(Nature::Holds(form)), content) => {
                    if let Err(why) = self.enter(form, content, member) {
                        (self.visit)(member, Err(why));
                    }
                }
            }
        });
    }

    /// Looks at each member of a container.
    fn enter(&mut self, form: Form, content: Content<'_>, member: &Member) -> Result<()> {
        let mut names = Names::default();
        level::each(form, content, Want::All, self.budget, &mut |entry| {
            if self.members_left == 0 {
                return ControlFlow::Break(());
            }
            self.members_left -= 1;
            if self.members_left == 0 {
                let why = format!("only the first {MOST_MEMBERS} members are looked at");
                (self.visit)(member, Err(Error::new(ErrorKind::Unsupported, why)));
                return ControlFlow::Break(());
            }
            let (name, led_out) = named(entry.name.as_deref(), &mut names);
            if name.as_deref().is_some_and(is_never_a_log) {
                return ControlFlow::Continue(());
            }
            let member = member.within(Step { form, index: entry.index, name });
            if led_out {
                let why = "its name leads out of the archive; read under a harmless one";
                (self.visit)(&member, Err(Error::new(ErrorKind::InvalidData, why)));
            }
            match entry.content {
                Ok(content) => self.look(Content::Stream(content), &member),
                Err(why) => (self.visit)(&member, Err(why)),
            }
            ControlFlow::Continue(())
        })
    }
}

fn named(raw: Option<&str>, names: &mut Names) -> (Option<String>, bool) {
    match raw.map(name::cleaned) {
        Some(cleaned) => (Some(names.take(cleaned.name)), cleaned.led_out),
        None => (None, false),
    }
}

fn list(content: Content<'_>, at: &Member, budget: &Budget, found: &mut Vec<Member>) -> Result<()> {
    with_nature(content, |nature, content| {
        let Nature::Holds(form) = nature? else { return Ok(()) };
        let mut names = Names::default();
        let mut inner = Ok(());
        level::each(form, content, Want::Names, budget, &mut |entry| {
            let (name, _) = named(entry.name.as_deref(), &mut names);
            let is_compressed_only = name.is_none();
            let member = at.within(Step { form, index: entry.index, name });
            match entry.content {
                Ok(content) if is_compressed_only && member.steps.len() < MOST_DEPTH => {
                    inner = list(Content::Stream(content), &member, budget, found);
                }
                _ => found.push(member),
            }
            match found.len() < MOST_MEMBERS {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        inner
    })
}

fn follow(
    content: Content<'_>,
    steps: &[Step],
    budget: &Budget,
    visit: &mut dyn FnMut(&mut dyn Read),
) -> Result<()> {
    let Some((step, rest)) = steps.split_first() else {
        match content {
            Content::File(mut file) => visit(&mut file),
            Content::Stream(stream) => visit(stream),
        }
        return Ok(());
    };
    let mut inner = Ok(());
    level::each(step.form, content, Want::Only(step.index), budget, &mut |entry| {
        inner =
            entry.content.and_then(|content| follow(Content::Stream(content), rest, budget, visit));
        ControlFlow::Break(())
    })?;
    inner
}

/// Tells what `content` is, and hands it on from its beginning.
fn with_nature<T>(content: Content<'_>, then: impl FnOnce(Result<Nature>, Content<'_>) -> T) -> T {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    match content {
        Content::File(mut file) => {
            let read = (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head);
            let nature = match (read, file.rewind()) {
                (Err(why), _) if head.is_empty() => Err(why),
                (_, Err(why)) => Err(why),
                // What cannot be read further on is met again by whoever reads on.
                _ => Ok(Nature::of(&head)),
            };
            then(nature, Content::File(file))
        }
        Content::Stream(rest) => {
            let read = rest.take(HEAD_BYTES as u64).read_to_end(&mut head);
            let (nature, error) = match read {
                Err(why) if head.is_empty() => (Err(why), None),
                read => (Ok(Nature::of(&head)), read.err()),
            };
            let mut peeked = Peeked { head: Cursor::new(head), error, rest };
            then(nature, Content::Stream(&mut peeked))
        }
    }
}

/// A stream whose first bytes were read already.
struct Peeked<'p> {
    head: Cursor<Vec<u8>>,
    error: Option<Error>,
    rest: &'p mut dyn Read,
}

impl Read for Peeked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.head.read(buffer)? {
            0 if buffer.is_empty() => Ok(0),
            0 => self.error.take().map_or_else(|| self.rest.read(buffer), Err),
            read => Ok(read),
        }
    }
}
