//! Scheduled tasks, as the Task Scheduler tells them.

use unwedge_formats::export::TaskDefinition;

use super::Part;

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its name with its folders, such as `\Microsoft\Windows\WindowsUpdate\Scheduled Start`.
    pub path: String,
    /// How it stands; `None` where only its definition is known.
    pub state: Option<TaskState>,
    /// The code its last run ended with; `None` if it never ran or that is not known.
    pub last_result: Option<u32>,
    /// When it last ran, in UTC; `None` if it never ran or that is not known.
    pub last_run: Option<String>,
    /// When it runs and what it runs.
    pub definition: Part<TaskDefinition>,
}

/// How a task stands, from `TASK_STATE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum TaskState {
    Unknown,
    Disabled,
    Queued,
    Ready,
    Running,
}

impl TaskState {
    /// Reads `TASK_STATE`.
    #[must_use]
    pub fn of(number: i32) -> Self {
        match number {
            1 => TaskState::Disabled,
            2 => TaskState::Queued,
            3 => TaskState::Ready,
            4 => TaskState::Running,
            _ => TaskState::Unknown,
        }
    }
}

impl Task {
    /// Whether it is switched off; `None` where that is not known.
    #[must_use]
    pub fn is_disabled(&self) -> Option<bool> {
        match self.state {
            Some(TaskState::Disabled) => Some(true),
            Some(TaskState::Queued | TaskState::Ready | TaskState::Running) => Some(false),
            Some(TaskState::Unknown) | None => {
                self.definition.as_ref().ok().map(|it| !it.is_enabled)
            }
        }
    }
}
