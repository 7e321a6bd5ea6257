//! The quick validator: decoding and validation of function bodies in one loop, for what nearly all bodies consist of.
//!
//! It knows the operators and types of WebAssembly 2.0 without vectors, and decides in one direction only: a body that it
//! accepts is valid. At anything else, invalid or merely unknown, it stops with [`Undecided`], and wasmparser's validator,
//! which is slower and knows everything, has the word: it gives the errors and handles the rest. So the two can never
//! disagree on an error, and new proposals need nothing here. That every accepted body is valid is checked in debug builds
//! and by `cargo xtask fuzz decode`.
//!
//! Operators are shown to a visitor as they are accepted, so a compiler needs no second decoding.
//!
//! Sources: core specification, "Instructions" in the chapters "Validation" and "Binary Format", and appendix "Validation
//! Algorithm".

mod operators;
mod reader;
mod stack;
mod types;

use crate::body_features::of_type;
use crate::features::Features;
use crate::index::DefinedFuncIndex;
use crate::module::DecodedModule;
use operators::Walk;
use reader::Reader;
use stack::Stacks;
use std::sync::Arc;
pub(crate) use types::{FuncTypes, Ty};
use wasmparser::VisitOperator;

/// The quick validator makes no statement on a body: it is invalid, or uses what the quick validator does not know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Undecided;

/// Who is shown a body's operators.
pub trait BodyVisitor<'a>: VisitOperator<'a, Output = ()> {
    /// A run of declared locals, before all operators.
    fn locals(&mut self, count: u32, ty: wasmparser::ValType);

    /// The operators follow: the bytes from the end of the declarations to the end of the body.
    fn start(&mut self, operators: &'a [u8]);

    /// An operator follows, at this position of the operators. Returns whether to go on: `false` ends the walk
    /// with [`Undecided`].
    fn operator(&mut self, position: usize) -> bool;
}

/// Proposals whose being enabled changes nothing for the operators that the quick validator knows, beyond what it minds.
const KNOWN: Features = Features::WASM2
    .with(Features::EXTENDED_CONST)
    .with(Features::MULTI_MEMORY)
    .with(Features::SIMD)
    .with(Features::RELAXED_SIMD)
    .with(Features::TAIL_CALL)
    .with(Features::THREADS)
    .with(Features::EXCEPTIONS);

/// Locals whose types are looked up directly; the types of later ones are searched for.
const DIRECT_LOCALS: usize = 64;

/// The most locals of a function, parameters included (wasmparser has the same limit).
const MAX_LOCALS: u32 = 50_000;

/// Memory for validating bodies, reused from one to the next.
pub struct QuickValidator {
    stacks: Stacks,
    locals: Locals,
    /// `br_table`s so far.
    tables: u32,
    used: Features,
}

impl Default for QuickValidator {
    fn default() -> QuickValidator {
        QuickValidator {
            stacks: Stacks::default(),
            locals: Locals::default(),
            tables: 0,
            used: Features::NONE,
        }
    }
}

impl core::fmt::Debug for QuickValidator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("QuickValidator").finish_non_exhaustive()
    }
}

/// Types of a function's locals.
#[derive(Default)]
struct Locals {
    direct: Vec<Ty>,
    /// For each run of locals of one type: the index after it.
    runs: Vec<(u32, Ty)>,
    count: u32,
}

impl Locals {
    fn reset(&mut self) {
        self.direct.clear();
        self.runs.clear();
        self.count = 0;
    }

    fn define(&mut self, count: u32, ty: Ty) -> Result<(), Undecided> {
        let total = self.count.checked_add(count).filter(|&total| total <= MAX_LOCALS).ok_or(Undecided)?;
        let direct = (total as usize).min(DIRECT_LOCALS);
        if self.direct.len() < direct {
            self.direct.resize(direct, ty);
        }
        self.runs.push((total, ty));
        self.count = total;
        Ok(())
    }

    #[inline(always)]
    fn get(&self, index: u32) -> Result<Ty, Undecided> {
        match self.direct.get(index as usize) {
            Some(&ty) => Ok(ty),
            None => self.search(index),
        }
    }

    #[cold]
    fn search(&self, index: u32) -> Result<Ty, Undecided> {
        let run = self.runs.partition_point(|&(end, _)| end <= index);
        self.runs.get(run).map(|&(_, ty)| ty).ok_or(Undecided)
    }
}

/// What the quick validator has to know of a module besides its structure, if it can be asked about the module's bodies.
/// Computed once for each module.
pub(crate) fn prepare(module: &crate::module::Module, enabled: Features) -> Option<Arc<FuncTypes>> {
    let known = enabled.contains(Features::WASM2)
        && KNOWN.contains(enabled)
        && module.globals.iter().all(|global| Ty::of(global.content) != Ty::Unknown)
        && module.tables.iter().all(|table| Ty::of_ref(table.element) != Ty::Unknown)
        && module.memories.iter().all(|memory| !memory.memory64);
    if known { FuncTypes::new(&module.types).map(Arc::new) } else { None }
}

impl QuickValidator {
    /// A validator with no memory allocated.
    pub fn new() -> QuickValidator {
        QuickValidator::default()
    }

    /// The proposals beyond WebAssembly 1.0 that the bodies so far use. What an index leads to (a second memory, say) shows in the module's
    /// structure ([`DecodedModule::detected`]).
    pub fn used(&self) -> Features {
        self.used
    }

    /// Adds what a body uses that this validator has made no statement on and that has turned out to be valid. Takes a pass over the body.
    pub fn add_used(&mut self, decoded: &DecodedModule, body: &[u8]) {
        self.used = self.used.with(crate::body_features::of_body(body, decoded.features));
    }

    /// Validates the body of a defined function and shows it to `visitor`, operator by operator, each when it is accepted.
    ///
    /// # Errors
    /// [`Undecided`] if the body is not known to be valid, or `visitor` wants no more.
    ///
    /// # Panics
    /// If there is no such function.
    #[inline]
    pub fn walk<'a, V: BodyVisitor<'a>>(
        &mut self,
        decoded: &'a DecodedModule,
        func: DefinedFuncIndex,
        body: &'a [u8],
        visitor: &mut V,
    ) -> Result<(), Undecided> {
        let types = decoded.quick.as_deref().ok_or(Undecided)?;
        let module = &*decoded.module;
        let type_index = module.functions[module.func_index(func).index()];
        let simd = decoded.enabled.contains(Features::SIMD);
        self.stacks.start(type_index.0);
        self.locals.reset();
        for &ty in types.get(type_index.0).ok_or(Undecided)?.0 {
            self.locals.define(1, ty)?;
        }
        let mut reader = Reader { bytes: body, at: 0 };
        for _ in 0..reader.u32()? {
            let count = reader.u32()?;
            let ty = match Ty::from_byte(reader.byte()?) {
                Ty::Unknown => return Err(Undecided),
                Ty::V128 if !simd => return Err(Undecided),
                ty => ty,
            };
            self.used = self.used.with(of_type(ty));
            self.locals.define(count, ty)?;
            visitor.locals(count, ty.to_wasmparser());
        }
        let operators = &body[reader.at..];
        visitor.start(operators);
        let reader = Reader { bytes: operators, at: 0 };
        let walk = Walk {
            decoded,
            module,
            types,
            stacks: &mut self.stacks,
            locals: &self.locals,
            tables: &mut self.tables,
            used: &mut self.used,
            reader,
            visitor,
        };
        walk.run()?;
        debug_assert!(decoded.accepts_slowly(func, body), "the quick validator accepts an invalid body");
        Ok(())
    }

    /// Validates the body of a defined function.
    ///
    /// # Errors
    /// [`Undecided`] if the body is not known to be valid.
    ///
    /// # Panics
    /// If there is no such function.
    pub fn validate(
        &mut self,
        decoded: &DecodedModule,
        func: DefinedFuncIndex,
        body: &[u8],
    ) -> Result<(), Undecided> {
        self.walk(decoded, func, body, &mut Nobody)
    }
}

/// A visitor that looks at nothing.
struct Nobody;

macro_rules! ignore {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        #[inline(always)]
        fn $visit(&mut self $($(, _: $argty)*)?) {}
    )*};
}

impl<'a> VisitOperator<'a> for Nobody {
    type Output = ();
    wasmparser::for_each_visit_operator!(ignore);
}

impl<'a> BodyVisitor<'a> for Nobody {
    #[inline(always)]
    fn locals(&mut self, _: u32, _: wasmparser::ValType) {}
    #[inline(always)]
    fn start(&mut self, _: &'a [u8]) {}
    #[inline(always)]
    fn operator(&mut self, _: usize) -> bool {
        true
    }
}
