//! What came of asking the servers that updates come from.

use super::Part;

/// What came of asking one server for one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAnswer {
    /// The address that was asked for, such as `https://slscr.update.microsoft.com/`.
    pub url: String,
    /// The status of HTTP, whatever it is: then somebody was reached. Otherwise the code of WinHTTP
    /// (12001 to 12999) as a Win32 code.
    pub status: Part<u16>,
}
