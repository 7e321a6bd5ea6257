//! Values of the operand stack, as the compiler tracks them.

use engine_decoder::ValKind;
use engine_machine::Reg;

/// Where an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In its canonical frame slot.
    Slot,
    /// In a temporary register, which it owns.
    Reg(Reg),
    /// A constant, sign-extended (integers and null references).
    Const(i32),
    /// The current value of a local. Turned into another place before the local changes.
    Local(u32),
    /// The outcome of a comparison that the next operator takes (see `Pending`).
    Pending,
}

/// An operand: kind and place in 8 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Value {
    payload: u32,
    kind: ValKind,
    tag: Tag,
    reg: Reg,
}

const _: () = assert!(size_of::<Value>() == 8);

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Tag {
    Slot,
    Reg,
    Const,
    Local,
    Pending,
}

impl Value {
    /// An operand in its slot.
    #[inline]
    pub fn slot(kind: ValKind) -> Value {
        Value { payload: 0, kind, tag: Tag::Slot, reg: Reg::gpr(0) }
    }
    /// An operand in a register.
    #[inline]
    pub fn reg(kind: ValKind, reg: Reg) -> Value {
        Value { payload: 0, kind, tag: Tag::Reg, reg }
    }
    /// A constant operand.
    #[inline]
    pub fn constant(kind: ValKind, value: i32) -> Value {
        Value { payload: value as u32, kind, tag: Tag::Const, reg: Reg::gpr(0) }
    }
    /// An operand that is a local's value.
    #[inline]
    pub fn local(kind: ValKind, index: u32) -> Value {
        Value { payload: index, kind, tag: Tag::Local, reg: Reg::gpr(0) }
    }
    /// The outcome of the pending comparison.
    #[inline]
    pub fn pending() -> Value {
        Value { payload: 0, kind: ValKind::I32, tag: Tag::Pending, reg: Reg::gpr(0) }
    }
    /// Kind of the operand.
    #[inline]
    pub fn kind(self) -> ValKind {
        self.kind
    }
    /// Where it is.
    #[inline]
    pub fn place(self) -> Place {
        match self.tag {
            Tag::Slot => Place::Slot,
            Tag::Reg => Place::Reg(self.reg),
            Tag::Const => Place::Const(self.payload as i32),
            Tag::Local => Place::Local(self.payload),
            Tag::Pending => Place::Pending,
        }
    }
    /// The constant, if it is one.
    #[inline]
    pub fn as_const(self) -> Option<i32> {
        (self.tag == Tag::Const).then_some(self.payload as i32)
    }
}
