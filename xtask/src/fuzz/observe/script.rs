//! What is done with a module, and what is looked at afterwards.

use super::{Place, Value};
use crate::rng::Rng;
use engine_instance::{ExternType, FuncType, Module};

/// Calls of each exported function.
const CALLS: usize = 3;

/// What is done with a module, in every engine alike.
pub struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) nans_alike: bool,
}

/// Something that is done or looked at. Names are those of exports.
pub(super) enum Step {
    Instantiate,
    Call { name: String, args: Vec<Value> },
    Memory(String),
    Global(String),
    TableSize(String),
}

/// A host function.
pub struct Import {
    /// Module that it is imported from.
    pub module: &'static str,
    /// Name that it is imported by.
    pub name: String,
    /// Its type.
    pub ty: FuncType,
    /// From its parameters and type to its results.
    pub function: fn(&[Value], &FuncType) -> Vec<Value>,
}

impl Script {
    /// Instantiates a module, calls each exported function with random arguments and looks at all other exports.
    pub fn new(module: &Module, rng: &mut Rng) -> Script {
        let (mut steps, mut looks) = (vec![Step::Instantiate], Vec::new());
        for export in module.exports() {
            let name = export.name().to_owned();
            match export.ty() {
                ExternType::Func(ty) => steps.extend((0..CALLS).map(|_| Step::Call {
                    name: name.clone(),
                    args: ty.params().iter().map(|ty| Value::random(rng, *ty)).collect(),
                })),
                ExternType::Memory(_) => looks.push(Step::Memory(name)),
                ExternType::Global(_) => looks.push(Step::Global(name)),
                ExternType::Table(_) => looks.push(Step::TableSize(name)),
                // What is not known has not been generated.
                _ => {}
            }
        }
        steps.append(&mut looks);
        Script { steps, nans_alike: false }
    }

    /// The same, but no NaN is told from another.
    pub fn with_nans_alike(self) -> Script {
        Script { nans_alike: true, ..self }
    }

    /// What is at a place.
    pub fn describe(&self, place: Place) -> String {
        match (self.steps.get(place.step), place.byte) {
            (None, _) => "the end".to_owned(),
            (Some(Step::Instantiate), _) => "instantiation".to_owned(),
            (Some(Step::Call { name, args }), _) => format!("{name:?}{args:?}"),
            (Some(Step::Memory(name)), None) => format!("memory {name:?}"),
            (Some(Step::Memory(name)), Some(byte)) => format!("memory {name:?} at {byte:#x}"),
            (Some(Step::Global(name)), _) => format!("global {name:?}"),
            (Some(Step::TableSize(name)), _) => format!("elements of table {name:?}"),
        }
    }
}
