//! What a program does before anything else: it sees to it that no library of a stranger is loaded,
//! and knows the oldest Windows it works on.

#[cfg(windows)]
mod on_windows {
    use windows::Wdk::System::SystemServices::RtlGetVersion;
    use windows::Win32::System::LibraryLoader::LOAD_LIBRARY_SEARCH_SYSTEM32;
    use windows::Win32::System::SystemInformation::OSVERSIONINFOW;
    use windows::core::BOOL;

    use crate::live::library::{Address, Library};
    use crate::live::refusal::refused;
    use crate::{HostError, HostErrorKind, Result};

    /// The form of `SetDefaultDllDirectories`, which Windows has had since 8.
    type SetDefaultDllDirectories = unsafe extern "system" fn(flags: u32) -> BOOL;

    pub(super) fn prepare() -> Result<()> {
        let set = Library::system("kernel32.dll")?.function(c"SetDefaultDllDirectories")?;
        // SAFETY: the function has this form in every Windows that has it.
        let set = unsafe { std::mem::transmute::<Address, SetDefaultDllDirectories>(set) };
        // SAFETY: it takes a number and changes only where libraries are looked for from now on.
        let done = unsafe { set(LOAD_LIBRARY_SEARCH_SYSTEM32.0) };
        done.ok().map_err(|error| refused("restrict", "where libraries are looked for", &error))
    }

    pub(super) fn supported() -> Result<()> {
        let mut version = OSVERSIONINFOW {
            dwOSVersionInfoSize: size_of::<OSVERSIONINFOW>() as u32,
            ..OSVERSIONINFOW::default()
        };
        // SAFETY: the structure says its own size. Unlike GetVersionEx this tells the truth to any
        // program, whatever its manifest says.
        let status = unsafe { RtlGetVersion(&raw mut version) };
        status.ok().map_err(|error| refused("ask", "the version of Windows", &error))?;
        let OSVERSIONINFOW {
            dwMajorVersion: major,
            dwMinorVersion: minor,
            dwBuildNumber: build,
            ..
        } = version;
        match super::refusal(major, minor, build) {
            None => Ok(()),
            Some(why) => Err(HostError {
                op: "open",
                subject: "this PC".to_owned(),
                kind: HostErrorKind::Io(why),
            }),
        }
    }
}

/// Lets this process load libraries from System32 only, from now on; a library beside the program
/// is never loaded. Does nothing where there is no Windows.
///
/// # Errors
/// When Windows refuses.
pub fn prepare() -> crate::Result<()> {
    #[cfg(windows)]
    on_windows::prepare()?;
    Ok(())
}

/// Whether this Windows is one that can be looked at alive.
///
/// # Errors
/// Says why not, and what to do instead.
#[cfg(windows)]
pub(super) fn supported() -> crate::Result<()> {
    on_windows::supported()
}

/// The first build of Windows 10, which is the oldest that is looked at alive.
#[cfg(any(windows, test))]
const FIRST_BUILD: (u32, u32) = (10, 10240);

/// Why a Windows of this version and build cannot be looked at alive, if it cannot.
#[cfg(any(windows, test))]
fn refusal(major: u32, minor: u32, build: u32) -> Option<String> {
    ((major, build) < FIRST_BUILD).then(|| {
        format!(
            "Windows {major}.{minor} (build {build}) is older than Windows 10; collect its logs \
             into a folder, which can be read on any PC, also on this one, and give that"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_windows_before_10_is_refused() {
        assert_eq!(refusal(10, 0, 10240), None);
        assert_eq!(refusal(10, 0, 26100), None);
        let old = refusal(6, 1, 7601).unwrap_or_default();
        assert!(old.contains("6.1 (build 7601)") && old.contains("folder"), "{old}");
        assert!(refusal(6, 3, 9600).is_some());
    }
}
