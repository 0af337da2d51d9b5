//! Downloading and installing, on a thread that takes its time.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use windows::Win32::Foundation::{DECIMAL, E_BOUNDS, E_FAIL, HWND, VARIANT_BOOL};
use windows::Win32::System::Com::{COINIT_MULTITHREADED, CoInitializeEx};
use windows::Win32::System::UpdateAgent::*;
use windows::Win32::System::Variant::VARIANT;
use windows::core::{AgileReference, BSTR, IUnknown, Interface as _, Ref, Result};
use windows_core::implement;

use crate::script::{self, Entry};

#[implement(IUpdateDownloader)]
#[derive(Default)]
pub(crate) struct Downloader(Mutex<Vec<Entry>>);

#[implement(IUpdateInstaller2)]
#[derive(Default)]
pub(crate) struct Installer(Mutex<Vec<Entry>>);

/// A job as its thread and those who ask for it see it.
#[derive(Default)]
struct Work {
    percent: AtomicU32,
    is_done: AtomicBool,
    is_aborted: AtomicBool,
    /// How each update ended: result, code, whether a restart is needed.
    ended: Mutex<Vec<Ended>>,
}

#[derive(Clone, Copy)]
struct Ended {
    result: OperationResultCode,
    code: u32,
    restart: bool,
}

#[implement(IDownloadJob)]
struct DownloadJob(Arc<Work>);
#[implement(IInstallationJob)]
struct InstallationJob(Arc<Work>);
#[implement(IDownloadProgress)]
struct DownloadProgress(Arc<Work>);
#[implement(IInstallationProgress)]
struct InstallationProgress(Arc<Work>);
#[implement(IDownloadResult)]
struct DownloadResult(Arc<Work>);
#[implement(IInstallationResult)]
struct InstallationResult(Arc<Work>);
#[implement(IUpdateDownloadResult)]
struct DownloadEnded(Ended);
#[implement(IUpdateInstallationResult)]
struct InstallationEnded(Ended);

dispatch!(
    Downloader_Impl,
    Installer_Impl,
    DownloadJob_Impl,
    InstallationJob_Impl,
    DownloadProgress_Impl,
    InstallationProgress_Impl,
    DownloadResult_Impl,
    InstallationResult_Impl,
    DownloadEnded_Impl,
    InstallationEnded_Impl
);

/// The entries of the script for the updates in a collection.
fn entries(updates: Ref<IUpdateCollection>) -> Result<Vec<Entry>> {
    let updates = updates.ok()?;
    let all = script::all();
    let mut entries = Vec::new();
    // SAFETY: nothing is given to the call.
    for index in 0..unsafe { updates.Count() }? {
        // SAFETY: the number is below the count.
        let update = unsafe { updates.get_Item(index) }?;
        // SAFETY: nothing is given to the call.
        let identity = unsafe { update.Identity() }?;
        // SAFETY: nothing is given to the call.
        let id = unsafe { identity.UpdateID() }?.to_string();
        entries.push(all.iter().find(|it| it.id() == id).ok_or(E_FAIL)?.clone());
    }
    Ok(entries)
}

/// Does the work on a thread of its own; `tell` rings, `end` says how one update ended.
fn begin(
    entries: Vec<Entry>,
    tell: impl Fn() + Send + 'static,
    end: impl Fn(&Entry) -> Ended + Send + 'static,
) -> Arc<Work> {
    let work = Arc::new(Work::default());
    let own = Arc::clone(&work);
    thread::spawn(move || {
        // SAFETY: no pointer is given; the thread ends with its apartment.
        let _ = unsafe { CoInitializeEx(None, COINIT_MULTITHREADED) };
        let count = entries.len() as u32;
        for (at, entry) in (0..count).zip(&entries) {
            let steps = entry.number("steps", 3);
            for step in 0..steps {
                thread::sleep(Duration::from_millis(entry.number("step_ms", 20).into()));
                own.percent.store((at * 100 + 100 * step / steps) / count, Ordering::SeqCst);
                tell();
                if own.is_aborted.load(Ordering::SeqCst) {
                    break;
                }
            }
            let aborted = Ended { result: orcAborted, code: 0x8024_000b, restart: false };
            let is_aborted = own.is_aborted.load(Ordering::SeqCst);
            let ended = if is_aborted { aborted } else { end(entry) };
            own.ended.lock().expect("nobody panics with it").push(ended);
        }
        own.percent.store(100, Ordering::SeqCst);
        own.is_done.store(true, Ordering::SeqCst);
        tell();
    });
    work
}

impl Work {
    fn ended(&self, index: i32) -> Result<Ended> {
        let all = self.ended.lock().expect("nobody panics with it");
        Ok(*all.get(index as usize).ok_or(E_BOUNDS)?)
    }

    fn is_done(&self) -> Result<VARIANT_BOOL> {
        Ok(self.is_done.load(Ordering::SeqCst).into())
    }

    fn percent(&self) -> Result<i32> {
        Ok(self.percent.load(Ordering::SeqCst) as i32)
    }

    fn abort(&self, what: &str) -> Result<()> {
        script::note(&format!("abort {what}"));
        self.is_aborted.store(true, Ordering::SeqCst);
        Ok(())
    }
}

fn ended(code: u32, restart: bool) -> Ended {
    let result = if code == 0 { orcSucceeded } else { orcFailed };
    Ended { result, code, restart }
}

impl IUpdateDownloader_Impl for Downloader_Impl {
    absent! {
        ClientApplicationID() -> BSTR;
        SetClientApplicationID(&BSTR) -> ();
        IsForced() -> VARIANT_BOOL;
        SetIsForced(VARIANT_BOOL) -> ();
        Priority() -> DownloadPriority;
        Updates() -> IUpdateCollection;
        Download() -> IDownloadResult;
    }
    fn SetPriority(&self, _: DownloadPriority) -> Result<()> {
        Ok(())
    }
    fn SetUpdates(&self, updates: Ref<IUpdateCollection>) -> Result<()> {
        *self.0.lock().expect("nobody panics with it") = entries(updates)?;
        Ok(())
    }
    fn BeginDownload(
        &self,
        changed: Ref<IUnknown>,
        completed: Ref<IUnknown>,
        _: &VARIANT,
    ) -> Result<IDownloadJob> {
        // As the agent does: what is no callback is refused.
        completed.ok()?.cast::<IDownloadCompletedCallback>()?;
        let changed: IDownloadProgressChangedCallback = changed.ok()?.cast()?;
        let changed = AgileReference::new(&changed)?;
        let tell = move || {
            if let Ok(changed) = changed.resolve() {
                // SAFETY: the callback lives; it is given nothing.
                let _ = unsafe { changed.Invoke(None, None) };
            }
        };
        let all = self.0.lock().expect("nobody panics with it").clone();
        let work = begin(all, tell, |it| {
            let code = it.number("download", 0);
            script::note(&format!("download {} 0x{code:08X}", it.kb));
            if code == 0 {
                script::set(&it.kb, "downloaded", "yes");
            }
            ended(code, false)
        });
        Ok(DownloadJob(work).into())
    }
    fn EndDownload(&self, job: Ref<IDownloadJob>) -> Result<IDownloadResult> {
        let job = job.ok()?.cast_object_ref::<DownloadJob>()?;
        Ok(DownloadResult(Arc::clone(&job.0)).into())
    }
}

impl IUpdateInstaller_Impl for Installer_Impl {
    absent! {
        ClientApplicationID() -> BSTR;
        SetClientApplicationID(&BSTR) -> ();
        IsForced() -> VARIANT_BOOL;
        SetIsForced(VARIANT_BOOL) -> ();
        ParentHwnd() -> HWND;
        SetParentHwnd(HWND) -> ();
        SetParentWindow(Ref<'_, IUnknown>) -> ();
        ParentWindow() -> IUnknown;
        Updates() -> IUpdateCollection;
        BeginUninstall(Ref<'_, IUnknown>, Ref<'_, IUnknown>, &VARIANT) -> IInstallationJob;
        EndUninstall(Ref<'_, IInstallationJob>) -> IInstallationResult;
        Install() -> IInstallationResult;
        RunWizard(&BSTR) -> IInstallationResult;
        Uninstall() -> IInstallationResult;
        AllowSourcePrompts() -> VARIANT_BOOL;
        SetAllowSourcePrompts(VARIANT_BOOL) -> ();
    }
    fn SetUpdates(&self, updates: Ref<IUpdateCollection>) -> Result<()> {
        *self.0.lock().expect("nobody panics with it") = entries(updates)?;
        Ok(())
    }
    fn BeginInstall(
        &self,
        changed: Ref<IUnknown>,
        completed: Ref<IUnknown>,
        _: &VARIANT,
    ) -> Result<IInstallationJob> {
        completed.ok()?.cast::<IInstallationCompletedCallback>()?;
        let changed: IInstallationProgressChangedCallback = changed.ok()?.cast()?;
        let changed = AgileReference::new(&changed)?;
        let tell = move || {
            if let Ok(changed) = changed.resolve() {
                // SAFETY: the callback lives; it is given nothing.
                let _ = unsafe { changed.Invoke(None, None) };
            }
        };
        let all = self.0.lock().expect("nobody panics with it").clone();
        Ok(InstallationJob(begin(all, tell, install)).into())
    }
    fn EndInstall(&self, job: Ref<IInstallationJob>) -> Result<IInstallationResult> {
        let job = job.ok()?.cast_object_ref::<InstallationJob>()?;
        Ok(InstallationResult(Arc::clone(&job.0)).into())
    }
    fn IsBusy(&self) -> Result<VARIANT_BOOL> {
        Ok(false.into())
    }
    fn RebootRequiredBeforeInstallation(&self) -> Result<VARIANT_BOOL> {
        Ok(false.into())
    }
}

impl IUpdateInstaller2_Impl for Installer_Impl {
    absent! {
        ForceQuiet() -> VARIANT_BOOL;
    }
    fn SetForceQuiet(&self, _: VARIANT_BOOL) -> Result<()> {
        Ok(())
    }
}

fn install(entry: &Entry) -> Ended {
    let code = entry.code();
    script::note(&format!("install {} 0x{code:08X}", entry.kb));
    script::write_servicing_log(entry, code);
    if code == 0 && !entry.is("again") {
        let state = if entry.is("restart") { "restart" } else { "installed" };
        script::set(&entry.kb, "state", state);
    }
    ended(code, entry.is("restart"))
}

impl IDownloadJob_Impl for DownloadJob_Impl {
    absent! {
        AsyncState() -> VARIANT;
        Updates() -> IUpdateCollection;
    }
    fn IsCompleted(&self) -> Result<VARIANT_BOOL> {
        self.0.is_done()
    }
    fn CleanUp(&self) -> Result<()> {
        Ok(())
    }
    fn GetProgress(&self) -> Result<IDownloadProgress> {
        Ok(DownloadProgress(Arc::clone(&self.0)).into())
    }
    fn RequestAbort(&self) -> Result<()> {
        self.0.abort("download")
    }
}

impl IInstallationJob_Impl for InstallationJob_Impl {
    absent! {
        AsyncState() -> VARIANT;
        Updates() -> IUpdateCollection;
    }
    fn IsCompleted(&self) -> Result<VARIANT_BOOL> {
        self.0.is_done()
    }
    fn CleanUp(&self) -> Result<()> {
        Ok(())
    }
    fn GetProgress(&self) -> Result<IInstallationProgress> {
        Ok(InstallationProgress(Arc::clone(&self.0)).into())
    }
    fn RequestAbort(&self) -> Result<()> {
        self.0.abort("installation")
    }
}

impl IDownloadProgress_Impl for DownloadProgress_Impl {
    absent! {
        CurrentUpdateBytesDownloaded() -> DECIMAL;
        CurrentUpdateBytesToDownload() -> DECIMAL;
        CurrentUpdateIndex() -> i32;
        GetUpdateResult(i32) -> IUpdateDownloadResult;
        CurrentUpdateDownloadPhase() -> DownloadPhase;
        CurrentUpdatePercentComplete() -> i32;
    }
    fn PercentComplete(&self) -> Result<i32> {
        self.0.percent()
    }
    fn TotalBytesDownloaded(&self) -> Result<DECIMAL> {
        Ok(whole(u64::from(self.0.percent.load(Ordering::SeqCst)) << 20))
    }
    fn TotalBytesToDownload(&self) -> Result<DECIMAL> {
        Ok(whole(100 << 20))
    }
}

fn whole(number: u64) -> DECIMAL {
    let mut decimal = DECIMAL::default();
    decimal.Anonymous2.Lo64 = number;
    decimal
}

impl IInstallationProgress_Impl for InstallationProgress_Impl {
    absent! {
        CurrentUpdateIndex() -> i32;
        CurrentUpdatePercentComplete() -> i32;
        GetUpdateResult(i32) -> IUpdateInstallationResult;
    }
    fn PercentComplete(&self) -> Result<i32> {
        self.0.percent()
    }
}

impl IDownloadResult_Impl for DownloadResult_Impl {
    absent! {
        HResult() -> i32;
        ResultCode() -> OperationResultCode;
    }
    fn GetUpdateResult(&self, index: i32) -> Result<IUpdateDownloadResult> {
        Ok(DownloadEnded(self.0.ended(index)?).into())
    }
}

impl IInstallationResult_Impl for InstallationResult_Impl {
    absent! {
        HResult() -> i32;
        RebootRequired() -> VARIANT_BOOL;
        ResultCode() -> OperationResultCode;
    }
    fn GetUpdateResult(&self, index: i32) -> Result<IUpdateInstallationResult> {
        Ok(InstallationEnded(self.0.ended(index)?).into())
    }
}

impl IUpdateDownloadResult_Impl for DownloadEnded_Impl {
    fn HResult(&self) -> Result<i32> {
        Ok(self.0.code.cast_signed())
    }
    fn ResultCode(&self) -> Result<OperationResultCode> {
        Ok(self.0.result)
    }
}

impl IUpdateInstallationResult_Impl for InstallationEnded_Impl {
    fn HResult(&self) -> Result<i32> {
        Ok(self.0.code.cast_signed())
    }
    fn RebootRequired(&self) -> Result<VARIANT_BOOL> {
        Ok(self.0.restart.into())
    }
    fn ResultCode(&self) -> Result<OperationResultCode> {
        Ok(self.0.result)
    }
}
