//! Who may do what with files, keys and services of this PC: asked and set through handles.
//!
//! Only the list of entries is ever set. An owner is not changed, and no link is followed: the handle is
//! of the very thing that was named.

use std::fs::File;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;

use windows::Win32::Foundation::{ERROR_FILE_NOT_FOUND, HANDLE, HLOCAL, LocalFree};
use windows::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1,
    SE_FILE_OBJECT, SE_OBJECT_TYPE, SE_REGISTRY_KEY, SE_SERVICE, SetSecurityInfo,
};
use windows::Win32::Security::{
    ACL, DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl, OBJECT_SECURITY_INFORMATION,
    OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR,
    UNPROTECTED_DACL_SECURITY_INFORMATION,
};
use windows::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_NO_RECALL, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, READ_CONTROL, WRITE_DAC,
};
use windows::Win32::System::Registry::REG_SAM_FLAGS;
use windows::Win32::System::Services::SC_MANAGER_CONNECT;
use windows::core::{BOOL, HSTRING, PWSTR};

use super::about;
use super::file::{self, Files};
use super::refusal::{checked, refused};
use super::registry::OpenKey;
use super::service;
use crate::descriptor::{Descriptor, Securable};
use crate::{HostError, HostErrorKind, Result};

/// Something that is open; closed when it goes out of scope.
enum Open {
    File(File),
    Key(OpenKey),
    Service(service::Handle),
}

/// Owner and entries; `None` if there is no such thing.
pub(super) fn told(files: &Files, of: &Securable) -> Result<Option<Descriptor>> {
    const OP: &str = "ask for access to";
    let Some(open) = opened(OP, files, of, READ_CONTROL.0)? else { return Ok(None) };
    let what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let mut descriptor = Owned(PSECURITY_DESCRIPTOR::default());
    let into = Some(&raw mut descriptor.0);
    let (handle, kind) = open.handle();
    // SAFETY: the handle is open; what is given is let go with its owner.
    let code = unsafe { GetSecurityInfo(handle, kind, what, None, None, None, None, into) };
    checked(OP, of, code)?;
    let mut text = PWSTR::null();
    // SAFETY: the descriptor was just given; the text is let go below.
    unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor.0,
            SDDL_REVISION_1,
            what,
            &mut text,
            None,
        )
    }
    .map_err(|error| refused(OP, of, &error))?;
    // SAFETY: the call gave a text that ends in a zero.
    let spelled = unsafe { text.to_hstring() };
    // SAFETY: it was given by a call that says to free it so, and is not used any more.
    unsafe { LocalFree(Some(HLOCAL(text.0.cast()))) };
    let read = spelled.to_string_lossy().parse::<Descriptor>();
    read.map(Some).map_err(|error| HostError {
        op: OP,
        subject: of.to_string(),
        kind: HostErrorKind::Io(error.to_string()),
    })
}

/// Sets the entries of the thing itself; what lies in it inherits as its own entries say.
pub(super) fn assign(files: &Files, of: &Securable, wanted: &Descriptor) -> Result<()> {
    const OP: &str = "set access to";
    about::give_back_rights();
    let open = opened(OP, files, of, READ_CONTROL.0 | WRITE_DAC.0)?;
    let open = open.ok_or_else(|| HostError::win32(OP, of, ERROR_FILE_NOT_FOUND.0))?;
    let text = HSTRING::from(wanted.explicit().to_string());
    let mut made = Owned(PSECURITY_DESCRIPTOR::default());
    // SAFETY: the text lives as long as the call; what it makes is let go with its owner.
    unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            &text,
            SDDL_REVISION_1,
            &mut made.0,
            None,
        )
    }
    .map_err(|error| refused(OP, of, &error))?;
    let (mut is_present, mut is_default) = (BOOL::default(), BOOL::default());
    let mut list: *mut ACL = std::ptr::null_mut();
    // SAFETY: the descriptor was just made and lives on; the rest is ours.
    unsafe { GetSecurityDescriptorDacl(made.0, &mut is_present, &mut list, &mut is_default) }
        .map_err(|error| refused(OP, of, &error))?;
    // No list would let everybody do everything.
    if !is_present.as_bool() || list.is_null() {
        let kind = HostErrorKind::Corrupt("its list of entries".to_owned());
        return Err(HostError { op: OP, subject: of.to_string(), kind });
    }
    let what = DACL_SECURITY_INFORMATION | inheritance(of, wanted);
    let (handle, kind) = open.handle();
    // SAFETY: the handle is open; the list lives as long as its descriptor.
    let code = unsafe { SetSecurityInfo(handle, kind, what, None, None, Some(list), None) };
    checked(OP, of, code)
}

/// Services inherit nothing, so that nothing is said of it.
fn inheritance(of: &Securable, wanted: &Descriptor) -> OBJECT_SECURITY_INFORMATION {
    match (of, wanted.is_protected) {
        (Securable::Service(_), _) => OBJECT_SECURITY_INFORMATION(0),
        (_, true) => PROTECTED_DACL_SECURITY_INFORMATION,
        (_, false) => UNPROTECTED_DACL_SECURITY_INFORMATION,
    }
}

fn opened(op: &'static str, files: &Files, of: &Securable, access: u32) -> Result<Option<Open>> {
    match of {
        Securable::Path(path) => {
            if files.data(op, path)?.is_none() {
                return Ok(None);
            }
            let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
            let flags = FILE_FLAG_BACKUP_SEMANTICS
                | FILE_FLAG_OPEN_REPARSE_POINT
                | FILE_FLAG_OPEN_NO_RECALL;
            let opened = File::options()
                .access_mode(access)
                .share_mode(share.0)
                .custom_flags(flags.0)
                .open(files.place(op, path)?);
            opened.map(|it| Some(Open::File(it))).map_err(|error| file::refused(op, path, &error))
        }
        Securable::Key(key) => Ok(OpenKey::to_secure(key, REG_SAM_FLAGS(access))?.map(Open::Key)),
        Securable::Service(name) => {
            let manager = service::Handle::manager(SC_MANAGER_CONNECT)?;
            Ok(manager.service(name, access)?.map(Open::Service))
        }
    }
}

impl Open {
    fn handle(&self) -> (HANDLE, SE_OBJECT_TYPE) {
        match self {
            Open::File(file) => (HANDLE(file.as_raw_handle()), SE_FILE_OBJECT),
            Open::Key(key) => (HANDLE(key.raw().0), SE_REGISTRY_KEY),
            Open::Service(service) => (HANDLE(service.raw().0), SE_SERVICE),
        }
    }
}

/// A descriptor that Windows gave to us.
struct Owned(PSECURITY_DESCRIPTOR);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: it was given to us by a call that says to free it so; null is let be.
        unsafe { LocalFree(Some(HLOCAL(self.0.0))) };
    }
}
