//! What a module does, seen in the same way in every engine: its exported functions called with the same random arguments,
//! then its memories and globals and the sizes of its tables.

mod latest;
mod ours;
mod script;
mod stack;
mod value;

pub use latest::Latest;
pub use ours::Ours;
pub use script::{Import, Script};
pub use stack::Stack;
pub use value::{Value, without_nan_bits};

use script::Step;
use std::any::Any;
use std::panic::AssertUnwindSafe;

/// What an instantiation or call came to.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// Results of a call; none of an instantiation.
    Values(Vec<Value>),
    /// A trap, by what we say about it.
    Trap(&'static str),
    /// The stack is spent, which says nothing, as engines differ in how much they have and use.
    StackOverflow,
    /// What no module may bring about: an error that is no trap, or a panic. The same as nothing else.
    Failure(String),
}

/// A module in an engine.
pub trait Side {
    /// It, instantiated.
    type Instance: Instance;
    /// Instantiates it and runs its start function.
    fn instantiate(&self) -> Result<Self::Instance, Outcome>;
}

/// An instance in an engine. Exports are found by name, and there are none of another kind by that name.
pub trait Instance {
    /// Calls a function.
    fn call(&mut self, name: &str, args: &[Value]) -> Option<Outcome>;
    /// The bytes of a memory.
    fn memory(&mut self, name: &str) -> Option<Vec<u8>>;
    /// The value of a global.
    fn global(&mut self, name: &str) -> Option<Value>;
    /// How many elements a table has.
    fn table_size(&mut self, name: &str) -> Option<u64>;
}

/// Something seen.
#[derive(PartialEq, Debug)]
enum Seen {
    Outcome(Outcome),
    Memory(Vec<u8>),
    Global(Value),
    TableSize(u64),
}

/// All that a module did in an engine, in the order of its script and up to where it ran out of stack or failed.
#[derive(Default)]
pub struct Observed {
    seen: Vec<Seen>,
    out_of_stack: bool,
}

/// A place in what is observed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    step: usize,
    /// In a memory.
    byte: Option<usize>,
}

impl Observed {
    /// Plays a script.
    pub fn new(side: &impl Side, script: &Script) -> Observed {
        let mut observed = Observed::default();
        let play = AssertUnwindSafe(|| observed.play(side, script));
        if let Err(panic) = std::panic::catch_unwind(play) {
            observed.seen.push(Seen::Outcome(Outcome::Failure(panic_text(&*panic))));
        }
        observed
    }

    fn play(&mut self, side: &impl Side, script: &Script) {
        let mut instance = None;
        for step in &script.steps {
            let seen = match (step, &mut instance) {
                (Step::Instantiate, instance) => Some(Seen::Outcome(match side.instantiate() {
                    Ok(new) => {
                        *instance = Some(new);
                        Outcome::Values(Vec::new())
                    }
                    Err(outcome) => outcome,
                })),
                // The instantiation trapped.
                (_, None) => return,
                (Step::Call { name, args }, Some(instance)) => instance.call(name, args).map(Seen::Outcome),
                (Step::Memory(name), Some(instance)) => instance.memory(name).map(Seen::Memory),
                (Step::Global(name), Some(instance)) => instance.global(name).map(Seen::Global),
                (Step::TableSize(name), Some(instance)) => instance.table_size(name).map(Seen::TableSize),
            };
            let missing = || Seen::Outcome(Outcome::Failure("there is no such export".to_owned()));
            let mut seen = seen.unwrap_or_else(missing);
            if script.nans_alike {
                seen.forget_nan_bits();
            }
            if seen == Seen::Outcome(Outcome::StackOverflow) {
                self.out_of_stack = true;
                return;
            }
            let failed = matches!(seen, Seen::Outcome(Outcome::Failure(_)));
            self.seen.push(seen);
            if failed {
                return;
            }
        }
    }

    /// Whether it ended for want of stack.
    pub fn out_of_stack(&self) -> bool {
        self.out_of_stack
    }

    /// The first place where two differ, of those that both got to.
    pub fn difference(&self, other: &Observed) -> Option<Place> {
        let mut pairs = self.seen.iter().zip(&other.seen);
        let step = pairs.position(|(a, b)| a != b || matches!(a, Seen::Outcome(Outcome::Failure(_))))?;
        let byte = match (&self.seen[step], &other.seen[step]) {
            (Seen::Memory(a), Seen::Memory(b)) if a.len() == b.len() => {
                a.iter().zip(b).position(|(a, b)| a != b)
            }
            _ => None,
        };
        Some(Place { step, byte })
    }

    /// Whether it got to a place.
    pub fn reaches(&self, place: Place) -> bool {
        place.step < self.seen.len()
    }

    /// What is at a place.
    pub fn at(&self, place: Place) -> String {
        match (self.seen.get(place.step), place.byte) {
            (None, _) if self.out_of_stack => "out of stack".to_owned(),
            (None, _) => "nothing".to_owned(),
            (Some(Seen::Outcome(outcome)), _) => format!("{outcome:?}"),
            (Some(Seen::Global(value)), _) => format!("{value:?}"),
            (Some(Seen::TableSize(size)), _) => size.to_string(),
            (Some(Seen::Memory(bytes)), Some(byte)) if byte < bytes.len() => format!("{:#x}", bytes[byte]),
            (Some(Seen::Memory(bytes)), _) => format!("{} bytes", bytes.len()),
        }
    }
}

impl Seen {
    fn forget_nan_bits(&mut self) {
        match self {
            Seen::Outcome(Outcome::Values(values)) => {
                values.iter_mut().for_each(|value| *value = without_nan_bits(*value));
            }
            Seen::Global(value) => *value = without_nan_bits(*value),
            _ => {}
        }
    }
}

/// What a panic says.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without a message"))
}
