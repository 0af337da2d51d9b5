//! What the Windows Update Agent does in the background: searching, downloading, installing.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use windows::Win32::Foundation::DECIMAL;
use windows::Win32::System::UpdateAgent::{
    IDownloadCompletedCallback, IDownloadCompletedCallback_Impl, IDownloadCompletedCallbackArgs,
    IDownloadJob, IDownloadProgressChangedCallback, IDownloadProgressChangedCallback_Impl,
    IDownloadProgressChangedCallbackArgs, IInstallationCompletedCallback,
    IInstallationCompletedCallback_Impl, IInstallationCompletedCallbackArgs, IInstallationJob,
    IInstallationProgressChangedCallback, IInstallationProgressChangedCallback_Impl,
    IInstallationProgressChangedCallbackArgs, ISearchCompletedCallback,
    ISearchCompletedCallback_Impl, ISearchCompletedCallbackArgs, ISearchJob,
};
use windows::core::{IUnknown, Ref, Result as ComResult};
use windows_core::implement;

use super::{OP, SUBJECT, Teller};
use crate::live::refusal::refused;
use crate::{Advance, HostError, HostErrorKind, Result, Stage};

/// Between two looks at a job that does not report by itself.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// A job that was asked to stop finishes what it must not leave half done.
const ABORT_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A job of the agent.
pub(super) trait Job {
    fn is_completed(&self) -> ComResult<bool>;
    fn request_abort(&self) -> ComResult<()>;
    fn clean_up(&self) -> ComResult<()>;
    fn advance(&self) -> Advance;
}

/// What is given to a job, so that it tells when something changes.
#[implement(
    ISearchCompletedCallback,
    IDownloadCompletedCallback,
    IDownloadProgressChangedCallback,
    IInstallationCompletedCallback,
    IInstallationProgressChangedCallback
)]
struct Bell(SyncSender<()>);

/// The other end of a [`Bell`].
pub(super) struct Listener {
    rung: Receiver<()>,
    bell: IUnknown,
}

impl Listener {
    pub(super) fn new() -> Listener {
        let (to, rung) = sync_channel(1);
        Listener { rung, bell: Bell(to).into() }
    }

    /// To be given to a job.
    pub(super) fn bell(&self) -> &IUnknown {
        &self.bell
    }

    /// Waits until the job is done, and tells how far it is; asks it to stop if whoever watches
    /// wants to, or if nothing moves for `quiet_limit`.
    pub(super) fn follow(
        &self,
        job: &impl Job,
        teller: &Teller,
        quiet_limit: Duration,
    ) -> Result<()> {
        let mut moved = (job.advance(), Instant::now());
        let mut stop: Option<(HostErrorKind, Instant)> = None;
        while !told(job.is_completed())? {
            let advance = job.advance();
            teller.tell(&advance);
            if advance != moved.0 {
                moved = (advance, Instant::now());
            }
            let reason = if teller.wants_to_stop() {
                Some(HostErrorKind::Cancelled)
            } else if moved.1.elapsed() > quiet_limit {
                Some(HostErrorKind::TimeLimit { seconds: quiet_limit.as_secs() })
            } else {
                None
            };
            match (&stop, reason) {
                (None, Some(reason)) => {
                    // One that cannot be stopped is waited for just as well.
                    let _ = job.request_abort();
                    stop = Some((reason, Instant::now()));
                }
                (Some((_, since)), _) if since.elapsed() > ABORT_LIMIT => break,
                (_, _) => {}
            }
            // Rung or not, it is looked at again.
            let _ = self.rung.recv_timeout(BETWEEN_LOOKS);
        }
        match stop {
            None => {
                teller.tell(&job.advance());
                Ok(())
            }
            Some((kind, _)) => {
                let _ = job.clean_up();
                Err(HostError { op: OP, subject: SUBJECT.to_owned(), kind })
            }
        }
    }
}

impl Job for ISearchJob {
    fn is_completed(&self) -> ComResult<bool> {
        // SAFETY: nothing is given to the call.
        Ok(unsafe { self.IsCompleted() }?.as_bool())
    }
    fn request_abort(&self) -> ComResult<()> {
        // SAFETY: nothing is given to the call.
        unsafe { self.RequestAbort() }
    }
    fn clean_up(&self) -> ComResult<()> {
        // SAFETY: nothing is given to the call.
        unsafe { self.CleanUp() }
    }
    fn advance(&self) -> Advance {
        Advance::at(Stage::Searching)
    }
}

impl Job for IDownloadJob {
    fn is_completed(&self) -> ComResult<bool> {
        // SAFETY: nothing is given to the call.
        Ok(unsafe { self.IsCompleted() }?.as_bool())
    }
    fn request_abort(&self) -> ComResult<()> {
        // SAFETY: nothing is given to the call.
        unsafe { self.RequestAbort() }
    }
    fn clean_up(&self) -> ComResult<()> {
        // SAFETY: nothing is given to the call.
        unsafe { self.CleanUp() }
    }
    fn advance(&self) -> Advance {
        let stage = Advance::at(Stage::Downloading);
        // SAFETY: nothing is given to the call.
        let Ok(progress) = (unsafe { self.GetProgress() }) else { return stage };
        // SAFETY: nothing is given to the call.
        let percent = unsafe { progress.PercentComplete() }.ok();
        // SAFETY: nothing is given to the call.
        let done = unsafe { progress.TotalBytesDownloaded() }.ok();
        // SAFETY: nothing is given to the call.
        let total = unsafe { progress.TotalBytesToDownload() }.ok();
        let bytes = done.and_then(whole).zip(total.and_then(whole));
        Advance {
            percent: percent.and_then(of_hundred),
            bytes: bytes.filter(|it| it.1 > 0),
            ..stage
        }
    }
}

impl Job for IInstallationJob {
    fn is_completed(&self) -> ComResult<bool> {
        // SAFETY: nothing is given to the call.
        Ok(unsafe { self.IsCompleted() }?.as_bool())
    }
    fn request_abort(&self) -> ComResult<()> {
        // SAFETY: nothing is given to the call.
        unsafe { self.RequestAbort() }
    }
    fn clean_up(&self) -> ComResult<()> {
        // SAFETY: nothing is given to the call.
        unsafe { self.CleanUp() }
    }
    fn advance(&self) -> Advance {
        let stage = Advance::at(Stage::Installing);
        // SAFETY: nothing is given to the call.
        let Ok(progress) = (unsafe { self.GetProgress() }) else { return stage };
        // SAFETY: nothing is given to the call.
        let percent = unsafe { progress.PercentComplete() }.ok();
        Advance { percent: percent.and_then(of_hundred), ..stage }
    }
}

fn told<T>(answer: ComResult<T>) -> Result<T> {
    answer.map_err(|error| refused(OP, SUBJECT, &error))
}

fn of_hundred(percent: i32) -> Option<u8> {
    u8::try_from(percent.clamp(0, 100)).ok()
}

/// A number of bytes; `None` for one that is no whole number, or larger than any download.
fn whole(number: DECIMAL) -> Option<u64> {
    // SAFETY: both forms of the union are plain numbers.
    let form = unsafe { number.Anonymous1.Anonymous };
    // SAFETY: both forms of the union are plain numbers.
    let low = unsafe { number.Anonymous2.Lo64 };
    (form.scale == 0 && form.sign == 0 && number.Hi32 == 0).then_some(low)
}

impl Bell_Impl {
    fn ring(&self) -> ComResult<()> {
        // It rings already, or nobody listens any more.
        let _ = self.0.try_send(());
        Ok(())
    }
}

impl ISearchCompletedCallback_Impl for Bell_Impl {
    fn Invoke(&self, _: Ref<ISearchJob>, _: Ref<ISearchCompletedCallbackArgs>) -> ComResult<()> {
        self.ring()
    }
}

impl IDownloadCompletedCallback_Impl for Bell_Impl {
    fn Invoke(
        &self,
        _: Ref<IDownloadJob>,
        _: Ref<IDownloadCompletedCallbackArgs>,
    ) -> ComResult<()> {
        self.ring()
    }
}

impl IDownloadProgressChangedCallback_Impl for Bell_Impl {
    fn Invoke(
        &self,
        _: Ref<IDownloadJob>,
        _: Ref<IDownloadProgressChangedCallbackArgs>,
    ) -> ComResult<()> {
        self.ring()
    }
}

impl IInstallationCompletedCallback_Impl for Bell_Impl {
    fn Invoke(
        &self,
        _: Ref<IInstallationJob>,
        _: Ref<IInstallationCompletedCallbackArgs>,
    ) -> ComResult<()> {
        self.ring()
    }
}

impl IInstallationProgressChangedCallback_Impl for Bell_Impl {
    fn Invoke(
        &self,
        _: Ref<IInstallationJob>,
        _: Ref<IInstallationProgressChangedCallbackArgs>,
    ) -> ComResult<()> {
        self.ring()
    }
}
