//! Trap codes: why compiled code stopped.

/// Why compiled code stopped. The numbers are part of the code format (see [`Site`](crate::Site)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum TrapCode {
    /// The `unreachable` operator.
    Unreachable = 1,
    /// A load, store or bulk operation outside a memory.
    MemoryOutOfBounds,
    /// An access outside a table.
    TableOutOfBounds,
    /// `call_indirect` of a null element.
    IndirectCallToNull,
    /// `call_indirect` of a function of another type.
    BadSignature,
    /// Signed division overflow, or a float too large for the integer type.
    IntegerOverflow,
    /// Integer division by zero.
    IntegerDivisionByZero,
    /// Conversion of NaN to an integer.
    BadConversionToInteger,
    /// The Wasm stack is used up.
    StackOverflow,
    /// The host asked the store to stop (`StoreContext::stack_limit` at its maximum).
    Interrupt,
    /// A null reference where a reference is needed.
    NullReference,
    /// Memory for the operation could not be had.
    OutOfMemory,
    /// The runtime entry or host function that the frame called has failed; the activation holds the error.
    HostError,
    /// `call_indirect` of an index outside the table.
    UndefinedElement,
}

impl TrapCode {
    const ALL: [TrapCode; 14] = [
        TrapCode::Unreachable,
        TrapCode::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds,
        TrapCode::IndirectCallToNull,
        TrapCode::BadSignature,
        TrapCode::IntegerOverflow,
        TrapCode::IntegerDivisionByZero,
        TrapCode::BadConversionToInteger,
        TrapCode::StackOverflow,
        TrapCode::Interrupt,
        TrapCode::NullReference,
        TrapCode::OutOfMemory,
        TrapCode::HostError,
        TrapCode::UndefinedElement,
    ];

    /// The code with this number.
    pub const fn from_u8(number: u8) -> Option<TrapCode> {
        if number == 0 || number as usize > Self::ALL.len() {
            None
        } else {
            Some(Self::ALL[number as usize - 1])
        }
    }

    /// The message of the specification's test suite, which other engines print too.
    pub const fn message(self) -> &'static str {
        match self {
            TrapCode::Unreachable => "unreachable",
            TrapCode::MemoryOutOfBounds => "out of bounds memory access",
            TrapCode::TableOutOfBounds => "out of bounds table access",
            TrapCode::IndirectCallToNull => "uninitialized element",
            TrapCode::BadSignature => "indirect call type mismatch",
            TrapCode::IntegerOverflow => "integer overflow",
            TrapCode::IntegerDivisionByZero => "integer divide by zero",
            TrapCode::BadConversionToInteger => "invalid conversion to integer",
            TrapCode::StackOverflow => "call stack exhausted",
            TrapCode::Interrupt => "interrupt",
            TrapCode::NullReference => "null reference",
            TrapCode::OutOfMemory => "out of memory",
            TrapCode::HostError => "host error",
            TrapCode::UndefinedElement => "undefined element",
        }
    }
}

const _: () = {
    let mut i = 0;
    while i < TrapCode::ALL.len() {
        assert!(TrapCode::ALL[i] as usize == i + 1);
        i += 1;
    }
};
