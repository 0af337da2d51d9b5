//! How the user of this program signed in.

use windows::Win32::Security::{
    CheckTokenMembership, CreateWellKnownSid, PSID, SECURITY_MAX_SID_SIZE, WinNetworkSid,
};
use windows::core::BOOL;

use super::refusal::refused;
use crate::Result;

const OP: &str = "ask";
const SUBJECT: &str = "how this user signed in";

/// Whether it was over the network, as remote command lines do: the group NETWORK tells.
pub(super) fn is_from_network() -> Result<bool> {
    let mut bytes = [0u8; SECURITY_MAX_SID_SIZE as usize];
    let sid = PSID(bytes.as_mut_ptr().cast());
    let mut size = SECURITY_MAX_SID_SIZE;
    // SAFETY: the buffer is as long as its size says.
    unsafe { CreateWellKnownSid(WinNetworkSid, None, Some(sid), &mut size) }
        .map_err(|error| refused(OP, SUBJECT, &error))?;
    let mut is_member = BOOL::default();
    // SAFETY: the SID was just made; without a token that of this program is asked.
    unsafe { CheckTokenMembership(None, sid, &mut is_member) }
        .map_err(|error| refused(OP, SUBJECT, &error))?;
    Ok(is_member.as_bool())
}
