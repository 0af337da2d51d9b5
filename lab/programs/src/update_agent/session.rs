//! What everything is asked through, and searching.

use windows::Win32::Foundation::{E_BOUNDS, E_NOTIMPL, VARIANT_BOOL};
use windows::Win32::System::UpdateAgent::*;
use windows::Win32::System::Variant::VARIANT;
use windows::core::{BSTR, IUnknown, Ref, Result};
use windows_core::implement;

use crate::offer::{Collection, Identity};
use crate::script::{self, Entry};
use crate::work::{Downloader, Installer};

#[implement(IUpdateSession)]
pub(crate) struct Session;

#[implement(ISystemInformation)]
pub(crate) struct About;

#[implement(IUpdateSearcher)]
struct Searcher;

#[implement(ISearchJob)]
struct SearchJob(BSTR);

#[implement(ISearchResult)]
struct Found(Vec<Entry>);

#[implement(IUpdateHistoryEntryCollection)]
struct History(Vec<(Entry, i32)>);

#[implement(IUpdateHistoryEntry)]
struct Past(Entry, i32);

dispatch!(
    Session_Impl,
    About_Impl,
    Searcher_Impl,
    SearchJob_Impl,
    Found_Impl,
    History_Impl,
    Past_Impl
);

impl IUpdateSession_Impl for Session_Impl {
    absent! {
        ClientApplicationID() -> BSTR;
        ReadOnly() -> VARIANT_BOOL;
        WebProxy() -> IWebProxy;
        SetWebProxy(Ref<'_, IWebProxy>) -> ();
    }
    fn SetClientApplicationID(&self, name: &BSTR) -> Result<()> {
        script::note(&format!("client {name}"));
        Ok(())
    }
    fn CreateUpdateSearcher(&self) -> Result<IUpdateSearcher> {
        Ok(Searcher.into())
    }
    fn CreateUpdateDownloader(&self) -> Result<IUpdateDownloader> {
        Ok(Downloader::default().into())
    }
    fn CreateUpdateInstaller(&self) -> Result<IUpdateInstaller> {
        let newer: IUpdateInstaller2 = Installer::default().into();
        Ok(newer.into())
    }
}

impl ISystemInformation_Impl for About_Impl {
    absent! {
        OemHardwareSupportLink() -> BSTR;
    }
    fn RebootRequired(&self) -> Result<VARIANT_BOOL> {
        Ok(script::all().iter().any(|it| it.text("state") == "restart").into())
    }
}

impl IUpdateSearcher_Impl for Searcher_Impl {
    absent! {
        CanAutomaticallyUpgradeService() -> VARIANT_BOOL;
        SetCanAutomaticallyUpgradeService(VARIANT_BOOL) -> ();
        ClientApplicationID() -> BSTR;
        SetClientApplicationID(&BSTR) -> ();
        IncludePotentiallySupersededUpdates() -> VARIANT_BOOL;
        SetIncludePotentiallySupersededUpdates(VARIANT_BOOL) -> ();
        ServerSelection() -> ServerSelection;
        SetServerSelection(ServerSelection) -> ();
        EscapeString(&BSTR) -> BSTR;
        Online() -> VARIANT_BOOL;
        ServiceID() -> BSTR;
        SetServiceID(&BSTR) -> ();
    }
    fn BeginSearch(&self, criteria: &BSTR, bell: Ref<IUnknown>, _: &VARIANT) -> Result<ISearchJob> {
        script::note(&format!("search online {criteria}"));
        let job: ISearchJob = SearchJob(criteria.clone()).into();
        let bell = windows::core::Interface::cast::<ISearchCompletedCallback>(bell.ok()?)?;
        // SAFETY: job and callback live as long as the call.
        unsafe { bell.Invoke(&job, None) }?;
        Ok(job)
    }
    fn EndSearch(&self, _: Ref<ISearchJob>) -> Result<ISearchResult> {
        Ok(found("IsInstalled=0").into())
    }
    fn Search(&self, criteria: &BSTR) -> Result<ISearchResult> {
        Ok(found(&criteria.to_string()).into())
    }
    fn SetOnline(&self, _: VARIANT_BOOL) -> Result<()> {
        Ok(())
    }
    fn GetTotalHistoryCount(&self) -> Result<i32> {
        Ok(history().len() as i32)
    }
    fn QueryHistory(&self, _: i32, _: i32) -> Result<IUpdateHistoryEntryCollection> {
        Ok(History(history()).into())
    }
}

fn found(criteria: &str) -> Found {
    let wants_installed = criteria.contains("IsInstalled=1");
    let is_wanted = |it: &Entry| (it.text("state") == "installed") == wants_installed;
    Found(script::all().into_iter().filter(is_wanted).collect())
}

fn history() -> Vec<(Entry, i32)> {
    let of_one = |entry: Entry| {
        let results: Vec<i32> =
            entry.text("history").split(',').filter_map(|it| it.trim().parse().ok()).collect();
        results.into_iter().map(move |it| (entry.clone(), it))
    };
    script::all().into_iter().flat_map(of_one).collect()
}

impl ISearchJob_Impl for SearchJob_Impl {
    absent! {
        AsyncState() -> VARIANT;
    }
    fn IsCompleted(&self) -> Result<VARIANT_BOOL> {
        Ok(true.into())
    }
    fn CleanUp(&self) -> Result<()> {
        Ok(())
    }
    fn RequestAbort(&self) -> Result<()> {
        script::note(&format!("abort search {}", self.0));
        Ok(())
    }
}

impl ISearchResult_Impl for Found_Impl {
    absent! {
        RootCategories() -> ICategoryCollection;
        Warnings() -> IUpdateExceptionCollection;
    }
    fn ResultCode(&self) -> Result<OperationResultCode> {
        Ok(orcSucceeded)
    }
    fn Updates(&self) -> Result<IUpdateCollection> {
        Ok(Collection::of(self.0.clone()).into())
    }
}

impl IUpdateHistoryEntryCollection_Impl for History_Impl {
    absent! {
        _NewEnum() -> IUnknown;
    }
    fn get_Item(&self, index: i32) -> Result<IUpdateHistoryEntry> {
        let (entry, result) = self.0.get(index as usize).ok_or(E_BOUNDS)?.clone();
        Ok(Past(entry, result).into())
    }
    fn Count(&self) -> Result<i32> {
        Ok(self.0.len() as i32)
    }
}

impl IUpdateHistoryEntry_Impl for Past_Impl {
    absent! {
        Description() -> BSTR;
        UnmappedResultCode() -> i32;
        ClientApplicationID() -> BSTR;
        ServerSelection() -> ServerSelection;
        ServiceID() -> BSTR;
        UninstallationSteps() -> IStringCollection;
        UninstallationNotes() -> BSTR;
        SupportUrl() -> BSTR;
    }
    fn Operation(&self) -> Result<UpdateOperation> {
        Ok(uoInstallation)
    }
    fn ResultCode(&self) -> Result<OperationResultCode> {
        Ok(OperationResultCode(self.1))
    }
    fn HResult(&self) -> Result<i32> {
        let code = match self.0.number("code", 0) {
            0 => E_NOTIMPL.0,
            code => code.cast_signed(),
        };
        Ok(if self.1 == orcFailed.0 { code } else { 0 })
    }
    fn Date(&self) -> Result<f64> {
        Ok(46_000.5)
    }
    fn UpdateIdentity(&self) -> Result<IUpdateIdentity> {
        Ok(Identity(self.0.clone()).into())
    }
    fn Title(&self) -> Result<BSTR> {
        Ok(BSTR::from(self.0.title()))
    }
}
