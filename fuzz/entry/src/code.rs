//! Codes: one value, however it is spelled.

use unwedge_formats::code::{Code, SetupCode, codes_in};

/// A spelling of a code; its first four bytes are one too.
pub fn code(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let raw = bytes.first_chunk::<4>().map(|raw| Code(u32::from_le_bytes(*raw)));
    let spelled = Code::parse(&text).ok();
    let setup = SetupCode::parse(&text);
    if let Some(setup) = setup {
        let _ = (setup.phase(), setup.operation());
    }
    let named = Code::named(&text);
    let found = codes_in(bytes).map(|found| found.code);
    let all = [raw, spelled, setup.map(|setup| setup.result), named].into_iter().flatten();
    all.chain(found).for_each(holds_together);
}

#[track_caller]
fn holds_together(code: Code) {
    let canonical = code.canonical();
    assert_eq!(canonical.canonical(), canonical, "{code}");
    assert!(code.wrappings().len() <= 3, "{code}");
    assert!(code.relatives().iter().all(|other| other.same_cause_as(code)), "{code}");
    assert_eq!(Code::parse(&code.to_string()), Ok(code));
    let _ = (code.means_failure(), code.win32(), code.name(), code.jet_error(), code.facility());
}
