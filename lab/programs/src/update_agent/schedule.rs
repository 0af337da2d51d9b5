//! A Task Scheduler that keeps what it is given: Wine's own forgets when a task is to start.
//!
//! A task is its definition, in a file below `C:\lab\tasks` under its path; nothing is ever started.

use std::fs;
use std::path::{Path, PathBuf};

use windows::Win32::Foundation::{
    E_BOUNDS, ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND, SYSTEMTIME, VARIANT_BOOL,
};
use windows::Win32::System::TaskScheduler::*;
use windows::Win32::System::Variant::{VARIANT, VT_I4};
use windows::core::{BSTR, Error, IUnknown, Ref, Result};
use windows_core::implement;

const TASKS: &str = r"C:\lab\tasks";
/// How the settings of a task say that it may start, beside what stands there next.
const ENABLED: &str = "<Enabled>true</Enabled><Hidden>";
const DISABLED: &str = "<Enabled>false</Enabled><Hidden>";
/// `SCHED_S_TASK_HAS_NOT_RUN`.
const NEVER_RAN: i32 = 0x0004_1303;

#[implement(ITaskService)]
pub(crate) struct Service;

/// A folder of tasks, by where its tasks lie.
#[implement(ITaskFolder)]
struct Folder(PathBuf);

#[implement(ITaskFolderCollection)]
struct Folders(Vec<PathBuf>);

/// A task, by its file.
#[implement(IRegisteredTask)]
struct Task(PathBuf);

#[implement(IRegisteredTaskCollection)]
struct Tasks(Vec<PathBuf>);

dispatch!(Service_Impl, Folder_Impl, Folders_Impl, Task_Impl, Tasks_Impl);

impl ITaskService_Impl for Service_Impl {
    absent! {
        GetRunningTasks(i32) -> IRunningTaskCollection;
        NewTask(u32) -> ITaskDefinition;
        TargetServer() -> BSTR;
        ConnectedUser() -> BSTR;
        ConnectedDomain() -> BSTR;
        HighestVersion() -> u32;
    }
    fn GetFolder(&self, path: &BSTR) -> Result<ITaskFolder> {
        fs::create_dir_all(TASKS)?;
        folder(below(Path::new(TASKS), path))
    }
    fn Connect(&self, _: &VARIANT, _: &VARIANT, _: &VARIANT, _: &VARIANT) -> Result<()> {
        Ok(())
    }
    fn Connected(&self) -> Result<VARIANT_BOOL> {
        Ok(true.into())
    }
}

impl ITaskFolder_Impl for Folder_Impl {
    absent! {
        Name() -> BSTR;
        RegisterTaskDefinition(&BSTR, Ref<'_, ITaskDefinition>, i32, &VARIANT, &VARIANT, TASK_LOGON_TYPE, &VARIANT) -> IRegisteredTask;
        GetSecurityDescriptor(i32) -> BSTR;
        SetSecurityDescriptor(&BSTR, i32) -> ();
    }
    fn Path(&self) -> Result<BSTR> {
        Ok(path_of(&self.0))
    }
    fn GetFolder(&self, path: &BSTR) -> Result<ITaskFolder> {
        folder(below(&self.0, path))
    }
    fn GetFolders(&self, _: i32) -> Result<ITaskFolderCollection> {
        Ok(Folders(inside(&self.0, Path::is_dir)).into())
    }
    fn CreateFolder(&self, path: &BSTR, _: &VARIANT) -> Result<ITaskFolder> {
        let made = below(&self.0, path);
        fs::create_dir_all(&made)?;
        folder(made)
    }
    fn DeleteFolder(&self, path: &BSTR, _: i32) -> Result<()> {
        Ok(fs::remove_dir(below(&self.0, path))?)
    }
    fn GetTask(&self, path: &BSTR) -> Result<IRegisteredTask> {
        task(below(&self.0, path))
    }
    fn GetTasks(&self, _: i32) -> Result<IRegisteredTaskCollection> {
        Ok(Tasks(inside(&self.0, Path::is_file)).into())
    }
    fn DeleteTask(&self, path: &BSTR, _: i32) -> Result<()> {
        Ok(fs::remove_file(below(&self.0, path))?)
    }
    fn RegisterTask(
        &self,
        path: &BSTR,
        definition: &BSTR,
        _: i32,
        _: &VARIANT,
        _: &VARIANT,
        _: TASK_LOGON_TYPE,
        _: &VARIANT,
    ) -> Result<IRegisteredTask> {
        let place = below(&self.0, path);
        fs::write(&place, definition.to_string())?;
        task(place)
    }
}

impl ITaskFolderCollection_Impl for Folders_Impl {
    absent! { _NewEnum() -> IUnknown; }
    fn Count(&self) -> Result<i32> {
        Ok(self.0.len() as i32)
    }
    fn get_Item(&self, index: &VARIANT) -> Result<ITaskFolder> {
        folder(item(&self.0, index)?)
    }
}

impl IRegisteredTaskCollection_Impl for Tasks_Impl {
    absent! { _NewEnum() -> IUnknown; }
    fn Count(&self) -> Result<i32> {
        Ok(self.0.len() as i32)
    }
    fn get_Item(&self, index: &VARIANT) -> Result<IRegisteredTask> {
        task(item(&self.0, index)?)
    }
}

impl IRegisteredTask_Impl for Task_Impl {
    absent! {
        Name() -> BSTR;
        Run(&VARIANT) -> IRunningTask;
        RunEx(&VARIANT, i32, i32, &BSTR) -> IRunningTask;
        GetInstances(i32) -> IRunningTaskCollection;
        LastRunTime() -> f64;
        NumberOfMissedRuns() -> i32;
        NextRunTime() -> f64;
        Definition() -> ITaskDefinition;
        GetSecurityDescriptor(i32) -> BSTR;
        SetSecurityDescriptor(&BSTR, i32) -> ();
        Stop(i32) -> ();
        GetRunTimes(*const SYSTEMTIME, *const SYSTEMTIME, *mut u32, *mut *mut SYSTEMTIME) -> ();
    }
    fn Path(&self) -> Result<BSTR> {
        Ok(path_of(&self.0))
    }
    fn State(&self) -> Result<TASK_STATE> {
        Ok(match self.Enabled()?.as_bool() {
            true => TASK_STATE_READY,
            false => TASK_STATE_DISABLED,
        })
    }
    fn Enabled(&self) -> Result<VARIANT_BOOL> {
        Ok((!fs::read_to_string(&self.0)?.contains(DISABLED)).into())
    }
    fn SetEnabled(&self, enabled: VARIANT_BOOL) -> Result<()> {
        let (from, to) = match enabled.as_bool() {
            true => (DISABLED, ENABLED),
            false => (ENABLED, DISABLED),
        };
        Ok(fs::write(&self.0, fs::read_to_string(&self.0)?.replace(from, to))?)
    }
    fn LastTaskResult(&self) -> Result<i32> {
        Ok(NEVER_RAN)
    }
    fn Xml(&self) -> Result<BSTR> {
        Ok(BSTR::from(fs::read_to_string(&self.0)?))
    }
}

fn below(folder: &Path, path: &BSTR) -> PathBuf {
    let path = path.to_string();
    let path = path.trim_matches('\\');
    // Joining nothing would only add a separator.
    if path.is_empty() { folder.to_owned() } else { folder.join(path) }
}

fn path_of(place: &Path) -> BSTR {
    let inside = place.strip_prefix(TASKS).unwrap_or(place);
    BSTR::from(format!(r"\{}", inside.display()))
}

fn inside(folder: &Path, kind: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries.map(|it| it.path()).filter(|it| kind(it)).collect();
    all.sort();
    all
}

fn item(all: &[PathBuf], index: &VARIANT) -> Result<PathBuf> {
    // Wine has no function that reads the number out of it.
    // SAFETY: the other form of the union is a decimal number, whose type stands in the same place.
    let inner = unsafe { &index.Anonymous.Anonymous };
    if inner.vt != VT_I4 {
        return Err(E_BOUNDS.into());
    }
    // SAFETY: the type says that the union holds this number.
    let index = unsafe { inner.Anonymous.lVal };
    // They count from 1.
    let index = usize::try_from(index).ok().and_then(|it| it.checked_sub(1));
    index.and_then(|it| all.get(it)).cloned().ok_or_else(|| E_BOUNDS.into())
}

fn folder(place: PathBuf) -> Result<ITaskFolder> {
    if !place.is_dir() {
        return Err(Error::from(ERROR_PATH_NOT_FOUND.to_hresult()));
    }
    Ok(Folder(place).into())
}

fn task(place: PathBuf) -> Result<IRegisteredTask> {
    if !place.is_file() {
        return Err(Error::from(ERROR_FILE_NOT_FOUND.to_hresult()));
    }
    Ok(Task(place).into())
}
