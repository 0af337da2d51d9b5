//! One record as it is told, and what of the log around it is needed to tell it.

use serde::{Serialize, Serializer};
use unwedge_formats::code::{Code, codes_in};
use unwedge_formats::log::{Level, LogKind, Statement, statement_of};

use super::filter::Filter;
use super::named::{kbs_in, session_in};
use super::records::Record;
use super::stamp::{Moment, Stamp};
use crate::evidence::Log;
use crate::report::GapNote;

/// A step of the clock back by so many seconds is told; threads that write side by side cause less.
const TOLD_SECONDS: i64 = 60;
/// At most so many gaps a log are told one by one.
const MOST_GAPS: usize = 20;
/// At most so many steps of the clock back a log are told one by one.
const MOST_STEPS: u64 = 3;
/// At most so many codes of one record are told.
const MOST_CODES: usize = 32;

/// One record of a log. `docs/timeline.md` describes its public form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When it was written; lines before the first head of a log have no time.
    pub time: Option<Stamp>,
    /// Whether the time is UTC; else it is local and the zone is not known.
    pub utc: bool,
    /// The log.
    pub source: String,
    /// Line in it, counted from 1.
    pub line: u64,
    /// What the log is.
    #[serde(serialize_with = "kind_name")]
    pub kind: LogKind,
    /// How loud.
    #[serde(serialize_with = "level_name")]
    pub level: Option<Level>,
    /// Who wrote it.
    pub component: Option<String>,
    /// Its codes but for success, each once.
    #[serde(serialize_with = "code_names")]
    pub codes: Vec<Code>,
    /// The update it names, else the one that was worked on.
    pub kb: Option<String>,
    /// The session it names, else the one that was worked in.
    pub session: Option<String>,
    /// What it says; further lines follow behind `\n`.
    pub text: String,
}

/// The name of a level in data.
#[must_use]
pub const fn name_of(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn kind_name<S: Serializer>(kind: &LogKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

fn level_name<S: Serializer>(level: &Option<Level>, serializer: S) -> Result<S::Ok, S::Error> {
    level.map(name_of).serialize(serializer)
}

fn code_names<S: Serializer>(codes: &[Code], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(codes.iter().map(Code::to_string))
}

/// An entry and what it is ordered by.
#[derive(Debug)]
pub(super) struct Placed {
    /// The latest time of its log so far.
    pub(super) at: Moment,
    pub(super) entry: Entry,
}

/// Tells the records of one log, in their order.
#[derive(Debug)]
pub(super) struct Teller<'a> {
    log: &'a Log,
    filter: &'a Filter,
    /// The latest time so far.
    latest: Moment,
    /// The time of the record before.
    before: Option<Moment>,
    work: Work,
    /// Records so far.
    pub(super) records: u64,
    gaps: Vec<GapNote>,
    further_gaps: u64,
    /// How often the clock went back.
    steps_back: u64,
}

/// The work of the servicing stack that is under way; it does one thing at a time.
#[derive(Debug, Default)]
struct Work {
    session: Option<String>,
    kb: Option<u32>,
    is_executing: bool,
}

impl<'a> Teller<'a> {
    pub(super) fn new(log: &'a Log, filter: &'a Filter) -> Self {
        let first = log.first_seconds();
        Teller {
            log,
            filter,
            latest: first.map_or(Moment::FIRST, |seconds| Moment { seconds, nanoseconds: 0 }),
            before: None,
            work: Work::default(),
            records: 0,
            gaps: Vec::new(),
            further_gaps: 0,
            steps_back: 0,
        }
    }

    /// Takes the next record; gives it when it is wanted.
    pub(super) fn record(
        &mut self,
        record: &Record,
        offset_minutes: Option<i32>,
    ) -> Option<Placed> {
        self.records += 1;
        let stamp =
            record.head.as_ref().map(|head| Stamp::new(head.time, head.fraction, offset_minutes));
        if let Some(now) = stamp.map(|stamp| stamp.moment()) {
            self.step(now, record.line);
        }
        let text = String::from_utf8_lossy(&record.text);
        let component = record.head.as_ref().map_or(&b""[..], |head| &head.component);
        let first_line = text.split('\n').next().unwrap_or("");
        let statement = statement_of(self.log.kind, component, first_line);
        if let Some(statement) = &statement {
            self.work.begins(statement);
        }
        let component = String::from_utf8_lossy(component);
        let level = record.head.as_ref().map(|head| head.level);
        let told = self.is_wanted(level, &component).then(|| self.told(&text)).flatten();
        if let Some(statement) = &statement {
            self.work.ends(statement);
        }
        let (codes, kb, session) = told?;
        let entry = Entry {
            time: stamp,
            utc: stamp.is_some_and(|stamp| stamp.utc),
            source: self.log.source.clone(),
            line: record.line,
            kind: self.log.kind,
            level,
            component: (!component.is_empty()).then(|| component.into_owned()),
            codes,
            kb: kb.map(|kb| format!("KB{kb}")),
            session,
            text: text.into_owned(),
        };
        Some(Placed { at: self.latest, entry })
    }

    /// Something could not be read at `line`.
    pub(super) fn gap(&mut self, line: Option<u64>, what: &str, why: String) {
        if self.gaps.len() == MOST_GAPS {
            self.further_gaps += 1;
            return;
        }
        let (source, what) = (self.log.source.clone(), what.to_owned());
        self.gaps.push(GapNote { source, line, what, why });
    }

    /// The log ended; gives how many records it had, and what could not be read or trusted.
    pub(super) fn end(mut self) -> (u64, Vec<GapNote>) {
        if self.steps_back > MOST_STEPS {
            let why = format!("it went back {} further times", self.steps_back - MOST_STEPS);
            self.gap(None, "the clock", why);
        }
        if self.further_gaps > 0 {
            let why = format!("{} further gaps are not told", self.further_gaps);
            let (source, what) = (self.log.source.clone(), "records".to_owned());
            self.gaps.push(GapNote { source, line: None, what, why });
        }
        (self.records, self.gaps)
    }

    fn step(&mut self, now: Moment, line: u64) {
        let back = self.before.map_or(0, |before| before.seconds - now.seconds);
        self.steps_back += u64::from(back > TOLD_SECONDS);
        if back > TOLD_SECONDS && self.steps_back <= MOST_STEPS {
            let why = format!("it went back by {}; the order of the log is kept", length(back));
            self.gap(Some(line), "the clock", why);
        }
        self.before = Some(now);
        self.latest = self.latest.max(now);
    }

    /// What is quickly looked at.
    fn is_wanted(&self, level: Option<Level>, component: &str) -> bool {
        let Filter { from, to, levels, components, .. } = self.filter;
        // A record without time has that of the record before.
        let now = self.before.unwrap_or(self.latest);
        from.is_none_or(|from| now >= from)
            && to.is_none_or(|to| now < to)
            && (levels.is_empty() || level.is_some_and(|level| levels.contains(&level)))
            && any(components, |wanted| wanted.fits(component))
    }

    /// Codes, KB and session of a text, when it is wanted.
    fn told(&self, text: &str) -> Option<(Vec<Code>, Option<u32>, Option<String>)> {
        let Filter { codes: wanted_codes, kbs, sessions, texts, .. } = self.filter;
        if !any(texts, |wanted| wanted.is_in(text)) {
            return None;
        }
        let codes = codes(text);
        let has = |wanted: &Code| codes.iter().any(|code| code.same_cause_as(*wanted));
        let session = session_in(text).map(str::to_owned).or_else(|| self.work.session.clone());
        let kb = kbs_in(text).next().or(self.work.kb);
        let is_wanted = any(wanted_codes, has)
            && any(sessions, |wanted| session.as_ref() == Some(&wanted.0))
            && any(kbs, |wanted| kb == Some(wanted.0) || kbs_in(text).any(|kb| kb == wanted.0));
        is_wanted.then_some((codes, kb, session))
    }
}

/// Whether one of `wanted` fits, or nothing is asked for.
fn any<T>(wanted: &[T], fits: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
}

fn codes(text: &str) -> Vec<Code> {
    let mut codes = Vec::new();
    for found in text.split('\n').flat_map(|line| codes_in(line.as_bytes())) {
        if found.code.0 != 0 && !codes.contains(&found.code) && codes.len() < MOST_CODES {
            codes.push(found.code);
        }
    }
    codes
}

/// A length of time in its two largest units.
fn length(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days} d {} h", hours % 24),
        () if hours > 0 => format!("{hours} h {} min", minutes % 60),
        () => format!("{minutes} min {} s", seconds % 60),
    }
}

impl Work {
    /// Takes what a record says before it is told.
    fn begins(&mut self, statement: &Statement<'_>) {
        match *statement {
            Statement::ServiceStarted => *self = Work::default(),
            Statement::SessionOpened { session, .. } if !self.is_executing => {
                *self = Work { session: Some(session.to_owned()), kb: None, is_executing: false };
            }
            Statement::ExecStarted { session, package, identifier, .. } => {
                let kb = kbs_in(identifier).chain(kbs_in(package)).next();
                *self = Work { session: Some(session.to_owned()), kb, is_executing: true };
            }
            _ => {}
        }
    }

    /// Takes what a record says after it was told.
    fn ends(&mut self, statement: &Statement<'_>) {
        let ended = match *statement {
            Statement::ExecCompleted { session, .. } => session,
            Statement::SessionFinalized { session, asynchronous: false, .. }
                if !self.is_executing =>
            {
                session
            }
            _ => return,
        };
        if self.session.as_deref() == Some(ended) {
            *self = Work::default();
        }
    }
}
