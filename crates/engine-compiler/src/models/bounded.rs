//! A scheduler that runs a model under every schedule with at most so many preemptions.
//!
//! A preemption takes the processor from a thread that could go on; switching when a thread waits, yields or ends is free. The number of schedules grows with
//! the model's length to the power of the bound and not exponentially, and nearly all mistakes need two preemptions at most (Musuvathi and Qadeer,
//! "Iterative context bounding for systematic testing of multithreaded programs", 2007).

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

/// Depth first over the choices of each step.
#[derive(Debug)]
pub struct Bounded {
    preemptions: usize,
    /// The choices of this execution, one for each step.
    choices: Vec<Choice>,
    /// Steps that this execution has made.
    steps: usize,
    /// Preemptions among them.
    used: usize,
    begun: bool,
}

#[derive(Debug)]
struct Choice {
    /// Threads, each with whether choosing it is a preemption.
    options: Vec<(TaskId, bool)>,
    chosen: usize,
}

impl Bounded {
    pub fn new(preemptions: usize) -> Bounded {
        Bounded { preemptions, choices: Vec::new(), steps: 0, used: 0, begun: false }
    }
}

impl Scheduler for Bounded {
    fn new_execution(&mut self) -> Option<Schedule> {
        (self.steps, self.used) = (0, 0);
        if core::mem::replace(&mut self.begun, true) {
            // The last step with an option left takes it; those behind it are another execution's.
            while self.choices.pop_if(|choice| choice.chosen + 1 == choice.options.len()).is_some() {}
            self.choices.last_mut()?.chosen += 1;
        }
        Some(Schedule::new(0))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        if self.steps == self.choices.len() {
            let goes_on = current.filter(|id| !is_yielding && runnable.iter().any(|task| task.id() == *id));
            let mut options: Vec<_> =
                runnable.iter().map(|task| (task.id(), goes_on.is_some_and(|id| id != task.id()))).collect();
            // Whoever goes on comes first, and whoever yields last.
            options.sort_by_key(|(id, preempts)| (*preempts, is_yielding && current == Some(*id)));
            options.retain(|(_, preempts)| !preempts || self.used < self.preemptions);
            self.choices.push(Choice { options, chosen: 0 });
        }
        let choice = &self.choices[self.steps];
        let (task, preempts) = choice.options[choice.chosen];
        self.steps += 1;
        self.used += usize::from(preempts);
        Some(task)
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("models do not ask for random numbers")
    }
}
