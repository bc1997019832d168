//! `socket-flow-frames` on bare metal: no std, no allocator, no unwinding.
#![no_std]

use core::{panic::PanicInfo, slice};

use socket_flow_frames::{
    ClosePayload, FrameDecoder, FrameHeader, Role, Rsv, Utf8Validator, decode_close, mask,
};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Unmasks the payload of the frame at `data`, which a client sent, and returns where it begins; 0 if the
/// header is invalid or incomplete.
///
/// # Safety
///
/// `data` must be valid for reads and writes of `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn socket_flow_unmask(data: *mut u8, len: usize) -> usize {
    // SAFETY: the caller's contract.
    let bytes = unsafe { slice::from_raw_parts_mut(data, len) };
    match FrameHeader::decode_for(bytes, Role::Server, Rsv::NONE) {
        Ok(Some((header, header_len))) => {
            if let (Some(key), Some(payload)) = (header.mask, bytes.get_mut(header_len..)) {
                mask::apply(payload, key, 0);
            }
            header_len
        }
        Ok(None) | Err(_) => 0,
    }
}

/// Streams `data` through the decoder and the validator; whether it is one whole text frame of a server.
///
/// # Safety
///
/// `data` must be valid for reads and writes of `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn socket_flow_is_text(data: *mut u8, len: usize) -> bool {
    // SAFETY: the caller's contract.
    let bytes = unsafe { slice::from_raw_parts_mut(data, len) };
    let Ok(progress) = FrameDecoder::new(Role::Client, Rsv::NONE).decode(bytes) else {
        return false;
    };
    let payload = bytes.get(progress.payload).unwrap_or_default();
    let mut validator = Utf8Validator::new();
    progress.frame_end && validator.push(payload).is_ok() && validator.finish().is_ok()
}

/// Writes an answer to the Close payload at `data` over it and returns its length.
///
/// # Safety
///
/// `data` must be valid for reads and writes of 125 bytes, `len` at most 125.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn socket_flow_answer_close(data: *mut u8, len: usize) -> usize {
    // SAFETY: the caller's contract.
    let bytes = unsafe { slice::from_raw_parts_mut(data, 125) };
    let answer = match decode_close(bytes.get(..len).unwrap_or_default()) {
        Ok(None) => ClosePayload::EMPTY,
        Ok(Some((code, _))) => ClosePayload::from(code),
        Err(error) => ClosePayload::from(error.close_code()),
    };
    if let Some(start) = bytes.get_mut(..answer.len()) {
        start.copy_from_slice(&answer);
    }
    answer.len()
}
