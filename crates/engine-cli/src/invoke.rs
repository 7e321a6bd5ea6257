//! Calling one export with arguments from the command line.

use engine_instance::{AsContextMut, Context as _, Error, ExternType, Func, Module, Result, Val, ValType};
use std::ffi::OsString;

/// Names of the functions that a module exports, for messages.
pub(crate) fn exported_functions(module: &Module) -> String {
    let names: Vec<String> = module
        .exports()
        .filter(|export| matches!(export.ty(), ExternType::Func(_)))
        .map(|export| format!("{:?}", export.name()))
        .collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Calls a function with arguments as written, and writes its results.
pub(crate) fn call(mut store: impl AsContextMut, function: &Func, args: &[OsString]) -> Result<Vec<String>> {
    let ty = function.ty(&store);
    if args.len() != ty.params().len() {
        return Err(Error::msg(format_args!(
            "the function has type {ty} and was given {} arguments",
            args.len()
        )));
    }
    let params = ty
        .params()
        .iter()
        .zip(args)
        .map(|(ty, arg)| {
            let text = arg.to_str().unwrap_or("");
            parse(*ty, text).with_context(|| format!("{arg:?} is not a value of type {ty}"))
        })
        .collect::<Result<Vec<Val>>>()?;
    let mut results = vec![Val::I32(0); ty.results().len()];
    function.call(&mut store, &params, &mut results)?;
    Ok(results.iter().map(show).collect())
}

/// A value as written: integers signed or unsigned, in decimal or with `0x`; floats in decimal, `inf` or `nan`.
fn parse(ty: ValType, text: &str) -> Option<Val> {
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let integer = || match magnitude.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => magnitude.parse::<u64>().ok(),
    };
    let in_range = |bits: u32| {
        let value = integer()?;
        let limit = if negative { 1u64 << (bits - 1) } else { u64::MAX >> (64 - bits) };
        (value <= limit).then_some(if negative { value.wrapping_neg() } else { value })
    };
    match ty {
        ValType::I32 => in_range(32).map(|value| Val::I32(value as i32)),
        ValType::I64 => in_range(64).map(|value| Val::I64(value as i64)),
        ValType::F32 => text.parse::<f32>().ok().map(|value| Val::F32(value.to_bits())),
        ValType::F64 => text.parse::<f64>().ok().map(|value| Val::F64(value.to_bits())),
        _ => None,
    }
}

/// A value as people write it.
fn show(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::FuncRef(None) | Val::ExternRef(None) => "null".to_owned(),
        Val::FuncRef(Some(_)) => "a function".to_owned(),
        Val::ExternRef(Some(_)) => "a host value".to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(ty: ValType, text: &str) -> Option<String> {
        parse(ty, text).as_ref().map(show)
    }

    #[test]
    fn integers_may_be_signed_or_not() {
        assert_eq!(parsed(ValType::I32, "-1").as_deref(), Some("-1"));
        assert_eq!(parsed(ValType::I32, "4294967295").as_deref(), Some("-1"));
        assert_eq!(parsed(ValType::I32, "0x10").as_deref(), Some("16"));
        assert_eq!(parsed(ValType::I32, "-2147483648").as_deref(), Some("-2147483648"));
        assert_eq!(parsed(ValType::I32, "4294967296"), None);
        assert_eq!(parsed(ValType::I32, "-2147483649"), None);
        assert_eq!(parsed(ValType::I64, "18446744073709551615").as_deref(), Some("-1"));
        assert_eq!(parsed(ValType::I64, "-9223372036854775808").as_deref(), Some("-9223372036854775808"));
        assert_eq!(parsed(ValType::I64, "x"), None);
    }

    #[test]
    fn floats_are_decimal() {
        assert_eq!(parsed(ValType::F64, "1.5").as_deref(), Some("1.5"));
        assert_eq!(parsed(ValType::F32, "-inf").as_deref(), Some("-inf"));
        assert_eq!(parsed(ValType::F32, ""), None);
    }
}
