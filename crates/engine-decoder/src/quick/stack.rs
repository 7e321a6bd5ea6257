//! The stacks of operands and of blocks, and the rules for what pushes and pops them (core specification, appendix
//! "Validation Algorithm").

use super::Undecided;
use super::types::{Ty, Types};
use crate::module::Module;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameKind {
    Function,
    Block,
    Loop,
    If,
    Else,
}

/// A block's type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BlockTy {
    Empty,
    One(Ty),
    /// Index of a function type.
    Func(u32),
}

/// An open block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub kind: FrameKind,
    /// Whether the rest of the block cannot be reached.
    pub unreachable: bool,
    pub ty: BlockTy,
    /// Operands below the block.
    pub height: u32,
    /// The last `br_table` with an entry for this block.
    pub table: u32,
}

/// Both stacks. The innermost block's `height` and `unreachable` are kept here.
#[derive(Default)]
pub(super) struct Stacks {
    operands: Vec<Ty>,
    frames: Vec<Frame>,
    height: usize,
    unreachable: bool,
}

type Checked<T = ()> = Result<T, Undecided>;

impl Stacks {
    /// Empties both, and opens the function's block.
    pub fn start(&mut self, function_type: u32) {
        self.operands.clear();
        self.frames.clear();
        self.height = 0;
        self.unreachable = false;
        let ty = BlockTy::Func(function_type);
        self.frames.push(Frame { kind: FrameKind::Function, unreachable: false, ty, height: 0, table: 0 });
    }

    /// Whether the function's block has been closed.
    #[inline(always)]
    pub fn is_done(&self) -> bool {
        self.frames.is_empty()
    }

    #[inline(always)]
    pub fn push(&mut self, ty: Ty) {
        self.operands.push(ty);
    }

    #[inline(always)]
    pub fn pop(&mut self, expected: Ty) -> Checked {
        if let [.., top] = self.operands[self.height..]
            && top == expected
        {
            self.operands.pop();
            return Ok(());
        }
        self.pop_slow(expected)
    }

    #[cold]
    fn pop_slow(&mut self, expected: Ty) -> Checked {
        match self.pop_any()? {
            Ty::Bottom => Ok(()),
            found if found == expected => Ok(()),
            _ => Err(Undecided),
        }
    }

    /// Pops an operand of any type.
    #[inline]
    pub fn pop_any(&mut self) -> Checked<Ty> {
        if self.operands.len() > self.height {
            self.operands.pop().ok_or(Undecided)
        } else if self.unreachable {
            Ok(Ty::Bottom)
        } else {
            Err(Undecided)
        }
    }

    /// One operand becomes another.
    #[inline(always)]
    pub fn unary(&mut self, operand: Ty, result: Ty) -> Checked {
        if let [.., top] = &mut self.operands[self.height..]
            && *top == operand
        {
            *top = result;
            return Ok(());
        }
        self.pop_slow(operand)?;
        self.push(result);
        Ok(())
    }

    /// Two operands of a type become one of a type.
    #[inline(always)]
    pub fn binary(&mut self, operand: Ty, result: Ty) -> Checked {
        if let [.., lhs, rhs] = &mut self.operands[self.height..]
            && *lhs == operand
            && *rhs == operand
        {
            *lhs = result;
            self.operands.pop();
            return Ok(());
        }
        self.pop_slow(operand)?;
        self.pop_slow(operand)?;
        self.push(result);
        Ok(())
    }

    #[inline]
    pub fn pop_types(&mut self, types: Types<'_>) -> Checked {
        match types {
            Types::One(ty) => self.pop(ty),
            Types::List(types) => {
                for &ty in types.iter().rev() {
                    self.pop(Ty::of(ty))?;
                }
                Ok(())
            }
        }
    }

    #[inline]
    pub fn push_types(&mut self, types: Types<'_>) {
        match types {
            Types::One(ty) => self.push(ty),
            Types::List(types) => self.operands.extend(types.iter().map(|&ty| Ty::of(ty))),
        }
    }

    /// Checks that the topmost operands have these types, and leaves them.
    pub fn match_types(&self, types: Types<'_>) -> Checked {
        let operands = &self.operands[self.height..];
        for i in 0..types.len() {
            let expected = types.get(types.len() - 1 - i);
            match operands.len().checked_sub(i + 1).map(|at| operands[at]) {
                Some(Ty::Bottom) => {}
                Some(found) if found == expected => {}
                // Below what is there, unreachable code has operands of any type.
                None if self.unreachable => return Ok(()),
                _ => return Err(Undecided),
            }
        }
        Ok(())
    }

    // ---- blocks ----

    /// Opens a block whose parameters have been popped.
    pub fn open(&mut self, kind: FrameKind, ty: BlockTy, params: Types<'_>) {
        if let Some(outer) = self.frames.last_mut() {
            outer.unreachable = self.unreachable;
        }
        self.height = self.operands.len();
        self.unreachable = false;
        self.frames.push(Frame { kind, unreachable: false, ty, height: self.height as u32, table: 0 });
        self.push_types(params);
    }

    /// Ends the innermost block: its results are popped and nothing else is left.
    pub fn close(&mut self, module: &Module) -> Checked<Frame> {
        let frame = *self.frames.last().ok_or(Undecided)?;
        self.pop_types(results(module, frame.ty))?;
        if self.operands.len() != self.height {
            return Err(Undecided);
        }
        self.frames.pop();
        if let Some(outer) = self.frames.last() {
            self.height = outer.height as usize;
            self.unreachable = outer.unreachable;
        }
        Ok(frame)
    }

    /// The rest of the innermost block cannot be reached.
    #[inline]
    pub fn set_unreachable(&mut self) {
        self.operands.truncate(self.height);
        self.unreachable = true;
    }

    /// The function's type, as a block's.
    pub fn function_type(&self) -> BlockTy {
        self.frames.first().map_or(BlockTy::Empty, |frame| frame.ty)
    }

    /// The block that a branch goes to.
    #[inline]
    pub fn target(&mut self, depth: u32) -> Checked<&mut Frame> {
        let index = self.frames.len().checked_sub(1 + depth as usize).ok_or(Undecided)?;
        Ok(&mut self.frames[index])
    }
}

/// What a block takes.
#[inline]
pub(super) fn params(module: &Module, ty: BlockTy) -> Types<'_> {
    match ty {
        BlockTy::Empty | BlockTy::One(_) => Types::NONE,
        BlockTy::Func(index) => Types::List(module.types[index as usize].params()),
    }
}

/// What a block leaves.
#[inline]
pub(super) fn results(module: &Module, ty: BlockTy) -> Types<'_> {
    match ty {
        BlockTy::Empty => Types::NONE,
        BlockTy::One(ty) => Types::One(ty),
        BlockTy::Func(index) => Types::List(module.types[index as usize].results()),
    }
}

/// What a branch to a block carries.
#[inline]
pub(super) fn label_types(module: &Module, frame: Frame) -> Types<'_> {
    match frame.kind {
        FrameKind::Loop => params(module, frame.ty),
        _ => results(module, frame.ty),
    }
}
