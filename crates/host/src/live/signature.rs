//! Who signed a program, as Windows judges it (wintrust.dll), without asking the network and
//! without a window.
//!
//! The file is opened as every file is here, and read through that handle only. Catalogs are asked
//! for only where that changes nothing: their service is not started, and no folder is made.

use std::ffi::c_void;
use std::fs::File;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::AsRawHandle;
use std::path::{Path, PathBuf};
use std::time::Duration;

use windows::Win32::Foundation::{
    ERROR_NOT_FOUND, GetLastError, HANDLE, HWND, INVALID_HANDLE_VALUE, NO_ERROR, SetLastError,
};
use windows::Win32::Security::Cryptography::Catalog::CATALOG_INFO;
use windows::Win32::Security::WinTrust::{
    DRIVER_ACTION_VERIFY, WINTRUST_ACTION_GENERIC_VERIFY_V2, WINTRUST_CATALOG_INFO, WINTRUST_DATA,
    WINTRUST_DATA_0, WINTRUST_FILE_INFO, WTD_CACHE_ONLY_URL_RETRIEVAL, WTD_CHOICE_CATALOG,
    WTD_CHOICE_FILE, WTD_DISABLE_MD2_MD4, WTD_REVOCATION_CHECK_NONE, WTD_REVOKE_NONE,
    WTD_STATEACTION_CLOSE, WTD_STATEACTION_VERIFY, WTD_UI_NONE,
};
use windows::core::{BOOL, GUID, PCWSTR, w};

use super::file::Files;
use super::library::{Address, Library};
use super::limit;
use super::refusal::kind_of;
use super::signer::Certificates;
use super::verdict::of_both;
use crate::probe::{Part, Signature, SignatureKind, Standing};
use crate::{HostError, HostErrorKind, Result, WinPath};

const OP: &str = "ask who signed";
/// A large program on a slow disk is read in less.
const LIMIT: Duration = Duration::from_secs(30);
/// No hash is longer.
const HASH_BYTES: usize = 64;
/// Where the catalogs of Windows lie; Windows itself makes it.
const CATALOGS: &str = r"C:\Windows\System32\CatRoot\{F750E6C3-38EE-11D1-85E5-00C04FC295EE}";

type Verify = unsafe extern "system" fn(HWND, *const GUID, *mut c_void) -> i32;
type Acquire =
    unsafe extern "system" fn(*mut isize, *const GUID, PCWSTR, *const c_void, u32) -> BOOL;
type Hash = unsafe extern "system" fn(isize, HANDLE, *mut u32, *mut u8, u32) -> BOOL;
type Find = unsafe extern "system" fn(isize, *const u8, u32, u32, *mut isize) -> isize;
type Tell = unsafe extern "system" fn(isize, *mut CATALOG_INFO, u32) -> BOOL;
type ReleaseCatalog = unsafe extern "system" fn(isize, isize, u32) -> BOOL;
type Release = unsafe extern "system" fn(isize, u32) -> BOOL;

/// Who signed a file; `service` says why the service that knows the catalogs cannot be asked, if so.
pub(super) fn read(
    files: &Files,
    path: &WinPath,
    service: Option<HostErrorKind>,
) -> Result<Signature> {
    let place = files.place(OP, path)?;
    let Some(file) = files.open(path)? else { return Err(HostError::win32(OP, path, 2)) };
    // Asked about a folder that is not there, Windows would make it.
    let catalogs = match (files.exists(&WinPath::new(CATALOGS)), service) {
        (Ok(false), _) => Catalogs::None,
        (Ok(true), None) => Catalogs::There,
        (Ok(true), Some(why)) => Catalogs::Unknown(why),
        (Err(error), _) => Catalogs::Unknown(error.kind),
    };
    let subject = path.to_string();
    let asked = limit::ask(OP, &subject.clone(), LIMIT, move || {
        let told = Asked::load()?.signature(&file, &place, catalogs);
        told.map_err(|kind| HostError { op: OP, subject, kind })
    });
    asked.wait()
}

enum Catalogs {
    There,
    /// There are none, so that none lists the file.
    None,
    Unknown(HostErrorKind),
}

struct Asked {
    verify: Verify,
    library: Library,
    certificates: Certificates,
}

impl Asked {
    fn load() -> Result<Asked> {
        let library = Library::system("wintrust.dll")?;
        let verify = library.function(c"WinVerifyTrust")?;
        Ok(Asked {
            // SAFETY: this is the form of `WinVerifyTrust` in `wintrust.h`.
            verify: unsafe { std::mem::transmute::<Address, Verify>(verify) },
            certificates: Certificates::load(&library)?,
            library,
        })
    }

    fn signature(&self, file: &File, place: &Path, catalogs: Catalogs) -> Part<Signature> {
        let wide = wide(place);
        let embedded = self.embedded(file, &wide);
        of_both(embedded, || match catalogs {
            Catalogs::None => Ok(Signature { standing: Standing::Unsigned, by: None }),
            Catalogs::Unknown(why) => Err(why),
            Catalogs::There => self.listed(file, &wide),
        })
    }

    fn embedded(&self, file: &File, wide: &[u16]) -> Part<Signature> {
        let mut about = WINTRUST_FILE_INFO {
            cbStruct: size::<WINTRUST_FILE_INFO>(),
            pcwszFilePath: PCWSTR(wide.as_ptr()),
            hFile: HANDLE(file.as_raw_handle()),
            pgKnownSubject: std::ptr::null_mut(),
        };
        let mut data = question();
        data.dwUnionChoice = WTD_CHOICE_FILE;
        data.Anonymous = WINTRUST_DATA_0 { pFile: &mut about };
        self.verdict(&mut data, SignatureKind::Embedded)
    }

    /// What the catalogs say: newer ones go by SHA-256, older ones by SHA-1.
    fn listed(&self, file: &File, wide: &[u16]) -> Part<Signature> {
        let catalogs = CatalogCalls::load(&self.library).map_err(|error| error.kind)?;
        let mut is_asked = Ok(Signature { standing: Standing::Unsigned, by: None });
        for algorithm in [w!("SHA256"), w!("SHA1")] {
            let admin = Admin::acquire(&catalogs, algorithm)?;
            let hash = admin.hash(file)?;
            match admin.catalog_of(&hash) {
                Ok(None) => {}
                Ok(Some(catalog)) => {
                    return self.in_catalog(file, wide, &admin, &catalog, &hash);
                }
                Err(why) => is_asked = Err(why),
            }
        }
        is_asked
    }

    fn in_catalog(
        &self,
        file: &File,
        wide: &[u16],
        admin: &Admin<'_>,
        catalog: &[u16],
        hash: &[u8],
    ) -> Part<Signature> {
        let mut hash = hash.to_vec();
        // A member of a catalog is called by its hash, in hexadecimal.
        let tag: String = hash.iter().map(|it| format!("{it:02X}")).collect();
        let tag: Vec<u16> = tag.encode_utf16().chain([0]).collect();
        let mut about = WINTRUST_CATALOG_INFO {
            cbStruct: size::<WINTRUST_CATALOG_INFO>(),
            pcwszCatalogFilePath: PCWSTR(catalog.as_ptr()),
            pcwszMemberTag: PCWSTR(tag.as_ptr()),
            pcwszMemberFilePath: PCWSTR(wide.as_ptr()),
            hMemberFile: HANDLE(file.as_raw_handle()),
            pbCalculatedFileHash: hash.as_mut_ptr(),
            cbCalculatedFileHash: u32::try_from(hash.len()).unwrap_or(0),
            hCatAdmin: admin.handle,
            ..WINTRUST_CATALOG_INFO::default()
        };
        let mut data = question();
        data.dwUnionChoice = WTD_CHOICE_CATALOG;
        data.Anonymous = WINTRUST_DATA_0 { pCatalog: &mut about };
        self.verdict(&mut data, SignatureKind::Catalog)
    }

    fn verdict(&self, data: &mut WINTRUST_DATA, kind: SignatureKind) -> Part<Signature> {
        // So that it is not what an earlier call left.
        // SAFETY: it only sets a number of this thread.
        unsafe { SetLastError(NO_ERROR) };
        let code = self.call(data).cast_unsigned();
        // SAFETY: it only reads a number of this thread.
        let reason = unsafe { GetLastError() };
        let standing = Standing::of_verdict(code, reason.0);
        let by = match standing {
            Ok(Standing::Unsigned) | Err(_) => None,
            Ok(it) => self.certificates.signer(data.hWVTStateData, it, kind),
        };
        data.dwStateAction = WTD_STATEACTION_CLOSE;
        // It only lets go of what it remembers; there is nothing to do if it fails.
        self.call(data);
        Ok(Signature { standing: standing?, by })
    }

    fn call(&self, data: &mut WINTRUST_DATA) -> i32 {
        let action = WINTRUST_ACTION_GENERIC_VERIFY_V2;
        // No window may ever be shown: this stands for a PC at which nobody sits.
        let nobody = HWND(INVALID_HANDLE_VALUE.0);
        // SAFETY: all that the data leads to lives as long as its owner's frame, which made it.
        unsafe { (self.verify)(nobody, &action, std::ptr::from_mut(data).cast()) }
    }
}

struct CatalogCalls {
    acquire: Acquire,
    hash: Hash,
    find: Find,
    tell: Tell,
    release_catalog: ReleaseCatalog,
    release: Release,
}

impl CatalogCalls {
    fn load(library: &Library) -> Result<CatalogCalls> {
        let acquire = library.function(c"CryptCATAdminAcquireContext2")?;
        let hash = library.function(c"CryptCATAdminCalcHashFromFileHandle2")?;
        let find = library.function(c"CryptCATAdminEnumCatalogFromHash")?;
        let tell = library.function(c"CryptCATCatalogInfoFromContext")?;
        let release_catalog = library.function(c"CryptCATAdminReleaseCatalogContext")?;
        let release = library.function(c"CryptCATAdminReleaseContext")?;
        Ok(CatalogCalls {
            // SAFETY: this is its form in `mscat.h`.
            acquire: unsafe { std::mem::transmute::<Address, Acquire>(acquire) },
            // SAFETY: as above.
            hash: unsafe { std::mem::transmute::<Address, Hash>(hash) },
            // SAFETY: as above.
            find: unsafe { std::mem::transmute::<Address, Find>(find) },
            // SAFETY: as above.
            tell: unsafe { std::mem::transmute::<Address, Tell>(tell) },
            // SAFETY: as above.
            release_catalog: unsafe {
                std::mem::transmute::<Address, ReleaseCatalog>(release_catalog)
            },
            // SAFETY: as above.
            release: unsafe { std::mem::transmute::<Address, Release>(release) },
        })
    }
}

/// The right to ask for catalogs; given back when dropped.
struct Admin<'c> {
    calls: &'c CatalogCalls,
    handle: isize,
}

impl<'c> Admin<'c> {
    fn acquire(calls: &'c CatalogCalls, algorithm: PCWSTR) -> Part<Admin<'c>> {
        let mut handle = 0;
        let subsystem: GUID = DRIVER_ACTION_VERIFY;
        // SAFETY: both names live as long as the call, and the number is ours.
        let done =
            unsafe { (calls.acquire)(&mut handle, &subsystem, algorithm, std::ptr::null(), 0) };
        if done.as_bool() { Ok(Admin { calls, handle }) } else { Err(last_error()) }
    }

    fn hash(&self, file: &File) -> Part<Vec<u8>> {
        let mut hash = vec![0; HASH_BYTES];
        let mut bytes = HASH_BYTES as u32;
        let of = HANDLE(file.as_raw_handle());
        // SAFETY: the file is open, and the buffer has the size that is said.
        let done = unsafe { (self.calls.hash)(self.handle, of, &mut bytes, hash.as_mut_ptr(), 0) };
        if !done.as_bool() {
            return Err(last_error());
        }
        hash.truncate(bytes as usize);
        Ok(hash)
    }

    /// The path of a catalog that lists a file of this hash, ending in 0; `None` if none does.
    fn catalog_of(&self, hash: &[u8]) -> Part<Option<Vec<u16>>> {
        let bytes = u32::try_from(hash.len()).unwrap_or(0);
        // SAFETY: the hash lives as long as the call; there is no catalog to go on from.
        let catalog = unsafe {
            (self.calls.find)(self.handle, hash.as_ptr(), bytes, 0, std::ptr::null_mut())
        };
        if catalog == 0 {
            return match last_error() {
                HostErrorKind::Win32(code) if code == ERROR_NOT_FOUND.0 => Ok(None),
                other => Err(other),
            };
        }
        let mut about =
            CATALOG_INFO { cbStruct: size::<CATALOG_INFO>(), ..CATALOG_INFO::default() };
        // SAFETY: the catalog is ours until it is given back below.
        let done = unsafe { (self.calls.tell)(catalog, &mut about, 0) };
        let told = if done.as_bool() {
            Ok(Some(about.wszCatalogFile.to_vec()))
        } else {
            Err(last_error())
        };
        // SAFETY: it is given back once, and not used again.
        let _ = unsafe { (self.calls.release_catalog)(self.handle, catalog, 0) };
        told
    }
}

impl Drop for Admin<'_> {
    fn drop(&mut self) {
        // SAFETY: it is given back once. There is nothing to do if that fails.
        let _ = unsafe { (self.calls.release)(self.handle, 0) };
    }
}

/// A question without a window and without the network, about nothing yet.
fn question() -> WINTRUST_DATA {
    WINTRUST_DATA {
        cbStruct: size::<WINTRUST_DATA>(),
        dwUIChoice: WTD_UI_NONE,
        fdwRevocationChecks: WTD_REVOKE_NONE,
        dwStateAction: WTD_STATEACTION_VERIFY,
        dwProvFlags: WTD_CACHE_ONLY_URL_RETRIEVAL | WTD_REVOCATION_CHECK_NONE | WTD_DISABLE_MD2_MD4,
        ..WINTRUST_DATA::default()
    }
}

fn wide(place: &Path) -> Vec<u16> {
    PathBuf::from(place).as_os_str().encode_wide().chain([0]).collect()
}

fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(0)
}

fn last_error() -> HostErrorKind {
    // SAFETY: it only reads a number of this thread.
    let code = unsafe { GetLastError() };
    kind_of(code.to_hresult().0.cast_unsigned())
}
