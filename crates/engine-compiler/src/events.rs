//! What happens to a module, and who wants to hear of it.
//!
//! A listener is told by one thread at a time, which goes on until the listener has heard everything: so each hears of each event once and in order,
//! whichever threads cause them. Listeners are called without locks held.

use crate::sync::thread::{self, ThreadId};
use engine_decoder::FuncIndex;
use std::sync::Arc;

/// Something that happens once to a module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CompilationEvent {
    /// Every function has code of the first tier.
    FinishedBaseline,
    /// Every function has the best code it will have.
    FinishedTopTier,
    /// A function did not compile, or its code could not be placed.
    Failed,
    /// A hot function has code of the second tier, in a module whose functions get it one by one. Such a module never finishes the top tier.
    TieredUp(FuncIndex),
}

pub(crate) type Callback = Box<dyn Fn(CompilationEvent) + Send + Sync>;

/// What has happened, and who has heard of how much of it.
#[derive(Default)]
pub(crate) struct Events {
    /// In order.
    happened: Vec<CompilationEvent>,
    /// Those of them that are not of a single function.
    milestones: Vec<CompilationEvent>,
    /// Nobody is ever taken out.
    listeners: Vec<Listener>,
}

struct Listener {
    callback: Arc<Callback>,
    /// Events it has heard of.
    heard: usize,
    /// The thread that is telling it.
    teller: Option<ThreadId>,
}

impl Events {
    /// What has happened, in order.
    pub fn happened(&self) -> &[CompilationEvent] {
        &self.happened
    }

    /// Notes that something has happened to the module, if it had not yet.
    pub fn happens(&mut self, event: CompilationEvent) {
        if !self.milestones.contains(&event) {
            self.milestones.push(event);
            self.happened.push(event);
        }
    }

    /// Notes that a function has code of the second tier.
    pub fn tiered_up(&mut self, func: FuncIndex) {
        self.happened.push(CompilationEvent::TieredUp(func));
    }

    /// Adds a listener, for this thread to tell. Returns its number.
    pub fn listen(&mut self, callback: Callback) -> usize {
        let teller = Some(thread::current().id());
        self.listeners.push(Listener { callback: Arc::new(callback), heard: 0, teller });
        self.listeners.len() - 1
    }

    /// A listener that has not heard everything and is not being told, for this thread to tell.
    pub fn uninformed(&mut self) -> Option<usize> {
        let happened = self.happened.len();
        let waits = |listener: &Listener| listener.teller.is_none() && listener.heard < happened;
        let number = self.listeners.iter().position(waits)?;
        self.listeners[number].teller = Some(thread::current().id());
        Some(number)
    }

    /// What to tell next to a listener that this thread is telling.
    pub fn next(&mut self, number: usize) -> Option<(Arc<Callback>, CompilationEvent)> {
        let listener = &mut self.listeners[number];
        let event = *self.happened.get(listener.heard)?;
        listener.heard += 1;
        Some((Arc::clone(&listener.callback), event))
    }

    /// Leaves a listener to others.
    pub fn told(&mut self, number: usize) {
        self.listeners[number].teller = None;
    }

    /// Whether there are threads that tell listeners, this one not among them.
    pub fn others_tell(&self) -> bool {
        let me = thread::current().id();
        let mut tellers = self.listeners.iter().filter_map(|listener| listener.teller).peekable();
        tellers.peek().is_some() && tellers.all(|teller| teller != me)
    }
}
