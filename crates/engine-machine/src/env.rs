//! What compiling a module's functions needs to know of the module, computed once.

use crate::abi::CallLayout;
use crate::{Arch, CallTargets, CodeFlags, VmLayout, abi};
use engine_decoder::{Module, TypeIndex, ValKind};
use std::sync::Arc;

/// A module's facts for code generation. Shared by all threads that compile it.
#[derive(Debug)]
pub struct ModuleEnv {
    /// The module.
    pub module: Arc<Module>,
    /// What code is made for.
    pub flags: CodeFlags,
    /// Where everything is, seen from a vmctx.
    pub layout: VmLayout,
    /// What `call_indirect`s have called so far, where code notes it. It grows while the module runs.
    pub call_targets: CallTargets,
    /// Where parameters and results travel, by type index.
    pub calls: Vec<CallLayout>,
    /// Kinds of the parameters and results of all types, in order, one byte each.
    kinds: Vec<ValKind>,
    /// By type index: where the parameters' kinds start and the results' end.
    ranges: Vec<(u32, u32)>,
}

impl ModuleEnv {
    /// The environment for compiling `module` with `flags`.
    pub fn new(module: Arc<Module>, flags: CodeFlags) -> ModuleEnv {
        let convention = match flags.target.arch {
            Arch::X64 => &abi::X64,
            Arch::Aarch64 => &abi::AARCH64,
        };
        let layout = VmLayout::new(&module, flags.tier_up_budget > 0);
        let call_targets = CallTargets::new(&layout);
        let calls = module.types.iter().map(|ty| CallLayout::new(ty, convention)).collect();
        let mut kinds = Vec::new();
        let mut ranges = Vec::with_capacity(module.types.len());
        for ty in &module.types {
            let start = kinds.len() as u32;
            kinds.extend(ty.params().iter().chain(ty.results()).map(|ty| ty.kind()));
            ranges.push((start, kinds.len() as u32));
        }
        ModuleEnv { module, flags, layout, call_targets, calls, kinds, ranges }
    }
    /// Kinds of a type's parameters and results.
    pub fn kinds(&self, ty: TypeIndex) -> (&[ValKind], &[ValKind]) {
        let (start, end) = self.ranges[ty.index()];
        let params = self.module.types[ty.index()].params().len();
        self.kinds[start as usize..end as usize].split_at(params)
    }
    /// The module.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }
    /// The flags.
    pub fn flags(&self) -> &CodeFlags {
        &self.flags
    }
}

/// Kinds of a block's parameters or results.
#[derive(Clone, Copy, Debug)]
pub enum Kinds<'a> {
    /// At most one.
    One(Option<ValKind>),
    /// As listed.
    List(&'a [ValKind]),
}

impl Kinds<'_> {
    /// How many.
    pub fn len(self) -> usize {
        match self {
            Kinds::One(kind) => usize::from(kind.is_some()),
            Kinds::List(kinds) => kinds.len(),
        }
    }
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
    /// One of them.
    ///
    /// # Panics
    /// If there is no such value.
    pub fn get(self, index: usize) -> ValKind {
        match self {
            Kinds::One(Some(kind)) => kind,
            Kinds::One(None) => unreachable!("no such value"),
            Kinds::List(kinds) => kinds[index],
        }
    }
}
