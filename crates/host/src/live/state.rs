//! Where the repairs made on this PC are kept: in a folder that only administrators may write in.
//!
//! What lies there is believed when a repair is taken back, so that whoever can plant a journal
//! there could have anything written anywhere.

use std::path::PathBuf;

use crate::Result;

/// The folder of the journals of this PC; it need not exist.
///
/// # Errors
/// When others than administrators could have put something there.
pub fn place() -> Result<PathBuf> {
    on_this_system::place()
}

/// The folder of the journals of this PC, made if it does not exist.
///
/// # Errors
/// When it cannot be made, or others than administrators could have put something there.
pub fn folder() -> Result<PathBuf> {
    on_this_system::folder()
}

#[cfg(not(windows))]
mod on_this_system {
    use super::{PathBuf, Result};
    use crate::HostError;

    pub(super) fn place() -> Result<PathBuf> {
        Err(HostError::not_collected("open", "the folder of repairs"))
    }

    pub(super) fn folder() -> Result<PathBuf> {
        place()
    }
}

#[cfg(windows)]
mod on_this_system {
    use std::fs;
    use std::os::windows::fs::MetadataExt as _;
    use std::path::{Path, PathBuf};

    use windows::Win32::Foundation::{
        ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_OWNER,
        HLOCAL, LocalFree,
    };
    use windows::Win32::Security::Authorization::{
        ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
    };
    use windows::Win32::Security::{
        DACL_SECURITY_INFORMATION, GetFileSecurityW, OWNER_SECURITY_INFORMATION,
        PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES,
    };
    use windows::Win32::Storage::FileSystem::{CreateDirectoryW, FILE_ATTRIBUTE_REPARSE_POINT};
    use windows::Win32::System::Com::CoTaskMemFree;
    use windows::Win32::UI::Shell::{
        FOLDERID_ProgramData, KF_FLAG_DONT_VERIFY, SHGetKnownFolderPath,
    };
    use windows::core::HSTRING;

    use crate::live::access::{Access, Sid};
    use crate::live::refusal::{is, refused};
    use crate::{HostError, HostErrorKind, Result};

    const OP: &str = "use";
    /// Owned by administrators; they and Windows may do everything, nobody else anything; what
    /// the folder above would pass on is left out.
    const DESCRIPTOR: &str = "O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";
    /// No descriptor is longer.
    const MOST_BYTES: u32 = 1 << 16;

    pub(super) fn place() -> Result<PathBuf> {
        place_in(&program_data()?)
    }

    pub(super) fn folder() -> Result<PathBuf> {
        folder_in(&program_data()?)
    }

    fn place_in(data: &Path) -> Result<PathBuf> {
        let own = data.join("unwedge");
        let repairs = own.join("repairs");
        data.ancestors().filter(|it| it.parent().is_some()).try_for_each(no_link)?;
        // Who owns the folder above can put another one in the place of ours anyway.
        let above = access(data)?.owner;
        for folder in [own.as_path(), repairs.as_path()] {
            if !is_there(folder)? {
                return Ok(repairs.clone());
            }
            trusted(folder, &above)?;
        }
        for entry in fs::read_dir(&repairs).map_err(|error| io(&repairs, &error))? {
            trusted(&entry.map_err(|error| io(&repairs, &error))?.path(), &above)?;
        }
        Ok(repairs)
    }

    fn folder_in(data: &Path) -> Result<PathBuf> {
        let own = data.join("unwedge");
        for folder in [&own, &own.join("repairs")] {
            made(folder)?;
        }
        // What was there before is judged with what was made.
        place_in(data)
    }

    /// Makes a folder; nothing if there is one.
    fn made(folder: &Path) -> Result<()> {
        let descriptor = Owned::read(DESCRIPTOR, folder)?;
        let attributes = SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: descriptor.0.0,
            bInheritHandle: false.into(),
        };
        let path = HSTRING::from(folder);
        // SAFETY: path, attributes and descriptor live as long as the call.
        match unsafe { CreateDirectoryW(&path, Some(&attributes)) } {
            Ok(()) => Ok(()),
            Err(error) if is(&error, ERROR_ALREADY_EXISTS) => Ok(()),
            Err(error) if is(&error, ERROR_INVALID_OWNER) || is(&error, ERROR_ACCESS_DENIED) => {
                Err(only_administrators(folder))
            }
            Err(error) => Err(refused(OP, &folder.display(), &error)),
        }
    }

    /// Fails unless only administrators, or who owns the folder above all, could have put it there
    /// or can change it.
    fn trusted(path: &Path, above: &Sid) -> Result<()> {
        no_link(path)?;
        match access(path)?.stranger(above) {
            None => Ok(()),
            Some(stranger) => Err(untrusted(path, &stranger)),
        }
    }

    fn access(path: &Path) -> Result<Access> {
        let wide = HSTRING::from(path);
        let what = (OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION).0;
        let mut bytes = vec![0u8; 1024];
        loop {
            let into = PSECURITY_DESCRIPTOR(bytes.as_mut_ptr().cast());
            let (size, mut needed) = (bytes.len() as u32, 0);
            // SAFETY: the buffer is as long as its size says.
            let told = unsafe { GetFileSecurityW(&wide, what, Some(into), size, &mut needed) };
            match told.ok() {
                Ok(()) => break,
                Err(error)
                    if is(&error, ERROR_INSUFFICIENT_BUFFER)
                        && (size + 1..=MOST_BYTES).contains(&needed) =>
                {
                    bytes = vec![0; needed as usize];
                }
                Err(error) if is(&error, ERROR_ACCESS_DENIED) => {
                    return Err(only_administrators(path));
                }
                Err(error) => return Err(refused(OP, &path.display(), &error)),
            }
        }
        Access::read(&bytes).ok_or_else(|| {
            let kind = HostErrorKind::Corrupt("its security descriptor".to_owned());
            HostError { op: OP, subject: path.display().to_string(), kind }
        })
    }

    fn no_link(path: &Path) -> Result<()> {
        let about = fs::symlink_metadata(path).map_err(|error| io(path, &error))?;
        match about.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT.0 {
            0 => Ok(()),
            _ => Err(untrusted(path, "it is a link to another place")),
        }
    }

    fn is_there(path: &Path) -> Result<bool> {
        match fs::symlink_metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io(path, &error)),
        }
    }

    fn program_data() -> Result<PathBuf> {
        // SAFETY: the folder is a constant; without a token that of this user is asked.
        let told =
            unsafe { SHGetKnownFolderPath(&FOLDERID_ProgramData, KF_FLAG_DONT_VERIFY, None) };
        let name = told.map_err(|error| refused("find", "the folder of programs' data", &error))?;
        // SAFETY: the call gave a text that ends in a zero.
        let text = unsafe { name.to_hstring() };
        // SAFETY: the text was given to us, and is not used any more.
        unsafe { CoTaskMemFree(Some(name.0.cast())) };
        Ok(PathBuf::from(text.to_os_string()))
    }

    fn untrusted(path: &Path, why: &str) -> HostError {
        let why = format!(
            "{why}, so that what lies there cannot be trusted: a repair that is taken back writes \
             what its journal says. Move it to another place, and run this again"
        );
        HostError { op: OP, subject: path.display().to_string(), kind: HostErrorKind::Io(why) }
    }

    fn only_administrators(path: &Path) -> HostError {
        let why = "only an administrator may look into it; run this as administrator";
        let kind = HostErrorKind::Io(why.to_owned());
        HostError { op: OP, subject: path.display().to_string(), kind }
    }

    fn io(path: &Path, error: &std::io::Error) -> HostError {
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            return only_administrators(path);
        }
        let kind = HostErrorKind::Io(error.to_string());
        HostError { op: OP, subject: path.display().to_string(), kind }
    }

    /// A descriptor that Windows gave to us.
    struct Owned(PSECURITY_DESCRIPTOR);

    impl Owned {
        /// Of a text as Windows writes descriptors.
        fn read(text: &str, path: &Path) -> Result<Owned> {
            let mut descriptor = Owned(PSECURITY_DESCRIPTOR::default());
            let text = HSTRING::from(text);
            // SAFETY: the text lives as long as the call; what it makes is let go with its owner.
            unsafe {
                ConvertStringSecurityDescriptorToSecurityDescriptorW(
                    &text,
                    SDDL_REVISION_1,
                    &mut descriptor.0,
                    None,
                )
            }
            .map_err(|error| refused(OP, &path.display(), &error))?;
            Ok(descriptor)
        }
    }

    impl Drop for Owned {
        fn drop(&mut self) {
            // SAFETY: it was given to us by a call that says to free it so; null is let be.
            unsafe { LocalFree(Some(HLOCAL(self.0.0))) };
        }
    }

    #[cfg(test)]
    mod tests {
        use windows::Win32::Security::SetFileSecurityW;

        use super::*;

        #[test]
        fn a_folder_is_made_once_and_found_again() {
            let data = tempfile::tempdir().unwrap();
            let none = place_in(data.path()).unwrap();
            assert!(!data.path().join("unwedge").exists());
            let made = match folder_in(data.path()) {
                // Not an administrator: then it is said.
                Err(error) => return assert!(error.to_string().contains("administrator")),
                Ok(made) => made,
            };
            assert_eq!(made, none);
            fs::write(made.join("0001.journal"), "text").unwrap();
            assert_eq!(folder_in(data.path()).unwrap(), made);
            assert_eq!(place_in(data.path()).unwrap(), made);
        }

        #[test]
        fn what_others_may_write_in_is_refused() {
            for planted in ["unwedge", r"unwedge\repairs", r"unwedge\repairs\0001.journal"] {
                let data = tempfile::tempdir().unwrap();
                let Ok(folder) = folder_in(data.path()) else { return };
                fs::write(folder.join("0001.journal"), "text").unwrap();
                let planted = data.path().join(planted);
                open_to_everybody(&planted);
                for error in [folder_in(data.path()), place_in(data.path())] {
                    let error = error.unwrap_err().to_string();
                    assert!(error.contains(&*planted.to_string_lossy()), "{error}");
                    assert!(error.contains("S-1-1-0 may change it"), "{error}");
                    assert!(error.contains("Move it"), "{error}");
                }
            }
        }

        fn open_to_everybody(path: &Path) {
            let open = Owned::read("D:P(A;OICI;FA;;;WD)", path).unwrap();
            let path = HSTRING::from(path);
            // SAFETY: path and descriptor live as long as the call.
            unsafe { SetFileSecurityW(&path, DACL_SECURITY_INFORMATION, open.0) }.unwrap();
        }

        #[test]
        fn the_folder_of_programs_is_there() {
            assert!(program_data().unwrap().is_dir());
        }
    }
}
