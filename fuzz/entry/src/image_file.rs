//! Files of Windows images.

use unwedge_formats::wim::{HEAD_BYTES, images, xml_place};

/// The head of such a file and what describes its images.
pub fn image_file(bytes: &[u8]) {
    if let Ok((offset, length)) = xml_place(bytes) {
        assert!(offset >= HEAD_BYTES as u64 && length > 0);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let xml = bytes.get(from..).map(|it| &it[..length.min(it.len())]);
        let _ = images(xml.unwrap_or_default());
    }
    for image in images(bytes).unwrap_or_default() {
        assert!(image.name.is_none_or(|it| it.len() <= 3 * bytes.len()));
    }
}
