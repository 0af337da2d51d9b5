//! Prints the numbers of the processes that hold a file, or something in a folder.

fn main() {
    filelocksmith::set_debug_privilege();
    for path in std::env::args().skip(1) {
        for pid in filelocksmith::find_processes_locking_path(path) {
            println!("{pid}");
        }
    }
}
