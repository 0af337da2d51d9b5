//! Gives the Windows program its manifest and what its properties show.

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../cli/unwedge.manifest");
    // What is built for, not what it is built on.
    if std::env::var_os("CARGO_CFG_WINDOWS").is_none() {
        return Ok(());
    }
    // The version is that of the package.
    winresource::WindowsResource::new()
        .set("FileDescription", env!("CARGO_PKG_DESCRIPTION"))
        .set_manifest_file("../cli/unwedge.manifest")
        .set("ProductName", "unwedge")
        .set("OriginalFilename", "unwedge-backup.exe")
        .set("LegalCopyright", "MIT OR Apache-2.0")
        .compile()
}
