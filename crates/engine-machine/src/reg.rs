//! Registers and sets of registers, for both CPUs.
//!
//! One byte names any register: `0..32` are the integer registers by hardware number, `32..64` the floating-point and
//! vector registers. A [`RegSet`] is therefore one 64-bit word, and "which registers hold locals now" is one value.

use core::fmt;

/// A machine register of either class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Reg(u8);

impl Reg {
    /// The integer register with this hardware number.
    #[inline]
    pub const fn gpr(number: u8) -> Reg {
        debug_assert!(number < 32);
        Reg(number)
    }
    /// The floating-point register with this hardware number.
    #[inline]
    pub const fn fpr(number: u8) -> Reg {
        debug_assert!(number < 32);
        Reg(32 + number)
    }
    /// Whether this is a floating-point register.
    #[inline]
    pub const fn is_fpr(self) -> bool {
        self.0 >= 32
    }
    /// The hardware number, 0 to 31.
    #[inline]
    pub const fn number(self) -> u8 {
        self.0 & 31
    }
    /// Position in a [`RegSet`], 0 to 63.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
    /// The register at a position in a [`RegSet`].
    #[inline]
    pub const fn from_index(index: u8) -> Reg {
        debug_assert!(index < 64);
        Reg(index & 63)
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_fpr() { 'f' } else { 'r' }, self.number())
    }
}

/// A set of registers.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct RegSet(pub u64);

impl RegSet {
    /// No register.
    pub const EMPTY: RegSet = RegSet(0);
    /// All floating-point positions.
    pub const FPRS: RegSet = RegSet(0xffff_ffff_0000_0000);
    /// All integer positions.
    pub const GPRS: RegSet = RegSet(0x0000_0000_ffff_ffff);

    /// The set of the given registers.
    pub const fn of(regs: &[Reg]) -> RegSet {
        let mut bits = 0;
        let mut i = 0;
        while i < regs.len() {
            bits |= 1 << regs[i].0;
            i += 1;
        }
        RegSet(bits)
    }
    /// Whether it has no member.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Membership.
    #[inline]
    pub const fn contains(self, reg: Reg) -> bool {
        self.0 >> reg.0 & 1 != 0
    }
    /// Adds a register.
    #[inline]
    pub const fn insert(&mut self, reg: Reg) {
        self.0 |= 1 << reg.0;
    }
    /// Removes a register.
    #[inline]
    pub const fn remove(&mut self, reg: Reg) {
        self.0 &= !(1 << reg.0);
    }
    /// Union.
    #[inline]
    pub const fn union(self, other: RegSet) -> RegSet {
        RegSet(self.0 | other.0)
    }
    /// Intersection.
    #[inline]
    pub const fn intersection(self, other: RegSet) -> RegSet {
        RegSet(self.0 & other.0)
    }
    /// Members of `self` that are not in `other`.
    #[inline]
    pub const fn without(self, other: RegSet) -> RegSet {
        RegSet(self.0 & !other.0)
    }
    /// The register with the lowest position, if any.
    #[inline]
    pub const fn first(self) -> Option<Reg> {
        if self.0 == 0 { None } else { Some(Reg(self.0.trailing_zeros() as u8)) }
    }
    /// Number of members.
    #[inline]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }
}

impl Iterator for RegSet {
    type Item = Reg;
    #[inline]
    fn next(&mut self) -> Option<Reg> {
        let first = self.first()?;
        self.0 &= self.0 - 1;
        Some(first)
    }
}

impl FromIterator<Reg> for RegSet {
    fn from_iter<T: IntoIterator<Item = Reg>>(iter: T) -> RegSet {
        let mut set = RegSet::EMPTY;
        for reg in iter {
            set.insert(reg);
        }
        set
    }
}

impl fmt::Debug for RegSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(*self).finish()
    }
}
