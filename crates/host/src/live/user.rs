//! Folders of the user who runs this program, wherever they have been put.

use std::ffi::OsString;
use std::os::windows::ffi::OsStringExt as _;
use std::path::PathBuf;

use windows::Win32::System::Com::CoTaskMemFree;
use windows::Win32::UI::Shell::{
    FOLDERID_Desktop, FOLDERID_Documents, FOLDERID_Downloads, FOLDERID_Favorites,
    FOLDERID_LocalAppData, FOLDERID_Music, FOLDERID_Pictures, FOLDERID_Profile,
    FOLDERID_RoamingAppData, FOLDERID_Videos, KF_FLAG_DONT_VERIFY, SHGetKnownFolderPath,
};
use windows::core::GUID;

use super::refusal::refused;
use crate::Result;

/// A folder that Windows knows by a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Microsoft's")]
pub enum Folder {
    Desktop,
    Documents,
    Downloads,
    Favorites,
    LocalAppData,
    Music,
    Pictures,
    Profile,
    RoamingAppData,
    Videos,
}

impl Folder {
    fn id(self) -> &'static GUID {
        match self {
            Folder::Desktop => &FOLDERID_Desktop,
            Folder::Documents => &FOLDERID_Documents,
            Folder::Downloads => &FOLDERID_Downloads,
            Folder::Favorites => &FOLDERID_Favorites,
            Folder::LocalAppData => &FOLDERID_LocalAppData,
            Folder::Music => &FOLDERID_Music,
            Folder::Pictures => &FOLDERID_Pictures,
            Folder::Profile => &FOLDERID_Profile,
            Folder::RoamingAppData => &FOLDERID_RoamingAppData,
            Folder::Videos => &FOLDERID_Videos,
        }
    }
}

/// Where a folder of this user is; it need not exist.
///
/// # Errors
/// When Windows does not tell.
pub fn folder(which: Folder) -> Result<PathBuf> {
    // SAFETY: the number is a constant; no token means the user of this process.
    let told = unsafe { SHGetKnownFolderPath(which.id(), KF_FLAG_DONT_VERIFY, None) };
    let told = told.map_err(|error| refused("find", &format!("{which:?}"), &error))?;
    // SAFETY: the call succeeded, so this is a string that ends in zero.
    let units = unsafe { told.as_wide() };
    let path = OsString::from_wide(units);
    // SAFETY: the string is ours to free, and is not used again.
    unsafe { CoTaskMemFree(Some(told.as_ptr().cast())) };
    Ok(path.into())
}
