//! The helper process: asks Windows what may never be answered, and may be ended at any time.

use std::ffi::c_void;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::time::{Duration, Instant};

use windows::Wdk::Foundation::{NtQueryObject, OBJECT_INFORMATION_CLASS};
use windows::Wdk::Storage::FileSystem::{FILE_INFORMATION_CLASS, NtQueryInformationFile};
use windows::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER,
    ERROR_MORE_DATA, FILETIME, HANDLE,
};
use windows::Win32::Storage::FileSystem::{
    FILE_ID_INFO, FILE_TYPE_DISK, FileIdInfo, GetFileInformationByHandleEx, GetFileType,
};
use windows::Win32::System::IO::IO_STATUS_BLOCK;
use windows::Win32::System::Memory::{
    MEM_IMAGE, MEM_MAPPED, MEMORY_BASIC_INFORMATION, VirtualQueryEx,
};
use windows::Win32::System::ProcessStatus::K32GetMappedFileNameW;
use windows::Win32::System::Threading::{
    GetCurrentProcess, GetProcessTimes, OpenProcess, PROCESS_ACCESS_RIGHTS, PROCESS_DUP_HANDLE,
    PROCESS_QUERY_INFORMATION, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_VM_READ,
};

use super::super::about;
use super::super::name;
use super::elsewhere;
use super::named;
use super::wire::{Answer, FileId, Question};

/// Answers are gathered before they are sent.
pub(super) const QUICK: &str = "quick";
/// Each answer is sent at once.
pub(super) const CAREFUL: &str = "careful";
const GATHERED: usize = 32;
const GATHERED_FOR: Duration = Duration::from_millis(20);
/// An address space with more regions is told as far as this.
const MOST_REGIONS: usize = 500_000;

/// Answers questions of the process that started this one, until there are no more.
///
/// # Errors
/// When the pipes break or carry something else.
pub fn answer(manner: &str, from: impl Read, to: impl Write) -> io::Result<()> {
    about::look_into_processes();
    let mut from = BufReader::with_capacity(1 << 16, from);
    let mut to = BufWriter::with_capacity(1 << 16, to);
    let mut opened = Opened::default();
    let (mut gathered, mut since) = (0, Instant::now());
    while let Some(question) = Question::read(&mut from)? {
        opened.reply(&question).write(&mut to)?;
        gathered += 1;
        // Nothing may wait here while the next question does.
        let is_last = from.buffer().is_empty();
        if manner == CAREFUL || is_last || gathered >= GATHERED || since.elapsed() > GATHERED_FOR {
            to.flush()?;
            (gathered, since) = (0, Instant::now());
        }
    }
    to.flush()
}

/// The process that was asked about last, because questions come in its order.
#[derive(Default)]
struct Opened {
    of: Option<(u32, u64, u32)>,
    process: Option<Result<OwnedHandle, Answer>>,
    names: Vec<u64>,
}

impl Opened {
    fn reply(&mut self, question: &Question) -> Answer {
        let answer = match question {
            Question::Handle { pid, born, handle, with_id } => {
                self.handle(*pid, *born, *handle, *with_id)
            }
            Question::Memory { pid, born } => self
                .process(*pid, *born, PROCESS_QUERY_INFORMATION | PROCESS_VM_READ)
                .map(|it| memory(HANDLE(it.as_raw_handle()))),
            Question::Parameters { pid, born } => self
                .process(*pid, *born, PROCESS_QUERY_INFORMATION | PROCESS_VM_READ)
                .map(|it| named::parameters(HANDLE(it.as_raw_handle()))),
            Question::Users { path } => Ok(users(path)),
            Question::Managed { paths } => Ok(elsewhere::managed(paths)),
        };
        answer.unwrap_or_else(|refused| refused)
    }

    fn handle(
        &mut self,
        pid: u32,
        born: u64,
        handle: u64,
        with_id: bool,
    ) -> Result<Answer, Answer> {
        let rights = PROCESS_DUP_HANDLE | PROCESS_QUERY_LIMITED_INFORMATION;
        let process = HANDLE(self.process(pid, born, rights)?.as_raw_handle());
        let theirs = HANDLE(handle as *mut c_void);
        let mut ours = HANDLE::default();
        // SAFETY: takes no arguments; what it returns need not be closed.
        let own = unsafe { GetCurrentProcess() };
        // SAFETY: both processes are open; `ours` is ours; nothing is closed in the other one.
        let copied = unsafe {
            DuplicateHandle(process, theirs, own, &mut ours, 0, false, DUPLICATE_SAME_ACCESS)
        };
        if copied.is_err() {
            // Closed meanwhile.
            return Ok(Answer::NoFile);
        }
        // SAFETY: the handle is open and ours alone.
        let ours = unsafe { OwnedHandle::from_raw_handle(ours.0) };
        let ours = HANDLE(ours.as_raw_handle());
        // A pipe hangs when it is asked for its name while somebody reads from it.
        // SAFETY: the handle is open.
        if unsafe { GetFileType(ours) } != FILE_TYPE_DISK {
            return Ok(Answer::NoFile);
        }
        let id = if with_id { file_id(ours) } else { None };
        Ok(match self.name(ours) {
            Some(name) => Answer::File { name, id },
            None => Answer::NoFile,
        })
    }

    fn name(&mut self, handle: HANDLE) -> Option<String> {
        const OBJECT_NAME_INFORMATION: OBJECT_INFORMATION_CLASS = OBJECT_INFORMATION_CLASS(1);
        // A name has at most 32,767 letters, and its head before it.
        self.names.resize((64 << 10) / 8 + 4, 0);
        let (into, size) = (self.names.as_mut_ptr().cast(), (self.names.len() * 8) as u32);
        // SAFETY: the handle is open; the buffer is as long as its size says.
        let status =
            unsafe { NtQueryObject(Some(handle), OBJECT_NAME_INFORMATION, Some(into), size, None) };
        status.is_ok().then_some(())?;
        // `UNICODE_STRING`: a length in bytes, and a pointer into the buffer.
        let length = (self.names[0] & 0xffff) as usize;
        let at = self.names[1].checked_sub(self.names.as_ptr() as u64)? as usize;
        let units = (at / 2..(at + length) / 2).map(|unit| {
            let word = self.names.get(unit / 4).copied().unwrap_or(0);
            (word >> (unit % 4 * 16) & 0xffff) as u16
        });
        let units: Vec<u16> = units.collect();
        Some(name::spelled(&units)).filter(|it| !it.is_empty())
    }

    fn process(
        &mut self,
        pid: u32,
        born: u64,
        rights: PROCESS_ACCESS_RIGHTS,
    ) -> Result<&OwnedHandle, Answer> {
        let of = Some((pid, born, rights.0));
        if self.of != of {
            self.of = of;
            self.process = Some(open(pid, born, rights));
        }
        self.process.as_ref().expect("it was set above").as_ref().map_err(Answer::clone)
    }
}

fn open(pid: u32, born: u64, rights: PROCESS_ACCESS_RIGHTS) -> Result<OwnedHandle, Answer> {
    // SAFETY: takes numbers only.
    let opened = unsafe { OpenProcess(rights, false, pid) };
    let opened = opened.map_err(|error| match error.code().0.cast_unsigned() & 0xffff {
        code if code == ERROR_INVALID_PARAMETER.0 => Answer::Gone,
        code => Answer::Refused(code),
    })?;
    // SAFETY: the handle is open and ours alone.
    let owned = unsafe { OwnedHandle::from_raw_handle(opened.0) };
    let mut times = [FILETIME::default(); 4];
    let [began, ended, kernel, user] = &mut times;
    // SAFETY: the handle is open; the times are ours.
    let told = unsafe { GetProcessTimes(opened, began, ended, kernel, user) };
    told.map_err(|_| Answer::Refused(ERROR_ACCESS_DENIED.0))?;
    let began = u64::from(times[0].dwHighDateTime) << 32 | u64::from(times[0].dwLowDateTime);
    if began == born { Ok(owned) } else { Err(Answer::Gone) }
}

/// The number of a file on its volume, whatever it is called.
pub(super) fn file_id(handle: HANDLE) -> Option<FileId> {
    let mut id = FILE_ID_INFO::default();
    let (into, size) = ((&raw mut id).cast(), size_of::<FILE_ID_INFO>() as u32);
    // SAFETY: the handle is open; the structure is as long as its size says.
    unsafe { GetFileInformationByHandleEx(handle, FileIdInfo, into, size) }.ok()?;
    Some((id.VolumeSerialNumber, id.FileId.Identifier))
}

/// The files that are mapped into the memory of a process, each once.
fn memory(process: HANDLE) -> Answer {
    let mut found: Vec<(bool, String)> = Vec::new();
    let mut units = vec![0u16; 32_768];
    let (mut at, mut last) = (0_usize, 0_usize);
    for _ in 0..MOST_REGIONS {
        let mut region = MEMORY_BASIC_INFORMATION::default();
        let size = size_of_val(&region);
        // SAFETY: the process is open; an address of it is only looked up; the answer is ours.
        let told = unsafe { VirtualQueryEx(process, Some(at as *const c_void), &mut region, size) };
        if told == 0 {
            break;
        }
        let base = region.AllocationBase as usize;
        let is_file = region.Type == MEM_IMAGE || region.Type == MEM_MAPPED;
        if is_file && base != last {
            last = base;
            let (from, into) = (region.BaseAddress.cast_const(), units.as_mut_slice());
            // SAFETY: the process is open; the buffer is a slice.
            let length = unsafe { K32GetMappedFileNameW(process, from, into) } as usize;
            let named = units.get(..length).filter(|it| !it.is_empty()).map(name::spelled);
            found.extend(named.map(|name| (region.Type == MEM_IMAGE, name)));
        }
        let next = (region.BaseAddress as usize).saturating_add(region.RegionSize);
        if next <= at {
            break;
        }
        at = next;
    }
    found.sort();
    found.dedup();
    Answer::Mapped(found)
}

/// `FileProcessIdsUsingFileInformation`: a count, and as many process ids.
fn users(path: &str) -> Answer {
    const PROCESS_IDS_USING_FILE: FILE_INFORMATION_CLASS = FILE_INFORMATION_CLASS(47);
    let file = match named::look_at(path) {
        Ok(file) => file,
        Err(error) => return Answer::Refused(error.raw_os_error().unwrap_or(1).cast_unsigned()),
    };
    let mut ids = vec![0u64; 4096];
    let mut status = IO_STATUS_BLOCK::default();
    let handle = HANDLE(file.as_raw_handle());
    let (into, size) = (ids.as_mut_ptr().cast(), (ids.len() * 8) as u32);
    // SAFETY: the handle is open; the buffer is as long as its size says.
    let told =
        unsafe { NtQueryInformationFile(handle, &mut status, into, size, PROCESS_IDS_USING_FILE) };
    if told.is_err() {
        return Answer::Refused(told.0.cast_unsigned());
    }
    let count = (ids[0] & 0xffff_ffff) as usize;
    if count >= ids.len() {
        return Answer::Refused(ERROR_MORE_DATA.0);
    }
    // This process is one of them, by the handle with which it asks.
    let all = ids.iter().skip(1).take(count).map(|it| (*it as u32, None));
    Answer::Processes(all.filter(|(pid, _)| *pid != std::process::id()).collect())
}
