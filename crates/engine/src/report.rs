//! What is told to the world: the only types that become public JSON, with a schema number.
//!
//! `docs/report.schema.json` describes them; a test holds the two together.

use serde::{Deserialize, Serialize};

/// The number of the public form; it grows when a reader of the old form would be misled.
pub const SCHEMA: u32 = 1;

/// The answer to "why does Windows Update fail on this PC?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of unwedge that wrote it.
    pub unwedge: String,
    /// The answer in one word.
    pub verdict: Verdict,
    /// The answer in one or two plain sentences.
    pub summary: String,
    /// What is known about the PC.
    pub about: AboutPc,
    /// How the PC itself stands now; empty where only files of it were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub this_pc: Vec<StateNote>,
    /// What is wrong: roots first, then consequences, then notes.
    pub findings: Vec<Finding>,
    /// What looks like an error and was judged harmless, so that an expert can check it.
    pub ignored: Vec<Ignored>,
    /// Attempts to change the machine that ended in the evidence, in order of time.
    pub operations: Vec<Operation>,
    /// What was read.
    pub sources: Vec<Source>,
    /// What could not be read, or is missing to tell more.
    pub gaps: Vec<GapNote>,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Something failed and nothing later shows that it went through.
    Failing,
    /// Something failed and later succeeded.
    Recovered,
    /// Enough was read, and nothing failed.
    Healthy,
    /// Too little was readable to tell. Never to be taken for healthy.
    NotAssessed,
}

/// What is known about the PC; absent where the evidence does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutPc {
    /// Computer name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Build, such as `19041.1220`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// Offset of local log times from UTC, such as `-07:00`, where the evidence shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utc_offset: Option<String>,
}

/// Something that the PC tells of itself. It is never a reason by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateNote {
    /// What it is about.
    pub topic: StateTopic,
    /// Whether it stands out, rather than being good to know.
    pub notable: bool,
    /// What it is, in plain words.
    pub told: String,
}

/// What a [`StateNote`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation; docs/report.md explains each")]
pub enum StateTopic {
    Restart,
    Updates,
    Management,
    Protection,
    Filters,
    Space,
    Drive,
    Encryption,
    Power,
    RestorePoints,
    Tasks,
}

/// The fixed vocabulary of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation; docs/report.md explains each")]
pub enum Category {
    Lock,
    Network,
    StoreCorruption,
    SourceMissing,
    DiskSpace,
    Service,
    Permission,
    PendingRestart,
    Policy,
    Driver,
    Hardware,
    Com,
    DownloadIntegrity,
    ThirdParty,
    Cancelled,
    Concurrency,
    Other,
}

/// What part a finding plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It explains the failure; removing it should let the update through.
    Root,
    /// It follows from a root.
    Consequence,
    /// Worth knowing, not the reason.
    Note,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Updates cannot go through.
    Blocking,
    /// Updates may fail, or something beside them is broken.
    Warning,
    /// For information.
    Info,
}

/// One thing that is wrong, with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the rule that saw it; `unwedge explain RULE` tells all about it.
    pub rule: String,
    /// One line.
    pub title: String,
    /// Kind of cause.
    pub category: Category,
    /// Its part in the failure.
    pub role: Role,
    /// How much it matters.
    pub severity: Severity,
    /// Whether a later success shows that it is over.
    pub resolved: bool,
    /// Codes seen, such as `0x80070021`, the most telling first.
    pub codes: Vec<String>,
    /// What it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Further things it happened to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_subjects: Vec<Subject>,
    /// Who is in the way, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culprit: Option<Culprit>,
    /// The proof: what was seen, and where.
    pub citations: Vec<Citation>,
    /// How often it was seen in all.
    pub times_seen: u64,
    /// What it means, in plain words.
    pub text: String,
    /// What to do about it, in plain words.
    pub advice: String,
    /// Ids of the repairs that `unwedge plan` would consider, the gentlest first.
    pub repairs: Vec<String>,
    /// Ids of rules whose findings this one explains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explains: Vec<String>,
}

/// A thing a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Which kind of thing.
    pub kind: SubjectKind,
    /// Its name as the evidence spells it.
    pub name: String,
}

/// Kinds of things findings are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum SubjectKind {
    File,
    Folder,
    Package,
    Capability,
    Kb,
    Component,
    Service,
    Driver,
    Process,
    Url,
    RegistryKey,
    Command,
    Update,
}

/// Who is in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// Which kind of thing it is.
    pub kind: CulpritKind,
    /// Its name: service name, image name, driver file.
    pub name: String,
    /// How sure that is.
    pub certainty: Certainty,
    /// What makes it so, in plain words.
    pub because: String,
}

/// Kinds of culprits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum CulpritKind {
    Process,
    Service,
    Driver,
    Task,
    Product,
    Setting,
    Person,
    Network,
}

/// How sure a culprit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Seen holding the very thing that failed, and the only one.
    Confirmed,
    /// Everything points to it, nothing shows it in the act.
    Likely,
    /// It could be.
    Candidate,
}

/// A place in the evidence, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// File of the evidence, or the machine itself (`this PC`, `services`).
    pub source: String,
    /// Line, counted from 1, of the decompressed file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Time with zone where the evidence shows the zone, else local time without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What stands there, shortened at the end only.
    pub excerpt: String,
}

/// Something that looks like an error and is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Id of the rule that knows it.
    pub rule: String,
    /// Why it is harmless.
    pub reason: String,
    /// Codes seen.
    pub codes: Vec<String>,
    /// How often.
    pub times_seen: u64,
    /// The first few places.
    pub citations: Vec<Citation>,
}

/// An attempt to change the machine, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What was tried, such as `install package`, `repair component store`.
    pub what: String,
    /// On what: package, capability, KB, command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Who asked for it, as the log names the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How it ended.
    pub outcome: OperationOutcome,
    /// The code it ended with, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The line that says so.
    pub citation: Citation,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum OperationOutcome {
    Succeeded,
    Failed,
    Cancelled,
    NeedsRestart,
    Unfinished,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The name by which citations name it.
    pub source: String,
    /// What it was recognised as, such as `cbs`, or `unknown`.
    pub kind: String,
    /// Bytes after decompression.
    pub size_bytes: u64,
    /// Lines.
    pub lines: u64,
}

/// Something that could not be read, or that is missing to tell more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapNote {
    /// File or question.
    pub source: String,
    /// Line, where that means something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What is missing.
    pub what: String,
    /// Why.
    pub why: String,
}
