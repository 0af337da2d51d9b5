//! What is in a bundle, what is not, and why: `manifest.json`. `docs/collect.schema.json` describes it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::kind::Coverage;

/// The number of the form; it grows when a reader of the old form would be misled.
pub const FORMAT: u32 = 1;
/// The name of the manifest in a bundle.
pub const NAME: &str = "manifest.json";

/// What is in a bundle, and what is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of unwedge that wrote it.
    pub unwedge: &'static str,
    /// Whether private values were replaced, and a check found none left.
    pub redacted: bool,
    /// The files, by path.
    pub files: Vec<Filed>,
    /// What was found and is not in the bundle.
    pub left_out: Vec<LeftOut>,
    /// How many more were left out and are not listed.
    pub left_out_more: usize,
    /// Which kinds of evidence are there, and what their absence means.
    pub coverage: Vec<Coverage>,
    /// How many values of each kind were replaced; empty when nothing was redacted.
    pub replaced: BTreeMap<&'static str, usize>,
}

/// A file in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filed {
    /// Where it lies in the bundle.
    pub path: String,
    /// Where it came from; in a redacted bundle without what is private, and without where it lay.
    pub source: String,
    /// What it is.
    pub kind: &'static str,
    /// Size in bytes, as it lies in the bundle.
    pub size_bytes: u64,
    /// SHA-256 of what lies in the bundle.
    pub sha256: String,
    /// When it was last changed, in seconds since 1970, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<u64>,
    /// What was done to it.
    pub treatment: Treatment,
    /// Bytes at the beginning of the source that are not in the bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped_bytes: Option<u64>,
    /// Why not all of it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// Nothing: byte for byte as stored.
    AsStored,
    /// Private values were replaced, line by line; decoded to UTF-8.
    Redacted,
    /// It was no text: what unwedge reads of it was written as text, and private values replaced.
    Converted,
}

/// A file that is not in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Where it is.
    pub source: String,
    /// What it is, where that was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Size in bytes as stored.
    pub size_bytes: u64,
    /// Why.
    pub why: String,
}
