//! Values.

#![allow(unsafe_code)]

use crate::bail;
use crate::store::StoreOpaque;
use crate::{ExternRef, Func, Result};
use engine_decoder::{HeapType, RefType, ValType};
use engine_machine::ValRaw;

/// A Wasm value. Floats are bits, so that NaN payloads survive.
#[derive(Clone, Debug)]
pub enum Val {
    /// `i32`.
    I32(i32),
    /// `i64`.
    I64(i64),
    /// `f32`, as bits.
    F32(u32),
    /// `f64`, as bits.
    F64(u64),
    /// `v128`.
    V128(u128),
    /// A function, or null.
    FuncRef(Option<Func>),
    /// A host reference, or null.
    ExternRef(Option<ExternRef>),
}

/// A reference value, as tables hold.
#[derive(Clone, Debug)]
pub enum Ref {
    /// A function, or null.
    Func(Option<Func>),
    /// A host reference, or null.
    Extern(Option<ExternRef>),
}

macro_rules! accessors {
    ($($get:ident $unwrap:ident $variant:ident $ty:ty, $from:expr;)*) => {$(
        #[doc = concat!("The value, if it is ", stringify!($variant), ".")]
        pub fn $get(&self) -> Option<$ty> {
            match self {
                Val::$variant(value) => Some($from(value.clone())),
                _ => None,
            }
        }
        #[doc = concat!("The value; panics unless it is ", stringify!($variant), ".")]
        #[track_caller]
        pub fn $unwrap(&self) -> $ty {
            match self.$get() {
                Some(value) => value,
                None => panic!(concat!("expected ", stringify!($variant), ", found {:?}"), self),
            }
        }
    )*};
}

impl Val {
    accessors! {
        i32 unwrap_i32 I32 i32, core::convert::identity;
        i64 unwrap_i64 I64 i64, core::convert::identity;
        f32 unwrap_f32 F32 f32, f32::from_bits;
        f64 unwrap_f64 F64 f64, f64::from_bits;
        v128 unwrap_v128 V128 u128, core::convert::identity;
        func_ref unwrap_func_ref FuncRef Option<Func>, core::convert::identity;
        extern_ref unwrap_extern_ref ExternRef Option<ExternRef>, core::convert::identity;
    }

    /// The null function.
    pub const fn null_func_ref() -> Val {
        Val::FuncRef(None)
    }

    /// The null host reference.
    pub const fn null_extern_ref() -> Val {
        Val::ExternRef(None)
    }

    /// Zero or null of a type.
    pub const fn default_for_ty(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::Ref(ty) if ty.is_func() => Val::FuncRef(None),
            ValType::Ref(_) => Val::ExternRef(None),
        }
    }

    /// The value's type.
    pub const fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
        }
    }

    /// Whether the value may stand where `ty` is needed.
    #[inline]
    fn matches(&self, ty: ValType) -> bool {
        match (self, ty) {
            (Val::I32(_), ValType::I32)
            | (Val::I64(_), ValType::I64)
            | (Val::F32(_), ValType::F32)
            | (Val::F64(_), ValType::F64)
            | (Val::V128(_), ValType::V128) => true,
            (Val::FuncRef(func), ValType::Ref(ty)) => {
                matches!(ty.heap, HeapType::Func) && (ty.nullable || func.is_some())
            }
            (Val::ExternRef(value), ValType::Ref(ty)) => {
                matches!(ty.heap, HeapType::Extern) && (ty.nullable || value.is_some())
            }
            _ => false,
        }
    }

    /// Checks that the value may stand where `ty` is needed in `store`.
    #[inline]
    pub(crate) fn check(&self, store: &StoreOpaque, ty: ValType) -> Result<()> {
        if !self.matches(ty) {
            return self.mismatch(ty);
        }
        if let Val::FuncRef(Some(func)) = self
            && !func.belongs_to(store)
        {
            bail!("a function of another store cannot be passed to this one");
        }
        Ok(())
    }

    #[cold]
    fn mismatch(&self, ty: ValType) -> Result<()> {
        bail!("type mismatch: expected {ty}, found {}", self.ty())
    }

    /// The value as compiled code sees it. It has been checked; room for an externref has been prepared.
    #[inline]
    pub(crate) fn to_raw(&self, store: &mut StoreOpaque) -> ValRaw {
        match self {
            Val::I32(value) => ValRaw { i64: i64::from(*value as u32) },
            Val::I64(value) => ValRaw { i64: *value },
            Val::F32(bits) => ValRaw { i64: i64::from(*bits) },
            Val::F64(bits) => ValRaw { f64: *bits },
            Val::V128(value) => ValRaw { v128: *value },
            Val::FuncRef(func) => ValRaw { i64: Func::to_raw(*func, store) as i64 },
            Val::ExternRef(value) => ValRaw { externref: store.extern_to_raw(value.clone()) },
        }
    }

    /// A value from compiled code.
    ///
    /// Reads only the bytes that the type has: compiled code has just written them, and a load that is wider than the store it
    /// follows waits until the store has reached the cache. With whole words a value cost a host function 13 ns, without 4.
    ///
    /// # Safety
    /// `raw` points to a value of type `ty` of this store.
    #[inline]
    pub(crate) unsafe fn from_raw(store: &StoreOpaque, raw: *const ValRaw, ty: ValType) -> Val {
        // SAFETY: by contract; every field of the union is valid for any bits.
        unsafe {
            match ty {
                ValType::I32 => Val::I32((*raw).i32),
                ValType::I64 => Val::I64((*raw).i64),
                ValType::F32 => Val::F32((*raw).f32),
                ValType::F64 => Val::F64((*raw).f64),
                ValType::V128 => Val::V128((*raw).v128),
                ValType::Ref(ty) if ty.is_func() => Val::FuncRef(Func::from_raw(store, (*raw).externref)),
                ValType::Ref(_) => Val::ExternRef(store.extern_from_raw((*raw).externref)),
            }
        }
    }

    /// How many slots of the externref heap the value needs.
    #[inline]
    pub(crate) fn extern_count(&self) -> usize {
        usize::from(matches!(self, Val::ExternRef(Some(_))))
    }
}

impl Ref {
    /// Null of a type.
    pub const fn null(ty: RefType) -> Ref {
        if ty.is_func() { Ref::Func(None) } else { Ref::Extern(None) }
    }

    /// Whether it is null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Ref::Func(None) | Ref::Extern(None))
    }

    /// The function, if it is one.
    pub fn as_func(&self) -> Option<Func> {
        match self {
            Ref::Func(func) => *func,
            Ref::Extern(_) => None,
        }
    }

    /// The host reference, if it is one.
    pub fn as_extern(&self) -> Option<&ExternRef> {
        match self {
            Ref::Func(_) => None,
            Ref::Extern(value) => value.as_ref(),
        }
    }
}

impl From<Ref> for Val {
    fn from(value: Ref) -> Val {
        match value {
            Ref::Func(func) => Val::FuncRef(func),
            Ref::Extern(value) => Val::ExternRef(value),
        }
    }
}

macro_rules! from {
    ($($ty:ty => $variant:ident($name:ident) $value:expr;)*) => {$(
        impl From<$ty> for Val {
            fn from($name: $ty) -> Val {
                Val::$variant($value)
            }
        }
    )*};
}

from! {
    i32 => I32(value) value;
    u32 => I32(value) value as i32;
    i64 => I64(value) value;
    u64 => I64(value) value as i64;
    f32 => F32(value) value.to_bits();
    f64 => F64(value) value.to_bits();
    u128 => V128(value) value;
    Func => FuncRef(value) Some(value);
    Option<Func> => FuncRef(value) value;
    ExternRef => ExternRef(value) Some(value);
    Option<ExternRef> => ExternRef(value) value;
}

impl From<Func> for Ref {
    fn from(func: Func) -> Ref {
        Ref::Func(Some(func))
    }
}

impl From<Option<Func>> for Ref {
    fn from(func: Option<Func>) -> Ref {
        Ref::Func(func)
    }
}

impl From<ExternRef> for Ref {
    fn from(value: ExternRef) -> Ref {
        Ref::Extern(Some(value))
    }
}

impl From<Option<ExternRef>> for Ref {
    fn from(value: Option<ExternRef>) -> Ref {
        Ref::Extern(value)
    }
}
