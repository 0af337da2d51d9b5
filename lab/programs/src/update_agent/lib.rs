//! A Windows Update Agent as a component in the process that asks it: what it offers, how long it
//! takes and how it ends says `C:\lab\update_agent.txt`; what was asked of it it writes to
//! `update_agent.log` beside.
//!
//! ```text
//! [KB5099999]
//! held = FILE        installing fails while somebody holds or locks it
//! code = 0x80070021  installing fails with this
//! download = 0x…     downloading fails with this
//! log = FILE         the CBS.log to which an installation is written
//! steps = 3          so many reports of progress
//! step_ms = 20       with so much time between
//! state = pending    or installed, restart; set when it was installed
//! restart, driver, optional, asks, licence, downloaded, again = yes
//! history = 2,4      how earlier installations ended, newest first
//! ```
//!
//! The same library plays other components and libraries of Windows too; each module says how it is told
//! what to play.
#![cfg(windows)]
#![allow(non_snake_case, reason = "the names are those of Windows")]

/// Members that nobody asks for.
macro_rules! absent {
    ($($name:ident($($argument:ty),*) -> $given:ty;)*) => {
        $(fn $name(&self $(, _: $argument)*) -> windows::core::Result<$given> {
            Err(windows::Win32::Foundation::E_NOTIMPL.into())
        })*
    };
}

/// Nobody calls it by name.
macro_rules! dispatch {
    ($($type:ty),*) => {
        $(impl windows::Win32::System::Com::IDispatch_Impl for $type {
            absent! {
                GetTypeInfoCount() -> u32;
                GetTypeInfo(u32, u32) -> windows::Win32::System::Com::ITypeInfo;
                GetIDsOfNames(*const windows::core::GUID, *const windows::core::PCWSTR, u32, u32, *mut i32) -> ();
                Invoke(i32, *const windows::core::GUID, u32, windows::Win32::System::Com::DISPATCH_FLAGS, *const windows::Win32::System::Com::DISPPARAMS, *mut windows::Win32::System::Variant::VARIANT, *mut windows::Win32::System::Com::EXCEPINFO, *mut u32) -> ();
            }
        })*
    };
}

#[path = "../dism.rs"]
#[allow(unreachable_pub, reason = "the library exports its functions by name")]
mod dism;
#[path = "../event_service.rs"]
#[allow(unreachable_pub, reason = "the library exports its functions by name")]
mod event_service;
#[path = "../filter_manager.rs"]
#[allow(unreachable_pub, reason = "the library exports its functions by name")]
mod filter_manager;
#[path = "../management.rs"]
mod management;
mod offer;
#[path = "../restart_manager.rs"]
#[allow(unreachable_pub, reason = "the library exports its functions by name")]
mod restart_manager;
mod schedule;
mod script;
mod session;
#[path = "../system_restore.rs"]
#[allow(unreachable_pub, reason = "the library exports its functions by name")]
mod system_restore;
#[path = "../told.rs"]
mod told;
mod work;

use core::ffi::c_void;

use windows::Win32::Foundation::{CLASS_E_CLASSNOTAVAILABLE, CLASS_E_NOAGGREGATION, S_FALSE};
use windows::Win32::System::Com::{IClassFactory, IClassFactory_Impl};
use windows::Win32::System::TaskScheduler::{ITaskService, TaskScheduler};
use windows::Win32::System::UpdateAgent::{
    ISystemInformation, IUpdateCollection, IUpdateSession, SystemInformation, UpdateCollection,
    UpdateSession,
};
use windows::Win32::System::Wmi::{IWbemLocator, WbemLocator};
use windows::core::{BOOL, GUID, HRESULT, IUnknown, Interface as _, Ref, Result};
use windows_core::implement;

#[implement(IClassFactory)]
struct Factory(GUID);

impl IClassFactory_Impl for Factory_Impl {
    fn CreateInstance(
        &self,
        outer: Ref<IUnknown>,
        interface: *const GUID,
        into: *mut *mut c_void,
    ) -> Result<()> {
        if !outer.is_null() {
            return Err(CLASS_E_NOAGGREGATION.into());
        }
        let made: IUnknown = if self.0 == UpdateSession {
            IUpdateSession::from(session::Session).into()
        } else if self.0 == UpdateCollection {
            IUpdateCollection::from(offer::Collection::default()).into()
        } else if self.0 == SystemInformation {
            ISystemInformation::from(session::About).into()
        } else if self.0 == TaskScheduler {
            ITaskService::from(schedule::Service).into()
        } else if self.0 == WbemLocator {
            IWbemLocator::from(management::Locator).into()
        } else {
            return Err(CLASS_E_CLASSNOTAVAILABLE.into());
        };
        // SAFETY: both pointers were given for this.
        unsafe { made.query(interface, into) }.ok()
    }

    fn LockServer(&self, _: BOOL) -> Result<()> {
        Ok(())
    }
}

/// What Windows asks for the maker of a class.
///
/// # Safety
/// All pointers must be valid, as Windows sees to.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DllGetClassObject(
    class: *const GUID,
    interface: *const GUID,
    into: *mut *mut c_void,
) -> HRESULT {
    // SAFETY: Windows gives a valid pointer.
    let class = unsafe { *class };
    let factory: IClassFactory = Factory(class).into();
    // SAFETY: Windows gives valid pointers.
    unsafe { factory.query(interface, into) }
}

/// It stays loaded.
#[unsafe(no_mangle)]
pub extern "system" fn DllCanUnloadNow() -> HRESULT {
    S_FALSE
}
