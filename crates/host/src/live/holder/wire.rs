//! What the helper process is asked, and what it answers: frames of bytes on a pipe.
//!
//! Both ends are the same program, so that there is one version of it only.

use std::io::{self, Read, Write};

/// A question about another process, which Windows may never answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// What is this handle of that process?
    Handle { pid: u32, born: u64, handle: u64, with_id: bool },
    /// Which files are mapped into its memory?
    Memory { pid: u32, born: u64 },
    /// In which folder does it work, and how was it started?
    Parameters { pid: u32, born: u64 },
    /// Which processes use this file, as the file system knows?
    Users { path: String },
    /// Which processes use these files, as the Restart Manager knows?
    Managed { paths: Vec<String> },
}

/// Names a file whatever it is called: volume and number.
pub(super) type FileId = (u64, [u8; 16]);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// A file of this native name.
    File { name: String, id: Option<FileId> },
    /// Something else than a file on a disk, or gone meanwhile.
    NoFile,
    /// Native names; whether they are mapped as images.
    Mapped(Vec<(bool, String)>),
    /// The folder, the handle by which it is kept open, the command line.
    Parameters { folder: String, handle: u64, command_line: String },
    /// Processes, with when they began where that was told.
    Processes(Vec<(u32, Option<u64>)>),
    /// Windows refused with this code.
    Refused(u32),
    /// The process has ended, or another one has its id by now.
    Gone,
}

/// A frame longer than this is none.
const MOST_BYTES: u32 = 64 << 20;

impl Question {
    /// The process it is about, if it is about one.
    #[cfg(windows)]
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Question::Handle { pid, .. }
            | Question::Memory { pid, .. }
            | Question::Parameters { pid, .. } => Some(*pid),
            Question::Users { .. } | Question::Managed { .. } => None,
        }
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut frame = Frame::default();
        match self {
            Question::Handle { pid, born, handle, with_id } => {
                frame.byte(0).short(*pid).long(*born).long(*handle).byte(u8::from(*with_id));
            }
            Question::Memory { pid, born } => {
                frame.byte(1).short(*pid).long(*born);
            }
            Question::Parameters { pid, born } => {
                frame.byte(2).short(*pid).long(*born);
            }
            Question::Users { path } => {
                frame.byte(3).text(path);
            }
            Question::Managed { paths } => {
                frame.byte(4).short(paths.len() as u32);
                paths.iter().for_each(|it| {
                    frame.text(it);
                });
            }
        }
        frame.write(to)
    }

    /// The next question; `None` at the end.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Question>> {
        let Some(bytes) = frame(from)? else { return Ok(None) };
        let mut rest = Rest(&bytes);
        let question = (|| {
            Some(match rest.byte()? {
                0 => Question::Handle {
                    pid: rest.short()?,
                    born: rest.long()?,
                    handle: rest.long()?,
                    with_id: rest.byte()? != 0,
                },
                1 => Question::Memory { pid: rest.short()?, born: rest.long()? },
                2 => Question::Parameters { pid: rest.short()?, born: rest.long()? },
                3 => Question::Users { path: rest.text()? },
                4 => {
                    let count = rest.short()?;
                    Question::Managed { paths: (0..count).map_while(|_| rest.text()).collect() }
                }
                _ => return None,
            })
        })();
        question.map(Some).ok_or_else(broken)
    }
}

impl Answer {
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut frame = Frame::default();
        match self {
            Answer::File { name, id } => {
                frame.byte(0).text(name).byte(u8::from(id.is_some()));
                if let Some((volume, number)) = id {
                    frame.long(*volume).bytes.extend(number);
                }
            }
            Answer::NoFile => {
                frame.byte(1);
            }
            Answer::Mapped(all) => {
                frame.byte(2).short(all.len() as u32);
                for (is_image, name) in all {
                    frame.byte(u8::from(*is_image)).text(name);
                }
            }
            Answer::Parameters { folder, handle, command_line } => {
                frame.byte(3).text(folder).long(*handle).text(command_line);
            }
            Answer::Processes(all) => {
                frame.byte(4).short(all.len() as u32);
                for (pid, born) in all {
                    frame.short(*pid).long(born.unwrap_or(0));
                }
            }
            Answer::Refused(code) => {
                frame.byte(5).short(*code);
            }
            Answer::Gone => {
                frame.byte(6);
            }
        }
        frame.write(to)
    }

    /// The next answer; `None` at the end.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Answer>> {
        let Some(bytes) = frame(from)? else { return Ok(None) };
        let mut rest = Rest(&bytes);
        let answer = (|| {
            Some(match rest.byte()? {
                0 => Answer::File {
                    name: rest.text()?,
                    id: match rest.byte()? {
                        0 => None,
                        _ => Some((rest.long()?, rest.take(16)?.try_into().ok()?)),
                    },
                },
                1 => Answer::NoFile,
                2 => {
                    let count = rest.short()?;
                    let one = |_| Some((rest.byte()? != 0, rest.text()?));
                    Answer::Mapped((0..count).map_while(one).collect())
                }
                3 => Answer::Parameters {
                    folder: rest.text()?,
                    handle: rest.long()?,
                    command_line: rest.text()?,
                },
                4 => {
                    let count = rest.short()?;
                    let one = |_| Some((rest.short()?, Some(rest.long()?).filter(|it| *it != 0)));
                    Answer::Processes((0..count).map_while(one).collect())
                }
                5 => Answer::Refused(rest.short()?),
                6 => Answer::Gone,
                _ => return None,
            })
        })();
        answer.map(Some).ok_or_else(broken)
    }
}

fn frame(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length);
    if length > MOST_BYTES {
        return Err(broken());
    }
    let mut bytes = Vec::new();
    from.take(length.into()).read_to_end(&mut bytes)?;
    if bytes.len() == length as usize { Ok(Some(bytes)) } else { Err(broken()) }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the helper process speaks another language")
}

#[derive(Default)]
struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    fn byte(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    fn short(&mut self, value: u32) -> &mut Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    fn long(&mut self, value: u64) -> &mut Self {
        self.bytes.extend(value.to_le_bytes());
        self
    }

    fn text(&mut self, value: &str) -> &mut Self {
        self.short(value.len() as u32).bytes.extend(value.as_bytes());
        self
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&(self.bytes.len() as u32).to_le_bytes())?;
        to.write_all(&self.bytes)
    }
}

struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|it| it[0])
    }

    fn short(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        let length = self.short()? as usize;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let questions = [
            Question::Handle { pid: 8, born: 9, handle: 12, with_id: true },
            Question::Memory { pid: 8, born: 9 },
            Question::Parameters { pid: 8, born: 9 },
            Question::Users { path: r"C:\ä".to_owned() },
            Question::Managed { paths: vec!["a".to_owned(), String::new()] },
        ];
        let mut bytes = Vec::new();
        questions.iter().for_each(|it| it.write(&mut bytes).unwrap());
        let mut from = bytes.as_slice();
        for it in questions {
            assert_eq!(Question::read(&mut from).unwrap(), Some(it));
        }
        assert_eq!(Question::read(&mut from).unwrap(), None);

        let answers = [
            Answer::File { name: "a".to_owned(), id: Some((3, [7; 16])) },
            Answer::File { name: String::new(), id: None },
            Answer::NoFile,
            Answer::Mapped(vec![(true, "a".to_owned()), (false, "b".to_owned())]),
            Answer::Parameters { folder: "f".to_owned(), handle: 4, command_line: "c".to_owned() },
            Answer::Processes(vec![(4, None), (8, Some(9))]),
            Answer::Refused(5),
            Answer::Gone,
        ];
        let mut bytes = Vec::new();
        answers.iter().for_each(|it| it.write(&mut bytes).unwrap());
        let mut from = bytes.as_slice();
        for it in answers {
            assert_eq!(Answer::read(&mut from).unwrap(), Some(it));
        }
    }

    proptest! {
        #[test]
        fn anything_else_is_refused_without_panic(bytes: Vec<u8>) {
            let mut framed = (bytes.len() as u32).to_le_bytes().to_vec();
            framed.extend(&bytes);
            let _ = Question::read(&mut framed.as_slice());
            let _ = Answer::read(&mut framed.as_slice());
            let _ = Answer::read(&mut bytes.as_slice());
        }
    }
}
