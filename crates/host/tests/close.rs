//! Asking a program to close on the Windows that runs: programs of this test's own.
#![cfg(windows)]
#![allow(unsafe_code, reason = "a window is made by calls of Windows")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};

use unwedge_host::live::Live;
use unwedge_host::{Change, HostErrorKind, HostMut as _, Stage, Tool};
use windows::Win32::UI::WindowsAndMessaging::{
    CreateWindowExW, DispatchMessageW, GetMessageW, IsWindow, MSG, WINDOW_EX_STYLE, WM_CLOSE,
    WS_OVERLAPPEDWINDOW, WS_VISIBLE,
};
use windows::core::w;

/// Tells a copy of this program what it is to be.
const ROLE: &str = "UNWEDGE_TEST_ROLE";

#[test]
fn a_program_with_a_window_closes_and_the_wait_tells_of_itself() {
    let Some(mut program) = start("obliging") else { return };
    let mut pc = Live::open().unwrap();
    let change = ask_to_close(&program);
    assert!(!change.holds(&pc).unwrap());
    pc.apply(&change).unwrap();
    assert!(change.holds(&pc).unwrap());
    program.wait().unwrap();
    // Nothing is left to be asked.
    pc.apply(&change).unwrap();
}

#[test]
fn a_program_that_does_not_close_is_left_running_when_nobody_waits_any_more() {
    let Some(mut program) = start("stubborn") else { return };
    let mut pc = Live::open().unwrap();
    let change = ask_to_close(&program);
    let mut seen = Vec::new();
    let error = pc
        .apply_watched(&change, &mut |advance| {
            seen.push(advance.stage);
            ControlFlow::Break(())
        })
        .unwrap_err();
    assert_eq!((error.kind, seen.as_slice()), (HostErrorKind::Cancelled, &[Stage::Waiting][..]));
    assert!(program.try_wait().unwrap().is_none(), "it was ended");
    program.kill().unwrap();
    program.wait().unwrap();
}

#[test]
fn a_program_without_a_window_is_refused() {
    let Some(mut program) = start("hidden") else { return };
    let mut pc = Live::open().unwrap();
    let error = pc.apply(&ask_to_close(&program)).unwrap_err();
    assert!(error.to_string().contains("no window"), "{error}");
    assert!(program.try_wait().unwrap().is_none(), "it was ended");
    program.kill().unwrap();
    program.wait().unwrap();
}

#[test]
fn another_program_with_the_same_id_is_not_asked() {
    let Some(mut program) = start("obliging") else { return };
    let mut pc = Live::open().unwrap();
    let image = "other-program.exe".to_owned();
    let change = Change::Run(Tool::AskToClose { pid: program.id(), image });
    pc.apply(&change).unwrap();
    assert!(program.try_wait().unwrap().is_none(), "it was closed");
    program.kill().unwrap();
    program.wait().unwrap();
}

fn ask_to_close(program: &Child) -> Change {
    let own = std::env::current_exe().unwrap();
    let image = own.file_name().unwrap().to_str().unwrap().to_owned();
    Change::Run(Tool::AskToClose { pid: program.id(), image })
}

/// A copy of this program in a role; `None` where there is no desktop to show a window on.
fn start(role: &str) -> Option<Child> {
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "in_a_role"])
        .env(ROLE, role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(program.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if line.contains("role: ready") {
            return Some(program);
        }
        if line.contains("role: no window") {
            break;
        }
    }
    program.wait().unwrap();
    let _ = writeln!(io::stderr().lock(), "SKIPPED: there is no desktop to show a window on");
    None
}

#[test]
fn in_a_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let visible = if role == "hidden" { Default::default() } else { WS_VISIBLE };
    // SAFETY: the class is one of Windows; no other window is named.
    let made = unsafe {
        CreateWindowExW(
            WINDOW_EX_STYLE(0),
            w!("STATIC"),
            w!("unwedge"),
            WS_OVERLAPPEDWINDOW | visible,
            0,
            0,
            100,
            100,
            None,
            None,
            None,
            None,
        )
    };
    let mut out = io::stdout();
    let window = match made {
        Ok(window) => window,
        Err(error) => return writeln!(out, "\nrole: no window: {error}").unwrap(),
    };
    writeln!(out, "\nrole: ready").unwrap();
    let mut message = MSG::default();
    // SAFETY: takes a window, which may be gone.
    while unsafe { IsWindow(Some(window)) }.as_bool() {
        // SAFETY: the message is ours.
        if !unsafe { GetMessageW(&mut message, None, 0, 0) }.as_bool() {
            return;
        }
        if message.message != WM_CLOSE || role != "stubborn" {
            // SAFETY: Windows filled it in.
            unsafe { DispatchMessageW(&message) };
        }
    }
}
