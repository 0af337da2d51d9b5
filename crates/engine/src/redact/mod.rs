//! Takes what is private out of text logs: consistently, line by line, so that they can be given away.
//!
//! First all texts are gone through and private values learnt, then each is replaced wherever it
//! stands, also where nothing around it tells what it is. Lines stay lines. Names of packages,
//! updates, services, drivers, files of Windows and public hosts are needed and stay.

mod check;
mod fake;
mod pattern;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{Read, Result, Write};
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use crate::rule::{Predicate, RuleSet};
use fake::{Fakes, folded, latin};
use pattern::{Found, accounts, find, is_called_account, is_public_host};

pub use check::{Leak, check, check_text};
pub use fake::Private;

/// Words that are values in one place and plain words everywhere else; they are replaced only where
/// their surroundings tell what they are.
const PLAIN_WORDS: [&str; 76] = [
    "and",
    "are",
    "but",
    "can",
    "cannot",
    "could",
    "did",
    "does",
    "for",
    "from",
    "had",
    "has",
    "have",
    "into",
    "its",
    "may",
    "must",
    "name",
    "not",
    "now",
    "only",
    "profile",
    "set",
    "should",
    "than",
    "that",
    "the",
    "this",
    "was",
    "will",
    "with",
    "account",
    "admin",
    "user",
    "users",
    "test",
    "owner",
    "windows",
    "update",
    "updates",
    "microsoft",
    "service",
    "server",
    "client",
    "install",
    "installer",
    "setup",
    "package",
    "session",
    "store",
    "local",
    "remote",
    "home",
    "office",
    "work",
    "desktop",
    "laptop",
    "computer",
    "info",
    "error",
    "warning",
    "failed",
    "success",
    "start",
    "stop",
    "data",
    "temp",
    "root",
    "programdata",
    "appdata",
    "roaming",
    "documents",
    "downloads",
    "host",
    "domain",
    "system32",
];

/// At most so many pairs that may be accounts are kept until all domains are known.
const MOST_PAIRS: usize = 100_000;

/// Learns what is private.
#[derive(Debug, Default)]
pub struct Learner {
    fakes: Fakes,
    /// What may be the domain and the name of an account.
    pairs: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

/// What stands in a block: private values, and what may be the domain and the name of an account.
type Seen = (Vec<Found>, Vec<(Range<usize>, Range<usize>)>);

fn seen(text: &[u8]) -> Seen {
    let mut found = find(text);
    let mut pairs = accounts(text);
    pairs.retain(|(domain, name)| {
        let is_account = is_called_account(text, domain);
        if is_account {
            found.push(Found { at: domain.clone(), kind: Private::Domain });
            found.push(Found { at: name.clone(), kind: Private::User });
        }
        !is_account
    });
    (found, pairs)
}

/// Replaces what was learnt.
#[derive(Debug)]
pub struct Redactor {
    fakes: Fakes,
    /// Finds learnt values wherever they stand.
    anywhere: AhoCorasick,
    /// What it finds: kind, spelling, and the value as it was learnt.
    values: Vec<(Private, Vec<u8>, Vec<u8>)>,
}

impl Learner {
    /// Learns from the text of a log; gives its decoded size in bytes.
    pub fn read(&mut self, reader: &mut dyn Read) -> Result<u64> {
        let mut size = 0;
        text::side_by_side(reader, seen, &mut |block, seen| {
            size += block.len() as u64;
            self.learn(block, seen);
            Ok(())
        })?;
        Ok(size)
    }

    /// Learns from whole lines, such as the name of a file.
    pub fn line(&mut self, text: &[u8]) {
        let seen = seen(text);
        self.learn(text, seen);
    }

    fn learn(&mut self, text: &[u8], (found, pairs): Seen) {
        for Found { at, kind } in found {
            match kind {
                Private::Host => self.host(&text[at]),
                kind => self.fakes.learn(kind, &text[at]),
            }
        }
        for (domain, name) in pairs {
            if self.pairs.len() < MOST_PAIRS {
                let pair = (text[domain].to_vec(), text[name].to_vec());
                self.pairs.insert(pair);
            }
        }
    }

    /// Learns the name of the PC or of a server, with the domain that it names.
    pub fn host(&mut self, name: &[u8]) {
        self.fakes.learn(Private::Host, name);
        let Some(dot) = name.iter().position(|&byte| byte == b'.') else { return };
        let (label, domain) = (&name[..dot], &name[dot + 1..]);
        self.fakes.learn(Private::Host, label);
        if domain.contains(&b'.') && !is_public_host(&domain.to_ascii_lowercase()) {
            self.fakes.learn(Private::Domain, domain);
        }
    }

    /// Ends learning.
    #[must_use]
    pub fn settled(mut self) -> Redactor {
        for (domain, name) in std::mem::take(&mut self.pairs) {
            if self.fakes.has(Private::Host, &domain) || self.fakes.has(Private::Domain, &domain) {
                self.fakes.learn(Private::User, &name);
            }
        }
        self.fakes.settle();
        let plain = plain_words();
        let mut values = Vec::new();
        // Addresses and SIDs are known by their shape wherever they stand.
        let by_shape = [Private::Sid, Private::Ipv4, Private::Ipv6, Private::Mac];
        let named = self.fakes.learnt().iter().filter(|(kind, _)| !by_shape.contains(kind));
        for (kind, value) in named {
            if is_distinctive(value, &plain) {
                let spelt = spellings(value).into_iter();
                values.extend(spelt.map(|spelling| (*kind, spelling, value.clone())));
            }
        }
        let anywhere = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(values.iter().map(|(_, spelling, _)| spelling))
            .expect("a log names few enough people and PCs");
        Redactor { fakes: self.fakes, anywhere, values }
    }
}

impl Redactor {
    /// Writes the text of a log as UTF-8 with the same lines, but for what is private.
    pub fn copy(&self, reader: &mut dyn Read, out: &mut dyn Write) -> Result<()> {
        let work = |block: &[u8]| self.redacted(block);
        text::side_by_side(reader, work, &mut |_, redacted| out.write_all(&redacted))
    }

    /// Whole lines without what is private.
    #[must_use]
    pub fn redacted(&self, text: &[u8]) -> Vec<u8> {
        let mut places: Vec<(Found, &str)> = find(text)
            .into_iter()
            .filter_map(|found| {
                let fake = self.fakes.of(found.kind, &text[found.at.clone()])?;
                Some((found, fake))
            })
            .collect();
        places.extend(self.learnt_in(text));
        // A name that is a plain word elsewhere is replaced behind its domain.
        places.extend(accounts(text).into_iter().filter_map(|(domain, name)| {
            let [host, domain] = [Private::Host, Private::Domain]
                .map(|kind| self.fakes.of(kind, &text[domain.clone()]));
            host.or(domain)?;
            let fake = self.fakes.of(Private::User, &text[name.clone()])?;
            Some((Found { at: name, kind: Private::User }, fake))
        }));
        // The longer of two that begin together; of two that overlap the one that begins first.
        places.sort_by_key(|(found, _)| (found.at.start, usize::MAX - found.at.end));
        let (mut out, mut written) = (Vec::with_capacity(text.len()), 0);
        for (found, fake) in places {
            if found.at.start < written {
                continue;
            }
            out.extend_from_slice(&text[written..found.at.start]);
            out.extend_from_slice(fake.as_bytes());
            written = found.at.end;
        }
        out.extend_from_slice(&text[written..]);
        out
    }

    /// A short text, such as the name of a file, without what is private.
    #[must_use]
    pub fn redacted_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redacted(text.as_bytes())).into_owned()
    }

    /// How many values of each kind are replaced.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        self.fakes.counts()
    }

    /// Learnt values wherever they stand, with their stand-ins.
    fn learnt_in<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (Found, &'t str)> + 't {
        self.anywhere
            .find_iter(text)
            .filter(|hit| is_word(text, hit.start(), hit.end()))
            .filter_map(|hit| {
                let (kind, _, original) = &self.values[hit.pattern().as_usize()];
                Some((Found { at: hit.range(), kind: *kind }, self.fakes.of(*kind, original)?))
            })
    }
}

/// Whether no letter or digit touches the place.
fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
    !joins(start.checked_sub(1).and_then(|before| text.get(before))) && !joins(text.get(end))
}

/// What rules look for must not be lost, even if somebody is called so.
fn plain_words() -> HashSet<Vec<u8>> {
    let mut words: HashSet<Vec<u8>> =
        PLAIN_WORDS.iter().map(|word| word.as_bytes().to_vec()).collect();
    for rule in RuleSet::built_in().rules {
        for predicate in rule.when {
            let Predicate::Line(line) = predicate else { continue };
            for text in line.contains.iter().chain(&line.also).chain(&line.unless) {
                let parts = text.split(|c: char| !c.is_alphanumeric());
                words.extend(parts.map(|part| part.to_lowercase().into_bytes()));
            }
        }
    }
    words
}

/// Whether a value is private wherever it stands.
fn is_distinctive(value: &[u8], plain: &HashSet<Vec<u8>>) -> bool {
    let folded = folded(value);
    let is_number = folded.iter().all(u8::is_ascii_digit);
    folded.len() >= if is_number { 6 } else { 3 } && !plain.contains(&folded)
}

/// The forms in which a value may stand in a text; the case of ASCII letters does not matter.
fn spellings(value: &[u8]) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(value).map_or_else(|_| latin(value), str::to_owned);
    let mut spellings = vec![value.to_vec()];
    for text in [text.to_lowercase(), text.to_uppercase(), text.replace(' ', "%20"), text] {
        // In an 8-bit code page each of these letters is one byte.
        let narrow: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
        spellings.extend(narrow);
        spellings.push(text.into_bytes());
    }
    spellings.sort();
    spellings.dedup();
    spellings
}
