//! Holds a file in one of the ways in which files are held, until its input ends; also the helper
//! process of tests. For trying out `who` and for measuring it.
#![cfg_attr(windows, expect(unsafe_code, reason = "it does to Windows what other programs do"))]

#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
fn main() -> std::io::Result<()> {
    windows_only::main()
}

#[cfg(windows)]
mod windows_only {
    use std::fs::File;
    use std::io::{self, Read, Write};
    use std::os::windows::fs::OpenOptionsExt;
    use std::os::windows::io::AsRawHandle;

    use unwedge_host::live::holder;
    use windows::Win32::Foundation::{HANDLE, HMODULE};
    use windows::Win32::Storage::FileSystem::{
        LOCK_FILE_FLAGS, LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx,
    };
    use windows::Win32::System::IO::OVERLAPPED;
    use windows::Win32::System::LibraryLoader::LoadLibraryW;
    use windows::Win32::System::Memory::{
        CreateFileMappingW, FILE_MAP_READ, MapViewOfFile, PAGE_READONLY,
    };
    use windows::core::{HSTRING, PCWSTR};

    pub(super) fn main() -> io::Result<()> {
        let all: Vec<String> = std::env::args().skip(1).collect();
        let arguments: Vec<&str> = all.iter().map(String::as_str).collect();
        let mut kept = Vec::new();
        match arguments.as_slice() {
            ["answer", manner] => return holder::answer(manner, io::stdin(), io::stdout()),
            ["open", path, share] => kept.push(open(path, share)?),
            ["lock", path, kind, ranges @ ..] => kept.push(lock(path, kind, ranges)?),
            ["map", path] => map(path)?,
            ["load", path] => {
                // SAFETY: the name lives as long as the call; the library is one of Windows.
                let loaded: HMODULE = unsafe { LoadLibraryW(&HSTRING::from(*path)) }?;
                assert!(!loaded.is_invalid());
            }
            ["directory", path] => std::env::set_current_dir(path)?,
            ["delete", path] => {
                kept.push(open(path, "7")?);
                std::fs::remove_file(path)?;
            }
            ["pipe"] => hang()?,
            ["every", folder, step] => every(folder, number(step), &mut kept)?,
            ["events", count] => {
                for _ in 0..number(count) {
                    kept.push(File::open(std::env::current_exe()?)?);
                }
            }
            _ => return Err(io::Error::other("not one of its ways")),
        }
        writeln!(io::stdout(), "ready")?;
        io::stdout().flush()?;
        io::stdin().read_to_end(&mut Vec::new())?;
        Ok(())
    }

    fn number(text: &str) -> u64 {
        text.parse().expect("a number")
    }

    /// `share` is the sum of 1 (reading), 2 (writing) and 4 (deleting).
    fn open(path: &str, share: &str) -> io::Result<File> {
        let share = number(share) as u32;
        File::options().read(true).write(true).share_mode(share).open(path)
    }

    fn lock(path: &str, kind: &str, ranges: &[&str]) -> io::Result<File> {
        let file = open(path, "7")?;
        let kind = if kind == "shared" { LOCK_FILE_FLAGS(0) } else { LOCKFILE_EXCLUSIVE_LOCK };
        for range in ranges {
            let (from, to) = range.split_once("..").expect("FROM..TO");
            let (from, length) = (number(from), number(to) - number(from));
            let mut place = OVERLAPPED::default();
            place.Anonymous.Anonymous.Offset = from as u32;
            place.Anonymous.Anonymous.OffsetHigh = (from >> 32) as u32;
            let flags = kind | LOCKFILE_FAIL_IMMEDIATELY;
            let handle = HANDLE(file.as_raw_handle());
            let (low, high) = (length as u32, (length >> 32) as u32);
            // SAFETY: the file is open and synchronous; the place lives as long as the call.
            unsafe { LockFileEx(handle, flags, None, low, high, &mut place) }?;
        }
        Ok(file)
    }

    /// Maps a file and closes it: only its content stays.
    fn map(path: &str) -> io::Result<()> {
        let file = File::open(path)?;
        let handle = HANDLE(file.as_raw_handle());
        // SAFETY: the file is open; the whole of it is mapped, to be read.
        let section =
            unsafe { CreateFileMappingW(handle, None, PAGE_READONLY, 0, 0, PCWSTR::null()) }?;
        // SAFETY: the section is open; the view stays until the program ends.
        let view = unsafe { MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0) };
        assert!(!view.Value.is_null());
        // SAFETY: the section is open and not used again.
        unsafe { windows::Win32::Foundation::CloseHandle(section) }?;
        Ok(())
    }

    /// A thread that reads from a pipe on which nobody writes.
    fn hang() -> io::Result<()> {
        let (mut from, to) = io::pipe()?;
        std::thread::spawn(move || from.read_exact(&mut [0]));
        std::mem::forget(to);
        Ok(())
    }

    /// Opens every file of the folders in a folder whose number is divisible.
    fn every(folder: &str, step: u64, kept: &mut Vec<File>) -> io::Result<()> {
        let mut number = 0;
        let mut folders: Vec<_> = std::fs::read_dir(folder)?.collect::<io::Result<_>>()?;
        folders.sort_by_key(std::fs::DirEntry::file_name);
        for below in folders {
            let mut files: Vec<_> = std::fs::read_dir(below.path())?.collect::<io::Result<_>>()?;
            files.sort_by_key(std::fs::DirEntry::file_name);
            for file in files {
                if step != 0 && number % step == 0 {
                    kept.push(File::options().read(true).share_mode(1).open(file.path())?);
                }
                number += 1;
            }
        }
        Ok(())
    }
}
