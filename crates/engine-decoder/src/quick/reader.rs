//! Reading a body's bytes.

use super::Undecided;

/// A position in a body.
pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Reader<'a> {
    #[inline(always)]
    pub fn byte(&mut self) -> Result<u8, Undecided> {
        let byte = *self.bytes.get(self.at).ok_or(Undecided)?;
        self.at += 1;
        Ok(byte)
    }

    /// The next byte, which stays.
    #[inline(always)]
    pub fn peek(&self) -> Result<u8, Undecided> {
        self.bytes.get(self.at).copied().ok_or(Undecided)
    }

    #[inline(always)]
    pub fn u32(&mut self) -> Result<u32, Undecided> {
        let first = self.byte()?;
        if first < 0x80 { Ok(u32::from(first)) } else { self.long_u32(first) }
    }

    fn long_u32(&mut self, first: u8) -> Result<u32, Undecided> {
        let mut value = u32::from(first & 0x7f);
        for shift in [7, 14, 21] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        // Four bits are left.
        let last = self.byte()?;
        if last < 0x10 { Ok(value | u32::from(last) << 28) } else { Err(Undecided) }
    }

    #[inline(always)]
    pub fn i32(&mut self) -> Result<i32, Undecided> {
        let first = self.byte()?;
        if first < 0x80 { Ok(sign_extend_7(first) as i32) } else { self.long_i32(first) }
    }

    fn long_i32(&mut self, first: u8) -> Result<i32, Undecided> {
        let mut value = i32::from(first & 0x7f);
        for shift in [7, 14, 21] {
            let byte = self.byte()?;
            value |= i32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let unused = 25 - shift;
                return Ok(value << unused >> unused);
            }
        }
        // Four bits are left; the others repeat the sign.
        let last = self.byte()?;
        if last < 0x80 && matches!(last & 0x78, 0 | 0x78) {
            Ok(value | i32::from(last) << 28)
        } else {
            Err(Undecided)
        }
    }

    #[inline(always)]
    pub fn i64(&mut self) -> Result<i64, Undecided> {
        let first = self.byte()?;
        if first < 0x80 { Ok(sign_extend_7(first)) } else { self.long_i64(first) }
    }

    fn long_i64(&mut self, first: u8) -> Result<i64, Undecided> {
        let mut value = i64::from(first & 0x7f);
        for shift in [7, 14, 21, 28, 35, 42, 49, 56] {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let unused = 57 - shift;
                return Ok(value << unused >> unused);
            }
        }
        // One bit is left; the others repeat the sign.
        match self.byte()? {
            0 => Ok(value),
            0x7f => Ok(value | i64::MIN),
            _ => Err(Undecided),
        }
    }

    /// The next `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Undecided> {
        let array = *self.bytes.get(self.at..).and_then(<[u8]>::first_chunk).ok_or(Undecided)?;
        self.at += N;
        Ok(array)
    }
}

/// The value of the only byte of a signed number.
#[inline(always)]
fn sign_extend_7(byte: u8) -> i64 {
    i64::from((byte << 1) as i8 >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::BinaryReader;

    /// What both readers make of some bytes: value and length.
    fn compare<T: PartialEq + core::fmt::Debug>(
        bytes: &[u8],
        ours: impl Fn(&mut Reader<'_>) -> Result<T, Undecided>,
        theirs: impl Fn(&mut BinaryReader<'_>) -> wasmparser::Result<T>,
    ) {
        let mut reader = Reader { bytes, at: 0 };
        let mut reference = BinaryReader::new(bytes, 0);
        let ours = ours(&mut reader).ok();
        let theirs = theirs(&mut reference).ok();
        assert_eq!(ours, theirs, "{bytes:x?}");
        if ours.is_some() {
            assert_eq!(reader.at as u64, reference.original_position(), "{bytes:x?}");
        }
    }

    fn compare_all(bytes: &[u8]) {
        compare(bytes, |reader| reader.u32(), |reader| reader.read_var_u32());
        compare(bytes, |reader| reader.i32(), |reader| reader.read_var_i32());
        compare(bytes, |reader| reader.i64(), |reader| reader.read_var_i64());
    }

    #[test]
    fn numbers_are_what_wasmparser_reads() {
        let ends = [0x00, 0x01, 0x07, 0x08, 0x0f, 0x10, 0x3f, 0x40, 0x70, 0x77, 0x78, 0x7e, 0x7f, 0x80, 0xff];
        for length in 0..12 {
            for middle in [0x80, 0x81, 0xaa, 0xd5, 0xff] {
                for last in ends {
                    let mut bytes = vec![middle; length];
                    bytes.push(last);
                    compare_all(&bytes);
                    compare_all(&bytes[..length]);
                }
            }
        }
        for a in 0..=255 {
            for b in 0..=255 {
                compare_all(&[a, b]);
            }
        }
    }
}
