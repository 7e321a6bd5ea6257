//! Rounding of floats, on bits (core specification, "Floating-Point Operations"): NaN comes out quiet, with its payload and
//! sign, as the CPUs' own instructions do it.

#![allow(unsafe_code)]

use super::entries;

macro_rules! rounding {
    ($name:ident, $float:ty, $bits:ty, $quiet:literal) => {
        fn $name(bits: u64, round: impl Fn($float) -> $float) -> u64 {
            let bits = bits as $bits;
            let value = <$float>::from_bits(bits);
            u64::from(if value.is_nan() { bits | $quiet } else { round(value).to_bits() })
        }
    };
}

rounding!(round_f32, f32, u32, 0x0040_0000);
rounding!(round_f64, f64, u64, 0x0008_0000_0000_0000);

entries! {
    /// `f32.ceil`.
    fn f32_ceil(_runtime, bits) { Ok(round_f32(bits, f32::ceil)) }
    /// `f32.floor`.
    fn f32_floor(_runtime, bits) { Ok(round_f32(bits, f32::floor)) }
    /// `f32.trunc`.
    fn f32_trunc(_runtime, bits) { Ok(round_f32(bits, f32::trunc)) }
    /// `f32.nearest`.
    fn f32_nearest(_runtime, bits) { Ok(round_f32(bits, f32::round_ties_even)) }
    /// `f64.ceil`.
    fn f64_ceil(_runtime, bits) { Ok(round_f64(bits, f64::ceil)) }
    /// `f64.floor`.
    fn f64_floor(_runtime, bits) { Ok(round_f64(bits, f64::floor)) }
    /// `f64.trunc`.
    fn f64_trunc(_runtime, bits) { Ok(round_f64(bits, f64::trunc)) }
    /// `f64.nearest`.
    fn f64_nearest(_runtime, bits) { Ok(round_f64(bits, f64::round_ties_even)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_quietened_and_keeps_sign_and_payload() {
        assert_eq!(round_f32(0xffa0_0001, f32::ceil), 0xffe0_0001);
        assert_eq!(round_f64(0x7ff0_0000_0000_0001, f64::floor), 0x7ff8_0000_0000_0001);
    }

    #[test]
    fn rounds_as_the_specification_says() {
        let nearest = |value: f64| f64::from_bits(round_f64(value.to_bits(), f64::round_ties_even));
        assert_eq!(nearest(2.5), 2.0);
        assert_eq!(nearest(-0.5).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(
            f64::from_bits(round_f64((-0.2_f64).to_bits(), f64::ceil)).to_bits(),
            (-0.0_f64).to_bits()
        );
        assert_eq!(
            round_f32(u64::from(f32::INFINITY.to_bits()), f32::trunc),
            u64::from(f32::INFINITY.to_bits())
        );
        // The upper half of an argument is ignored.
        assert_eq!(round_f32(0xdead_beef_3fc0_0000, f32::floor), u64::from(1.0_f32.to_bits()));
    }
}
