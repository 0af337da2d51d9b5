//! Colours and the words for fixed vocabularies. Colour never carries what words do not.

use anstyle::{AnsiColor, Style};
use unwedge_engine::report::{Category, CulpritKind, SubjectKind};

/// Names, codes and numbers that the eye looks for.
pub(crate) const NAME: Style = Style::new().bold();
/// Headings.
pub(crate) const HEADING: Style = AnsiColor::Cyan.on_default().bold();
/// What is there to be checked, not to be read.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What is wrong.
pub(crate) const WRONG: Style = AnsiColor::Red.on_default().bold();
/// What went right.
pub(crate) const RIGHT: Style = AnsiColor::Green.on_default().bold();
/// What is not known, or not over.
pub(crate) const UNSURE: Style = AnsiColor::Yellow.on_default().bold();

/// A category as a person would say it.
pub(crate) fn category_in_words(category: Category) -> &'static str {
    match category {
        Category::Lock => "something is locked",
        Category::Network => "network",
        Category::StoreCorruption => "damaged Windows files or records",
        Category::SourceMissing => "files missing that a repair needs",
        Category::DiskSpace => "too little space",
        Category::Service => "a service",
        Category::Permission => "permissions",
        Category::PendingRestart => "a restart is needed",
        Category::Policy => "a policy or setting",
        Category::Driver => "a driver",
        Category::Hardware => "disk or device",
        Category::Com => "Windows components (COM)",
        Category::DownloadIntegrity => "a download that cannot be trusted",
        Category::ThirdParty => "other makers' software",
        Category::Cancelled => "cancelled",
        Category::Concurrency => "two things at the same time",
        Category::Other => "other",
    }
}

/// What a subject is, as the label before its name.
pub(crate) fn subject_in_words(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::File => "File",
        SubjectKind::Folder => "Folder",
        SubjectKind::Package => "Package",
        SubjectKind::Capability => "Capability",
        SubjectKind::Kb => "Update",
        SubjectKind::Component => "Component",
        SubjectKind::Service => "Service",
        SubjectKind::Driver => "Driver",
        SubjectKind::Process => "Process",
        SubjectKind::Url => "Address",
        SubjectKind::RegistryKey => "Registry key",
        SubjectKind::Command => "Command",
        SubjectKind::Update => "Update",
    }
}

/// What a culprit is, as the words before its name.
pub(crate) fn culprit_in_words(kind: CulpritKind) -> &'static str {
    match kind {
        CulpritKind::Process => "the process",
        CulpritKind::Service => "the service",
        CulpritKind::Driver => "the driver",
        CulpritKind::Task => "the task",
        CulpritKind::Product => "the product",
        CulpritKind::Setting => "the setting",
        CulpritKind::Person => "the person",
        CulpritKind::Network => "the network",
    }
}
