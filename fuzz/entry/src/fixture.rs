//! Machines written down as text: what is written again is the same machine.

use unwedge_host::Fixture;

/// A `.host` file.
pub fn fixture(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Fixture::parse(&text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(machine) => {
            let written = machine.text();
            let again = Fixture::parse(&written);
            let again = again.unwrap_or_else(|error| panic!("{error} in\n{written}"));
            assert_eq!(again.text(), written);
        }
    }
}
