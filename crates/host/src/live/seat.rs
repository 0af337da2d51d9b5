//! Where the user of this program sits: whether somebody is there who sees a window and can answer.

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Whether this program runs with the rights of an administrator.
    pub is_elevated: Option<bool>,
    /// Whether it runs at a desktop that somebody sees: neither as a service or task in the
    /// background nor from a remote command line. Not when it cannot be told.
    pub is_at_desktop: bool,
    /// Whether its console was made for it alone, as for a program that was double-clicked, and goes
    /// with it.
    pub is_alone: bool,
}

/// Looks; elsewhere than on Windows there is no such seat.
#[must_use]
pub fn look() -> Option<Seat> {
    #[cfg(windows)]
    let seat = Some(on_windows::look());
    #[cfg(not(windows))]
    let seat = None;
    seat
}

/// Waits until somebody presses a key in the console of this program; what was typed before does not
/// count. Returns at once where there is no console.
pub fn wait_for_key() {
    #[cfg(windows)]
    // Without a console nobody reads what would vanish.
    let _ = on_windows::wait_for_key();
}

#[cfg(windows)]
mod on_windows {
    use windows::Win32::Foundation::HANDLE;
    use windows::Win32::System::Console::{
        CONSOLE_MODE, ENABLE_PROCESSED_INPUT, FlushConsoleInputBuffer, GetConsoleMode,
        GetConsoleProcessList, GetStdHandle, ReadConsoleW, STD_INPUT_HANDLE, SetConsoleMode,
    };
    use windows::Win32::System::RemoteDesktop::ProcessIdToSessionId;
    use windows::Win32::System::StationsAndDesktops::{
        GetProcessWindowStation, GetUserObjectInformationW, UOI_FLAGS, USEROBJECTFLAGS,
    };

    use super::Seat;
    use crate::live::{about, logon};

    /// Windows shows nothing of this session to anybody.
    const SESSION_OF_SERVICES: u32 = 0;
    /// `WSF_VISIBLE`.
    const VISIBLE: u32 = 1;

    pub(super) fn look() -> Seat {
        Seat {
            is_elevated: about::is_elevated(),
            is_at_desktop: is_at_desktop(),
            is_alone: is_alone(),
        }
    }

    fn is_at_desktop() -> bool {
        let is_shown = session().is_some_and(|it| it != SESSION_OF_SERVICES) && is_visible();
        is_shown && logon::is_from_network().is_ok_and(|it| !it)
    }

    fn session() -> Option<u32> {
        let mut session = 0;
        // SAFETY: the number is ours.
        unsafe { ProcessIdToSessionId(std::process::id(), &mut session) }.ok()?;
        Some(session)
    }

    fn is_visible() -> bool {
        // SAFETY: gives the station of this process, which is not to be closed.
        let Ok(station) = (unsafe { GetProcessWindowStation() }) else { return false };
        let mut flags = USEROBJECTFLAGS::default();
        let into = Some((&raw mut flags).cast());
        let size = size_of::<USEROBJECTFLAGS>() as u32;
        // SAFETY: the structure is as long as its size says.
        let told =
            unsafe { GetUserObjectInformationW(HANDLE(station.0), UOI_FLAGS, into, size, None) };
        told.is_ok() && flags.dwFlags & VISIBLE != 0
    }

    fn is_alone() -> bool {
        // Two places, so that a second process is seen.
        let mut processes = [0; 2];
        // SAFETY: the places are a slice; without a console it gives 0.
        (unsafe { GetConsoleProcessList(&mut processes) }) == 1
    }

    pub(super) fn wait_for_key() -> windows::core::Result<()> {
        // SAFETY: takes a number.
        let input = unsafe { GetStdHandle(STD_INPUT_HANDLE) }?;
        let mut usual = CONSOLE_MODE::default();
        // SAFETY: the handle is that of this process; what is no console gives an error.
        unsafe { GetConsoleMode(input, &mut usual) }?;
        // Without lines a single key is an answer; Ctrl-C still ends the program.
        // SAFETY: the handle is that of a console.
        unsafe { SetConsoleMode(input, ENABLE_PROCESSED_INPUT) }?;
        // SAFETY: as above.
        let flushed = unsafe { FlushConsoleInputBuffer(input) };
        let (mut unit, mut read) = (0u16, 0);
        let into = (&raw mut unit).cast();
        // SAFETY: there is room for the one unit that is asked for.
        let pressed = unsafe { ReadConsoleW(input, into, 1, &mut read, None) };
        // SAFETY: the handle is that of a console.
        let back = unsafe { SetConsoleMode(input, usual) };
        flushed.and(pressed).and(back)
    }
}
