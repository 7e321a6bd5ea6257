//! Rust types that are Wasm values, parameters and results.

#![allow(unsafe_code)]

use crate::bail;
use crate::store::StoreOpaque;
use crate::{ExternRef, Func, Result};
use engine_decoder::ValType;
use engine_machine::ValRaw;

/// A Rust type that is a Wasm value type: `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `u128` (as `v128`),
/// `Option<Func>` and `Option<ExternRef>`.
///
/// # Safety
/// Implemented by this crate only; conversions must agree with [`valtype`](Self::valtype).
pub unsafe trait WasmTy: Sized + Send {
    /// The Wasm type.
    fn valtype() -> ValType;

    /// Slots of the externref heap that a value may need.
    #[doc(hidden)]
    const EXTERNS: usize = 0;

    /// Fails if the value belongs to another store.
    #[doc(hidden)]
    #[inline]
    fn check_store(&self, _store: &StoreOpaque) -> Result<()> {
        Ok(())
    }

    /// The value as compiled code sees it.
    #[doc(hidden)]
    fn into_raw(self, store: &mut StoreOpaque) -> ValRaw;

    /// A value from compiled code.
    ///
    /// # Safety
    /// `raw` holds a value of this type of this store.
    #[doc(hidden)]
    unsafe fn from_raw(store: &StoreOpaque, raw: ValRaw) -> Self;
}

macro_rules! numbers {
    ($($ty:ty = $val:ident, $field:ident: |$value:ident| $to:expr, |$raw:ident| $from:expr;)*) => {$(
        // SAFETY: a number in the union's field for its type, upper bits zero.
        unsafe impl WasmTy for $ty {
            #[inline]
            fn valtype() -> ValType {
                ValType::$val
            }
            #[inline]
            fn into_raw(self, _store: &mut StoreOpaque) -> ValRaw {
                let $value = self;
                ValRaw { $field: $to }
            }
            // SAFETY: the contract is the trait's.
            #[inline]
            unsafe fn from_raw(_store: &StoreOpaque, $raw: ValRaw) -> $ty {
                // SAFETY: every field of the union is valid for any bits.
                unsafe { $from }
            }
        }
    )*};
}

numbers! {
    i32 = I32, i64: |value| i64::from(value as u32), |raw| raw.i32;
    u32 = I32, i64: |value| i64::from(value), |raw| raw.i32 as u32;
    i64 = I64, i64: |value| value, |raw| raw.i64;
    u64 = I64, i64: |value| value as i64, |raw| raw.i64 as u64;
    f32 = F32, i64: |value| i64::from(value.to_bits()), |raw| f32::from_bits(raw.f32);
    f64 = F64, f64: |value| value.to_bits(), |raw| f64::from_bits(raw.f64);
    u128 = V128, v128: |value| value, |raw| raw.v128;
}

// SAFETY: a function reference is a pointer to its `FuncRef`.
unsafe impl WasmTy for Option<Func> {
    #[inline]
    fn valtype() -> ValType {
        ValType::FUNCREF
    }
    #[inline]
    fn check_store(&self, store: &StoreOpaque) -> Result<()> {
        match self {
            Some(func) if !func.belongs_to(store) => {
                bail!("a function of another store cannot be passed to this one")
            }
            _ => Ok(()),
        }
    }
    #[inline]
    fn into_raw(self, store: &mut StoreOpaque) -> ValRaw {
        ValRaw { externref: Func::to_raw(self, store) }
    }
    // SAFETY: the contract is the trait's.
    #[inline]
    unsafe fn from_raw(store: &StoreOpaque, raw: ValRaw) -> Option<Func> {
        // SAFETY: by contract.
        unsafe { Func::from_raw(store, raw.externref) }
    }
}

// SAFETY: a host reference is an index into the store's heap.
unsafe impl WasmTy for Option<ExternRef> {
    const EXTERNS: usize = 1;
    #[inline]
    fn valtype() -> ValType {
        ValType::EXTERNREF
    }
    #[inline]
    fn into_raw(self, store: &mut StoreOpaque) -> ValRaw {
        ValRaw { externref: store.extern_to_raw(self) }
    }
    // SAFETY: the contract is the trait's.
    #[inline]
    unsafe fn from_raw(store: &StoreOpaque, raw: ValRaw) -> Option<ExternRef> {
        // SAFETY: every field of the union is valid for any bits.
        store.extern_from_raw(unsafe { raw.externref })
    }
}

/// Several Wasm values: a [`WasmTy`], or a tuple of 0 to 16 of them. Parameters and results of typed functions.
///
/// # Safety
/// Implemented by this crate only.
pub unsafe trait WasmTyList: Sized + Send {
    /// An array of the values as compiled code sees them.
    #[doc(hidden)]
    type Raw: Copy;

    /// Slots of the externref heap that the values may need.
    #[doc(hidden)]
    const EXTERNS: usize;

    /// The Wasm types.
    fn valtypes() -> impl ExactSizeIterator<Item = ValType>;

    /// Fails if a value belongs to another store.
    #[doc(hidden)]
    fn check_store(&self, store: &StoreOpaque) -> Result<()>;

    /// Writes the values.
    ///
    /// # Safety
    /// `to` has room for them. They belong to the store, and room for their externrefs has been prepared.
    #[doc(hidden)]
    unsafe fn write_raw(self, store: &mut StoreOpaque, to: *mut ValRaw);

    /// Reads values.
    ///
    /// # Safety
    /// `from` holds values of these types of this store.
    #[doc(hidden)]
    unsafe fn read_raw(store: &StoreOpaque, from: *const ValRaw) -> Self;
}

/// Parameters of a typed function: a [`WasmTy`], or a tuple of 0 to 16 of them.
pub trait WasmParams: WasmTyList {}

/// Results of a typed function: a [`WasmTy`], or a tuple of 0 to 16 of them.
pub trait WasmResults: WasmTyList {}

impl<L: WasmTyList> WasmParams for L {}
impl<L: WasmTyList> WasmResults for L {}

// SAFETY: one value, in the first place.
unsafe impl<A: WasmTy> WasmTyList for A {
    type Raw = [ValRaw; 1];
    const EXTERNS: usize = A::EXTERNS;

    fn valtypes() -> impl ExactSizeIterator<Item = ValType> {
        [A::valtype()].into_iter()
    }
    #[inline]
    fn check_store(&self, store: &StoreOpaque) -> Result<()> {
        WasmTy::check_store(self, store)
    }
    // SAFETY: the contract is the trait's.
    #[inline]
    unsafe fn write_raw(self, store: &mut StoreOpaque, to: *mut ValRaw) {
        // SAFETY: by contract.
        unsafe { to.write(self.into_raw(store)) }
    }
    // SAFETY: the contract is the trait's.
    #[inline]
    unsafe fn read_raw(store: &StoreOpaque, from: *const ValRaw) -> A {
        // SAFETY: by contract.
        unsafe { A::from_raw(store, from.read()) }
    }
}

/// Calls a macro with 0 to 16 type parameters.
macro_rules! for_each_arity {
    ($mac:ident) => {
        $mac!(0);
        $mac!(1 A1);
        $mac!(2 A1 A2);
        $mac!(3 A1 A2 A3);
        $mac!(4 A1 A2 A3 A4);
        $mac!(5 A1 A2 A3 A4 A5);
        $mac!(6 A1 A2 A3 A4 A5 A6);
        $mac!(7 A1 A2 A3 A4 A5 A6 A7);
        $mac!(8 A1 A2 A3 A4 A5 A6 A7 A8);
        $mac!(9 A1 A2 A3 A4 A5 A6 A7 A8 A9);
        $mac!(10 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
        $mac!(11 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
        $mac!(12 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
        $mac!(13 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13);
        $mac!(14 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14);
        $mac!(15 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);
        $mac!(16 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16);
    };
}
pub(crate) use for_each_arity;

macro_rules! tuple {
    ($n:literal $($ty:ident)*) => {
        // SAFETY: the values in order, one place each.
        #[allow(non_snake_case, unused_variables, unused_mut, unused_assignments, clippy::unused_unit)]
        unsafe impl<$($ty: WasmTy),*> WasmTyList for ($($ty,)*) {
            type Raw = [ValRaw; $n];
            const EXTERNS: usize = 0 $(+ $ty::EXTERNS)*;

            fn valtypes() -> impl ExactSizeIterator<Item = ValType> {
                let types: [ValType; $n] = [$($ty::valtype()),*];
                types.into_iter()
            }
            #[inline]
            fn check_store(&self, store: &StoreOpaque) -> Result<()> {
                let ($($ty,)*) = self;
                $(WasmTy::check_store($ty, store)?;)*
                Ok(())
            }
            // SAFETY: the contract is the trait's.
            #[inline]
            unsafe fn write_raw(self, store: &mut StoreOpaque, mut to: *mut ValRaw) {
                let ($($ty,)*) = self;
                $(
                    // SAFETY: by contract.
                    unsafe {
                        to.write($ty.into_raw(store));
                        to = to.add(1);
                    }
                )*
            }
            // SAFETY: the contract is the trait's.
            #[inline]
            unsafe fn read_raw(store: &StoreOpaque, mut from: *const ValRaw) -> Self {
                $(
                    // SAFETY: by contract.
                    let $ty = unsafe {
                        let value = $ty::from_raw(store, from.read());
                        from = from.add(1);
                        value
                    };
                )*
                ($($ty,)*)
            }
        }
    };
}

for_each_arity!(tuple);

/// What a host closure may return: nothing, a [`WasmTy`], a tuple of them, or a `Result` of one of these.
pub trait WasmRet {
    /// The results without the `Result`.
    #[doc(hidden)]
    type Values: WasmTyList;
    /// The results, or the error.
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Values>;
}

impl<L: WasmTyList> WasmRet for L {
    type Values = L;
    #[inline]
    fn into_result(self) -> Result<L> {
        Ok(self)
    }
}

impl<L: WasmTyList> WasmRet for Result<L> {
    type Values = L;
    #[inline]
    fn into_result(self) -> Result<L> {
        self
    }
}
