//! One PC of the lab, and what tests do with it.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::chown;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::fs::{FlockOperation, fcntl_lock};

use crate::drive::Drive;
use crate::session::{Ending, Session, Start, USER};
use crate::witness::{Registry, Tree};
use crate::{EXECUTABLE, PLAYER};

/// Longer than anything in a test should take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// Where the programs of the lab lie on the PC.
const PROGRAMS: &str = "lab";

/// A PC that runs until it is dropped; its drive is removed with it.
#[derive(Debug)]
pub struct Pc {
    // The session ends before its drive is removed: fields are dropped in this order.
    session: Session,
    drive: Drive,
    programs: PathBuf,
}

/// What a program said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The number it ended with; of one that was killed the number of the signal, below zero.
    pub code: i32,
    /// What it wrote as data; it must be UTF-8.
    pub stdout: String,
    /// What it told.
    pub stderr: String,
}

impl Pc {
    pub(crate) fn new(drive: Drive, session: Session, programs: PathBuf) -> anyhow::Result<Pc> {
        let pc = Pc { session, drive, programs };
        pc.own(&pc.drive.c())?;
        Ok(pc)
    }

    /// Its running Windows.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Ends all at once; what runs on the PC is gone. [`Pc::restart`] starts it again.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn cut_power(&self) {
        self.session.cut_power().unwrap_or_else(|error| panic!("the PC goes on: {error:#}"));
    }

    /// Ends all programs in good order, as at the end of Windows. [`Pc::restart`] starts it again.
    ///
    /// # Panics
    /// When they do not end.
    pub fn shut_down(&self) {
        let mut end = self.session.command("");
        let ended = end.args(["wineserver", "-k", "-w"]).status();
        assert!(ended.as_ref().is_ok_and(|it| it.success()), "Windows does not end: {ended:?}");
    }

    /// Ends Windows and starts it again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self, ending: Ending, start: Start) {
        self.session.restart(ending, start).unwrap_or_else(|error| panic!("{ending:?}: {error:#}"));
    }

    /// Has `unwedge.exe` be the one that is released from now on, where it was built.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn use_released(&self) {
        if let Some(executable) = std::env::var_os(EXECUTABLE) {
            self.copy_in(Path::new(&executable), &format!(r"C:\{PROGRAMS}\unwedge.exe"));
        }
    }

    /// Runs the real `unwedge.exe` to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_program("unwedge.exe", arguments)
    }

    /// Runs a program of the lab to its end.
    pub fn run_program(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.program(program);
        self.run_windows(&program, arguments)
    }

    /// Runs a program that Windows brings, such as `sc`, or any by its Windows path.
    ///
    /// # Panics
    /// When it cannot be started, takes too long, or does not write UTF-8.
    pub fn run_windows(&self, program: &str, arguments: &[&str]) -> Output {
        let child = self
            .command(program, arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        finished(child, PATIENCE)
            .unwrap_or_else(|error| panic!("{program} {arguments:?}: {error:#}"))
    }

    /// Starts a program of the lab that stays, and waits until it says `ready`.
    ///
    /// # Panics
    /// When it does not say so in time.
    pub fn start_program(&self, program: &str, arguments: &[&str]) -> Program {
        let program = self.program(program);
        let mut child = self
            .command(&program, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        let lines = lines_of(child.stdout.take().expect("its stdout is a pipe"));
        let running = Program { child, lines };
        running.wait_for("ready");
        running
    }

    /// Makes a program of the lab a service of its own and starts it; waits until it runs.
    ///
    /// # Panics
    /// When it is not created or does not start.
    pub fn start_service(&self, name: &str, arguments: &str) {
        let program = self.program("lab-service.exe");
        let image = format!("{program} {name} {arguments}");
        let made =
            self.run_windows("sc", &["create", name, "binPath=", &image, "start=", "demand"]);
        assert_eq!(made.code, 0, "service {name} was not made: {made:?}");
        let started = self.run_windows("sc", &["start", name]);
        assert_eq!(started.code, 0, "service {name} does not start: {started:?}");
        self.wait_for_line("service.log", &format!("{name} running"));
    }

    /// Waits until a file that programs of the lab write has a line with this text.
    ///
    /// # Panics
    /// When it takes too long.
    pub fn wait_for_line(&self, file: &str, text: &str) {
        let path = self.path(&format!(r"C:\{PROGRAMS}\{file}"));
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(&path).unwrap_or_default();
            if said.lines().any(|line| line.contains(text)) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{file} never said {text:?}, but:\n{said}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where a file of the PC lies on this machine.
    ///
    /// # Panics
    /// When the path is not an absolute one of drive C.
    pub fn path(&self, windows: &str) -> PathBuf {
        let inside = windows.strip_prefix(r"C:\").expect("drive C is the only one");
        self.drive.c().join(inside.replace('\\', "/"))
    }

    /// Copies a file or folder of this machine onto the PC; it belongs to the PC's user.
    ///
    /// # Panics
    /// When it cannot.
    pub fn copy_in(&self, from: &Path, to: &str) {
        let copied = self.copy(from, &self.path(to));
        copied.unwrap_or_else(|error| panic!("{} to {to}: {error:#}", from.display()));
    }

    /// Writes a file onto the PC.
    ///
    /// # Panics
    /// When it cannot.
    pub fn write(&self, to: &str, text: impl AsRef<[u8]>) {
        let path = self.path(to);
        let written = (|| {
            self.make_folders(path.parent().context("a file lies in a folder")?)?;
            fs::write(&path, text)?;
            self.own(&path)
        })();
        written.unwrap_or_else(|error| panic!("{to}: {error:#}"));
    }

    /// Reads registry changes as a `.reg` file has them (without its first line).
    ///
    /// # Panics
    /// When Windows refuses them.
    pub fn change_registry(&self, text: &str) {
        let file = r"C:\lab\change.reg";
        self.write(file, format!("REGEDIT4\r\n\r\n{}\r\n", text.replace('\n', "\r\n")));
        let done = self.run_windows("reg", &["import", file]);
        assert_eq!(done.code, 0, "the registry was not changed: {done:?}");
        fs::remove_file(self.path(file)).expect("it was just written");
    }

    /// Has a library of the lab play components of Windows, named by their classes.
    ///
    /// # Panics
    /// When Windows refuses it.
    pub fn play(&self, library: &str, classes: &[&str]) {
        let library = self.program(library).replace('\\', r"\\");
        let class = |id: &&str| {
            format!(
                "[HKEY_LOCAL_MACHINE\\Software\\Classes\\CLSID\\{id}\\InprocServer32]\n\
                 @=\"{library}\"\n\"ThreadingModel\"=\"Both\"\n\n"
            )
        };
        self.change_registry(&classes.iter().map(class).collect::<String>());
    }

    /// Puts the library of the lab in the place of libraries of Windows, such as `fltlib.dll`.
    ///
    /// # Panics
    /// When it was not built, or cannot be copied.
    pub fn replace_libraries(&self, names: &[&str]) {
        let library = self.path(&self.program(PLAYER));
        for name in names {
            let place = format!(r"C:\windows\system32\{name}");
            // All PCs share the file of Wine: it is taken away here, and never written.
            if let Err(error) = fs::remove_file(self.path(&place)) {
                assert_eq!(error.kind(), io::ErrorKind::NotFound, "{place}: {error}");
            }
            self.copy_in(&library, &place);
        }
    }

    /// Locks a file as somebody in the kernel would, whom nobody on the PC can see, until the result is
    /// dropped. To look at all files ([`Pc::tree`]) ends it too.
    ///
    /// # Panics
    /// When it cannot be locked.
    pub fn lock_unseen(&self, windows: &str) -> fs::File {
        let file = fs::File::options().read(true).write(true).open(self.path(windows));
        let file = file.unwrap_or_else(|error| panic!("{windows}: {error}"));
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)
            .unwrap_or_else(|error| panic!("{windows} cannot be locked: {error}"));
        file
    }

    /// What programs of the lab wrote to one of their files, line by line.
    pub fn lines_of(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(&format!(r"C:\{PROGRAMS}\{file}")));
        text.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// All files, to see later whether anything was changed.
    ///
    /// # Panics
    /// When the drive cannot be read.
    pub fn tree(&self) -> Tree {
        Tree::of(&self.drive.c()).expect("the drive of the PC can be read")
    }

    /// All keys and values, to see later whether anything was changed.
    ///
    /// # Panics
    /// When Windows does not tell.
    pub fn registry_dump(&self) -> Registry {
        let file = r"C:\lab\registry.reg";
        let folder = self.path(r"C:\lab");
        self.make_folders(&folder).expect("its folder can be made");
        let folder = fs::File::open(folder).expect("it is there");
        let modified = folder.metadata().and_then(|about| about.modified());
        let done = self.run_windows("regedit", &["/E", file]);
        assert_eq!(done.code, 0, "the registry was not told: {done:?}");
        let path = self.path(file);
        let text = fs::read(&path).expect("regedit wrote it");
        fs::remove_file(path).expect("it was just written");
        // What the witness does itself is not to be seen.
        modified.and_then(|modified| folder.set_modified(modified)).expect("it is ours");
        Registry::of(&text)
    }

    /// Sees that nothing was changed since, but for what programs of the lab write down themselves.
    ///
    /// # Panics
    /// When something was.
    #[track_caller]
    pub fn assert_only_read(&self, files: &Tree, registry: &Registry) {
        let changed = self.tree().changes_since(files);
        assert!(changed.iter().all(|it| it.starts_with(PROGRAMS)), "{changed:?}");
        assert_eq!(self.registry_dump().changes_beside_wine_since(registry), [""; 0]);
    }

    /// Brings a program of the lab onto the PC, once, and says where it is.
    ///
    /// # Panics
    /// When it was not built.
    pub fn program(&self, name: &str) -> String {
        let windows = format!(r"C:\{PROGRAMS}\{name}");
        if !self.path(&windows).exists() {
            self.copy_in(&self.programs.join(name), &windows);
        }
        windows
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.session.command("");
        command.arg("wine").arg(program).args(arguments);
        command
    }

    fn copy(&self, from: &Path, to: &Path) -> anyhow::Result<()> {
        self.make_folders(to.parent().context("it lies in a folder")?)?;
        let mut open = vec![(from.to_owned(), to.to_owned())];
        while let Some((from, to)) = open.pop() {
            if from.is_dir() {
                fs::create_dir_all(&to)?;
                for entry in fs::read_dir(&from)? {
                    let name = entry?.file_name();
                    open.push((from.join(&name), to.join(&name)));
                }
            } else {
                fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
            }
            self.own(&to)?;
        }
        Ok(())
    }

    fn make_folders(&self, path: &Path) -> anyhow::Result<()> {
        let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder)?;
            self.own(folder)?;
        }
        Ok(())
    }

    fn own(&self, path: &Path) -> anyhow::Result<()> {
        Ok(chown(path, Some(USER), Some(USER))?)
    }
}

/// A program that runs on a PC; it is ended when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Program {
    /// Waits until it says a line with this text, and returns the line.
    ///
    /// # Panics
    /// When it ends before, or takes too long.
    pub fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!("the program never said {text:?}: {error}"),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Programs of the lab end when nobody talks to them any more, and so does their output.
        drop(self.child.stdin.take());
        let start = Instant::now();
        while self.lines.recv_timeout(PATIENCE.saturating_sub(start.elapsed())).is_ok() {}
        // One that did not end stays until its session does.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn finished(child: Child, patience: Duration) -> anyhow::Result<Output> {
    let id = child.id();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output()));
    let output = match told.recv_timeout(patience) {
        Ok(output) => output?,
        Err(_) => {
            // It was started here and has not been waited for, so the number is still its own.
            Command::new("kill").args(["-9", &id.to_string()]).status()?;
            anyhow::bail!("not finished after {} s", patience.as_secs());
        }
    };
    let killed_by = output.status.signal().map(|signal| -signal);
    Ok(Output {
        code: output.status.code().or(killed_by).context("it neither ended nor was killed")?,
        stdout: String::from_utf8(output.stdout).context("its stdout is not UTF-8")?,
        stderr: String::from_utf8(output.stderr).context("its stderr is not UTF-8")?,
    })
}

fn lines_of(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}
