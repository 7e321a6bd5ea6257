//! The stacks of operands and of blocks, and the rules for what pushes and pops them (core specification, appendix
//! "Validation Algorithm").

use super::Undecided;
use super::types::{FuncTypes, Ty, Types};

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
                if ends_with(&self.operands[self.height..], types) {
                    self.operands.truncate(self.operands.len() - types.len());
                    return Ok(());
                }
                self.pop_list(types)
            }
        }
    }

    #[inline]
    pub fn push_types(&mut self, types: Types<'_>) {
        match types {
            Types::One(ty) => self.push(ty),
            Types::List(types) => self.operands.extend_from_slice(types),
        }
    }

    #[cold]
    fn pop_list(&mut self, types: &[Ty]) -> Checked {
        for &ty in types.iter().rev() {
            if self.unreachable && self.operands.len() == self.height {
                // What is left to pop is of any type.
                return Ok(());
            }
            self.pop(ty)?;
        }
        Ok(())
    }

    /// Checks that the topmost operands have these types, and leaves them.
    pub fn match_types(&self, types: Types<'_>) -> Checked {
        let operands = &self.operands[self.height..];
        if let Types::List(types) = types
            && ends_with(operands, types)
        {
            return Ok(());
        }
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
    pub fn close(&mut self, types: &FuncTypes) -> Checked<Frame> {
        let frame = *self.frames.last().ok_or(Undecided)?;
        self.pop_types(results(types, frame.ty))?;
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

/// Whether the topmost operands have these types. Long lists are compared in pieces that compile to vector code: a thousand
/// results may pass the ends of a thousand blocks.
#[inline]
fn ends_with(operands: &[Ty], types: &[Ty]) -> bool {
    const PIECE: usize = 32;
    let Some(start) = operands.len().checked_sub(types.len()) else { return false };
    let (operands, operands_rest) = operands[start..].as_chunks::<PIECE>();
    let (types, types_rest) = types.as_chunks::<PIECE>();
    let same = |a: &[Ty], b: &[Ty]| a.iter().zip(b).fold(true, |same, (a, b)| same & (a == b));
    operands.iter().zip(types).all(|(a, b)| same(a, b)) && same(operands_rest, types_rest)
}

/// What a block takes.
#[inline]
pub(super) fn params(types: &FuncTypes, ty: BlockTy) -> Types<'_> {
    match ty {
        BlockTy::Empty | BlockTy::One(_) => Types::NONE,
        BlockTy::Func(index) => types.get(index).map_or(Types::NONE, |(params, _)| Types::List(params)),
    }
}

/// What a block leaves.
#[inline]
pub(super) fn results(types: &FuncTypes, ty: BlockTy) -> Types<'_> {
    match ty {
        BlockTy::Empty => Types::NONE,
        BlockTy::One(ty) => Types::One(ty),
        BlockTy::Func(index) => types.get(index).map_or(Types::NONE, |(_, results)| Types::List(results)),
    }
}

/// What a branch to a block carries.
#[inline]
pub(super) fn label_types(types: &FuncTypes, frame: Frame) -> Types<'_> {
    match frame.kind {
        FrameKind::Loop => params(types, frame.ty),
        _ => results(types, frame.ty),
    }
}
