//! Lines, read as strictly as they are written (RFC 9112 §2.2 and §5).

/// Why a line may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadLine {
    /// It ends without CR, or CR stands elsewhere.
    End,
    /// It holds a control character.
    Control,
    /// It goes on with the line before (RFC 9112 §5.2).
    Folded,
    /// No colon, no name, or a space between them (RFC 9112 §5.1).
    Field,
}

/// A line of text without its end, from one without its LF.
pub(crate) fn text(line: &[u8]) -> Result<&[u8], BadLine> {
    let line = line.strip_suffix(b"\r").ok_or(BadLine::End)?;
    // Looks at every byte, so that the compiler can look at many at a time.
    let is_bad = |byte: &u8| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f;
    if line.iter().fold(false, |bad, byte| bad | is_bad(byte)) {
        return Err(BadLine::Control);
    }
    Ok(line)
}

/// Name and value of a header line.
pub(crate) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), BadLine> {
    if line
        .first()
        .is_some_and(|first| matches!(first, b' ' | b'\t'))
    {
        return Err(BadLine::Folded);
    }
    let colon = memchr::memchr(b':', line).ok_or(BadLine::Field)?;
    let (name, value) = line.split_at(colon);
    if name.last().is_none_or(|last| matches!(last, b' ' | b'\t')) {
        return Err(BadLine::Field);
    }
    Ok((name, value.get(1..).unwrap_or_default().trim_ascii()))
}
