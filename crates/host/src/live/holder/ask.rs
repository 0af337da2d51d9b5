//! Asks the helper process, and starts it again after a question that has no answer.

use std::ffi::{OsStr, OsString};
use std::io::{BufReader, BufWriter, Write};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use windows::Win32::Foundation::HANDLE;
use windows::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject,
};
use windows::Win32::System::Threading::CREATE_NO_WINDOW;
use windows::core::PCWSTR;

use super::super::refusal::refused;
use super::answer::{CAREFUL, QUICK};
use super::wire::{Answer, Question};
use crate::{HostError, HostErrorKind, Result};

/// No question takes longer, but for one that has no answer.
const STALL: Duration = Duration::from_millis(1500);
/// All questions together.
const TOGETHER: Duration = Duration::from_secs(30);
/// So many questions without an answer are enough.
const MOST_HUNG: usize = 12;
/// So many in one process are enough to leave its other handles alone.
const MOST_HUNG_IN_ONE: usize = 3;

/// The program that answers about handles: this one, called so that it does nothing else.
#[derive(Debug, Clone)]
pub struct Helper {
    program: PathBuf,
    argument: OsString,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Answer(Answer),
    /// No answer came in time, and the helper was ended.
    Hung,
    /// Too many before it had no answer.
    NotAsked,
}

/// A helper, started or to be started again.
pub(super) struct Asker {
    helper: Helper,
    is_careful: bool,
    running: Option<Running>,
    hung: usize,
    until: Instant,
}

struct Running {
    child: Child,
    to: Option<ChildStdin>,
    /// As many at a time as had come: waking up for each would take longer than most questions.
    from: Receiver<Vec<Answer>>,
    reading: Option<JoinHandle<Option<()>>>,
    /// Ends the child when it is closed, also if this process is ended.
    _job: OwnedHandle,
}

impl Helper {
    /// This program; its command line must lead from `argument` to [`super::answer`].
    ///
    /// # Errors
    /// When Windows does not tell where this program lies.
    pub fn this_program(argument: impl AsRef<OsStr>) -> Result<Helper> {
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        Ok(Helper::of(program, argument))
    }

    /// Another program that leads to [`super::answer`].
    #[must_use]
    pub fn of(program: PathBuf, argument: impl AsRef<OsStr>) -> Helper {
        Helper { program, argument: argument.as_ref().to_owned() }
    }
}

impl Asker {
    /// Starts the helper.
    pub(super) fn start(helper: &Helper) -> Result<Asker> {
        let running = Running::start(helper, QUICK)?;
        Ok(Asker {
            helper: helper.clone(),
            is_careful: false,
            running: Some(running),
            hung: 0,
            until: Instant::now() + TOGETHER,
        })
    }

    /// The process of the helper that runs now; 0 for none.
    pub(super) fn pid(&self) -> u32 {
        self.running.as_ref().map_or(0, |it| it.child.id())
    }

    /// Asks all, in order; there are as many replies as questions.
    pub(super) fn ask(&mut self, questions: Vec<Question>) -> Result<Vec<Reply>> {
        let questions: Arc<[Question]> = questions.into();
        let mut replies: Vec<Reply> = Vec::with_capacity(questions.len());
        let mut left_alone: Vec<u32> = Vec::new();
        while replies.len() < questions.len() {
            let question = &questions[replies.len()];
            if self.hung >= MOST_HUNG
                || Instant::now() > self.until
                || question.pid().is_some_and(|pid| left_alone.contains(&pid))
            {
                replies.push(Reply::NotAsked);
                continue;
            }
            if self.round(&questions, &mut replies)? {
                break;
            }
            // The helper is ended; the next one tells of each answer, so that it is known which
            // question has none.
            if !self.is_careful {
                self.is_careful = true;
                continue;
            }
            let hung = &questions[replies.len()];
            replies.push(Reply::Hung);
            self.hung += 1;
            let in_one = |pid| {
                let earlier = questions.iter().zip(&replies);
                earlier.filter(|(it, reply)| it.pid() == pid && **reply == Reply::Hung).count()
            };
            if let Some(pid) = hung.pid()
                && in_one(Some(pid)) >= MOST_HUNG_IN_ONE
            {
                left_alone.push(pid);
            }
        }
        Ok(replies)
    }

    /// Asks from the first question without a reply on; false if an answer did not come.
    fn round(&mut self, questions: &Arc<[Question]>, replies: &mut Vec<Reply>) -> Result<bool> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => Running::start(&self.helper, if self.is_careful { CAREFUL } else { QUICK })?,
        };
        let Some(to) = running.to.take() else { return Ok(false) };
        let asking = say(to, questions.clone(), replies.len());
        while replies.len() < questions.len() {
            match running.from.recv_timeout(STALL) {
                Ok(answers) => replies.extend(answers.into_iter().map(Reply::Answer)),
                Err(_) => {
                    running.end();
                    // The other end of its pipe is gone: it ends too.
                    let _ = asking.join();
                    return Ok(false);
                }
            }
        }
        running.to = asking.join().ok().flatten();
        self.running = Some(running).filter(|it| it.to.is_some());
        Ok(true)
    }
}

/// Writes from a thread of its own, because both pipes are short.
fn say(to: ChildStdin, questions: Arc<[Question]>, from: usize) -> JoinHandle<Option<ChildStdin>> {
    std::thread::spawn(move || {
        let mut to = BufWriter::with_capacity(1 << 15, to);
        for question in questions.get(from..)? {
            question.write(&mut to).ok()?;
        }
        to.flush().ok()?;
        to.into_inner().ok()
    })
}

impl Running {
    fn start(helper: &Helper, manner: &str) -> Result<Running> {
        let mut child = Command::new(&helper.program)
            .arg(&helper.argument)
            .arg(manner)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .creation_flags(CREATE_NO_WINDOW.0)
            .spawn()
            .map_err(|error| failed(&error))?;
        // It is asked nothing before it is in the job, so that it cannot hang outside.
        let job = match job_with(&child) {
            Ok(job) => job,
            Err(error) => {
                let _ = child.kill();
                return Err(error);
            }
        };
        let (to, out) = (child.stdin.take(), child.stdout.take());
        let (send, from) = channel();
        let reading = std::thread::spawn(move || {
            let mut out = BufReader::with_capacity(1 << 16, out?);
            let mut come = Vec::new();
            while let Ok(Some(answer)) = Answer::read(&mut out) {
                come.push(answer);
                if out.buffer().is_empty() {
                    send.send(std::mem::take(&mut come)).ok()?;
                }
            }
            send.send(come).ok()
        });
        Ok(Running { child, to, from, reading: Some(reading), _job: job })
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its pipe is closed, so that reading ends. Were it to end while this process does, that could end
        // with the code of the thread.
        let _ = self.reading.take().map(JoinHandle::join);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn job_with(child: &Child) -> Result<OwnedHandle> {
    const OP: &str = "keep in a job";
    const SUBJECT: &str = "the helper process";
    // SAFETY: no pointer is given.
    let made = unsafe { CreateJobObjectW(None, PCWSTR::null()) };
    let made = made.map_err(|error| refused(OP, SUBJECT, &error))?;
    // SAFETY: the handle is open and ours alone.
    let job = unsafe { OwnedHandle::from_raw_handle(made.0) };
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    let size = size_of_val(&limits) as u32;
    let from = (&raw const limits).cast();
    // SAFETY: the handle is open; the structure is as long as its size says.
    let set =
        unsafe { SetInformationJobObject(made, JobObjectExtendedLimitInformation, from, size) };
    set.map_err(|error| refused(OP, SUBJECT, &error))?;
    let process = HANDLE(child.as_raw_handle());
    // SAFETY: both handles are open.
    let assigned = unsafe { AssignProcessToJobObject(made, process) };
    assigned.map_err(|error| refused(OP, SUBJECT, &error))?;
    Ok(job)
}

fn failed(error: &std::io::Error) -> HostError {
    let kind = match error.raw_os_error() {
        Some(code) => HostErrorKind::Win32(code.cast_unsigned()),
        None => HostErrorKind::Io(error.to_string()),
    };
    HostError { op: "start", subject: "the process that asks for names".to_owned(), kind }
}
